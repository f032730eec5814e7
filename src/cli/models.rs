//! `models`: what is on this disk, and making synthetic ones.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::models::discover::{DEFAULT_DEPTH, cached_snapshot};
use crate::models::synthetic::{self, FloatType, Progress, Shape};
use crate::models::{Description, ModelError, Parameters, Places, describe, discover, recommended};
use crate::settings::Var;
use crate::units::{Bytes, Secs};

mod shape_args;

use self::shape_args::ShapeArgs;
use super::asked::Asked;
use super::failure::{Interrupted, Usage};
use super::interrupt::cancellable;

#[derive(Debug, clap::Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Models found on this disk
    List(ListArgs),
    /// Write a model with random weights: real architecture and shape, nothing to download
    Make(Box<MakeArgs>),
}

#[derive(Debug, Default, clap::Args)]
struct ListArgs {
    /// Search this folder too (repeatable; before those of `MLX_MODEL_DIRS`)
    #[arg(long, value_name = "DIR")]
    dir: Vec<PathBuf>,
    /// Levels to search below each folder [default: `MLX_MODEL_SEARCH_DEPTH`, or 4]
    #[arg(long, value_name = "LEVELS")]
    depth: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct MakeArgs {
    /// `synthetic:tiny`, `synthetic:llama-3.2-1b-4bit`, ..., or a name for a shape of its own
    #[arg(value_name = "synthetic:NAME")]
    name: String,
    /// The model folder to make [default: NAME in the app's data folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Float type of scales and norms: `bf16`, `f16` or `f32` (f32 is the fast one on a CPU)
    #[arg(long, value_name = "TYPE")]
    dtype: Option<FloatType>,
    #[command(flatten)]
    shape: ShapeArgs,
}

impl MakeArgs {
    /// The model's full name and its shape.
    fn model(&self, models_dir: Option<&Path>) -> Result<(String, Shape), ModelError> {
        let name = &self.name;
        let name = name.strip_prefix(synthetic::PREFIX).unwrap_or(name);
        if self.shape.is_given() {
            synthetic::check_name(name).map_err(|reason| ModelError::BadName {
                name: name.to_owned(),
                reason: format!("{reason}; a shape of its own needs a name of its own"),
            })?;
            return Ok((name.to_owned(), self.shape.shape(self.dtype)?));
        }
        match self.dtype {
            Some(dtype) => {
                let name = synthetic::with_dtype(name, dtype)?;
                let shape = Shape::named(&name)?;
                Ok((name, shape))
            }
            None => synthetic::find(name, models_dir.unwrap_or(Path::new(""))),
        }
    }
}

pub async fn run(args: &ModelsArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        Some(Action::Make(args)) => make(args).await,
        Some(Action::List(args)) => list(args),
        None => list(&ListArgs::default()),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let settings = Asked::default().settings()?;
    let mut folders = args.dir.clone();
    folders.extend_from_slice(settings.paths(Var::ModelDirs));
    let depth = args
        .depth
        .or(settings
            .int(Var::ModelSearchDepth)
            .map(|depth| depth as usize))
        .unwrap_or(DEFAULT_DEPTH);
    let places = Places::usual(&folders, depth);
    let models: Vec<(String, Description)> = discover(&places)
        .into_iter()
        .map(|found| (found.label, describe(&found.path)))
        .collect();
    if models.is_empty() {
        say!(
            "no models found; `models make synthetic:tiny` makes one, and a run with \
             --model org/name downloads one"
        );
    } else {
        show!("{}", table(&models).trim_end());
        show!("");
    }
    show!("{}", recommended_table(&places).trim_end());
    for (label, model) in &models {
        for problem in &model.problems {
            say!("{label}: {problem}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Models worth starting with, smallest first: how large they are, and where they are on this disk.
fn recommended_table(places: &Places) -> String {
    let rows = recommended().iter().map(|one| {
        let here = cached_snapshot(&one.repo, &places.hub_caches);
        let (size, place) = match here {
            Some(folder) => (describe(&folder).size.to_string(), "yes".to_owned()),
            None => (
                format!("about {}", one.approximate_download()),
                "no".to_owned(),
            ),
        };
        let parameters = Parameters(one.parameters).to_string();
        [
            one.repo.clone(),
            one.class.to_string(),
            parameters,
            size,
            place,
        ]
    });
    let head = ["recommended", "class", "parameters", "size", "on disk"].map(str::to_owned);
    let rows: Vec<[String; 5]> = [head].into_iter().chain(rows).collect();
    aligned(&rows, [false, false, true, true, false])
}

/// Columns as wide as their widest entry; the path last, where its length disturbs nobody.
fn table(models: &[(String, Description)]) -> String {
    const HEAD: [&str; 8] = [
        "name",
        "architecture",
        "parameters",
        "bits",
        "size",
        "context",
        "batches",
        "path",
    ];
    /// Numbers stand right.
    const RIGHT: [bool; 8] = [false, false, true, false, true, true, false, false];
    fn or_dash<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(|| "-".to_owned(), |value| value.to_string())
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    for (label, model) in models {
        rows.push([
            label.clone(),
            or_dash(model.architecture.as_ref()),
            or_dash(model.parameters),
            model.bits_text(),
            model.size.to_string(),
            or_dash(model.context),
            model.batching.answer().to_owned(),
            model.folder.display().to_string(),
        ]);
    }
    aligned(&rows, RIGHT)
}

/// Rows as lines, columns parted by two spaces; those that are `right` have their text there.
fn aligned<const N: usize>(rows: &[[String; N]], right: [bool; N]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(widths).zip(right) {
            let written = if right {
                write!(line, "{cell:>width$}  ")
            } else {
                write!(line, "{cell:<width$}  ")
            };
            written.expect("writing to a string does not fail");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

async fn make(args: &MakeArgs) -> anyhow::Result<ExitCode> {
    let models = crate::platform::dirs::models_dir();
    let (name, shape) = args
        .model(models.as_deref())
        .map_err(|error| Usage::of(&error))?;
    let custom = args.out.is_none() && args.shape.is_given();
    let models = models.ok_or(ModelError::NoModelsFolder);
    let folder = match &args.out {
        Some(folder) => folder.clone(),
        None => models?.join(&name),
    };
    let started = Instant::now();
    let made = cancellable(|cancel| {
        let name = name.clone();
        tokio::task::spawn_blocking(move || {
            let mut meter = Meter::new(&name);
            let mut show = |progress| meter.show(progress);
            let made = match folder.parent().filter(|_| custom) {
                // In the app's own folder, no other shape of that name is replaced.
                Some(models) => synthetic::make_custom(&name, &shape, models, &mut show, &cancel),
                None => synthetic::ensure_shape(&name, &shape, &folder, &mut show, &cancel),
            };
            made.map(|folder| (folder, meter.written))
        })
    })
    .await?;
    match made.context("the thread that writes the model ended early")? {
        Ok((folder, Some(written))) => {
            let elapsed_s = started.elapsed().as_secs_f64();
            show!("{}", folder.display());
            let rate = Bytes((written.0 as f64 / elapsed_s) as u64);
            say!(
                "synthetic:{name}: {written} in {} ({rate}/s)",
                Secs(elapsed_s)
            );
            Ok(ExitCode::SUCCESS)
        }
        Ok((folder, None)) => {
            show!("{}", folder.display());
            say!("synthetic:{name} was there already");
            Ok(ExitCode::SUCCESS)
        }
        Err(ModelError::Cancelled) => Err(Interrupted.into()),
        Err(error) => Err(error.into()),
    }
}

/// Below this a model is complete before a line about it is read.
const SMALLEST_REPORTED: Bytes = Bytes(100_000_000);

/// A bar on a terminal, a line every tenth of the way in a pipe; both on stderr.
pub(super) struct Meter {
    bar: Option<ProgressBar>,
    name: String,
    next_percent: u64,
    /// `None` until something was written.
    written: Option<Bytes>,
}

impl Meter {
    pub(super) fn new(name: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let style = "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_message(format!("synthetic:{name}"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            bar,
            name: name.to_owned(),
            next_percent: 10,
            written: None,
        }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        self.written = Some(progress.done);
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total.0);
            bar.set_position(progress.done.0);
            return;
        }
        if progress.total < SMALLEST_REPORTED {
            return;
        }
        let percent = progress.done.0 * 100 / progress.total.0.max(1);
        if percent >= self.next_percent {
            say!("synthetic:{} {percent} % of {}", self.name, progress.total);
            self.next_percent = percent / 10 * 10 + 10;
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn columns_line_up() {
        let models = tempfile::tempdir().unwrap();
        let token = CancellationToken::new();
        let tiny = synthetic::ensure("tiny", models.path(), &mut |_| (), &token).unwrap();
        let missing = PathBuf::from("/no/such/model");
        let text = table(&[
            ("synthetic:tiny".into(), describe(&tiny)),
            ("a name".into(), describe(&missing)),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let column = |line: &str, word: &str| line.find(word).unwrap();
        let path = column(lines[0], "path");
        assert_eq!(column(lines[1], tiny.to_str().unwrap()), path);
        assert_eq!(column(lines[2], "/no/such/model"), path);
        assert_eq!(
            column(lines[1], "4-bit (groups of 64)"),
            column(lines[0], "bits")
        );
        assert!(lines[1].contains("  107 K  "), "{text}");
    }

    #[test]
    fn recommended_models_are_listed_with_their_size_and_whether_they_are_here() {
        let text = recommended_table(&Places::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), recommended().len() + 1);
        let first = &recommended()[0];
        assert!(lines[1].starts_with(&first.repo), "{text}");
        let size = format!("about {}", first.approximate_download());
        assert!(lines[1].contains(&size), "{text}");
        assert!(
            lines.iter().skip(1).all(|line| line.ends_with("  no")),
            "{text}"
        );
    }

    #[test]
    fn progress_in_a_pipe_is_a_line_every_tenth() {
        let mut meter = Meter {
            bar: None,
            name: "x".into(),
            next_percent: 10,
            written: None,
        };
        let total = Bytes(1_000_000_000);
        for (done, next_percent) in [(99, 10), (250, 30), (1000, 110)] {
            meter.show(Progress {
                done: Bytes(done * 1_000_000),
                total,
            });
            assert_eq!(meter.next_percent, next_percent);
        }
        assert_eq!(meter.written, Some(total));
    }
}
