//! The window: a fold over the engine's events, drawn with egui.
//!
//! ```text
//! engine ──events──▶ run_state ──▶ board ──▶ pages/run (heatmap, plots, detail, table, log)
//! files  ──────────▶ library   ──▶ board ──▶ pages/results
//!                                    └─────▶ pages/compare (through crate::compare)
//! keys, menus, buttons ──▶ command (AppCommand) ──▶ update
//! ```
//! `logic()` drains and folds; `ui()` only draws. Drawing code does no parsing, sorting, file
//! access or locking.

mod backend;
mod cell_detail;
mod charts;
pub mod command;
mod compare;
mod dialogs;
mod drop;
mod export;
mod filter_focus;
pub mod heat;
mod heat_panel;
mod lab;
mod launch;
mod live_logs;
mod log_tail;
mod menu_bar;
mod models_work;
pub mod pages;
mod preparing;
mod reading;
mod recent_files;
#[cfg(test)]
mod repaint_tests;
pub mod run_state;
#[cfg(test)]
mod scenarios;
mod settings_sheet;
mod shell;
mod shortcut_sheet;
#[cfg(test)]
mod snapshots;
mod system;
#[cfg(test)]
mod testing;
pub mod theme;
mod toasts;
mod update;
mod welcome;
pub mod widgets;
mod window_state;

pub use lab::Lab;
pub use launch::window;
