//! Opening the window.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use eframe::{CreationContext, NativeOptions};
use egui::{Context, IconData, Pos2, Rect, Ui, Vec2, ViewportBuilder, ViewportCommand, pos2, vec2};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::lab::Lab;
use super::window_state::{self, DEFAULT_SIZE, MIN_SIZE, WindowState};
use crate::platform::inbox::Inbox;
use crate::platform::{dirs, native};

pub const TITLE: &str = "MLX Throughput Lab";

/// A log that has grown to this is put aside at the next start.
const MOST_LOG_BYTES: u64 = 1 << 20;

/// Opens the window, on `file` if there is one, and returns when it was closed.
pub fn window(file: Option<PathBuf>) -> ExitCode {
    if cfg!(target_os = "linux") && !has_display() {
        return refuse("there is no display (DISPLAY and WAYLAND_DISPLAY are not set)");
    }
    let started = Instant::now();
    keep_log(dirs::log_file().as_deref());
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
    let inbox = Inbox::default();
    let opened = native::run(
        &inbox.clone(),
        TITLE,
        options,
        Box::new(move |creation| {
            tracing::debug!("graphics after {:.3} s", started.elapsed().as_secs_f64());
            let mut lab = Lab::new(&creation.egui_ctx, file.as_deref())?;
            lab.listen(&creation.egui_ctx, &inbox);
            hang_dialogs(creation, &mut lab);
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
        self.lab.hear_system(context);
        self.lab.tell_system(context);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.lab.draw(ui);
        if !self.seen {
            // Only a second frame can tell that the first was presented.
            ui.ctx().request_repaint();
        }
    }

    /// Quitting from the menu bar or the Dock closes no window first.
    fn on_exit(&mut self) {
        self.lab.keep_at_exit();
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

/// File panels are sheets of the window, where the system has such.
fn hang_dialogs(creation: &CreationContext<'_>, lab: &mut Lab) {
    if let (true, Some(window)) = (native::HAS_SHEETS, creation.winit_window()) {
        // Not kept alive by its dialogs.
        let window = Arc::downgrade(window);
        lab.backend
            .dialogs
            .hang_on(move |dialog| match window.upgrade() {
                Some(window) => dialog.set_parent(&*window),
                None => dialog,
            });
    }
}

/// What the app writes of itself goes to `file`, or where there is none, to standard error. How
/// much that is, `MLX_LAB_LOG` says, as for subcommands.
fn keep_log(file: Option<&Path>) {
    // Nobody sets a variable for an app from Finder.
    let least = match file {
        Some(_) => LevelFilter::WARN,
        None => LevelFilter::ERROR,
    };
    let filter = EnvFilter::builder()
        .with_default_directive(least.into())
        .with_env_var("MLX_LAB_LOG")
        .from_env_lossy();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false);
    // A test may have one already.
    let _ = match file.and_then(|file| open_log(file).ok()) {
        Some(file) => log
            .with_ansi(false)
            .with_writer(Mutex::new(file))
            .try_init(),
        None => log.with_writer(std::io::stderr).try_init(),
    };
    if file.is_some() {
        // Standard error of an app from Finder leads nowhere.
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tracing::error!("{panic}");
            usual(panic);
        }));
    }
}

/// To be written on at its end. A long one is put aside, in place of the one before.
fn open_log(file: &Path) -> std::io::Result<File> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    if file.metadata().is_ok_and(|log| log.len() > MOST_LOG_BYTES) {
        fs::rename(file, file.with_extension("old.log"))?;
    }
    OpenOptions::new().create(true).append(true).open(file)
}

fn has_display() -> bool {
    let given = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    given("DISPLAY") || given("WAYLAND_DISPLAY")
}

fn refuse(why: &str) -> ExitCode {
    // An app from Finder has no terminal that would show the other.
    tracing::error!("the window could not be opened: {why}");
    eprintln!(
        "error: the window could not be opened: {why}. Without a display, use a subcommand such as \
         `mlx-throughput-lab quick`; --help lists them"
    );
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_log_goes_on_where_it_was_and_a_long_one_is_put_aside() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("Logs/Lab.log");
        for line in ["one\n", "two\n"] {
            let mut log = open_log(&path).expect("a log");
            log.write_all(line.as_bytes()).expect("a disk with space");
        }
        assert_eq!(fs::read_to_string(&path).expect("text"), "one\ntwo\n");
        let long = vec![b'.'; MOST_LOG_BYTES as usize + 1];
        fs::write(&path, &long).expect("a file");
        open_log(&path).expect("a log");
        assert_eq!(fs::read(&path).expect("bytes"), b"");
        let aside = fs::read(dir.path().join("Logs/Lab.old.log"));
        assert_eq!(aside.expect("bytes"), long);
    }
}
