//! Files that the benches open.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use mlx_throughput_lab::store::row::CLASSIC_COLUMNS;

pub const CLASSIC_ROWS: u32 = 1_000_000;

/// The `n`th combination of a grid, as (instances, decode, prompt, concurrency).
pub fn combination(n: u32) -> [u32; 4] {
    let concurrency = n % 25 + 1;
    let decode = n / 25 % 10 + 1;
    let prompt = n / 250 % 10 + 1;
    let instances = n / 2_500 % 4 + 1;
    [instances, decode, prompt, concurrency]
}

/// Between 0 and 1, other for each `n`.
pub fn scattered(n: u32) -> f64 {
    f64::from(n.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX)
}

/// [`CLASSIC_ROWS`] rows as the Python lab writes them, of 10,000 combinations.
pub fn classic(path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{}", CLASSIC_COLUMNS.join(","))?;
    for n in 0..CLASSIC_ROWS {
        let [instances, decode, prompt, concurrency] = combination(n);
        let tokens = concurrency * 64;
        let tps = 40.0 + 600.0 * scattered(n);
        let elapsed_s = f64::from(tokens) / tps;
        writeln!(
            file,
            "{instances},{decode},{prompt},{concurrency},{tps:.1},{tokens},{elapsed_s:.2},0"
        )?;
    }
    file.flush()
}
