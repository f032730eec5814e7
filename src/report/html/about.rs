//! Below the figures: what the run said of itself, every command line, every setting.

use super::parts::{Page, text};
use crate::report::document::Document;
use crate::store::sidecar::{CellServers, Metadata};

/// Damaged lines that are listed; the file itself has the rest.
const MOST_DAMAGED: usize = 100;

pub fn write(page: &mut Page, document: &Document<'_>) {
    let run = document.run;
    page.raw("<section>\n");
    page.element("h2", "", "About this run");
    page.raw("<p class=\"quiet\">From the file ");
    page.raw(&format!("<code>{}</code>. ", text(&document.file_name())));
    page.raw(&text(&format!(
        "Report written by MLX Throughput Lab {}.",
        env!("CARGO_PKG_VERSION")
    )));
    page.raw("</p>\n");
    list(page, "Notices", &run.notices, usize::MAX);
    let damaged: Vec<String> = run
        .damaged
        .iter()
        .map(|damage| format!("Line {}: {}", damage.line, damage.what))
        .collect();
    list(
        page,
        "Damaged lines, left out above",
        &damaged,
        MOST_DAMAGED,
    );
    match &run.metadata {
        Some(metadata) => of_metadata(page, metadata),
        None => page.element(
            "p",
            "quiet",
            "There is no metadata beside the file: machine, versions and command lines are not known.",
        ),
    }
    words(page);
    page.raw("</section>\n");
}

fn list(page: &mut Page, heading: &str, lines: &[String], most: usize) {
    if lines.is_empty() {
        return;
    }
    page.element("h3", "", heading);
    page.raw("<ul>\n");
    for line in lines.iter().take(most) {
        page.element("li", "", line);
    }
    if lines.len() > most {
        page.element("li", "", &format!("and {} more", lines.len() - most));
    }
    page.raw("</ul>\n");
}

fn of_metadata(page: &mut Page, metadata: &Metadata) {
    list(
        page,
        "Noted before the run",
        &metadata.plan.notices,
        usize::MAX,
    );
    page.details(
        "Command lines, as read back from the process table",
        |page| {
            if metadata.servers.is_empty() {
                page.element("p", "quiet", "No server was started.");
            }
            for servers in &metadata.servers {
                commands(page, servers);
            }
            for balancer in &metadata.balancers {
                page.element("h4", "", &format!("Balancer: {}", balancer.balancer));
                page.element("pre", "", &shell_words::join(&balancer.command));
            }
        },
    );
    page.details("Settings", |page| {
        page.raw(
            "<table>\n<thead><tr><th>Setting</th><th>Value</th><th>From</th></tr></thead><tbody>\n",
        );
        for setting in &metadata.plan.settings {
            page.raw(&format!(
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
                text(&setting.name),
                text(&setting.value),
                text(&setting.source)
            ));
        }
        page.raw("</tbody></table>\n");
    });
    page.details("Prompt", |page| {
        let workload = &metadata.plan.workload;
        match &workload.prompt_file {
            Some(file) => page.element(
                "p",
                "",
                &format!(
                    "{} of {} prompts of {}, {} characters on average (SHA-256 {})",
                    file.used,
                    file.count,
                    file.name(),
                    file.mean_chars,
                    file.sha256
                ),
            ),
            None => page.element("pre", "", &workload.prompt),
        }
    });
    page.details("Machine, software and model", |page| {
        let known = &metadata.provenance;
        for (heading, value) in [
            ("Machine", &known.machine),
            ("Software", &known.software),
            ("Model", &known.model),
        ] {
            page.element("h4", "", heading);
            let json = serde_json::to_string_pretty(value).unwrap_or_default();
            page.element("pre", "", &json);
        }
    });
}

fn commands(page: &mut Page, servers: &CellServers) {
    page.element("h4", "", &cells(&servers.cells));
    for server in &servers.servers {
        page.element("pre", "", &shell_words::join(&server.command));
        for difference in &server.differences {
            page.element("p", "warning", &format!("Not as asked: {difference}"));
        }
    }
}

/// "Cells 0–11, 14": by position in the plan, as in the CSV's column `cell`.
fn cells(numbers: &[u32]) -> String {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let stretches: Vec<String> = numbers
        .chunk_by(|a, b| b - a == 1)
        .filter_map(|stretch| {
            let (first, last) = (stretch.first()?, stretch.last()?);
            Some(match last - first {
                0 => first.to_string(),
                1 => format!("{first}, {last}"),
                _ => format!("{first}–{last}"),
            })
        })
        .collect();
    let noun = if numbers.len() == 1 { "Cell" } else { "Cells" };
    format!("{noun} {} (column cell of the CSV)", stretches.join(", "))
}

/// For a reader who does not know the app.
fn words(page: &mut Page) {
    const WORDS: [(&str, &str); 6] = [
        ("Cell", "one combination of settings, measured"),
        (
            "Throughput",
            "completion tokens per second of all requests together, as counted by the server",
        ),
        (
            "TTFT",
            "time to the first token, from the moment the request was due",
        ),
        ("TPOT", "time per output token after the first"),
        ("E2E", "a whole request"),
        (
            "p50, p95",
            "half, and 95 % of the requests were at least as fast; blank where there were too few requests to say",
        ),
    ];
    page.details("What the words mean", |page| {
        page.raw("<dl class=\"words\">\n");
        for (word, meaning) in WORDS {
            page.element("dt", "", word);
            page.element("dd", "", meaning);
        }
        page.raw("</dl>\n");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_cells_are_told_as_a_stretch() {
        assert_eq!(cells(&[3]), "Cell 3 (column cell of the CSV)");
        let text = cells(&[5, 0, 1, 2, 3, 7, 8, 8]);
        assert_eq!(text, "Cells 0–3, 5, 7, 8 (column cell of the CSV)");
    }
}
