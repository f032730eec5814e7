//! The Run page: setting up a run, and watching it.

pub mod form;
