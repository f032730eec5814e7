//! One module a page of the navigation.

pub mod results;
