//! A real `mlx_lm.server` that this test starts by hand, and our binary attached to it.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::lab::{Home, Lab, finish, number, processes_with};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[(
    "an_attached_server_is_measured_and_left_alone",
    Needs::Nothing,
    attached,
)];

const KEY: &str = "sk-end-to-end-0123456789";

/// Ended with the test, by its own handle.
struct ByHand {
    child: Child,
    url: String,
}

impl ByHand {
    fn start(lab: &Lab, home: &Home<'_>) -> Result<Self, Failed> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        // It lists the models of this folder, and the one that it was started with.
        let cache = home.path().join("hugging-face");
        std::fs::create_dir_all(cache.join("hub"))?;
        let child = Command::new(&lab.python)
            .args(["-m", "mlx_lm", "server", "--host", "127.0.0.1"])
            .args(["--port", &port.to_string(), "--model"])
            .arg(&lab.tiny)
            .env("HF_HOME", cache)
            .env("HF_HUB_OFFLINE", "1")
            .env("TMPDIR", &lab.temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let until = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            ensure!(Instant::now() < until, "the server opened no port");
            // Another process's bind is no event that we could wait for.
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    fn lives(&mut self) -> Result<bool, Failed> {
        Ok(self.child.try_wait()?.is_none())
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn attached(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let mut server = ByHand::start(lab, &home)?;
    // No Python of ours is needed, and the model is asked for.
    let mut check = home.bare_command(["test", "concurrent", "--attach", &server.url]);
    check.args(["MLX_NUM_REQUESTS=8", "MLX_MAX_TOKENS=8"]);
    check.env("MLX_PYTHON", "/nowhere/python");
    let done = finish(check)?.expect(0)?.says("nothing is started")?;
    ensure!(done.out.contains("total_tokens=64 "), "{}", done.out);
    ensure!(server.lives()?, "our check has ended the server");
    std::fs::remove_dir_all(home.results())?;

    let url = format!("{}/v1", server.url);
    let mut sweep = home.bare_command(["sweep", "concurrency", "--attach", &url]);
    sweep
        .args(["MLX_CONCURRENCY_LIST=1,4", "MLX_MAX_TOKENS=8"])
        .args(["MLX_REQUESTS_MULTIPLIER=2", "--events"])
        .env("MLX_ATTACH_MODEL", "default_model")
        .env("MLX_ATTACH_KEY", KEY);
    let done = finish(sweep)?.expect(0)?;
    ensure!(server.lives()?, "our sweep has ended the server");
    let ours: Vec<String> = processes_with(&lab.tiny.to_string_lossy());
    ensure!(ours.len() == 1, "only the one by hand: {ours:?}");

    let rows = home.csv()?;
    ensure!(rows.len() == 2, "{rows:?}");
    for row in &rows {
        ensure!(row["status"] == "ok", "{row:?}");
        ensure!(row["attached"] == server.url, "{row:?}");
        ensure!(row["flags"].contains("attached"), "{row:?}");
        ensure!(row["servers_memory_peak_bytes"].is_empty(), "{row:?}");
        ensure!(row["decode_concurrency"].is_empty(), "{row:?}");
        let tokens = 8.0 * 2.0 * number(row, "concurrency")?;
        ensure!(number(row, "total_tokens")? == tokens, "{row:?}");
    }
    let metadata = home.json()?;
    ensure!(
        metadata["plan"]["servers"]["attached"]["urls"][0] == server.url.as_str(),
        "{metadata}"
    );
    ensure!(
        !metadata.to_string().contains(KEY),
        "the key is in the JSON"
    );
    ensure!(
        !done.out.contains(KEY) && !done.err.contains(KEY),
        "the key was told"
    );
    for ending in [".csv", ".requests.csv", ".machine.csv"] {
        let text = std::fs::read_to_string(home.result_file(ending)?)?;
        ensure!(!text.contains(KEY), "the key is in {ending}");
    }

    // A server's own settings cannot be swept, and https cannot be spoken.
    let mut wrong = home.bare_command(["sweep", "custom", "--attach", &url]);
    wrong.args(["--axis", "decode-concurrency=1,2"]);
    wrong.env("MLX_ATTACH_MODEL", "default_model");
    finish(wrong)?
        .expect(2)?
        .says("not started by this program")?;
    let https = home.bare_command(["test", "single", "--attach", "https://127.0.0.1"]);
    finish(https)?.expect(2)?.says("ssh -L")?;
    Ok(())
}
