use std::fs;
use std::path::{Path, PathBuf};

use egui::{Role, Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::*;
use crate::app::testing::picture::picture;
use crate::compare::testing::Recorded;
use crate::store::library;

mod energy;

const FIRST: &str = "2026-11-24T15:09:13[UTC]";
const SECOND: &str = "2026-11-25T10:00:00[UTC]";

#[derive(Default)]
struct State {
    page: ComparePage,
    copied: Vec<String>,
    asked_for_files: usize,
}

/// What the app does with the actions, without a thread.
fn carry_out(state: &mut State, action: CompareAction) {
    match action {
        CompareAction::Load(path) => {
            let run = ComparedRun::load(&path).map(Arc::new);
            let run = run.map_err(|error| error.to_string());
            if let Some(runs) = state.page.set_loaded(&path, run) {
                state.page.set_comparison(Comparison::new(runs));
            }
        }
        CompareAction::Match(runs) => state.page.set_comparison(Comparison::new(runs)),
        CompareAction::OpenFile => state.asked_for_files += 1,
        CompareAction::CopyText(text) => state.copied.push(text),
    }
}

fn harness(page: ComparePage, theme: Theme) -> Harness<'static, State> {
    let state = State {
        page,
        ..State::default()
    };
    let mut harness = Harness::builder()
        .with_size(vec2(1180.0, 720.0))
        .with_theme(theme)
        .with_context_setup(crate::app::theme::install)
        .build_ui_state(
            |ui, state: &mut State| {
                for action in show(ui, &mut state.page) {
                    carry_out(state, action);
                }
            },
            state,
        );
    harness.run();
    harness
}

/// As `add_to_compare` does.
fn add(harness: &mut Harness<'static, State>, path: &Path) {
    if harness.state_mut().page.add(path) {
        carry_out(harness.state_mut(), CompareAction::Load(path.to_owned()));
    }
    harness.run();
}

fn press(harness: &mut Harness<'static, State>, name: &str) {
    harness.get_by_label(name).click();
    harness.run();
    harness.remove_cursor();
    harness.run();
}

/// The second run is of a later mlx, and faster with more requests: its first cell is as it was,
/// as far as the intervals of the repeats can tell.
fn two_runs(dir: &Path) -> [PathBuf; 2] {
    let spread = |repeat: u32| 1.0 + 0.01 * (f64::from(repeat) - 2.0);
    let first = Recorded::new(dir, FIRST, 3).measure(|cell, figures| {
        figures.throughput_tps *= spread(cell.repeat);
    });
    let mut second = Recorded::new(dir, SECOND, 3);
    second.provenance.software["mlx"] = "0.33.0".into();
    second.provenance.software["python"] = "3.13.1".into();
    second.plan.workload.prompt = "Tell me of the sea.".to_owned();
    let second = second.measure(|cell, figures| {
        let gain = match (cell.load.concurrency, cell.point.decode_concurrency) {
            (1, _) => 1.005,
            (4, _) => 1.1,
            (_, Some(8)) => 0.9,
            _ => 1.25,
        };
        figures.throughput_tps *= gain * spread(cell.repeat);
    });
    [first, second]
}

const NONE_SHOWN: &str = "no difference shown";

fn shown_texts<'a>(harness: &'a Harness<'static, State>, column: &str) -> Vec<&'a str> {
    let shown = harness.state().page.shown.as_ref();
    shown.expect("two runs").table.texts(column)
}

#[test]
fn two_runs_are_compared_and_one_is_removed() {
    for theme in [Theme::Dark, Theme::Light] {
        let dir = tempfile::tempdir().expect("a folder");
        let [first, second] = two_runs(dir.path());
        let name = if theme == Theme::Dark {
            "dark"
        } else {
            "light"
        };
        let mut harness = harness(ComparePage::default(), theme);
        add(&mut harness, &first);
        harness.get_by_label("One more run");
        picture(&mut harness, &format!("compare_one_{name}.png"));
        add(&mut harness, &second);

        harness.get_by_label("2 differences could explain a delta: mlx, Prompt");
        harness.get_by_label("Throughput in tokens/s over Concurrency: 4 lines");
        picture(&mut harness, &format!("compare_lines_{name}.png"));

        press(&mut harness, "Difference");
        harness.get_by_label(
            "Heatmap of Difference in Throughput in %: Decode concurrency by Concurrency",
        );
        harness.get_by_label("decode concurrency 8, concurrency 1: +0.5 %, intervals overlap");
        harness.get_by_label("decode concurrency 8, concurrency 4: +10.0 %");
        harness.get_by_label("decode concurrency 8, concurrency 16: -10.0 %");
        harness.get_by_label("decode concurrency 32, concurrency 16: +25.0 %");
        harness.get_by_label_contains(
            "Grey: the intervals overlap, so no difference is shown. 95 % intervals over repeats.",
        );
        picture(&mut harness, &format!("compare_difference_{name}.png"));

        press(&mut harness, "Cells");
        press(&mut harness, "Sort by B vs A (%)");
        let shown = harness.state().page.shown.as_ref().expect("two runs");
        let deltas = shown.table.texts("B vs A");
        assert_eq!(deltas, ["+25.0", "+10.0", "+10.0", "+0.5", "+0.5", "-10.0"]);
        harness.get_by_label("Cell decode concurrency 32, concurrency 16");
        picture(&mut harness, &format!("compare_cells_{name}.png"));
        // Errors are alike in all repeats and have no interval: the columns are fewer, and the sorted
        // one is the same.
        harness
            .get_by_role_and_label(Role::ComboBox, "Layer")
            .click();
        harness.run();
        press(&mut harness, "Errors");
        let shown = harness.state().page.shown.as_ref().expect("two runs");
        assert_eq!(shown.table.column("B is"), None);
        assert!(shown.table.column("B vs A").is_some());
        harness
            .get_by_role_and_label(Role::ComboBox, "Layer")
            .click();
        harness.run();
        press(&mut harness, "Throughput");
        assert_eq!(
            shown_texts(&harness, "B vs A"),
            ["+25.0", "+10.0", "+10.0", "+0.5", "+0.5", "-10.0"]
        );
        press(&mut harness, "Copy table");
        let lines: Vec<&str> = harness.state().copied[0].lines().collect();
        assert_eq!(
            lines[0],
            "Decode concurrency\tConcurrency\tA (tokens/s)\tA 95 % (tokens/s)\t\
             B (tokens/s)\tB 95 % (tokens/s)\tB vs A (%)\tB is\tNote"
        );
        assert_eq!(
            lines[1],
            "32\t16\t1066.7\t± 26.5\t1333.3\t± 33.1\t+25.0\tfaster\t"
        );
        let verdicts = shown_texts(&harness, "B is");
        assert_eq!(
            verdicts[1..],
            ["faster", "faster", NONE_SHOWN, NONE_SHOWN, "slower"]
        );
        assert_eq!(lines.len(), 7);

        press(&mut harness, "Show differences");
        for text in ["mlx", "0.32.4", "0.33.0", "Python", "3.13.1"] {
            harness.get_by_label(text);
        }
        assert_eq!(harness.get_all_by_label("Warning").count(), 2);
        assert_eq!(harness.get_all_by_label("Info").count(), 1);
        picture(&mut harness, &format!("compare_differences_{name}.png"));

        let stem = second.file_stem().expect("a name").to_string_lossy();
        press(&mut harness, &format!("Make {stem} the base"));
        press(&mut harness, "Difference");
        harness.get_by_label("decode concurrency 32, concurrency 16: -20.0 %");
        press(&mut harness, &format!("Remove {stem}"));
        harness.get_by_label("One more run");
        assert!(harness.query_by_label_contains("could explain").is_none());
    }
}

#[test]
fn a_run_beside_a_copy_of_itself_warns_of_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = Recorded::new(dir.path(), FIRST, 1).measure(|_, _| {});
    let second = Recorded::new(dir.path(), SECOND, 1).measure(|_, _| {});
    let mut harness = harness(ComparePage::default(), Theme::Light);
    add(&mut harness, &first);
    add(&mut harness, &second);
    assert!(harness.query_by_label_contains("could explain").is_none());
    press(&mut harness, "Differences");
    harness.get_by_label("Nothing else differs");
    press(&mut harness, "Difference");
    harness.get_by_label("decode concurrency 8, concurrency 4: 0.0 %");
    harness.get_by_label_contains("No interval: one repeat of each cell");
    press(&mut harness, "Cells");
    harness.get_by_label_contains("No interval: one repeat of each cell");
    // The same run twice is one run.
    add(&mut harness, &first);
    assert_eq!(harness.state().page.slots.len(), 2);
}

#[test]
fn the_empty_page_suggests_two_runs_of_one_model() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = two_runs(dir.path());
    let mut page = ComparePage::default();
    page.set_library(&library::scan(dir.path()));
    let mut harness = harness(page, Theme::Dark);
    harness.get_by_label("No runs to compare");
    picture(&mut harness, "compare_empty_dark.png");
    press(&mut harness, "Open results to compare...");
    assert_eq!(harness.state().asked_for_files, 1);
    press(
        &mut harness,
        "Compare the latest two runs of synthetic:tiny",
    );
    let slots = &harness.state().page.slots;
    let paths: Vec<&Path> = slots.iter().map(|slot| slot.path.as_path()).collect();
    // The earlier one is the base.
    assert_eq!(paths, [first, second]);
    harness.get_by_label_contains("Throughput in tokens/s over Concurrency");
}

#[test]
fn without_a_library_the_page_opens_files() {
    let mut page = ComparePage::default();
    page.set_library(&[]);
    let mut harness = harness(page, Theme::Light);
    press(&mut harness, "Open results to compare...");
    assert_eq!(harness.state().asked_for_files, 1);
    assert!(harness.query_by_label("Add run").is_none());
    picture(&mut harness, "compare_empty_light.png");
}

#[test]
fn a_run_of_the_library_is_added_from_the_menu() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = two_runs(dir.path());
    let mut page = ComparePage::default();
    page.set_library(&library::scan(dir.path()));
    let mut harness = harness(page, Theme::Dark);
    add(&mut harness, &first);
    press(&mut harness, "Add run");
    picture(&mut harness, "compare_menu_dark.png");
    harness
        .get_by_label_contains("synthetic:tiny · 1,333.3 tokens/s")
        .click();
    harness.run();
    assert_eq!(harness.state().page.slots[1].path, second);
    harness.get_by_label_contains("differences could explain");
}

#[test]
fn eight_runs_are_told_apart_and_a_ninth_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let moments = [
        "2026-11-01T10:00:00[UTC]",
        "2026-11-02T10:00:00[UTC]",
        "2026-11-03T10:00:00[UTC]",
        "2026-11-04T10:00:00[UTC]",
        "2026-11-05T10:00:00[UTC]",
        "2026-11-06T10:00:00[UTC]",
        "2026-11-07T10:00:00[UTC]",
        "2026-11-08T10:00:00[UTC]",
        "2026-11-09T10:00:00[UTC]",
    ];
    let mut harness = harness(ComparePage::default(), Theme::Light);
    for (number, moment) in moments.into_iter().enumerate() {
        let gain = 1.0 + 0.06 * number as f64;
        let path = Recorded::new(dir.path(), moment, 1)
            .measure(|_, figures| figures.throughput_tps *= gain);
        add(&mut harness, &path);
    }
    let page = &harness.state().page;
    assert_eq!(page.slots.len(), 8);
    let colours: std::collections::HashSet<usize> =
        page.slots.iter().map(|slot| slot.colour).collect();
    assert_eq!(colours.len(), 8);
    harness.get_by_label_contains("At most 8 runs are compared");
    harness.get_by_label("Throughput in tokens/s over Concurrency: 16 lines");
    picture(&mut harness, "compare_eight_light.png");
    // Any two of them: the choice moves the other out of the way.
    press(&mut harness, "Difference");
    harness
        .get_by_role_and_label(Role::ComboBox, "Other")
        .click();
    harness.run();
    harness.get_by_label_contains("H  full_sweep").click();
    harness.run();
    harness.get_by_label("decode concurrency 8, concurrency 4: +42.0 %");
    picture(&mut harness, "compare_eight_difference_light.png");
    press(&mut harness, "Cells");
    picture(&mut harness, "compare_eight_cells_light.png");
}

#[test]
fn what_cannot_be_compared_says_why_and_does_not_stop_the_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let [first, second] = two_runs(dir.path());
    let other = dir.path().join("other.csv");
    fs::write(&other, "a,b\n1,2\n").expect("a file");
    let mut harness = harness(ComparePage::default(), Theme::Dark);
    add(&mut harness, &other);
    harness.get_by_label_contains("is not a results file");
    add(&mut harness, &first);
    add(&mut harness, &second);
    // The letters are those of the runs that are compared.
    harness.get_by_label("2 differences could explain a delta: mlx, Prompt");
    let shown = harness.state().page.shown.as_ref().expect("two runs");
    assert!(shown.titles[0].starts_with("A  full_sweep_20261124"));
    harness.set_size(vec2(1000.0, 640.0));
    harness.run();
    picture(&mut harness, "compare_small_dark.png");
}

#[test]
fn old_files_are_compared_too() {
    let dir = tempfile::tempdir().expect("a folder");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/csv/full_sweep_20261124_012945.csv");
    let later = dir.path().join("full_sweep_20261125_012945.csv");
    let text = fs::read_to_string(&sample).expect("the sample");
    // One cell alone in each, and one that failed in the second.
    let rows: Vec<&str> = text.lines().collect();
    let changed: Vec<String> = rows[..rows.len() - 1]
        .iter()
        .map(|row| row.replace("1,16,1,8,", "1,16,1,9,"))
        .collect();
    fs::write(&later, changed.join("\n") + "\n").expect("a file");
    let mut harness = harness(ComparePage::default(), Theme::Light);
    add(&mut harness, &sample);
    add(&mut harness, &later);
    harness.get_by_label_contains("Decode and prompt axes");
    // What is neither across nor a style can be chosen.
    harness.get_by_role_and_label(Role::ComboBox, "Instances");
    harness.get_by_role_and_label(Role::ComboBox, "Prompt concurrency");
    picture(&mut harness, "compare_old_lines_light.png");
    press(&mut harness, "Difference");
    let alone = harness.get_by_label(
        "instances 1, decode concurrency 16, prompt concurrency 1, concurrency 8: only A",
    );
    assert!(!alone.accesskit_node().is_disabled());
    picture(&mut harness, "compare_old_difference_light.png");
}
