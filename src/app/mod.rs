//! The window: a fold over the engine's events, drawn with egui.
//!
//! ```text
//! engine ──events──▶ run_state ──▶ board ──▶ pages/run (heatmap, plots, detail, table, log)
//! files  ──────────▶ library   ──▶ board ──▶ pages/results
//! keys, menus, buttons ──▶ command (AppCommand) ──▶ update
//! ```
//! `logic()` drains and folds; `ui()` only draws. Drawing code does no parsing, sorting, file
//! access or locking.

pub mod board;
pub mod command;
pub mod pages;
pub mod run_state;
pub mod theme;
pub mod widgets;
