//! Recorded runs to compare, for tests.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::ComparedRun;
use crate::measure::figures::Figures;
use crate::monitor::energy::EnergySource;
use crate::plan::{Cell, Plan};
use crate::store::library;
use crate::store::recorder::Recorder;
use crate::store::row::CellRow;
use crate::store::sidecar::Provenance;
use crate::store::testing;

/// A run of 2 decode by 3 request concurrencies, on disk as the app writes it.
pub(crate) struct Recorded {
    pub moment: &'static str,
    pub plan: Plan,
    pub provenance: Provenance,
}

impl Recorded {
    pub(crate) fn new(dir: &Path, moment: &'static str, repeats: u32) -> Self {
        let mut plan = testing::plan(dir, 0);
        for decode in [8, 32] {
            for concurrency in [1, 4, 16] {
                for repeat in 1..=repeats {
                    let index = plan.cells.len() as u32;
                    let cell = testing::cell(index, Some(decode), concurrency);
                    plan.cells.push(Cell { repeat, ..cell });
                }
            }
        }
        let provenance = Provenance {
            machine: json!({"chip": "Apple M3 Max", "os": "macOS", "os_version": "26.1",
                            "memory_total": 64_000_000_000_u64, "cores_logical": 16}),
            software: json!({"python": "3.12.4", "mlx": "0.32.4", "mlx_lm": "0.32.2"}),
            model: json!({"description": {"hash": "0123456789abcdef",
                                          "quantisation": {"bits": 4, "group_size": 64}}}),
        };
        Self {
            moment,
            plan,
            provenance,
        }
    }

    /// Measures every cell; gives the path of the CSV.
    pub(crate) fn measure(self, mut figures: impl FnMut(&Cell, &mut Figures)) -> PathBuf {
        let now = self.moment.parse().expect("a moment");
        let mut recorder = Recorder::create(&self.plan, self.provenance, &now).expect("a new run");
        for cell in &self.plan.cells {
            let mut result = testing::result(cell);
            if let Some(measured) = &mut result.figures {
                measured.throughput_tps = tps(cell);
                figures(cell, measured);
            }
            recorder.record(&testing::finished(result)).expect("a row");
        }
        recorder.files().csv().to_owned()
    }
}

/// Tokens per second of a cell in a run that nothing was changed in.
pub(crate) fn tps(cell: &Cell) -> f64 {
    let users = f64::from(cell.load.concurrency);
    let decode = f64::from(cell.point.decode_concurrency.unwrap_or(1));
    100.0 * users / (1.0 + users / decode)
}

/// A recorded run of a chip, each of its cells with that figure of that meter.
pub(crate) fn with_energy(chip: &str, joules: f64, source: EnergySource) -> ComparedRun {
    let dir = tempfile::tempdir().expect("a folder");
    let mut recorded = Recorded::new(dir.path(), "2026-11-24T15:09:13[UTC]", 1);
    recorded.provenance.machine = json!({ "chip": chip, "memory_total": 64_000_000_000_u64 });
    let mut loaded = library::load(&recorded.measure(|_, _| {})).expect("a run");
    let rows: Vec<CellRow> = loaded.rows.iter().map(Cow::into_owned).collect();
    let with_energy = rows.into_iter().map(|row| CellRow {
        energy_j_per_token: Some(joules),
        energy_source: Some(source),
        ..row
    });
    loaded.rows = with_energy.collect();
    ComparedRun::new(loaded)
}
