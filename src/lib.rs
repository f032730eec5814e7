//! MLX Throughput Lab: which `mlx_lm.server` settings give the most tokens per second on this
//! machine, and can the number be trusted?
//!
//! A [`plan`] (pure data, checked before anything starts) goes to the [`engine`], which runs it on
//! its own thread and emits one ordered stream of events. Everything else folds over that stream:
//!
//! ```text
//! plan ──▶ engine ──events──▶ store (csv, json)      one row per finished cell, flushed
//!          │  ▲               ├▶ cli   (progress, exit status)
//!          │  └─commands──────┴▶ --events (JSON lines)
//!          ▼
//!    server · balance · load · monitor
//! ```
//!
//! # Words
//! A *cell* is one combination of settings, measured. A *sweep* is a grid of cells. A *check* is a
//! quick pass or fail run. A *run* is one sweep or check with its files. *TTFT* is the time to the
//! first token, *TPOT* the time per output token after the first, *ITL* the gap between two
//! streamed chunks, *E2E* a whole request.

pub mod app;
pub mod board;
pub mod cli;
pub mod compare;
pub mod doctor;
pub mod engine;
pub mod measure;
pub mod models;
pub mod monitor;
pub mod plan;
pub mod platform;
pub mod prompts;
pub mod python;
pub mod report;
pub mod scatter;
pub mod session;
pub mod settings;
pub mod store;
pub mod units;
pub mod wording;
