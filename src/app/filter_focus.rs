//! Which field the Filter command writes into: the first that a page draws and offers here.
//!
//! The command asks, a page's filter field claims: the window does not need to know which page has
//! which field.

use egui::{Context, Id, Response};

fn id() -> Id {
    Id::unique("filter is asked for")
}

/// The next filter field that is drawn gets the keyboard.
pub fn ask(context: &Context) {
    context.data_mut(|data| data.insert_temp(id(), true));
}

/// Call with a page's filter field, after it was added.
pub fn claim(field: &Response) {
    let asked = field
        .ctx
        .data_mut(|data| data.remove_temp::<bool>(id()).is_some());
    if asked {
        field.request_focus();
    }
}
