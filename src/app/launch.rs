//! Opening the window.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use eframe::{CreationContext, NativeOptions};
use egui::{Context, IconData, Pos2, Rect, Ui, Vec2, ViewportBuilder, ViewportCommand, pos2, vec2};

use super::lab::Lab;
use super::window_state::{self, DEFAULT_SIZE, MIN_SIZE, WindowState};
use crate::platform::dirs;

pub const TITLE: &str = "MLX Throughput Lab";

/// Opens the window, on `file` if there is one, and returns when it was closed.
pub fn window(file: Option<PathBuf>) -> ExitCode {
    if cfg!(target_os = "linux") && !has_display() {
        return refuse("there is no display (DISPLAY and WAYLAND_DISPLAY are not set)");
    }
    let started = Instant::now();
    let kept = dirs::data_dir().map(|data| WindowState::peek(&data));
    let kept = kept.unwrap_or_default();
    let size = kept.size.unwrap_or(DEFAULT_SIZE);
    let options = NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title(TITLE)
            .with_app_id("mlx-throughput-lab")
            .with_inner_size(size)
            .with_min_inner_size(MIN_SIZE)
            // Leaves the bundle's own icon alone on a Mac.
            .with_icon(IconData::default()),
        ..NativeOptions::default()
    };
    let opened = eframe::run_native(
        TITLE,
        options,
        Box::new(move |creation| {
            tracing::debug!("graphics after {:.3} s", started.elapsed().as_secs_f64());
            let lab = Lab::new(&creation.egui_ctx, file.as_deref())?;
            if let Some(position) = kept.position {
                place(creation, position, size);
            }
            Ok(Box::new(Opened {
                lab,
                started,
                seen: false,
            }))
        }),
    );
    match opened {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(error.to_string().trim_end_matches('.')),
    }
}

/// The window as eframe runs it.
struct Opened {
    lab: Lab,
    started: Instant,
    /// The first frame is on the screen.
    seen: bool,
}

impl eframe::App for Opened {
    fn logic(&mut self, context: &Context, _frame: &mut eframe::Frame) {
        if !self.seen && context.cumulative_frame_nr() > 0 {
            self.seen = true;
            // A bench waits for this line.
            tracing::info!(
                "first frame after {:.3} s",
                self.started.elapsed().as_secs_f64()
            );
            self.lab.look_around();
        }
        self.lab.drain();
        self.lab.keep(context);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.lab.draw(ui);
        if !self.seen {
            // Only a second frame can tell that the first was presented.
            ui.ctx().request_repaint();
        }
    }
}

/// Puts the window where it was, or onto a screen that is there.
fn place(creation: &CreationContext<'_>, position: Pos2, size: Vec2) {
    let Some(window) = creation.winit_window() else {
        return;
    };
    let monitors: Vec<Rect> = window
        .available_monitors()
        .map(|monitor| {
            let scale = monitor.scale_factor();
            let at = monitor.position().to_logical::<f32>(scale);
            let size = monitor.size().to_logical::<f32>(scale);
            Rect::from_min_size(pos2(at.x, at.y), vec2(size.width, size.height))
        })
        .collect();
    let (at, fitting) = window_state::on_screen(position, size, &monitors);
    // Commands are in points of the text size that was chosen.
    let zoom = creation.egui_ctx.zoom_factor();
    let tell = |command| creation.egui_ctx.send_viewport_cmd(command);
    if fitting != size {
        tell(ViewportCommand::InnerSize(fitting / zoom));
    }
    tell(ViewportCommand::OuterPosition(at / zoom));
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
