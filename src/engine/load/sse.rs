//! Server-sent events from bytes, with comments.
//!
//! Why not `eventsource-stream`: it drops comment lines, and the keepalive comments are what tells
//! waiting from prefill (`: keepalive done/total`); and it buffers a line without a bound. This
//! parser follows the WHATWG rules for lines (LF, CRLF or CR; a byte order mark at the start;
//! several `data:` lines joined), works on bytes so that a character cut in half by a read stays
//! whole, and refuses a line above [`MAX_LINE_BYTES`].

use memchr::memchr2;

/// One line, and one event, may be this long: a chunk with top-20 log probabilities is under 8 KB.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// What a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SseItem<'a> {
    /// A line that starts with a colon, without it.
    Comment(&'a str),
    /// The data of one event.
    Data(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    #[error("a line of the stream is longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong,
    #[error("the stream is not valid UTF-8")]
    NotUtf8,
}

/// Fed with reads as they come; calls back for each comment and event as soon as it is whole.
#[derive(Debug, Default)]
pub struct SseParser {
    /// The start of a line whose end has not come.
    partial: Vec<u8>,
    /// Data lines of the event being built.
    data: String,
    has_data: bool,
    /// The last line ended with CR: a LF right after belongs to it.
    after_cr: bool,
    past_first_line: bool,
}

impl SseParser {
    /// # Errors
    /// What the stream breaks, or what `on_item` returns.
    pub fn push<E: From<SseError>>(
        &mut self,
        mut bytes: &[u8],
        on_item: &mut impl FnMut(SseItem<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = memchr2(b'\n', b'\r', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.partial.len() + line.len() > MAX_LINE_BYTES {
                return Err(SseError::LineTooLong.into());
            }
            // Nearly every chunk: one line of data and the blank line after it, in one read. It is
            // handed on from where it lies.
            if let (b'\n', Some(b'\n')) = (bytes[end], rest.first())
                && self.between_events()
                && let Some(value) = line.strip_prefix(b"data:")
            {
                let value = std::str::from_utf8(value).map_err(|_| SseError::NotUtf8)?;
                on_item(SseItem::Data(value.strip_prefix(' ').unwrap_or(value)))?;
                bytes = &rest[1..];
                continue;
            }
            if self.partial.is_empty() {
                self.line(line, on_item)?;
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, on_item)?;
                whole.clear();
                self.partial = whole;
            }
            self.after_cr = bytes[end] == b'\r' && rest.is_empty();
            bytes = if bytes[end] == b'\r' {
                rest.strip_prefix(b"\n").unwrap_or(rest)
            } else {
                rest
            };
        }
        if self.partial.len() + bytes.len() > MAX_LINE_BYTES {
            return Err(SseError::LineTooLong.into());
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// What comes next starts a line, which is neither the stream's first nor part of an event.
    fn between_events(&self) -> bool {
        self.partial.is_empty() && !self.has_data && self.past_first_line
    }

    fn line<E: From<SseError>>(
        &mut self,
        line: &[u8],
        on_item: &mut impl FnMut(SseItem<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = std::str::from_utf8(line).map_err(|_| SseError::NotUtf8)?;
        let line = if self.past_first_line {
            line
        } else {
            self.past_first_line = true;
            line.strip_prefix('\u{feff}').unwrap_or(line)
        };
        if line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                on_item(SseItem::Data(&self.data))?;
                self.data.clear();
            }
            return Ok(());
        }
        if let Some(comment) = line.strip_prefix(':') {
            return on_item(SseItem::Comment(comment));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        // `event`, `id` and `retry` say nothing that a load test needs.
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            if self.data.len() + value.len() > MAX_LINE_BYTES {
                return Err(SseError::LineTooLong.into());
            }
            if self.has_data {
                self.data.push('\n');
            }
            self.has_data = true;
            self.data.push_str(value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `reads` in turn and writes the items down.
    fn items<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<String>, SseError> {
        let mut parser = SseParser::default();
        let mut seen = Vec::new();
        for read in reads {
            parser.push(read, &mut |item| {
                seen.push(match item {
                    SseItem::Comment(text) => format!("#{text}"),
                    SseItem::Data(text) => text.to_owned(),
                });
                Ok::<(), SseError>(())
            })?;
        }
        Ok(seen)
    }

    #[test]
    fn comments_and_events_come_in_order() {
        let text = b": keepalive 1/2\n\ndata: {\"a\":1}\n\ndata: [DONE]\n\n";
        assert_eq!(
            items([&text[..]]),
            Ok(vec![
                "# keepalive 1/2".into(),
                "{\"a\":1}".into(),
                "[DONE]".into()
            ])
        );
    }

    #[test]
    fn data_lines_are_joined_other_fields_ignored_and_an_unfinished_event_is_dropped() {
        let text = "\u{feff}event: x\ndata:a\ndata\nid: 3\ndata:  b\n\nretry: 1\n\ndata: cut\n";
        assert_eq!(items([text.as_bytes()]), Ok(vec!["a\n\n b".into()]));
    }

    proptest! {
        /// However a stream is cut into reads, and whichever line ends it uses.
        #[test]
        fn reads_may_be_cut_anywhere(cuts in prop::collection::vec(0usize..60, 0..12), end in 0usize..3) {
            let line_end = ["\n", "\r\n", "\r"][end];
            let text = ": läuft 1/2\n\ndata: grüße 🦀\n\ndata: 1\ndata: 2\n\n".replace('\n', line_end);
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let reads = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]);
            prop_assert_eq!(
                items(reads),
                Ok(vec!["# läuft 1/2".to_owned(), "grüße 🦀".to_owned(), "1\n2".to_owned()])
            );
        }
    }

    #[test]
    fn a_line_without_end_is_refused_with_bounded_memory() {
        let read = [b'x'; 8192];
        let mut parser = SseParser::default();
        let mut fed = 0;
        let refused = loop {
            match parser.push(&read, &mut |_| Ok::<(), SseError>(())) {
                Ok(()) => fed += read.len(),
                Err(e) => break e,
            }
            assert!(fed <= 10 * 1024 * 1024, "10 MB were swallowed");
        };
        assert_eq!(refused, SseError::LineTooLong);
        assert!(parser.partial.capacity() <= 2 * MAX_LINE_BYTES);
    }

    #[test]
    fn many_data_lines_of_one_event_are_bounded_too() {
        let read = b"data: 0123456789abcdef\n".repeat(1000);
        let mut parser = SseParser::default();
        let refused =
            (0..500).find_map(|_| parser.push(&read, &mut |_| Ok::<(), SseError>(())).err());
        assert_eq!(refused, Some(SseError::LineTooLong));
    }

    #[test]
    fn bad_utf8_is_an_error() {
        assert_eq!(items([&b"data: \xff\xfe\n\n"[..]]), Err(SseError::NotUtf8));
        let later = &b": first\n\ndata: \xff\xfe\n\n"[..];
        assert_eq!(items([later]), Err(SseError::NotUtf8));
    }

    proptest! {
        /// Events that come whole in one read take a shorter way than those cut in two.
        #[test]
        fn whole_events_and_cut_ones_are_the_same(
            lines in prop::collection::vec(
                prop::sample::select(vec!["data: a", "data:b", "data:  c", "data", "data: ü", ": d", "id: 1", "", "", ""]),
                0..30,
            ),
        ) {
            let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
            let whole = items([text.as_bytes()]);
            prop_assert_eq!(items(text.as_bytes().chunks(1)), whole);
        }
    }

    #[test]
    fn a_whole_event_above_the_limit_is_refused() {
        let mut text = b": first\ndata: ".to_vec();
        text.resize(text.len() + MAX_LINE_BYTES, b'x');
        text.extend_from_slice(b"\n\n");
        assert_eq!(items([&text[..]]), Err(SseError::LineTooLong));
    }
}
