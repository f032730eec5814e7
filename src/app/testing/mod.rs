//! The whole window for tests: drawn as the app draws it, over an engine that follows a script.

pub(in crate::app) mod picture;
pub(in crate::app) mod raster;
pub(in crate::app) mod script;
pub(in crate::app) mod window;
