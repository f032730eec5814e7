//! A display without a screen, with the buses that a screen reader needs.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

/// Programs that the tests of the window need, each with Debian's package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("Xvfb", "xvfb"),
    ("dbus-daemon", "dbus-daemon"),
    ("import", "imagemagick"),
    ("/usr/libexec/at-spi-bus-launcher", "at-spi2-core"),
];

/// Folders that hold descriptions of Vulkan drivers.
const DRIVERS: &[&str] = &["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/// Debian's packages that this machine lacks.
pub fn missing() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |program: &str| {
        Path::new(program).is_file()
            || std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    let has_driver = DRIVERS
        .iter()
        .any(|folder| std::fs::read_dir(folder).is_ok_and(|mut drivers| drivers.next().is_some()));
    if !has_driver {
        missing.push("mesa-vulkan-drivers");
    }
    missing
}

/// Ends with its session: the X server, the bus and what the bus started.
pub struct Desktop {
    x: Child,
    bus: Child,
    pub display: String,
    pub bus_address: String,
    /// Sockets of the session.
    runtime: TempDir,
    pictures: PathBuf,
}

impl Desktop {
    /// `pictures` is where screenshots go.
    pub fn start(size: (u32, u32), pictures: PathBuf) -> Result<Self, Failed> {
        let screen = format!("{}x{}x24", size.0, size.1);
        let runtime = tempfile::tempdir()?;
        let (x, number) = first_line(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
                .arg(screen),
        )?;
        let (bus, bus_address) = first_line(
            Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
                .env("XDG_RUNTIME_DIR", runtime.path())
                // Its children start with our own home's settings otherwise.
                .env("HOME", runtime.path()),
        )?;
        std::fs::create_dir_all(&pictures)?;
        Ok(Self {
            x,
            bus,
            display: format!(":{number}"),
            bus_address,
            runtime,
            pictures,
        })
    }

    /// Lets a program open its window here.
    pub fn show<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("DISPLAY", &self.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus_address)
            .env("XDG_RUNTIME_DIR", self.runtime.path())
    }

    /// What the display shows once two looks at it are alike (or after two seconds of a display
    /// that goes on changing), as `<pictures>/<name>.png`. A click is drawn a frame or two after
    /// the accessibility bus tells of it.
    pub fn settled_picture(&self, name: &str) -> Result<(), Failed> {
        let file = self.pictures.join(format!("{name}.png"));
        let mut before = self.picture(&file)?;
        for _ in 0..8 {
            // The display is another program's: it tells nothing of when it is done.
            std::thread::sleep(Duration::from_millis(250));
            let now = self.picture(&file)?;
            if now == before {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Writes a picture, and gives its pixels.
    fn picture(&self, file: &Path) -> Result<Vec<u8>, Failed> {
        let taken = Command::new("import")
            .args(["-display", &self.display, "-window", "root"])
            // Without the time of taking, equal pixels are equal files.
            .args(["-define", "png:exclude-chunks=date,time"])
            .arg(file)
            .status()?;
        if !taken.success() {
            return Err(format!("no picture of the display was taken: {taken}").into());
        }
        Ok(std::fs::read(file)?)
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in [&mut self.bus, &mut self.x] {
            // Each leads a group of its own, with what it has started itself.
            let group = Pid::from_child(child);
            let _ = rustix::process::kill_process_group(group, Signal::TERM);
            let _ = child.wait();
        }
    }
}

/// Starts a program that says where it is reached in its first line.
fn first_line(command: &mut Command) -> Result<(Child, String), Failed> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let out = child.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    if line.trim().is_empty() {
        let ended = child.wait()?;
        return Err(format!("{command:?} ended at once: {ended}").into());
    }
    Ok((child, line.trim().to_owned()))
}

/// Tries until there is something, at most `limit`.
pub fn await_some<T>(
    what: &str,
    limit: Duration,
    mut find: impl FnMut() -> Result<Option<T>, Failed>,
) -> Result<T, Failed> {
    let until = Instant::now() + limit;
    loop {
        if let Some(found) = find()? {
            return Ok(found);
        }
        if Instant::now() > until {
            return Err(format!("{what}: nothing within {limit:?}").into());
        }
        // Another program's window is looked at, as a user would: it tells us nothing by itself.
        std::thread::sleep(Duration::from_millis(200));
    }
}
