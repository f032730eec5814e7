//! One HTML file that holds a whole run: opens offline, asks nothing of any server, and reads
//! without JavaScript, in light and dark, and on paper.

mod about;
mod parts;
mod policy;
mod table;
#[cfg(test)]
mod tests;

use self::parts::{Page, text};
use super::chart::{Chart, Look, css_variables};
use super::document::Document;
use crate::board::Layer;
use crate::wording::{capitalised, sentence};

const STYLE: &str = include_str!("style.css");
/// Sorts the table. Stands in the page as it is, so it holds no `<`.
const SCRIPT: &str = include_str!("sort.js");

/// The page. `layers` are drawn as heatmaps and lines; empty for throughput and, where it was
/// measured, TTFT.
pub fn page(document: &Document<'_>, layers: &[Layer]) -> String {
    let mut page = Page::default();
    let style = format!(
        ":root{{{}}}\n@media (prefers-color-scheme:dark){{:root{{{}}}}}\n{STYLE}",
        css_variables(false),
        css_variables(true)
    );
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    // First of all else: it holds for what follows.
    page.raw(&policy::tag(&style, SCRIPT));
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.element("title", "", &document.headline());
    page.raw(&format!(
        "<style>{style}</style>\n</head>\n<body>\n<main>\n"
    ));
    head(&mut page, document);
    charts(&mut page, document, layers);
    table::write(&mut page, document);
    about::write(&mut page, document);
    page.raw("</main>\n");
    page.raw(&format!("<script>{SCRIPT}</script>\n</body>\n</html>\n"));
    page.finish()
}

fn head(page: &mut Page, document: &Document<'_>) {
    page.raw("<header>\n");
    page.element("h1", "", &document.headline());
    page.element("p", "origin", &document.origin_line());
    page.raw("</header>\n");
    let warnings = document.run.caution.map(str::to_owned).into_iter();
    for warning in warnings
        .chain(document.run.problems.iter().cloned())
        .chain(document.missing())
    {
        page.element("p", "warning", &warning);
    }
    if let Some(best) = document.board.best() {
        let figure = Layer::Throughput.precise(best.throughput_tps);
        page.raw("<p class=\"best\">");
        page.raw(&format!("<strong>{}</strong> ", text(&figure)));
        page.raw("<span>tokens/s<br>");
        let place = document.board.best_place().unwrap_or_default();
        page.raw(&text(&format!("Best, at {place}")));
        page.raw("</span></p>\n");
        if let Some(ties) = document.board.tied_with() {
            page.element("p", "quiet", &format!("{}.", capitalised(&ties)));
        }
    } else {
        page.element(
            "p",
            "quiet",
            "No cell has a valid figure, so none is the best.",
        );
    }
    page.raw("<dl class=\"facts\">\n");
    for fact in &document.run.facts {
        page.raw("<div>");
        page.element("dt", "", fact.name);
        page.element("dd", "", &fact.value);
        page.raw("</div>");
    }
    page.raw("</dl>\n");
}

fn charts(page: &mut Page, document: &Document<'_>, layers: &[Layer]) {
    let board = &document.board;
    let known = board.layers();
    let rates = Chart::of_rates(board);
    let of_default = [Layer::Throughput, Layer::TtftP50];
    let chosen: Vec<Layer> = if layers.is_empty() {
        let there = |layer: &Layer| *layer == Layer::Throughput || known.contains(layer);
        of_default.into_iter().filter(there).collect()
    } else {
        layers.to_vec()
    };
    // Against a rate, a row of cells says less than a line.
    let heatmaps = chosen.iter().filter(|_| rates.is_empty());
    let heatmaps = heatmaps.map(|layer| Chart::heatmap(board, *layer));
    let lines = chosen
        .iter()
        .take(1)
        .map(|layer| Chart::lines(board, *layer))
        .filter(|_| rates.is_empty());
    let lines = lines.chain(rates.iter().cloned().map(Some));
    for chart in heatmaps
        .chain(lines)
        .chain([Chart::pareto(board)])
        .flatten()
    {
        page.raw("<section>\n");
        page.element("h2", "", &chart.name());
        match chart.draw(board, Look::Page, None) {
            Ok(svg) => page.raw(&format!("<div class=\"chart\">{}</div>\n", svg.inline())),
            Err(error) => page.element("p", "quiet", &sentence(&error.to_string())),
        }
        page.raw("</section>\n");
    }
}
