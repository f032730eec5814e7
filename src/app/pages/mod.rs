//! One module a page of the navigation.

pub mod compare;
pub mod environment;
pub mod models;
pub mod results;
pub mod run;
