//! Building blocks of the page: everything that is not written here is escaped.

use std::borrow::Cow;

use crate::report::escape;

pub fn text(text: &str) -> Cow<'_, str> {
    escape::xml(text)
}

#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Markup of ours.
    pub fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// `<name class="class">words</name>`, with the words escaped.
    pub fn element(&mut self, name: &str, class: &str, words: &str) {
        self.0.push('<');
        self.0.push_str(name);
        if !class.is_empty() {
            self.0.push_str(" class=\"");
            self.0.push_str(class);
            self.0.push('"');
        }
        self.0.push('>');
        self.0.push_str(&text(words));
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push_str(">\n");
    }

    /// A part that is closed at first, under its heading.
    pub fn details(&mut self, heading: &str, write: impl FnOnce(&mut Self)) {
        self.raw("<details>\n");
        self.element("summary", "", heading);
        write(self);
        self.raw("</details>\n");
    }

    pub fn finish(self) -> String {
        self.0
    }
}
