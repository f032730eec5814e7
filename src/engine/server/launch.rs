//! How a server is started: program, arguments and environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// A Python that can run `mlx_lm.server`, and how to ask it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launcher {
    pub python: PathBuf,
    /// `-m mlx_lm server`, or `-m mlx_lm.server` with older versions.
    pub module_args: Vec<String>,
}

/// Runs the stock server with a longer listen backlog than Python's 5. Nothing of `mlx_lm` is
/// changed, but it is no longer the stock server, so results say so.
fn backlog_shim(backlog: u32) -> String {
    format!(
        "import socketserver, sys; \
         socketserver.TCPServer.request_queue_size = {backlog}; \
         sys.argv[0] = 'mlx_lm.server'; \
         from mlx_lm.server import main; main()"
    )
}

impl Launcher {
    /// Everything after the interpreter: the module, then `server_args` one argument each.
    pub fn arguments(&self, backlog: Option<u32>, server_args: &[String]) -> Vec<OsString> {
        let how = match backlog {
            Some(backlog) => vec!["-c".to_owned(), backlog_shim(backlog)],
            None => self.module_args.clone(),
        };
        how.iter().chain(server_args).map(OsString::from).collect()
    }

    /// The whole command line, for people and files.
    pub fn command(&self, backlog: Option<u32>, server_args: &[String]) -> Vec<String> {
        let python = self.python.to_string_lossy().into_owned();
        let rest = self.arguments(backlog, server_args);
        std::iter::once(python)
            .chain(rest.iter().map(|arg| arg.to_string_lossy().into_owned()))
            .collect()
    }

    /// Environment of every server: ours, then the user's. `local_model` keeps it off the network.
    pub fn environment(
        local_model: bool,
        users: &BTreeMap<String, String>,
    ) -> Vec<(String, String)> {
        // Unbuffered, so that a crash does not take the log's last lines with it.
        let mut env = vec![("PYTHONUNBUFFERED".to_owned(), "1".to_owned())];
        if local_model {
            env.push(("HF_HUB_OFFLINE".to_owned(), "1".to_owned()));
        }
        env.extend(users.iter().map(|(k, v)| (k.clone(), v.clone())));
        env
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stay_whole_and_the_shim_comes_first() {
        let launcher = Launcher {
            python: "/opt/py".into(),
            module_args: vec!["-m".into(), "mlx_lm".into(), "server".into()],
        };
        let args = ["--chat-template".to_owned(), "a b".to_owned()];
        assert_eq!(
            launcher.command(None, &args),
            [
                "/opt/py",
                "-m",
                "mlx_lm",
                "server",
                "--chat-template",
                "a b"
            ]
        );
        let shimmed = launcher.command(Some(1024), &args);
        assert_eq!(shimmed[1], "-c");
        assert!(shimmed[2].contains("request_queue_size = 1024"));
        assert_eq!(shimmed[3..], args);
    }
}
