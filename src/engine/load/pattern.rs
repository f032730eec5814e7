//! How the chunks of one stream look, so that most need no parsing.
//!
//! A server writes each chunk of an answer with the same words around its text. Once one was parsed
//! strictly, what stands before its text and what stands after it is known, up to and from the quotes.
//! Data that begins and ends alike, with nothing between that could end the string (a quote), escape
//! (a backslash) or break it (a control character), is the same JSON with another text: parsing it
//! strictly would find that text and nothing else. All other data is parsed.

/// Learned from a chunk; empty before that.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    /// Ends with the quote that opens the text.
    before: String,
    /// Begins with the quote that closes it.
    after: String,
}

impl Pattern {
    /// `text` is a part of `data`, between quotes, without escapes: not a copy of it.
    pub fn learn(&mut self, data: &str, text: &str) {
        let at = text.as_ptr().addr().checked_sub(data.as_ptr().addr());
        let parts = at.and_then(|at| Some((data.get(..at)?, data.get(at + text.len()..)?)));
        let Some((before, after)) = parts else {
            return;
        };
        self.before.clear();
        self.before.push_str(before);
        self.after.clear();
        self.after.push_str(after);
    }

    /// How many bytes of text this chunk has; `None` if only parsing can tell.
    pub fn text_len(&self, data: &str) -> Option<u32> {
        if self.before.is_empty() {
            return None;
        }
        let text = data.strip_prefix(self.before.as_str())?;
        let text = text.strip_suffix(self.after.as_str())?;
        let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.is_empty() || !text.bytes().all(plain) {
            return None;
        }
        u32::try_from(text.len()).ok()
    }
}
