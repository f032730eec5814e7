//! The table as text: the README's reference and the command line's help.

use std::fmt::Write as _;

use strum::IntoEnumIterator;

use super::table::{self, DefaultValue, Group, Spec};

/// Between these marks the README holds [`markdown`]'s text.
pub const BEGIN: &str = "<!-- settings:begin -->";
pub const END: &str = "<!-- settings:end -->";

/// One table a group.
pub fn markdown() -> String {
    let mut text = String::new();
    for group in Group::iter() {
        let _ = write!(
            text,
            "\n**{group}**\n\n| variable | meaning | accepted | default |\n|---|---|---|---|\n"
        );
        for spec in of(group) {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                spec.name,
                cell(spec.help),
                cell(&spec.kind.accepted()),
                cell(&default(spec, "`"))
            );
        }
    }
    text.push('\n');
    text
}

/// For the end of `--help`: names, meanings and defaults.
pub fn cli_help() -> String {
    let mut text = String::from(
        "Settings (as KEY=VALUE arguments or environment variables; flags win over KEY=VALUE, \
         that over the environment, that over saved settings):\n",
    );
    for group in Group::iter() {
        let _ = write!(text, "\n  {group}\n");
        for spec in of(group) {
            let _ = writeln!(
                text,
                "    {}\n        {} [default: {}]",
                spec.name,
                spec.help.replace('`', ""),
                default(spec, "").replace('`', "")
            );
        }
    }
    text.push_str(
        "\nLists take commas or spaces and ranges: 1..64x2 is 1,2,4,...,64 and 8..32+8 is 8,16,24,32.\n\
         Exit status: 0 done, 1 a check or a cell failed, 2 wrong usage, 130 interrupted.",
    );
    text
}

fn of(group: Group) -> impl Iterator<Item = &'static Spec> {
    table::all().iter().filter(move |spec| spec.group == group)
}

fn default(spec: &Spec, quote: &str) -> String {
    let quoted = |text: &str| format!("{quote}{text}{quote}");
    match spec.default {
        DefaultValue::Computed(how) => how.to_owned(),
        DefaultValue::Always(text) => quoted(text),
        DefaultValue::PerKind { kinds, other } => {
            let mut text = quoted(other);
            for (kind, value) in kinds {
                let _ = write!(text, "; {kind}: {}", quoted(value));
            }
            text
        }
    }
}

/// A bar would end the table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE_README=1 cargo test readme` writes the block anew.
    #[test]
    fn the_readme_holds_the_table() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let readme = std::fs::read_to_string(&path).expect("README.md is there");
        let (before, rest) = readme.split_once(BEGIN).expect("a begin mark");
        let (block, after) = rest.split_once(END).expect("an end mark");
        let wanted = format!("\n{}", markdown());
        if std::env::var_os("UPDATE_README").is_some() {
            std::fs::write(&path, format!("{before}{BEGIN}{wanted}{END}{after}"))
                .expect("README.md is written");
            return;
        }
        assert_eq!(
            block, wanted,
            "README.md lags behind: UPDATE_README=1 cargo test readme"
        );
    }

    #[test]
    fn every_setting_stands_in_both_texts_once() {
        let (markdown, help) = (markdown(), cli_help());
        for spec in table::all() {
            assert_eq!(
                markdown.matches(&format!("| `{}` |", spec.name)).count(),
                1,
                "{}",
                spec.name
            );
            assert!(help.contains(&format!("    {}\n", spec.name)));
        }
    }
}
