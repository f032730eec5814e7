//! `PICTURES=1 cargo test --lib every_page` draws every page into `target/screenshots/pages/`, to
//! look at; it needs a graphics driver.

use std::fs;

use super::*;
use crate::app::command::AppCommand;
use crate::app::testing::window::{click, sample};
use crate::compare::testing::Recorded;

fn take(window: &mut Window, name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots/pages");
    fs::create_dir_all(&folder).expect("a folder");
    window.run_steps(4);
    let image = window.render().expect("a picture");
    image.save(folder.join(name)).expect("a file");
}

fn go(window: &mut Window, command: AppCommand) {
    window.state_mut().command(command);
    window.run_steps(4);
}

#[test]
fn every_page_in_both_themes() {
    if std::env::var_os("PICTURES").is_none() {
        return;
    }
    for (theme, theme_name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        for (width, height) in [(1440.0, 900.0), (1000.0, 640.0)] {
            let named = |page: &str| format!("{page}-{width}-{theme_name}.png");
            let size = vec2(width, height);
            let empty = tempfile::tempdir().expect("a folder");
            let (mut window, _) = sweep_window(empty.path(), size, Some(theme));
            take(&mut window, &named("welcome"));
            go(&mut window, AppCommand::ShowResults);
            take(&mut window, &named("results-empty"));

            let dir = tempfile::tempdir().expect("a folder");
            let results = dir.path().join("results");
            let old = sample(&results, "full_sweep_20261124_012945.csv");
            let first = Recorded::new(&results, "2026-11-24T15:09:13[UTC]", 1).measure(|_, _| {});
            let mut second = Recorded::new(&results, "2026-11-25T10:00:00[UTC]", 1);
            second.provenance.software["mlx"] = "0.33.0".into();
            let second = second.measure(|_, figures| figures.throughput_tps *= 1.1);
            let (mut window, script) = sweep_window(dir.path(), size, Some(theme));
            take(&mut window, &named("run-empty"));
            start(&mut window);
            script
                .machine(0.2, 0.3)
                .cell_ends(0, 354.9)
                .machine(0.3, 0.8);
            script.cell_fails(1, "The server ended: Metal is out of memory.");
            script
                .machine(0.3, 0.9)
                .cell_ends(2, 1_640.2)
                .machine(0.35, 0.92);
            script.cell_starts(3).live(312.0, 4.0);
            take(&mut window, &named("run-running"));
            for tab in ["Lines", "Pareto", "Cells", "Plots", "Log"] {
                click(&mut window, tab);
                take(&mut window, &named(&format!("run-{}", tab.to_lowercase())));
            }
            if width < 1200.0 {
                click(&mut window, "Cell");
                take(&mut window, &named("run-cell"));
            }
            click(&mut window, "Stop");
            take(&mut window, &named("run-stopping"));
            for (path, name) in [(&old, "results-old"), (&second, "results")] {
                window.state_mut().open(path);
                until(&mut window, |done| matches!(done, Done::Opened(..)));
                take(&mut window, &named(name));
            }
            window.state_mut().add_to_compare(&first);
            window.state_mut().add_to_compare(&second);
            wait_for(&mut window, "could explain a delta");
            take(&mut window, &named("compare"));
            click(&mut window, "Difference");
            take(&mut window, &named("compare-difference"));
            go(&mut window, AppCommand::ShowModels);
            take(&mut window, &named("models"));
            go(&mut window, AppCommand::ShowEnvironment);
            take(&mut window, &named("environment"));
            go(&mut window, AppCommand::ShowSettings);
            take(&mut window, &named("settings"));
        }
    }
}
