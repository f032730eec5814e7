//! A real `mlx_lm.server` that this test starts by hand, and our binary attached to it.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::lab::{Home, Lab, finish, number, processes_with};
use crate::{Needs, Test, ensure};

pub const TESTS: &[Test] = &[
    (
        "an_attached_server_is_measured_and_left_alone",
        Needs::Nothing,
        attached,
    ),
    (
        "an_attached_server_behind_https_is_measured_if_its_certificate_is_trusted",
        Needs::Nginx,
        attached_by_https,
    ),
];

const KEY: &str = "sk-end-to-end-0123456789";

/// Ended with the test, by its own handle.
pub struct ByHand {
    child: Child,
    pub url: String,
}

impl ByHand {
    pub fn start(lab: &Lab, home: &Home<'_>) -> Result<Self, Failed> {
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
        opened(port)?;
        Ok(server)
    }

    pub fn lives(&mut self) -> Result<bool, Failed> {
        Ok(self.child.try_wait()?.is_none())
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn opened(port: u16) -> Result<(), Failed> {
    let until = Instant::now() + Duration::from_mins(1);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(Instant::now() < until, "nothing has opened port {port}");
        // Another process's bind is no event that we could wait for.
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
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

    // A server's own settings cannot be swept.
    let mut wrong = home.bare_command(["sweep", "custom", "--attach", &url]);
    wrong.args(["--axis", "decode-concurrency=1,2"]);
    wrong.env("MLX_ATTACH_MODEL", "default_model");
    finish(wrong)?
        .expect(2)?
        .says("not started by this program")?;
    Ok(())
}

/// nginx that speaks TLS in front of a server, with a certificate of its own making.
struct Encrypted {
    nginx: Child,
    pub url: String,
    certificate: PathBuf,
}

impl Encrypted {
    fn start(home: &Home<'_>, server: &ByHand) -> Result<Self, Failed> {
        let folder = home.path().join("encrypted");
        std::fs::create_dir_all(&folder)?;
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let certificate = folder.join("certificate.pem");
        std::fs::write(&certificate, made.cert.pem())?;
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let upstream = &server.url;
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {kind};"))
            .concat();
        let configuration = format!(
            "daemon off; pid nginx.pid; error_log error.log; events {{}}
            http {{ access_log off; {temporary} server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate certificate.pem; ssl_certificate_key key.pem;
                location / {{ proxy_pass {upstream}; proxy_buffering off; }}
            }} }}"
        );
        std::fs::write(folder.join("nginx.conf"), configuration)?;
        let nginx = Command::new("nginx")
            .arg("-p")
            .arg(&folder)
            .args(["-e", "error.log", "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let encrypted = Self {
            nginx,
            url: format!("https://localhost:{port}"),
            certificate,
        };
        opened(port)?;
        Ok(encrypted)
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        // Its workers end with it only if it is told, not killed.
        let id = self.nginx.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.nginx.wait();
    }
}

fn attached_by_https(lab: &Lab) -> Result<(), Failed> {
    let home = lab.home();
    let server = ByHand::start(lab, &home)?;
    let encrypted = Encrypted::start(&home, &server)?;
    let check = || {
        let mut check = home.bare_command(["test", "concurrent", "--attach", &encrypted.url]);
        check.args(["MLX_NUM_REQUESTS=8", "MLX_MAX_TOKENS=8"]);
        check
    };
    finish(check())?.expect(2)?.says("SSL_CERT_FILE")?;
    let mut trusting = check();
    trusting.env("SSL_CERT_FILE", &encrypted.certificate);
    let done = finish(trusting)?.expect(0)?;
    ensure!(done.out.contains("total_tokens=64 "), "{}", done.out);
    Ok(())
}
