//! The list, line by line, ready to draw.

use crate::models::catalogue::{Catalogue, Entry, Presence};
use crate::models::{Description, synthetic};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    Heading {
        title: &'static str,
        count: String,
    },
    /// Under a heading of which the filter leaves nothing, or that has nothing yet.
    Nothing(&'static str),
    Model(Box<Row>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// What a run is given.
    pub text: String,
    pub title: String,
    /// Architecture, parameters and the like.
    pub detail: String,
    /// Right, above and below.
    pub size: String,
    pub state: &'static str,
    /// It does not load.
    pub bad: bool,
    /// From the recent ones.
    pub removable: bool,
    /// What a screen reader says.
    pub name: String,
}

pub(super) fn lines(
    catalogue: &Catalogue,
    recent: &[(&str, Option<Result<&Entry, &String>>)],
    filter: &str,
) -> Vec<Line> {
    let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
    let recent = recent
        .iter()
        .map(|(text, entry)| Row::recent(text, *entry))
        .collect();
    let rows = |entries: &[Entry]| entries.iter().map(Row::of).collect::<Vec<_>>();
    let mut lines = Vec::new();
    for (title, rows, nothing) in [
        ("Recent", recent, None),
        (
            "On this machine",
            rows(&catalogue.found),
            Some("No models were found. Choose a folder, or take one below."),
        ),
        ("Synthetic", rows(&catalogue.synthetic), None),
        ("Recommended", rows(&catalogue.recommended), None),
    ] {
        let all = rows.len();
        let rows: Vec<Row> = rows
            .into_iter()
            .filter(|row| words.iter().all(|word| row.matches(word)))
            .collect();
        let nothing = match (all, rows.len(), nothing) {
            (0, _, None) => continue,
            (0, _, Some(nothing)) if words.is_empty() => Some(nothing),
            (_, 0, _) => Some("None matches the filter"),
            _ => None,
        };
        let count = if rows.len() == all {
            all.to_string()
        } else {
            format!("{} of {all}", rows.len())
        };
        lines.push(Line::Heading { title, count });
        lines.extend(nothing.map(Line::Nothing));
        lines.extend(rows.into_iter().map(|row| Line::Model(Box::new(row))));
    }
    lines
}

impl Row {
    fn of(entry: &Entry) -> Self {
        let described = entry.description.as_ref();
        let (org, title) = split(&entry.label);
        let class = entry.class.map(|class| class.to_string());
        let parts: Vec<String> = class
            .into_iter()
            .chain(described.map(summary).filter(|text| !text.is_empty()))
            .chain(org.map(str::to_owned))
            .collect();
        let size = match (&entry.presence, described) {
            (Presence::ToDownload(Some(bytes)), _) => format!("about {bytes}"),
            (_, Some(described)) => described.size.to_string(),
            _ => String::new(),
        };
        let bad = described.is_some_and(|described| !described.problems.is_empty());
        let state = match &entry.presence {
            Presence::Here(_) if bad => "will not load",
            Presence::Here(_) => "on disk",
            Presence::Makeable { .. } => "not made",
            Presence::ToDownload(_) => "to download",
        };
        Self {
            bad,
            detail: parts.join(" · "),
            title: title.to_owned(),
            text: entry.text.clone(),
            size,
            state,
            removable: false,
            name: String::new(),
        }
        .named()
    }

    fn recent(text: &str, entry: Option<Result<&Entry, &String>>) -> Self {
        let row = match entry {
            Some(Ok(entry)) => Self::of(entry),
            gone => Self {
                title: split(text).1.to_owned(),
                text: String::new(),
                detail: match gone {
                    Some(_) => "not found any more".to_owned(),
                    None => String::new(),
                },
                size: String::new(),
                state: "",
                bad: gone.is_some(),
                removable: true,
                name: String::new(),
            },
        };
        Self {
            text: text.to_owned(),
            removable: true,
            ..row
        }
        .named()
    }

    fn named(mut self) -> Self {
        let mut parts = vec![self.title.as_str(), &self.detail, &self.size, self.state];
        parts.retain(|part| !part.is_empty());
        self.name = parts.join(", ");
        self
    }

    fn matches(&self, word: &str) -> bool {
        self.name.to_lowercase().contains(word) || self.text.to_lowercase().contains(word)
    }
}

/// The organisation, and what is most of the name.
fn split(label: &str) -> (Option<&str>, &str) {
    match label.rsplit_once('/') {
        Some((org, name)) if !label.starts_with(synthetic::PREFIX) && !name.is_empty() => {
            let org = org.trim_start_matches('/');
            (Some(org).filter(|org| !org.contains('/')), name)
        }
        _ => (None, label),
    }
}

/// `llama · 1.24 B · 4-bit`
fn summary(described: &Description) -> String {
    let bits = match &described.quantisation {
        Some(packed) => Some(format!("{}-bit", packed.bits)),
        None => described
            .float_type
            .as_ref()
            .map(|float| float.to_lowercase()),
    };
    let parts: Vec<String> = [
        described.architecture.clone(),
        described.parameters.map(|count| count.to_string()),
        bits,
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.join(" · ")
}
