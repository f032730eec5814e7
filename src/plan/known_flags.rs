//! The flags of the installed `mlx_lm.server`, read from its own `--help`: versions differ.

use serde::{Deserialize, Serialize};

/// What to tell a user whose version lacks the two batch flags, which entered mlx-lm on
/// 2026-01-30, after version 0.30.6.
pub const FIRST_WITH_BATCH_FLAGS: &str = "mlx-lm 0.30.7";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFlag {
    /// Long names first, with their dashes.
    pub names: Vec<String>,
    pub takes_value: bool,
    /// Empty where any value goes.
    pub choices: Vec<String>,
    pub help: String,
}

impl KnownFlag {
    pub fn name(&self) -> &str {
        &self.names[0]
    }
}

/// Why a flag was not recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    #[error("{flag}: {version} has no such flag.{}", suggestion(.nearest.as_deref()))]
    Unknown {
        flag: String,
        version: String,
        nearest: Option<String>,
    },
    #[error("{flag} could mean {}: write it out", .candidates.join(" or "))]
    Ambiguous {
        flag: String,
        candidates: Vec<String>,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |flag| format!(" Did you mean {flag}?"))
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`mlx_lm server --help` printed no list of options, so its flags are unknown. \
     It printed: {start:?}"
)]
pub struct HelpNotUnderstood {
    pub start: String,
}

/// All flags of one installed version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFlags {
    /// Of mlx-lm, as in `0.32.2`; `None` where it could not be told.
    pub version: Option<String>,
    flags: Vec<KnownFlag>,
}

impl KnownFlags {
    /// Reads argparse's help text, as Python 3.9 to 3.14 print it, coloured or not.
    pub fn parse(help: &str, version: Option<&str>) -> Result<Self, HelpNotUnderstood> {
        let plain = without_colour(help);
        let mut flags: Vec<KnownFlag> = Vec::new();
        let mut in_options = false;
        for line in plain.lines() {
            let indent = line.len() - line.trim_start().len();
            let content = line.trim();
            if indent == 0 && content.ends_with(':') {
                in_options = true;
            } else if in_options && (1..=4).contains(&indent) && content.starts_with('-') {
                flags.push(option(content));
            } else if let Some(flag) = flags.last_mut()
                && in_options
                && !content.is_empty()
            {
                if !flag.help.is_empty() {
                    flag.help.push(' ');
                }
                flag.help.push_str(content);
            }
        }
        if flags.is_empty() {
            return Err(HelpNotUnderstood {
                start: plain.chars().take(200).collect(),
            });
        }
        Ok(Self {
            version: version.map(str::to_owned),
            flags,
        })
    }

    /// The flags of mlx-lm 0.32.2, for plans made where no server can be asked.
    ///
    /// # Panics
    /// Never: the text is part of the program, and a test reads it.
    pub fn bundled() -> Self {
        Self::parse(include_str!("fixtures/server_help_0.32.2.txt"), None)
            .expect("the text is part of the program, and a test reads it")
    }

    pub fn iter(&self) -> impl Iterator<Item = &KnownFlag> {
        self.flags.iter()
    }

    /// `mlx-lm 0.32.2`, or what can be said without a number.
    pub fn version_text(&self) -> String {
        self.version.as_ref().map_or_else(
            || "the installed mlx-lm".to_owned(),
            |version| format!("mlx-lm {version}"),
        )
    }

    /// By its exact name.
    pub fn get(&self, name: &str) -> Option<&KnownFlag> {
        self.flags
            .iter()
            .find(|flag| flag.names.iter().any(|n| n == name))
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// By its name or, as argparse reads it, by the unambiguous beginning of one.
    pub fn resolve(&self, written: &str) -> Result<&KnownFlag, FlagError> {
        if let Some(flag) = self.get(written) {
            return Ok(flag);
        }
        let candidates: Vec<&KnownFlag> = if written.len() > 2 && written.starts_with("--") {
            self.flags
                .iter()
                .filter(|flag| flag.names.iter().any(|name| name.starts_with(written)))
                .collect()
        } else {
            Vec::new()
        };
        match candidates[..] {
            [flag] => Ok(flag),
            [] => Err(FlagError::Unknown {
                flag: written.to_owned(),
                version: self.version_text(),
                nearest: self.nearest(written),
            }),
            _ => Err(FlagError::Ambiguous {
                flag: written.to_owned(),
                candidates: candidates
                    .iter()
                    .map(|flag| flag.name().to_owned())
                    .collect(),
            }),
        }
    }

    /// The flag whose name is closest, if any is close.
    fn nearest(&self, written: &str) -> Option<String> {
        // Dashes and underscores are what people mix up; they must not count as letters.
        let bare = |name: &str| {
            name.trim_start_matches('-')
                .replace('_', "-")
                .to_lowercase()
        };
        let wanted = bare(written);
        self.flags
            .iter()
            .flat_map(|flag| &flag.names)
            .filter(|name| name.starts_with("--"))
            .map(|name| (strsim::jaro_winkler(&wanted, &bare(name)), name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness > 0.75)
            .map(|(_, name)| name.clone())
    }
}

/// One line of the option list: `-m M, --model M  help`, `--level {A,B}  help`.
fn option(content: &str) -> KnownFlag {
    let (invocation, help) = content.split_once("  ").unwrap_or((content, ""));
    let mut names = Vec::new();
    let mut takes_value = false;
    let mut choices = Vec::new();
    for part in split_outside_braces(invocation) {
        let (name, value) = part.split_once([' ', '=']).unwrap_or((part, ""));
        if !name.starts_with('-') {
            continue;
        }
        names.push(name.to_owned());
        let value = value.trim();
        takes_value |= !value.is_empty();
        if let Some(list) = value.strip_prefix('{').and_then(|v| v.split('}').next()) {
            choices = list.split(',').map(str::to_owned).collect();
        }
    }
    names.sort_by_key(|name| !name.starts_with("--"));
    KnownFlag {
        names,
        takes_value,
        choices,
        help: help.trim().to_owned(),
    }
}

fn split_outside_braces(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// Python 3.14 colours help where `FORCE_COLOR` is set: drops `ESC [ ... m`.
fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The flags of mlx-lm 0.32.2, from its real help text.
    pub(crate) fn real() -> KnownFlags {
        let help = include_str!("fixtures/server_help_0.32.2.txt");
        KnownFlags::parse(help, Some("0.32.2")).expect("the real help text")
    }

    /// A version from before the batch flags.
    pub(crate) fn old() -> KnownFlags {
        let mut flags = real();
        flags.version = Some("0.30.6".to_owned());
        flags.flags.retain(|flag| {
            !flag.name().contains("-concurrency") && !flag.name().contains("prompt-cache")
        });
        flags
    }

    #[test]
    fn the_real_help_text_is_read_whole() {
        let flags = real();
        assert_eq!(flags.iter().count(), 27);
        let model = flags.get("--model").expect("--model");
        assert!(model.takes_value && model.choices.is_empty());
        assert_eq!(
            model.help,
            "The path to the MLX model weights, tokenizer, and config"
        );
        let level = flags.get("--log-level").expect("--log-level");
        assert_eq!(
            level.choices,
            ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
        );
        for switch in ["--pipeline", "--trust-remote-code", "--help"] {
            assert!(!flags.get(switch).expect(switch).takes_value, "{switch}");
        }
        assert_eq!(flags.get("-h").expect("-h").name(), "--help");
        let decode = flags
            .get("--decode-concurrency")
            .expect("--decode-concurrency");
        assert!(decode.takes_value);
        assert!(
            decode.help.starts_with("When a request is batchable"),
            "{}",
            decode.help
        );
    }

    #[test]
    fn other_pythons_print_it_otherwise() {
        for help in [
            // Python 3.13 names the value once; 3.9 headed the list differently.
            "usage: x\n\noptional arguments:\n  -h, --help  show\n  -l, --level {A,B}  pick\n",
            "usage: x\n\noptions:\n  -h, --help  show\n  -l {A,B}, --level {A,B}\n                 pick\n",
            "\x1b[1musage: x\x1b[0m\n\n\x1b[1;34moptions:\x1b[0m\n  \x1b[32m-l\x1b[0m, \x1b[36m--level\x1b[0m \x1b[33m{A,B}\x1b[0m  pick\n",
        ] {
            let flags = KnownFlags::parse(help, None).expect(help);
            let level = flags.get("--level").expect("--level");
            assert_eq!(level.names, ["--level", "-l"]);
            assert_eq!(level.choices, ["A", "B"]);
            assert!(level.takes_value);
            assert_eq!(level.help, "pick");
        }
        let error = KnownFlags::parse("Traceback (most recent call last)\n", None)
            .expect_err("no options")
            .to_string();
        assert!(error.contains("Traceback"), "{error}");
    }

    #[test]
    fn beginnings_resolve_as_argparse_resolves_them() {
        let flags = real();
        for (written, name) in [
            ("--mod", "--model"),
            ("--po", "--port"),
            ("--ho", "--host"),
            ("--decode-c", "--decode-concurrency"),
            ("--prompt-con", "--prompt-concurrency"),
            ("--chat-template", "--chat-template"),
            ("--chat-template-a", "--chat-template-args"),
        ] {
            assert_eq!(
                flags.resolve(written).map(KnownFlag::name),
                Ok(name),
                "{written}"
            );
        }
        assert_eq!(
            flags
                .resolve("--prompt-cache")
                .expect_err("two")
                .to_string(),
            "--prompt-cache could mean --prompt-cache-size or --prompt-cache-bytes: write it out"
        );
        assert_eq!(
            flags
                .resolve("--max-token-s")
                .expect_err("none")
                .to_string(),
            "--max-token-s: mlx-lm 0.32.2 has no such flag. Did you mean --max-tokens?"
        );
        assert_eq!(
            flags
                .resolve("--decode_concurrency")
                .expect_err("none")
                .to_string(),
            "--decode_concurrency: mlx-lm 0.32.2 has no such flag. Did you mean --decode-concurrency?"
        );
        assert_eq!(
            flags.resolve("--zzz").expect_err("none").to_string(),
            "--zzz: mlx-lm 0.32.2 has no such flag."
        );
        assert!(flags.resolve("--").is_err());
    }
}
