//! What the window was like when it was last open: `window.json` in the app's data folder.
//!
//! Written at most once a second after a change, and when the window closes, on a thread of its
//! own: neither drawing nor folding events waits for a disk.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use egui::{Pos2, Rect, Vec2, pos2, vec2};
use serde_json::{Map, Value as Json, json};

use crate::settings::json_file;

pub const FILE: &str = "window.json";
/// In points; what every page is laid out for.
pub const MIN_SIZE: Vec2 = vec2(1000.0, 640.0);
pub const DEFAULT_SIZE: Vec2 = vec2(1280.0, 800.0);
/// No screen is larger; a number beyond is a mistake.
const MAX_SIZE: Vec2 = vec2(16_384.0, 16_384.0);
const WRITE_EVERY_S: f64 = 1.0;
/// How much of the title bar must be on a screen, to be dragged by.
const GRIP: Vec2 = vec2(120.0, 24.0);

/// All lengths in points of the screen, whatever the text size. `None`: not known yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WindowState {
    /// Of the contents.
    pub size: Option<Vec2>,
    /// Of the upper left corner of the frame.
    pub position: Option<Pos2>,
    pub page: Option<String>,
    /// What was typed into the form.
    pub form: Option<Json>,
    /// The heatmap's, by name.
    pub layer: Option<String>,
    /// The welcome was seen, and is not shown by itself any more.
    pub welcomed: bool,
}

impl WindowState {
    fn of(values: &Map<String, Json>) -> Self {
        let number = |value: &Json| value.as_f64().map(|n| n as f32).filter(|n| n.is_finite());
        let pair = |key: &str| match values.get(key).and_then(Json::as_array)?.as_slice() {
            [x, y] => Some((number(x)?, number(y)?)),
            _ => None,
        };
        let text = |key: &str| values.get(key).and_then(Json::as_str).map(str::to_owned);
        Self {
            size: pair("size").map(|(w, h)| vec2(w, h).clamp(MIN_SIZE, MAX_SIZE)),
            position: pair("position").map(|(x, y)| pos2(x, y)),
            page: text("page"),
            form: values.get("form").cloned(),
            layer: text("layer"),
            welcomed: values.get("welcomed").and_then(Json::as_bool) == Some(true),
        }
    }

    /// Puts what is known into `values`; all else there stays.
    fn put(&self, values: &mut Map<String, Json>) {
        let mut set = |key: &str, value: Option<Json>| {
            if let Some(value) = value {
                values.insert(key.to_owned(), value);
            }
        };
        set("size", self.size.map(|s| json!([s.x.round(), s.y.round()])));
        set(
            "position",
            self.position.map(|p| json!([p.x.round(), p.y.round()])),
        );
        set("page", self.page.clone().map(Json::String));
        set("form", self.form.clone());
        set("layer", self.layer.clone().map(Json::String));
        set("welcomed", Some(Json::Bool(self.welcomed)));
    }

    /// For the window that is about to open: a file that makes no sense counts as none, and is
    /// told by [`Keeper::open`].
    pub fn peek(folder: &Path) -> Self {
        let read = std::fs::read(folder.join(FILE)).ok();
        match read.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            Some(Json::Object(values)) => Self::of(&values),
            _ => Self::default(),
        }
    }
}

/// Where a window of that size is to stand so that it can be seen and dragged, and how large it
/// may be; `monitors` as rectangles of the desktop. As it was where nothing is known of them.
pub fn on_screen(position: Pos2, size: Vec2, monitors: &[Rect]) -> (Pos2, Vec2) {
    let bar = Rect::from_min_size(position, vec2(size.x, GRIP.y));
    let grip_on = |monitor: &Rect| {
        let seen = bar.intersect(*monitor);
        seen.width() >= GRIP.x && seen.height() >= GRIP.y / 2.0
    };
    let (Some(first), None) = (monitors.first(), monitors.iter().find(|m| grip_on(m))) else {
        return (position, size);
    };
    let size = size.min(first.size()).max(MIN_SIZE);
    let corner = first.center() - size / 2.0;
    (corner.max(first.min), size)
}

/// Reads the file once, and writes it when something has changed.
pub struct Keeper {
    /// As on disk, with what other versions of the app have put there.
    values: Map<String, Json>,
    writer: Option<Writer>,
    next_write_s: f64,
}

impl Keeper {
    /// What was kept, and what to tell about a file that was not understood; that one is kept
    /// aside. Without a folder nothing is kept.
    pub fn open(folder: Option<&Path>) -> (Self, WindowState, Option<String>) {
        let path = folder.map(|folder| folder.join(FILE));
        let (values, warning) = path.as_ref().map_or_else(Default::default, |path| {
            json_file::load(
                path,
                "The window's size and page",
                "The window starts as new.",
            )
        });
        let state = WindowState::of(&values);
        let keeper = Self {
            values,
            writer: path.map(Writer::new),
            next_write_s: 0.0,
        };
        (keeper, state, warning)
    }

    /// Takes the window's state of this moment. `Some`: it has changed, and is to be handed in
    /// again after so many seconds, when it may be written.
    pub fn keep(&mut self, state: &WindowState, now_s: f64) -> Option<f64> {
        let values = self.changed(state)?;
        if now_s < self.next_write_s {
            return Some(self.next_write_s - now_s);
        }
        self.next_write_s = now_s + WRITE_EVERY_S;
        self.write(values);
        None
    }

    /// Writes what has changed at once.
    pub fn flush(&mut self, state: &WindowState) {
        if let Some(values) = self.changed(state) {
            self.write(values);
        }
    }

    fn changed(&self, state: &WindowState) -> Option<Map<String, Json>> {
        let mut values = self.values.clone();
        state.put(&mut values);
        (values != self.values).then_some(values)
    }

    fn write(&mut self, values: Map<String, Json>) {
        self.values = values;
        if let Some(writer) = &self.writer {
            writer.write(self.values.clone());
        }
    }
}

/// A thread that writes one file, in the order asked. Dropping it waits for the last one.
struct Writer {
    ask: Option<Sender<Map<String, Json>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn new(path: PathBuf) -> Self {
        let (ask, asked): (_, Receiver<Map<String, Json>>) = channel();
        let write = move || {
            while let Ok(mut values) = asked.recv() {
                // Only the latest counts.
                while let Ok(newer) = asked.try_recv() {
                    values = newer;
                }
                if let Err(error) = json_file::save(&path, &values) {
                    tracing::warn!("{} could not be written: {error}", path.display());
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("window state".to_owned())
            .spawn(write)
            .inspect_err(|error| tracing::warn!("the window's state is not kept: {error}"));
        Self {
            ask: Some(ask),
            thread: thread.ok(),
        }
    }

    fn write(&self, values: Map<String, Json>) {
        if let Some(ask) = &self.ask {
            let _ = ask.send(values);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The closed channel ends the thread.
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn state() -> WindowState {
        WindowState {
            size: Some(vec2(1280.0, 800.0)),
            position: Some(pos2(-200.0, 40.0)),
            page: Some("results".to_owned()),
            form: Some(json!({"kind": "quick"})),
            layer: Some("TTFT p50".to_owned()),
            welcomed: true,
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_what_a_newer_version_wrote_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(FILE);
        fs::write(&path, r#"{"split": {"left": 3}, "size": [10, 1e99]}"#).expect("a file");
        let (mut keeper, before, warning) = Keeper::open(Some(dir.path()));
        assert_eq!(warning, None);
        assert_eq!(
            before.size, None,
            "a size that is no number of points is none"
        );
        assert_eq!(keeper.keep(&state(), 5.0), None);
        drop(keeper);
        assert_eq!(WindowState::peek(dir.path()), state());
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.contains("\"left\": 3"), "{text}");
        let left: Vec<_> = fs::read_dir(dir.path()).expect("listed").collect();
        assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
    }

    #[test]
    fn it_is_written_once_a_second_at_most_and_when_the_window_closes() {
        let dir = tempfile::tempdir().expect("a folder");
        let (mut keeper, ..) = Keeper::open(Some(dir.path()));
        assert_eq!(keeper.keep(&state(), 10.0), None);
        assert_eq!(keeper.keep(&state(), 10.1), None, "nothing has changed");
        let moved = WindowState {
            position: Some(pos2(9.0, 9.0)),
            ..state()
        };
        let wait_s = keeper.keep(&moved, 10.25).expect("it has to wait");
        assert!((wait_s - 0.75).abs() < 1e-9, "{wait_s}");
        keeper.flush(&moved);
        drop(keeper);
        assert_eq!(WindowState::peek(dir.path()).position, moved.position);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_kept_aside_and_told() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join(FILE), "{\"size\": [1").expect("a file");
        assert_eq!(WindowState::peek(dir.path()), WindowState::default());
        let (_, state, warning) = Keeper::open(Some(dir.path()));
        assert_eq!(state, WindowState::default());
        let warning = warning.expect("a warning");
        assert!(warning.contains("window.json.corrupt"), "{warning}");
        assert!(dir.path().join("window.json.corrupt").exists());
    }

    #[test]
    fn a_window_on_a_screen_that_is_gone_comes_to_one_that_is_there() {
        let screen = Rect::from_min_size(pos2(0.0, 0.0), vec2(1440.0, 900.0));
        let right = Rect::from_min_size(pos2(1440.0, 0.0), vec2(2560.0, 1440.0));
        let size = vec2(1280.0, 800.0);
        let there = pos2(1500.0, 100.0);
        assert_eq!(on_screen(there, size, &[screen, right]), (there, size));
        assert_eq!(
            on_screen(there, size, &[screen]),
            (pos2(80.0, 50.0), size),
            "in the middle of the screen that is left"
        );
        let large = vec2(2400.0, 1400.0);
        assert_eq!(
            on_screen(there, large, &[screen]),
            (screen.min, screen.size())
        );
        let small = Rect::from_min_size(pos2(0.0, 0.0), vec2(800.0, 600.0));
        assert_eq!(on_screen(there, size, &[small]), (small.min, MIN_SIZE));
        assert_eq!(on_screen(there, size, &[]), (there, size));
    }

    #[test]
    fn a_size_below_the_least_is_brought_up_to_it() {
        let values = json!({"size": [10, 2000]});
        let state = WindowState::of(values.as_object().expect("an object"));
        assert_eq!(state.size, Some(vec2(1000.0, 2000.0)));
    }
}
