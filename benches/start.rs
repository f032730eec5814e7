//! How long the window takes to open, and what it costs while nothing happens: the real program, from
//! its start to the first frame on the screen, then left alone.
//!
//! `cargo bench --bench start`, or with the path of another build: `-- target/release/...`. On Linux
//! the window opens on a display of its own (Xvfb), drawn by whichever graphics driver is there; in a
//! container that is Mesa's software driver.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Starts with files from an earlier one.
const STARTS: usize = 5;
/// A window that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(30);
/// It looks at the machine first, which starts every Python that is there.
const LONGEST_LOOK: Duration = Duration::from_mins(1);
/// Seconds without any processor time that make a window quiet: an answer may be slow to come.
const QUIET_S: u32 = 3;
const IDLE: Duration = Duration::from_secs(5);

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Outcome<()> {
    // Cargo itself gives `--bench`.
    let given = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let built = env!("CARGO_BIN_EXE_mlx-throughput-lab");
    let program = std::fs::canonicalize(given.as_deref().unwrap_or(built))?;
    let display = Display::open()?;
    let home = tempfile::tempdir()?;
    let open = || Window::open(&program, &display, home.path());
    println!("first start, in an empty home: {}", open()?.words());
    let mut later = Vec::new();
    for _ in 0..STARTS {
        let window = open()?;
        later.push((window.seen_s, window.words()));
    }
    later.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (_, words) = &later[STARTS / 2];
    println!("later starts, the median of {STARTS}: {words}");
    println!(
        "later starts, all: {:.2} to {:.2} s",
        later[0].0,
        later[STARTS - 1].0
    );
    let window = open()?;
    let quiet_s = window.quiet_after_s()?;
    let before = window.usage()?;
    std::thread::sleep(IDLE);
    let after = window.usage()?;
    let idle_s = IDLE.as_secs_f64();
    let cpu_s = after.cpu_s - before.cpu_s;
    println!(
        "idle, {quiet_s:.0} s after the first frame: {:.0} MB of memory (resident), \
         {:.1} % of one core over {idle_s:.0} s",
        after.memory_bytes as f64 / 1e6,
        cpu_s / idle_s * 100.0
    );
    Ok(())
}

/// Where windows are opened: a screen that nobody sees, or the one that is there.
struct Display(Option<(Child, String)>);

impl Display {
    fn open() -> Outcome<Self> {
        if !cfg!(target_os = "linux") {
            return Ok(Self(None));
        }
        let server = Command::new("Xvfb")
            // It would start anew, and refuse windows meanwhile, when its last window closes.
            .args(["-noreset", "-displayfd", "1", "-nolisten", "tcp"])
            .args(["-screen", "0", "1440x900x24"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut server = server.map_err(|error| {
            format!("Xvfb did not start ({error}). Install it: apt-get install xvfb")
        })?;
        let mut number = String::new();
        if let Some(out) = server.stdout.take() {
            BufReader::new(out).read_line(&mut number)?;
        }
        Ok(Self(Some((server, format!(":{}", number.trim())))))
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some((server, _)) = &mut self.0 {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

struct Window {
    process: Child,
    /// From the call that starts the process to the line that tells of the first frame.
    seen_s: f64,
    /// Processor time until then, of all its threads.
    seen_cpu_s: f64,
    /// What it logged until then.
    log: Vec<String>,
}

struct Usage {
    memory_bytes: u64,
    /// Of all its threads, since its start.
    cpu_s: f64,
}

impl Window {
    /// Returns once its first frame is on the screen.
    fn open(program: &Path, display: &Display, home: &Path) -> Outcome<Self> {
        let mut command = Command::new(program);
        if let Some((_, name)) = &display.0 {
            command
                .env("DISPLAY", name)
                .env_remove("WAYLAND_DISPLAY")
                .env("XDG_RUNTIME_DIR", home)
                // No accessibility bus: nobody reads the window.
                .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        }
        let started = Instant::now();
        let mut process = command
            .current_dir(home)
            .env("HOME", home)
            .env("XDG_DATA_HOME", home.join("data"))
            .env("MLX_LAB_LOG", "mlx_throughput_lab=debug")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines = lines_of(process.stderr.take().ok_or("no standard error")?);
        let mut log = Vec::new();
        loop {
            match lines.recv_timeout(LONGEST) {
                Ok((at, line)) => {
                    let is_seen = line.contains("first frame after");
                    log.push(line);
                    if is_seen {
                        let mut window = Self {
                            process,
                            seen_s: (at - started).as_secs_f64(),
                            seen_cpu_s: 0.0,
                            log,
                        };
                        window.seen_cpu_s = window.usage()?.cpu_s;
                        return Ok(window);
                    }
                }
                Err(why) => {
                    let _ = process.kill();
                    let _ = process.wait();
                    let why = match why {
                        RecvTimeoutError::Timeout => format!("showed nothing within {LONGEST:?}"),
                        RecvTimeoutError::Disconnected => "ended before it showed anything".into(),
                    };
                    return Err(format!("the window {why}. It said:\n{}", log.join("\n")).into());
                }
            }
        }
    }

    /// How long it took, and when the graphics were there, as it logged that itself.
    fn words(&self) -> String {
        let graphics = self
            .log
            .iter()
            .find_map(|line| Some(line.split_once("graphics after ")?.1));
        let graphics = graphics.unwrap_or("not told");
        format!(
            "{:.2} s to the first frame; {:.2} s of processor time; graphics up after {graphics}",
            self.seen_s, self.seen_cpu_s
        )
    }

    /// When it had used no processor time for a while: what it wanted to know is known.
    fn quiet_after_s(&self) -> Outcome<f64> {
        let began = Instant::now();
        let mut before_s = self.usage()?.cpu_s;
        let mut quiet_s = 0;
        while quiet_s < QUIET_S && began.elapsed() < LONGEST_LOOK {
            std::thread::sleep(Duration::from_secs(1));
            let now_s = self.usage()?.cpu_s;
            quiet_s = if now_s > before_s { 0 } else { quiet_s + 1 };
            before_s = now_s;
        }
        Ok(began.elapsed().as_secs_f64())
    }

    fn usage(&self) -> Outcome<Usage> {
        let pid = Pid::from_u32(self.process.id());
        let mut system = System::new()?;
        let what = ProcessRefreshKind::nothing().with_memory().with_cpu();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        let process = system.process(pid).ok_or("the window has ended")?;
        Ok(Usage {
            memory_bytes: process.memory(),
            cpu_s: Duration::from_millis(process.accumulated_cpu_time()).as_secs_f64(),
        })
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Each line with the moment at which it came; read until the end, so that nobody waits for a full
/// pipe.
fn lines_of(from: impl std::io::Read + Send + 'static) -> Receiver<(Instant, String)> {
    let (tell, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // Nobody listens any more once the first frame is there.
            let _ = tell.send((Instant::now(), line));
        }
    });
    lines
}
