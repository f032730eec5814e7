use std::sync::Mutex;
use std::time::Duration;

use super::super::fake::{FakePython, script};
use super::*;

/// A machine with a uv that makes environments of shell scripts.
struct Machine {
    temp: tempfile::TempDir,
    steps: Mutex<Vec<Progress>>,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            temp: tempfile::tempdir().unwrap(),
            steps: Mutex::default(),
        };
        let base = FakePython::bare("3.12.4");
        base.write(&machine.file("usr/bin/python3"));
        let inside = FakePython {
            mlx: pins::pinned_version("mlx"),
            mlx_lm: pins::pinned_version("mlx-lm"),
            ..FakePython::default()
        };
        inside.write(&machine.file("inside"));
        script(&machine.file("uv"), UV);
        machine
    }

    fn file(&self, name: &str) -> PathBuf {
        self.temp.path().canonicalize().unwrap().join(name)
    }

    fn dir(&self) -> PathBuf {
        self.file("data folder/env")
    }

    fn means(&self) -> Means {
        Means {
            places: Places {
                root: self.file(""),
                ..Places::default()
            },
            uv: Some(self.file("uv")),
            accelerator: Accelerator::Cpu,
        }
    }

    /// Makes the fake uv behave in one of its ways.
    fn when(&self, how: &str) {
        fs::write(self.file(how), "").unwrap();
    }

    async fn ensure(
        &self,
        force: bool,
        cancel: &CancellationToken,
    ) -> Result<Interpreter, SetupError> {
        let options = Options {
            dir: self.dir(),
            force,
            base: None,
        };
        let progress = |step| {
            let mut steps = self.steps.lock().unwrap();
            if matches!(step, Progress::Installing { .. }) && self.file("cancel").exists() {
                cancel.cancel();
            }
            steps.push(step);
        };
        ensure_from(&self.means(), &options, &progress, cancel).await
    }

    async fn make(&self) -> Result<Interpreter, SetupError> {
        self.ensure(false, &CancellationToken::new()).await
    }

    fn steps(&self) -> Vec<Progress> {
        std::mem::take(&mut *self.steps.lock().unwrap())
    }

    fn made(&self) -> usize {
        fs::read_to_string(self.file("made")).map_or(0, |text| text.lines().count())
    }

    /// What lies beside the environment, apart from its log and lock.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir().parent().unwrap()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name != "env.log" && name != "env.lock");
        names
    }
}

const UV: &str = r#"#!/bin/sh
here=$(dirname "$0")
case "$1" in
venv)
  for last; do :; done
  mkdir -p "$last/bin" "$last/lib/python3.12/site-packages" && touch "$last/pyvenv.cfg"
  cp "$here/inside" "$last/bin/python"
  echo x >> "$here/made" ;;
pip)
  test "$TMPDIR" = "$PWD/tmp" || { echo "error: TMPDIR is $TMPDIR"; exit 1; }
  echo "Resolved 40 packages"
  test -f "$here/slow" && { sleep 600 & echo $! > "$here/pid"; echo "Downloading"; wait; }
  test -f "$here/network-down" && { echo "error: Failed to fetch: dns error" >&2; exit 2; }
  test -f "$here/network-blip" && { rm "$here/network-blip"; echo "dns error" >&2; exit 2; }
  mkdir -p lib/python3.12/site-packages/mlx_lm
  echo main > lib/python3.12/site-packages/mlx_lm/server.py ;;
esac
"#;

#[tokio::test]
async fn made_once_then_reused() {
    let machine = Machine::new();
    let python = machine.make().await.unwrap();
    assert_eq!(
        (python.origin, &python.exe),
        (Origin::Managed, &python_of(&machine.dir()))
    );
    let steps = machine.steps();
    assert_eq!(steps[0], Progress::Finding);
    assert!(matches!(&steps[1], Progress::CreatingVenv { python } if python.contains("3.12.4")));
    assert_eq!(
        steps[2],
        Progress::Installing {
            line: "Resolved 40 packages".into()
        }
    );
    assert_eq!(
        steps[3..],
        [Progress::Checking, Progress::Done { reused: false }]
    );
    let log = fs::read_to_string(machine.file("data folder/env.log")).unwrap();
    assert!(
        log.contains("Resolved 40 packages") && log.contains("mlx-lm=="),
        "{log}"
    );
    assert!(!machine.dir().join("tmp").exists());

    assert_eq!(machine.make().await.unwrap(), python);
    assert_eq!(machine.steps(), [Progress::Done { reused: true }]);
    assert_eq!(finished_python(&machine.dir()), Some(python.exe));
    assert_eq!(machine.made(), 1);

    machine
        .ensure(true, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(machine.made(), 2);
    assert_eq!(machine.left(), ["env"]);
}

#[tokio::test]
async fn a_damaged_or_half_made_or_older_environment_is_made_anew() {
    let machine = Machine::new();
    machine.make().await.unwrap();
    let dir = machine.dir();
    let ways: [(&str, &dyn Fn()); 5] = [
        ("a package is gone", &|| {
            fs::remove_dir_all(dir.join("lib/python3.12/site-packages/mlx_lm")).unwrap();
        }),
        ("its Python is gone", &|| {
            fs::remove_file(dir.join("bin/python")).unwrap();
        }),
        ("its record is gone", &|| {
            fs::remove_file(dir.join("mlx-throughput-lab.json")).unwrap();
        }),
        ("it holds other versions", &|| {
            let file = dir.join("mlx-throughput-lab.json");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(file, text.replace("mlx-lm==", "mlx-lm==0.1.")).unwrap();
        }),
        ("a kill left it half-made", &|| {
            fs::remove_dir_all(&dir).unwrap();
            record::start(&dir).unwrap();
            fs::create_dir_all(dir.join("bin")).unwrap();
        }),
    ];
    for (number, (way, damage)) in ways.iter().enumerate() {
        damage();
        machine.make().await.unwrap();
        assert_eq!(machine.made(), number + 2, "{way}");
        assert!(finished_python(&dir).is_some(), "{way}");
    }
}

#[tokio::test]
async fn cancelled_while_installing_it_leaves_no_folder_and_no_process() {
    let machine = Machine::new();
    machine.when("slow");
    machine.when("cancel");
    let error = machine.make().await.unwrap_err();
    assert!(matches!(error, SetupError::Cancelled), "{error}");
    assert_eq!(machine.left(), [""; 0]);
    // The line that cancels may come before the installer's own child is there, or in the moment
    // between the file that names it and its number.
    if let Ok(pid) = fs::read_to_string(machine.file("pid"))
        && pid.ends_with('\n')
    {
        assert_gone(pid.trim()).await;
    }
    fs::remove_file(machine.file("slow")).unwrap();
    fs::remove_file(machine.file("cancel")).unwrap();
    machine.make().await.unwrap();
}

#[tokio::test]
async fn a_dropped_future_leaves_no_folder_and_no_process() {
    let machine = Machine::new();
    machine.when("slow");
    let pid_file = machine.file("pid");
    let started = async {
        while fs::read_to_string(&pid_file).map_or(true, |text| !text.ends_with('\n')) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = machine.make() => panic!("it should hang"),
        () = started => {}
    }
    assert_eq!(machine.left(), [""; 0]);
    assert_gone(fs::read_to_string(pid_file).unwrap().trim()).await;
}

async fn assert_gone(pid: &str) {
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    let gone = async {
        // A killed orphan stays in the table until init has taken note of it.
        while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("the installer still runs");
}

fn is_zombie(pid: rustix::process::Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim().starts_with('Z'))
    })
}

#[tokio::test]
async fn a_network_failure_is_tried_once_more_and_then_told() {
    let machine = Machine::new();
    machine.when("network-blip");
    machine.make().await.unwrap();
    let retries = |steps: &[Progress]| {
        steps
            .iter()
            .filter(|step| matches!(step, Progress::Retrying { .. }))
            .count()
    };
    assert_eq!(retries(&machine.steps()), 1);

    machine.when("network-down");
    let error = machine
        .ensure(true, &CancellationToken::new())
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SetupError::Network { .. }), "{text}");
    assert!(
        text.contains("dns error") && text.contains("env.log"),
        "{text}"
    );
    assert_eq!(machine.left(), ["env"]);
    assert_eq!(
        finished_python(&machine.dir()),
        Some(python_of(&machine.dir()))
    );
    fs::remove_file(
        machine
            .dir()
            .join("lib/python3.12/site-packages/mlx_lm/server.py"),
    )
    .unwrap();
    machine.make().await.unwrap_err();
    assert_eq!(machine.left(), [""; 0], "a damaged one is not put back");
}

#[tokio::test]
async fn two_callers_make_one_environment() {
    let machine = Machine::new();
    let (one, two) = tokio::join!(machine.make(), machine.make());
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(machine.made(), 1);
    let steps = machine.steps();
    assert!(steps.contains(&Progress::Waiting), "{steps:?}");
    assert!(
        steps.contains(&Progress::Done { reused: true }),
        "{steps:?}"
    );
}

#[tokio::test]
async fn a_base_that_cannot_be_used_is_told_with_the_reason() {
    let machine = Machine::new();
    let means = Means {
        uv: None,
        ..machine.means()
    };
    let cancel = CancellationToken::new();
    for (name, python, reason) in [
        (
            "old",
            FakePython::bare("3.9.6"),
            "it is Python 3.9.6, and 3.11 is needed",
        ),
        (
            "debian",
            FakePython {
                can_venv: false,
                ..FakePython::bare("3.12.4")
            },
            "its venv module is not installed",
        ),
    ] {
        let base = machine.file(name);
        python.write(&base);
        let options = Options {
            dir: machine.dir(),
            force: false,
            base: Some(base.clone()),
        };
        let error = ensure_from(&means, &options, &|_| {}, &cancel)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(reason) && error.contains(base.to_str().unwrap()),
            "{error}"
        );
        assert_eq!(machine.left(), [""; 0]);
    }
}

#[tokio::test]
async fn without_python_or_uv_it_says_what_to_install() {
    let machine = Machine::new();
    fs::remove_file(machine.file("usr/bin/python3")).unwrap();
    let means = Means {
        uv: None,
        ..machine.means()
    };
    let options = Options {
        dir: machine.dir(),
        force: false,
        base: None,
    };
    let cancel = CancellationToken::new();
    let error = ensure_from(&means, &options, &|_| {}, &cancel)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no Python 3.11 or newer") && error.contains("nstall it"),
        "{error}"
    );
    assert_eq!(machine.left(), [""; 0]);
}

#[tokio::test]
async fn a_folder_of_something_else_is_left_alone() {
    let machine = Machine::new();
    fs::create_dir_all(machine.dir()).unwrap();
    fs::write(machine.dir().join("thesis.txt"), "years of work").unwrap();
    let error = machine.make().await.unwrap_err();
    assert!(matches!(error, SetupError::NotOurs { .. }), "{error}");
    assert!(machine.dir().join("thesis.txt").exists());
}
