use resvg::usvg::roxmltree;

use super::*;
use crate::report::document::Document;
use crate::report::png;
use crate::report::testing::{HOSTILE, fixture, recorded};
use crate::store::library;

fn all(board: &Board) -> Vec<Chart> {
    let layers = board.layers();
    let mut charts: Vec<Chart> = layers
        .iter()
        .flat_map(|layer| [Chart::heatmap(board, *layer), Chart::lines(board, *layer)])
        .flatten()
        .collect();
    charts.extend(Chart::pareto(board));
    charts
}

fn texts(svg: &str) -> Vec<String> {
    let tree = roxmltree::Document::parse(svg).expect("well-formed XML");
    let texts = tree.descendants().filter(|node| node.has_tag_name("text"));
    texts
        .filter_map(|node| node.text().map(str::to_owned))
        .collect()
}

#[test]
fn names_stay_text_in_every_chart() {
    let dir = tempfile::tempdir().unwrap();
    let run = library::load(&recorded(dir.path(), HOSTILE)).unwrap();
    let document = Document::new(&run);
    let charts = all(&document.board);
    assert!(charts.len() > 8, "{charts:?}");
    for chart in charts {
        let svg = chart
            .draw(&document.board, Look::Light, Some(&document.caption()))
            .unwrap();
        let file = svg.file();
        let tree = roxmltree::Document::parse(&file).expect("well-formed XML");
        for node in tree.descendants().filter(roxmltree::Node::is_element) {
            let known = [
                "svg", "g", "title", "rect", "path", "text", "polyline", "polygon", "circle",
            ];
            assert!(
                known.contains(&node.tag_name().name()),
                "{node:?} in {chart:?}"
            );
            for attribute in node.attributes() {
                assert!(!attribute.name().starts_with("on"), "{attribute:?}");
                assert!(!attribute.name().ends_with("href"), "{attribute:?}");
            }
        }
        let said = texts(&file).join("\n");
        assert!(
            said.contains("Full sweep of </title><script>alert(1)"),
            "{said}"
        );
        // Nothing but text can be in what stands inside of a page.
        assert!(!svg.inline().contains("<script") && !svg.inline().contains("id="));
    }
}

#[test]
fn a_heatmap_shows_every_state_and_figure() {
    let dir = tempfile::tempdir().unwrap();
    let run = library::load(&recorded(dir.path(), "tiny")).unwrap();
    let document = Document::new(&run);
    let chart = Chart::heatmap(&document.board, Layer::Throughput).unwrap();
    let svg = chart
        .draw(&document.board, Look::Light, None)
        .unwrap()
        .file();
    let texts = texts(&svg);
    for expected in [
        "Throughput (tokens/s)",
        "Concurrency",
        "Decode concurrency",
        "memory",
        "invalid",
        "best by throughput",
        "not measured yet",
    ] {
        assert!(
            texts.iter().any(|text| text == expected),
            "{expected} in {texts:?}"
        );
    }
    let done = document
        .board
        .entries()
        .filter(|e| e.state() == crate::board::CellState::Done);
    let mut figures = 0;
    for entry in done {
        let figure = Layer::Throughput.precise(entry.value(Layer::Throughput).unwrap());
        assert!(texts.contains(&figure), "{figure} in {texts:?}");
        figures += 1;
    }
    assert_eq!(figures, 4);
    // Of each cell its name, as a tooltip and for a screen reader.
    let tree = roxmltree::Document::parse(&svg).unwrap();
    let names = tree.descendants().filter(|node| node.has_tag_name("title"));
    assert_eq!(names.count(), 8);
}

#[test]
fn a_picture_has_two_pixels_per_point_and_is_not_blank() {
    let run = library::load(&fixture("full_sweep_20261124_012945.csv")).unwrap();
    let document = Document::new(&run);
    for dark in [false, true] {
        for chart in all(&document.board) {
            let svg = chart
                .draw(&document.board, Look::of(dark), Some(&document.caption()))
                .unwrap();
            let bytes = png::render(&svg).unwrap();
            let pixels = resvg::tiny_skia::Pixmap::decode_png(&bytes).unwrap();
            assert_eq!(pixels.width(), svg.width as u32 * 2);
            assert_eq!(pixels.height(), svg.height as u32 * 2);
            let ground = pixels.pixel(0, 0).unwrap();
            let expected = Ink::Background.rgb(dark);
            assert_eq!(
                (ground.red(), ground.green(), ground.blue(), ground.alpha()),
                (expected.r, expected.g, expected.b, 255)
            );
            let drawn = pixels
                .pixels()
                .iter()
                .filter(|pixel| **pixel != ground)
                .count();
            assert!(drawn > 3_000, "{chart:?}: {drawn} pixels");
        }
    }
}

#[test]
fn text_is_drawn_with_the_bundled_font() {
    let word = |text: &str| {
        let mut canvas = Canvas::new(Look::Light);
        canvas.text((4.0, 20.0), Anchor::Start, TITLE, Ink::Text, text);
        let bytes = png::render(&canvas.finish(120.0, 30.0, String::new())).unwrap();
        let pixels = resvg::tiny_skia::Pixmap::decode_png(&bytes).unwrap();
        pixels
            .pixels()
            .iter()
            .filter(|pixel| pixel.red() < 128)
            .count()
    };
    assert_eq!(word(""), 0);
    assert!(word("Throughput") > 300, "{}", word("Throughput"));
}

#[test]
fn a_picture_that_no_one_could_read_is_refused() {
    let rows = (0..30_000)
        .map(|i| crate::store::row::CellRow {
            concurrency: i + 1,
            cell: i,
            status: Some(crate::engine::event::CellStatus::Ok),
            throughput_tps: 1.0,
            ..Default::default()
        })
        .collect();
    let board = Board::of_rows(&rows);
    for chart in [
        Chart::heatmap(&board, Layer::Throughput),
        Chart::lines(&board, Layer::Throughput),
    ] {
        let error = chart.unwrap().draw(&board, Look::Light, None).unwrap_err();
        assert!(
            matches!(error, ChartError::TooMany { shapes: 30_000, .. }),
            "{error}"
        );
    }
    let empty = Board::of_rows(&library::Rows::default());
    let chart = Chart::Pareto {
        latency: Layer::TtftP50,
    };
    assert_eq!(
        chart.draw(&empty, Look::Light, None),
        Err(ChartError::NoCells)
    );
}
