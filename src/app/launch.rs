//! Opening the window.

use std::path::PathBuf;
use std::process::ExitCode;

use eframe::NativeOptions;
use egui::{IconData, ViewportBuilder, vec2};

use super::lab::Lab;

pub const TITLE: &str = "MLX Throughput Lab";

/// Opens the window, on `file` if there is one, and returns when it was closed.
pub fn window(file: Option<PathBuf>) -> ExitCode {
    if cfg!(target_os = "linux") && !has_display() {
        return refuse("there is no display (DISPLAY and WAYLAND_DISPLAY are not set)");
    }
    let options = NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title(TITLE)
            .with_app_id("mlx-throughput-lab")
            .with_inner_size(vec2(1440.0, 900.0))
            .with_min_inner_size(vec2(1000.0, 640.0))
            // Leaves the bundle's own icon alone on a Mac.
            .with_icon(IconData::default()),
        ..NativeOptions::default()
    };
    let opened = eframe::run_native(
        TITLE,
        options,
        Box::new(move |creation| {
            let lab = Lab::new(&creation.egui_ctx, file.as_deref())?;
            Ok(Box::new(lab))
        }),
    );
    match opened {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(error.to_string().trim_end_matches('.')),
    }
}

fn has_display() -> bool {
    let given = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    given("DISPLAY") || given("WAYLAND_DISPLAY")
}

fn refuse(why: &str) -> ExitCode {
    eprintln!(
        "error: the window could not be opened: {why}. Without a display, use a subcommand such as \
         `mlx-throughput-lab quick`; --help lists them"
    );
    ExitCode::FAILURE
}
