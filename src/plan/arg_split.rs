//! How the Advanced arguments text becomes arguments. No shell is ever involved.
//!
//! - With a comma outside quotes, braces and brackets, commas part the arguments, and each piece
//!   is one argument, spaces included: `--a=1,--b=/path with spaces/t.txt`.
//! - Without one, the text is read as shell words: `--a 1 --b '/path with spaces/t.txt'`.
//! - Quotes hold a value together and are dropped; inside braces and brackets everything stays
//!   as written, so that JSON needs no quoting: `--chat-template-args={"a":1,"b":2}`.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    #[error("the arguments hold the control character {0:?}: write them on one line, without tabs")]
    ControlCharacter(char),
    #[error(
        "a quote ({0}) is opened and never closed: close it, or put the whole argument in the other kind of quotes"
    )]
    OpenQuote(char),
    #[error("`{0}` is opened and never closed")]
    OpenBracket(char),
    #[error("`{0}` closes what was never opened: quote the argument if it is meant")]
    StrayBracket(char),
}

/// One argument each.
pub fn split(text: &str) -> Result<Vec<String>, SplitError> {
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        return Err(SplitError::ControlCharacter(c));
    }
    if text.contains(',') {
        let pieces = pieces(text, Separator::Comma)?;
        if pieces.separators > 0 {
            return Ok(pieces.arguments);
        }
    }
    Ok(pieces(text, Separator::Space)?.arguments)
}

/// The text that [`split`] reads back as these arguments, parted by commas.
pub fn join<S: AsRef<str>>(arguments: &[S]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|a| quote(a.as_ref())).collect();
    match &quoted[..] {
        // A lone argument needs a comma to be read as one.
        [only] => format!("{only},"),
        _ => quoted.join(","),
    }
}

fn quote(argument: &str) -> String {
    let plain = !argument.is_empty()
        && argument.trim() == argument
        && !argument.contains([',', '"', '\'', '\\', '{', '}', '[', ']']);
    if plain {
        return argument.to_owned();
    }
    let escaped = argument.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

#[derive(Clone, Copy, PartialEq)]
enum Separator {
    Comma,
    Space,
}

impl Separator {
    fn is(self, c: char) -> bool {
        match self {
            Self::Comma => c == ',',
            Self::Space => c.is_whitespace(),
        }
    }
}

struct Pieces {
    arguments: Vec<String>,
    /// How often arguments were parted.
    separators: usize,
}

fn pieces(text: &str, separator: Separator) -> Result<Pieces, SplitError> {
    let mut all = Pieces {
        arguments: Vec::new(),
        separators: 0,
    };
    let mut current = Piece::default();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => current.quoted(c, &mut chars)?,
            '{' | '[' => current.bracketed(c, &mut chars)?,
            '}' | ']' => return Err(SplitError::StrayBracket(c)),
            '\\' if separator == Separator::Space => current.push_kept(chars.next().unwrap_or(c)),
            c if separator.is(c) => {
                all.separators += 1;
                all.arguments.extend(std::mem::take(&mut current).finish());
            }
            c => current.push(c),
        }
    }
    all.arguments.extend(current.finish());
    Ok(all)
}

/// An argument in the making. White space around it is dropped unless it was quoted.
#[derive(Default)]
struct Piece {
    text: String,
    /// Length up to which trailing white space is kept.
    kept: usize,
    /// Quotes make even an empty text an argument.
    was_quoted: bool,
}

impl Piece {
    fn push(&mut self, c: char) {
        if c.is_whitespace() && self.text.is_empty() && !self.was_quoted {
            return;
        }
        self.text.push(c);
        if !c.is_whitespace() {
            self.kept = self.text.len();
        }
    }

    fn push_kept(&mut self, c: char) {
        self.text.push(c);
        self.kept = self.text.len();
    }

    /// After an opening quote. In double quotes a backslash keeps `"` and `\`, as in a shell.
    fn quoted(&mut self, quote: char, chars: &mut std::str::Chars<'_>) -> Result<(), SplitError> {
        self.was_quoted = true;
        // White space before the quotes stays only where it is inside an argument.
        self.kept = self.text.len();
        while let Some(c) = chars.next() {
            if c == quote {
                return Ok(());
            }
            let next = chars.as_str().chars().next();
            if quote == '"' && c == '\\' && matches!(next, Some('"' | '\\')) {
                self.push_kept(chars.next().unwrap_or(c));
            } else {
                self.push_kept(c);
            }
        }
        Err(SplitError::OpenQuote(quote))
    }

    /// After an opening brace or bracket: everything to the one that closes it, as written.
    /// Closing ones inside strings do not count.
    fn bracketed(&mut self, open: char, chars: &mut std::str::Chars<'_>) -> Result<(), SplitError> {
        let mut expected = vec![closing(open)];
        let mut string = None;
        self.push_kept(open);
        while let Some(c) = chars.next() {
            self.push_kept(c);
            match (string, c) {
                (Some(_), '\\') => {
                    if let Some(escaped) = chars.next() {
                        self.push_kept(escaped);
                    }
                }
                (Some(quote), c) if c == quote => string = None,
                (None, '"' | '\'') => string = Some(c),
                (None, '{' | '[') => expected.push(closing(c)),
                (None, '}' | ']') => {
                    if expected.pop() != Some(c) {
                        return Err(SplitError::StrayBracket(c));
                    }
                    if expected.is_empty() {
                        return Ok(());
                    }
                }
                // Inside a string nothing else counts, and outside only what stands above.
                _ => {}
            }
        }
        Err(string.map_or(SplitError::OpenBracket(open), SplitError::OpenQuote))
    }

    fn finish(mut self) -> Option<String> {
        self.text.truncate(self.kept);
        (self.was_quoted || !self.text.is_empty()).then_some(self.text)
    }
}

fn closing(open: char) -> char {
    if open == '{' { '}' } else { ']' }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_rule_of_the_two_readings() {
        for (text, arguments) in [
            ("", &[][..]),
            (" , ,", &[]),
            // Commas part; spaces, and further equals signs, belong to the value.
            (
                "--max-tokens=256,--temp=0.5,--chat-template=/path with spaces/t.txt",
                &[
                    "--max-tokens=256",
                    "--temp=0.5",
                    "--chat-template=/path with spaces/t.txt",
                ],
            ),
            (" --a=1 , --b=x=y ", &["--a=1", "--b=x=y"]),
            (
                "--chat-template=/a b/t.txt,",
                &["--chat-template=/a b/t.txt"],
            ),
            ("--temp,0.5", &["--temp", "0.5"]),
            (r"--a=C:\x,--b", &[r"--a=C:\x", "--b"]),
            // Quotes hold together and go.
            (r#"--a="1,2",--b"#, &["--a=1,2", "--b"]),
            (r#""--a=1,2",'--b= 3 '"#, &["--a=1,2", "--b= 3 "]),
            (r#""--a=/o'brien/x",--b"#, &["--a=/o'brien/x", "--b"]),
            (r#"--a="say \"1, 2\"",--b"#, &[r#"--a=say "1, 2""#, "--b"]),
            // Braces and brackets stay as written.
            (
                r#"--chat-template-args={"enable_thinking":false,"a":1}"#,
                &[r#"--chat-template-args={"enable_thinking":false,"a":1}"#],
            ),
            (
                r#"--chat-template-args={"a":[1,{"b":"},"}]},--temp=0.5"#,
                &[r#"--chat-template-args={"a":[1,{"b":"},"}]}"#, "--temp=0.5"],
            ),
            (
                r#"--chat-template-args='{"a":1,"b":2}',--x"#,
                &[r#"--chat-template-args={"a":1,"b":2}"#, "--x"],
            ),
            ("--a=[1,2],--b", &["--a=[1,2]", "--b"]),
            // Without a comma that parts: shell words.
            (
                "--temp 0.5 --top-p 0.9",
                &["--temp", "0.5", "--top-p", "0.9"],
            ),
            (
                "--chat-template '/a b/t.txt' --temp=1",
                &["--chat-template", "/a b/t.txt", "--temp=1"],
            ),
            (
                r"--chat-template=/a\ b/t.txt",
                &["--chat-template=/a b/t.txt"],
            ),
            ("--a 'x, y' --b", &["--a", "x, y", "--b"]),
            (
                r#"--chat-template-args {"a": 1, "b": 2} --temp 1"#,
                &["--chat-template-args", r#"{"a": 1, "b": 2}"#, "--temp", "1"],
            ),
            ("--a ''", &["--a", ""]),
        ] {
            let split = split(text);
            assert_eq!(
                split.as_deref(),
                Ok(&arguments.iter().map(|&a| a.to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for (text, error) in [
            ("--a=1\n--b", SplitError::ControlCharacter('\n')),
            ("--a=1\0", SplitError::ControlCharacter('\0')),
            ("--a=\"1,--b", SplitError::OpenQuote('"')),
            ("--a o'brien", SplitError::OpenQuote('\'')),
            ("--a={\"x\":1,--b", SplitError::OpenBracket('{')),
            ("--a={\"x:1},--b", SplitError::OpenQuote('"')),
            ("--a=1},--b", SplitError::StrayBracket('}')),
            ("--a={[}],--b", SplitError::StrayBracket('}')),
        ] {
            assert_eq!(split(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_joined_is_split_back(arguments in prop::collection::vec("[^\\p{Cc}]{0,20}", 0..6)) {
            prop_assert_eq!(split(&join(&arguments)), Ok(arguments));
        }

        #[test]
        fn no_text_panics(text in "[-a-z0-9=,'\"{}\\[\\]\\\\ ]{0,60}") {
            if let Ok(arguments) = split(&text) {
                prop_assert!(arguments.iter().map(String::len).sum::<usize>() <= text.len());
            }
        }

        /// Words without quotes, braces and commas are read as the shell reads them.
        #[test]
        fn legacy_words_are_the_shells(text in "[-a-z0-9=./ ']{0,40}") {
            if let (Ok(ours), Ok(shells)) = (split(&text), shell_words::split(&text)) {
                prop_assert_eq!(ours, shells);
            }
        }
    }
}
