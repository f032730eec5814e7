//! What is made of a run's files for people: tables in the terminal, and documents to keep or send.
//!
//! ```text
//! CSV ─────────────▶ analyze                      a table in the terminal
//! LoadedRun ──▶ document ──┬▶ html, markdown      escaped by `escape`
//!                          ├▶ json, spreadsheet     the rows
//!                          └▶ chart ──▶ png       SVG, drawn with the bundled fonts
//! ```

pub mod analyze;
pub mod chart;
pub mod colour;
pub mod document;
#[cfg(test)]
mod energy_tests;
pub mod escape;
pub mod file;
pub mod html;
#[cfg(test)]
mod interval_tests;
pub mod json;
pub mod markdown;
pub mod png;
pub mod python_float;
pub mod spreadsheet;
#[cfg(test)]
mod testing;
