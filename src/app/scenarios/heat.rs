//! A run whose GPU grows hot, as the window shows it.

use super::*;
use crate::app::testing::picture::picture;
use crate::app::testing::window::click;
use crate::engine::event::{CellResult, EngineEvent, NoticeLevel};
use crate::measure::figures::{Flag, FlagKind};
use crate::monitor::thermal::{CellThermal, UnderLoad};

fn throttled(result: &mut CellResult, repeats: u32) {
    result.thermal = CellThermal {
        under_load: Some(UnderLoad {
            samples: 10,
            clock_mhz: 1_775.0,
            busy: 0.98,
            power_w: Some(21.0),
        }),
        clock_of_cold: Some(0.910_3),
        repeats,
    };
    result.times.cool_down_s = 74.0;
    result.flags.push(Flag {
        kind: FlagKind::Throttled,
        detail:
            "GPU clock 91.0 % of cold (1,775 of 1,950 MHz), under the limit of 97.0 %, also after \
                 2 cool-downs: the figure is of a machine that holds back. Let it cool for longer \
                 (MLX_COOL_DOWN_MAX_S, MLX_CELL_PAUSE_S), give it air or power, and measure again"
                .to_owned(),
    });
}

fn cooling(window: &mut Window, script: &Script, cell: usize) {
    script.cell_starts(cell).live(312.0, 4.0);
    window.run_steps(3);
    let plan = script.plan();
    script
        .tells(EngineEvent::Notice {
            level: NoticeLevel::Info,
            text: format!(
                "GPU clock 91.0 % of cold (1,775 of 1,950 MHz): cooling down, repeat 1 of 2 ({})",
                plan.cells[cell]
            ),
        })
        .tells(EngineEvent::CoolingDown {
            cell: plan.cells[cell].index,
            clock_mhz: 1_775.0,
            cold_mhz: 1_950.0,
            repeat: 1,
            of: 2,
        });
    window.run_steps(3);
}

#[test]
fn a_cool_down_is_shown_while_it_lasts_and_the_flag_beside_the_cell() {
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        for size in [vec2(1440.0, 900.0), vec2(1000.0, 640.0)] {
            let dir = tempfile::tempdir().expect("a folder");
            let (mut window, script) = sweep_window(dir.path(), size, Some(theme));
            start(&mut window);
            script.cell_ends(0, 354.9);
            cooling(&mut window, &script, 1);
            let phase = "Cooling down, repeat 1 of 2: GPU clock at 91 %";
            shows(&mut window, phase);
            picture(&mut window, &format!("cooling-{name}-{}.png", size.x));
            let cell = script.plan().cells[1].index;
            script.tells(EngineEvent::CooledDown {
                cell,
                waited_s: 37.0,
            });
            window.run_steps(3);
            assert!(window.query_all_by_label(phase).next().is_none());
            shows(&mut window, "Warming up");

            script.cell_ends_as(1, |result| throttled(result, 2));
            window.run_steps(3);
            click(&mut window, "Cells");
            let row = window.query_all_by_label_contains("Cell ").nth(1);
            row.expect("a row").click();
            window.run_steps(3);
            if size.x < 1_200.0 {
                click(&mut window, "Cell");
            }
            window.run_steps(3);
            let told = window.query_all_by_label_contains("holds back").count();
            picture(&mut window, &format!("throttled-{name}-{}.png", size.x));
            assert!(told > 0, "the flag's sentence");
            for line in ["1,775 MHz, 91.0 % of cold", "2 in 1 min 14 s"] {
                let lines = window.query_all_by_label_contains(line);
                assert!(lines.count() > 0, "{line}");
            }
        }
    }
}
