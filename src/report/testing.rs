//! Runs for the tests of reports.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::store::recorder::Recorder;
use crate::store::sidecar::Provenance;
use crate::store::testing;

/// A name that tries to be markup in every format.
pub const HOSTILE: &str =
    "</title><script>alert(1)</script>\"'|`x`<img src=//evil.example onerror=a()>]]>";

/// A run of eight cells of which six ended, one failed and one invalid, with `name` wherever a name
/// can be.
pub fn recorded(dir: &Path, name: &str) -> PathBuf {
    let mut plan = testing::plan(dir, 8);
    name.clone_into(&mut plan.model.label);
    name.clone_into(&mut plan.workload.prompt);
    plan.notices.push(format!("about {name}"));
    for cell in &mut plan.cells {
        cell.load.concurrency = 1 << (cell.index % 4);
        cell.point.decode_concurrency = Some(8 * (1 + cell.index / 4));
        cell.point.flags[0].value = name.to_owned();
    }
    let provenance = Provenance {
        machine: json!({"chip": name}),
        software: json!({"mlx": "0.32.4", "mlx_lm": name}),
        model: json!({"note": name}),
    };
    let now = "2026-11-24T15:09:13[UTC]".parse().expect("a moment");
    let mut recorder = Recorder::create(&plan, provenance, &now).expect("a new run");
    let path = recorder.files().csv().to_owned();
    for cell in plan.cells.iter().take(6) {
        let mut result = match cell.index {
            3 => testing::failed(cell),
            _ => testing::result(cell),
        };
        result.error = result.error.map(|_| format!("out of memory: {name}"));
        for server in &mut result.servers {
            server.command.push(name.to_owned());
        }
        if cell.index == 4 {
            result.status = crate::engine::event::CellStatus::Invalid;
            result.flags[0].kind = crate::measure::figures::FlagKind::TooManyErrors;
            result.flags[0].detail = format!("seen by {name}");
        }
        if let Some(figures) = &mut result.figures {
            let users = f64::from(cell.load.concurrency);
            let decode = f64::from(cell.index / 4) * 7.0;
            figures.throughput_tps = 100.0 * users / (1.0 + users / (9.0 + decode));
            figures.ttft = testing::percentiles(0.05 * users);
        }
        recorder.record(&testing::finished(result)).expect("a row");
    }
    path
}

pub fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
    folder.join(name)
}
