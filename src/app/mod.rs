//! The window: a fold over the engine's events, drawn with egui.
//!
//! ```text
//! engine ──events──▶ run_state ──▶ board ──▶ pages/run (heatmap, plots, detail, table, log)
//! files  ──────────▶ library   ──▶ board ──▶ pages/results
//! keys, menus, buttons ──▶ command (AppCommand) ──▶ update
//! ```
//! `logic()` drains and folds; `ui()` only draws. Drawing code does no parsing, sorting, file
//! access or locking.

mod backend;
mod cell_detail;
mod charts;
pub mod command;
mod heat;
mod heat_panel;
mod lab;
mod launch;
pub mod pages;
mod reading;
pub mod run_state;
pub mod theme;
mod update;
pub mod widgets;

pub use lab::Lab;
pub use launch::window;
