use std::path::Path;

use egui::{Theme, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::*;
use crate::app::testing::picture::picture;
use crate::engine::event::CellStatus;
use crate::measure::sample::ErrorClass;

/// Three repeats of a cell, the first with requests.
fn board() -> Board {
    let rows = (0..3_u32)
        .map(|cell| CellRow {
            instances: 1,
            concurrency: 8,
            cell,
            repeat: cell + 1,
            status: Some(CellStatus::Ok),
            throughput_tps: 100.0 + 10.0 * f64::from(cell),
            throughput_low_tps: Some(97.5 + 10.0 * f64::from(cell)),
            throughput_high_tps: Some(102.5 + 10.0 * f64::from(cell)),
            total_tokens: 4_096,
            elapsed_s: 12.0,
            requests: Some(70),
            errors: 1,
            error_classes: Some("reset=1".to_owned()),
            flags: Some("cached_prompts".to_owned()),
            flag_details: Some("cached_prompts: 3 % came from the cache".to_owned()),
            ttft_n: Some(70),
            ttft_p50_s: Some(0.120),
            ttft_p50_low_s: Some(0.112),
            ttft_p50_high_s: Some(0.135),
            ttft_p90_s: Some(0.190),
            ttft_max_s: Some(0.300),
            ..CellRow::default()
        })
        .collect();
    Board::of_rows(&rows)
}

fn requests() -> Vec<RequestRow> {
    (0..70_u32)
        .map(|request| {
            let due_s = f64::from(request / 8) * 1.3;
            let ttft_s = 0.1 + f64::from(request * 7 % 23) * 0.008;
            let failed = request == 5;
            RequestRow {
                request,
                due_s,
                connected_s: Some(due_s + 0.02),
                first_token_s: (!failed).then_some(due_s + ttft_s),
                end_s: due_s + ttft_s + 0.9,
                ttft_s: (!failed).then_some(ttft_s),
                e2e_s: (!failed).then_some(ttft_s + 0.9),
                completion_tokens: 64,
                error_class: failed.then_some(ErrorClass::Reset),
                error: failed.then(|| "cut short".to_owned()),
                ..RequestRow::default()
            }
        })
        .collect()
}

fn detail(files: Option<CellFiles>) -> CellDetail {
    let board = board();
    let mut detail = CellDetail::default();
    detail.update(&board, Some(0), 1, None);
    let csv = Path::new("run.csv");
    let Some(Wanted::Cell { row, .. }) = detail.wanted(csv) else {
        panic!("the files of the cell are to be read");
    };
    assert_eq!(row.cell, 0);
    assert_eq!(detail.wanted(csv), None, "they are asked for once");
    if let Some(files) = files {
        detail.set_files(files);
    }
    detail
}

fn whole() -> CellFiles {
    CellFiles {
        requests: requests(),
        requests_kept: true,
        servers: vec![crate::engine::event::ServerProof {
            instance: 0,
            pid: 7,
            port: 9000,
            command: ["python", "-m", "mlx_lm.server"].map(str::to_owned).into(),
            differences: Vec::new(),
        }],
        logs: vec![LogEnd {
            name: "server-001-instance-0-port-9000.log".to_owned(),
            text: "Starting httpd\nready".to_owned(),
        }],
        ..CellFiles::default()
    }
}

fn harness(detail: CellDetail, theme: Theme) -> Harness<'static, CellDetail> {
    Harness::builder()
        .with_size(vec2(340.0, 1250.0))
        .with_theme(theme)
        .with_context_setup(crate::app::theme::install)
        .build_ui_state(
            |ui, detail: &mut CellDetail| {
                egui::CentralPanel::default().show(ui, |ui| detail.show(ui));
            },
            detail,
        )
}

#[test]
fn everything_known_of_a_cell_is_shown() {
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        let mut harness = harness(detail(Some(whole())), theme);
        harness.run();
        harness.get_by_label("100.0 ± 2.5 tokens/s");
        harness.get_by_label("0.120 s (0.112 to 0.135)");
        harness.get_by_label_contains(
            "± and ranges: 95 % intervals within one window, which leave out",
        );
        harness.get_by_label("Over its 3 valid repeats");
        harness.get_by_label("± 24.8");
        harness.get_by_label("3 % came from the cache");
        harness.get_by_label("reset");
        harness.get_by_label_contains("TTFT of 69 requests in ");
        harness.get_by_label_contains("Request 5: due at 0.00 s, 64 tokens, failed after");
        harness.get_by_label("Copy command line: Server 0 on port 9000");
        harness.get_by_label("python -m mlx_lm.server");
        harness.get_by_label("Copy log: server-001-instance-0-port-9000.log");
        harness.get_by_label("A dash: n too small. p50 needs 11, p90 64, p95 130, p99 662.");
        picture(&mut harness, &format!("cell_detail_{name}.png"));
        harness.get_by_label("E2E").click();
        harness.run();
        harness.get_by_label_contains("E2E of 69 requests in ");
    }
}

#[test]
fn without_requests_the_setting_that_keeps_them_is_named() {
    let mut harness = harness(detail(Some(CellFiles::default())), Theme::Dark);
    harness.run();
    harness.get_by_label_contains("MLX_REQUESTS_CSV=1");
}

#[test]
fn what_is_copied_says_where_n_is_too_small() {
    let text = detail(None).copy_text();
    assert!(text.contains("TTFT p50\t120 ms\n"), "{text}");
    assert!(text.contains("TTFT p99\tn too small\n"), "{text}");
    assert!(
        text.contains(
            "Throughput, tokens/s, mean of 3 of 3 repeats\t110.0\t95 %\t± 24.8\tleast\t100.0"
        ),
        "{text}"
    );
    assert!(
        text.contains("Throughput\t100.0 ± 2.5 tokens/s\n"),
        "{text}"
    );
    assert!(
        text.contains("leave out what varies over minutes and between server starts"),
        "{text}"
    );
}

#[test]
fn files_of_another_cell_are_not_taken() {
    let files = CellFiles { cell: 2, ..whole() };
    let mut other = detail(None);
    other.set_files(files);
    assert!(other.strip.is_none() && other.commands.is_empty());
}

#[test]
fn a_cell_with_a_rate_tells_what_became_of_it() {
    use crate::measure::flow::SaturatedBy;
    use crate::plan::Arrivals;
    use crate::settings::Rate;
    let row = CellRow {
        status: Some(CellStatus::Ok),
        total_tokens: 4_096,
        request_rate_rps: Rate::from_rps(4.5),
        arrivals: Some(Arrivals::Poisson),
        due_requests: Some(80),
        achieved_rps: Some(3.9),
        goodput_rps: Some(3.5),
        goodput_ratio: Some(0.78),
        in_flight_mean: Some(7.42),
        in_flight_max: Some(12),
        saturated_by: Some(SaturatedBy::Queue),
        ..CellRow::default()
    };
    let lines = tables::figures(&row);
    let text = |name: &str| {
        let line = lines.iter().find(|(found, _)| found == name);
        line.map(|(_, text)| text.as_str())
    };
    assert_eq!(text("Offered"), Some("4.5 requests/s, poisson"));
    assert_eq!(text("Answered"), Some("3.90 requests/s"));
    assert_eq!(text("Within limits"), Some("3.50 requests/s, 78 %"));
    assert_eq!(text("In flight"), Some("7.4, 12 at most"));
    assert_eq!(
        text("Saturated"),
        Some("more and more requests were under way")
    );
    let closed = CellRow {
        request_rate_rps: None,
        saturated_by: None,
        ..row
    };
    let lines = tables::figures(&closed);
    assert!(
        lines
            .iter()
            .all(|(name, _)| name != "In flight" && name != "Offered")
    );
}
