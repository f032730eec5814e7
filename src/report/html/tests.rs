use resvg::usvg::roxmltree;

use super::*;
use crate::report::document::{Format, Wanted};
use crate::report::testing::{HOSTILE, fixture, recorded};
use crate::store::library::{self, LoadedRun};

/// The page as an XML tree: it is written so that but for its start it is well-formed.
fn well_formed(html: &str) -> String {
    let mut xml = html.replacen("<!doctype html>", "", 1);
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let from = xml.find(open).expect("the element") + open.len();
        let to = from + xml[from..].find(close).expect("its end");
        xml.replace_range(from..to, "");
    }
    let mut closed = String::new();
    let mut rest = xml.as_str();
    while let Some(at) = rest.find("<meta") {
        let end = at + rest[at..].find('>').expect("its end");
        closed.push_str(&rest[..end]);
        closed.push_str("/>");
        rest = &rest[end + 1..];
    }
    closed.push_str(rest);
    closed.replace("<br>", "<br/>")
}

fn page_of(run: &LoadedRun) -> String {
    page(&Document::new(run), &[])
}

#[test]
fn a_hostile_name_is_text_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let run = library::load(&recorded(dir.path(), HOSTILE)).unwrap();
    let html = page_of(&run);
    let xml = well_formed(&html);
    let tree = roxmltree::Document::parse(&xml).expect("well-formed but for its start");
    let count = |name: &str| tree.descendants().filter(|n| n.has_tag_name(name)).count();
    assert_eq!(
        (count("script"), count("img"), count("title")),
        (1, 0, 1 + drawn_names(&tree))
    );
    for node in tree.descendants().filter(roxmltree::Node::is_element) {
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(
                !name.starts_with("on") && name != "src" && name != "href",
                "{attribute:?}"
            );
        }
    }
    // As text, it is there: in the heading, among the facts, in a command line.
    let texts: Vec<&str> = tree.descendants().filter_map(|n| n.text()).collect();
    assert!(
        texts
            .iter()
            .any(|text| *text == format!("Full sweep of {HOSTILE} (synthetic)"))
    );
    let said = texts
        .iter()
        .filter(|text| text.contains("<script>alert(1)</script>"));
    assert!(said.count() > 10);
}

/// Tooltips in the charts.
fn drawn_names(tree: &roxmltree::Document<'_>) -> usize {
    let titles = tree.descendants().filter(|n| n.has_tag_name("title"));
    titles
        .filter(|n| n.parent().is_some_and(|p| p.has_tag_name("g")))
        .count()
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        recorded(dir.path(), "mlx-community/Llama-3.2-1B-Instruct-4bit"),
        fixture("full_sweep_20261124_012945.csv"),
        fixture("round_robin_sweep_20261124_013825.csv"),
        fixture("full_sweep_server_killed.csv"),
    ] {
        let html = page_of(&library::load(&path).unwrap()).to_lowercase();
        for reference in [
            "://", "src=", "href", "url(", "@import", "<link", "<iframe", "<base",
        ] {
            assert!(
                !html.contains(reference),
                "{reference} in the page of {}",
                path.display()
            );
        }
        assert!(html.contains("default-src 'none'") && !html.contains("unsafe-inline"));
    }
    assert!(!SCRIPT.contains('<'), "it would end the element early");
}

#[test]
fn the_table_has_the_rows_and_figures_of_the_csv() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        recorded(dir.path(), "tiny"),
        fixture("full_sweep_20261124_012945.csv"),
        fixture("full_sweep_server_killed.csv"),
    ] {
        let html = page_of(&library::load(&path).unwrap());
        let xml = well_formed(&html);
        let tree = roxmltree::Document::parse(&xml).unwrap();
        let table = tree
            .descendants()
            .find(|n| n.has_tag_name("table") && n.attribute("class") == Some("cells"))
            .unwrap();
        let heads: Vec<String> = table
            .descendants()
            .filter(|n| n.has_tag_name("th"))
            .map(|n| n.text().unwrap_or_default().trim().to_owned())
            .collect();
        let throughput = heads.iter().position(|head| head == "Throughput").unwrap();
        let body = table.children().find(|n| n.has_tag_name("tbody")).unwrap();
        let shown: Vec<Option<f64>> = body
            .children()
            .filter(|n| n.has_tag_name("tr"))
            .map(|row| {
                let cell = row
                    .children()
                    .filter(|n| n.has_tag_name("td"))
                    .nth(throughput);
                cell.unwrap()
                    .attribute("data-v")
                    .map(|v| v.parse().unwrap())
            })
            .collect();
        // Read by another way than the report's.
        let mut file = csv::Reader::from_path(&path).unwrap();
        let header = file.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|column| column == name);
        let in_file: Vec<Option<f64>> = file
            .records()
            .map(|record| {
                let record = record.unwrap();
                let figure: f64 = record[column("throughput_tps").unwrap()].parse().unwrap();
                let failed = match column("status") {
                    Some(status) => &record[status] == "failed",
                    None => figure == 0.0,
                };
                (!failed).then_some(figure)
            })
            .collect();
        assert_eq!(shown, in_file, "{}", path.display());
    }
}

#[test]
fn what_to_know_stands_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let run = library::load(&recorded(dir.path(), "tiny")).unwrap();
    let html = page_of(&run);
    for words in [
        "<summary>Too many errors</summary>\n<p>seen by tiny</p>",
        "The same in every cell: instances 2, prompt concurrency 4, max tokens 64, --prefill-step-size tiny.",
        "out of memory: tiny",
        "6 of 8 cells have been measured so far",
        "python --decode-concurrency tiny",
        "about tiny",
        "Cells 0–2, 4, 5",
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert_eq!(html.matches("<svg").count(), 4);
    let legacy = library::load(&fixture("full_sweep_20261124_012945.csv")).unwrap();
    let html = page_of(&legacy);
    assert!(html.contains("its decode/prompt axes were not applied"));
    assert!(html.contains("There is no metadata beside the file"));
    assert_eq!(
        html.matches("<svg").count(),
        2,
        "no latencies: no TTFT, no Pareto front"
    );
}

#[test]
fn other_formats_keep_the_name_text_too() {
    let dir = tempfile::tempdir().unwrap();
    let run = library::load(&recorded(dir.path(), HOSTILE)).unwrap();
    let document = Document::new(&run);
    let rendered =
        |format| String::from_utf8(document.render(&Wanted::of(format)).unwrap()).unwrap();

    let markdown = rendered(Format::Markdown);
    let table: Vec<&str> = markdown
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    assert_eq!(table.len(), 2 + 6, "{markdown}");
    let columns = table[0].matches('|').count();
    assert!(
        table
            .iter()
            .all(|line| line.matches('|').count() == columns),
        "{markdown}"
    );
    assert!(
        !markdown.contains('<') && !markdown.contains("`x`"),
        "{markdown}"
    );
    assert_eq!(
        table.iter().filter(|line| line.contains("**")).count(),
        1,
        "{markdown}"
    );
    assert!(markdown.contains("invalid: too many errors"), "{markdown}");
    assert!(markdown.contains("MLX Throughput Lab"), "{markdown}");

    let json: serde_json::Value = serde_json::from_str(&rendered(Format::Json)).unwrap();
    assert_eq!(json["metadata"]["plan"]["model"]["label"], HOSTILE);
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let figures: Vec<f64> = rows
        .iter()
        .map(|row| row["throughput_tps"].as_f64().unwrap())
        .collect();
    let expected: Vec<f64> = run.rows.iter().map(|row| row.throughput_tps).collect();
    assert_eq!(figures, expected);
    assert_eq!(rows[3]["state"], "failed: memory");
    assert!(rows[3]["ttft_p50_s"].is_null());

    let copy = rendered(Format::Csv);
    let mut reader = csv::Reader::from_reader(copy.as_bytes());
    for record in reader.records() {
        for cell in &record.unwrap() {
            let formula = cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
            assert!(!formula, "{cell}");
        }
    }
}
