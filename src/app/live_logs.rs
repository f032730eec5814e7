//! The logs of a run that goes on: its servers' and nginx's files are read as they grow.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{MissedTickBehavior, interval};

use super::backend::{Backend, Done, ToWindow};
use super::log_tail::Tail;
use super::run_state::LogSource;
use crate::engine::event::EngineEvent;
use crate::store::run_files::RunFiles;

/// How often files are looked at: nobody tells when they grow.
const EVERY: Duration = Duration::from_secs(1);

/// Lines of one source.
pub type Lines = (LogSource, Vec<String>);

/// Tells the follower which files to read. Once it is dropped, what is left is read, and it ends.
#[derive(Debug)]
pub struct LiveLogs {
    tell: UnboundedSender<(LogSource, Tail)>,
    folder: PathBuf,
    /// Bytes that files had before the run started.
    earlier: HashMap<PathBuf, u64>,
}

/// Servers append to the logs of a run's earlier starts.
fn sizes(folder: &Path) -> HashMap<PathBuf, u64> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return HashMap::new();
    };
    files
        .flatten()
        .filter_map(|file| Some((file.path(), file.metadata().ok()?.len())))
        .collect()
}

impl LiveLogs {
    /// Follows what a server or a balancer that has started writes.
    pub fn heard(&mut self, event: &EngineEvent) {
        let (source, path) = match event {
            EngineEvent::ServerStarting { instance, log, .. } => {
                (LogSource::Server(*instance), log.clone())
            }
            // One that was started has its command; the client itself has none.
            EngineEvent::BalancerStarted { command, .. } if !command.is_empty() => {
                (LogSource::Nginx, self.folder.join("nginx.log"))
            }
            _ => return,
        };
        let from = self.earlier.get(&path).copied().unwrap_or(0);
        // It ends early only with the window's runtime.
        let _ = self.tell.send((source, Tail::new(path, from)));
    }
}

impl Backend {
    /// Follows the logs of the run of `csv`. Where it is `resumed`, what they hold now is of its
    /// earlier starts, and is left out.
    pub fn follow_logs(&self, csv: &Path, resumed: bool) -> LiveLogs {
        let (tell, told) = unbounded_channel();
        self.spawn_task(follow(told, self.to_window()));
        let folder = RunFiles::of(csv).logs();
        let earlier = if resumed {
            sizes(&folder)
        } else {
            HashMap::new()
        };
        LiveLogs {
            tell,
            folder,
            earlier,
        }
    }
}

async fn follow(mut told: UnboundedReceiver<(LogSource, Tail)>, window: ToWindow) {
    let mut tails: Vec<(LogSource, Tail)> = Vec::new();
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut replaced = Vec::new();
        let goes_on = tokio::select! {
            new = told.recv() => match new {
                Some((source, tail)) => {
                    let known = tails.iter().position(|(_, one)| one.path() == tail.path());
                    // nginx appends to one file over all its starts.
                    if known.is_none() {
                        replaced = tails.extract_if(.., |(of, _)| *of == source).collect();
                        tails.push((source, tail));
                    }
                    true
                }
                None => false,
            },
            _ = tick.tick() => true,
        };
        let reading = tokio::task::spawn_blocking(move || {
            let mut lines = read(&mut replaced, true);
            lines.extend(read(&mut tails, !goes_on));
            (tails, lines)
        });
        let Ok((back, lines)) = reading.await else {
            return;
        };
        tails = back;
        if !lines.is_empty() {
            window.say(Done::LogLines(lines));
        }
        if !goes_on {
            return;
        }
    }
}

/// What is new in each; `last` where nothing more will come.
fn read(tails: &mut [(LogSource, Tail)], last: bool) -> Vec<Lines> {
    let mut all = Vec::new();
    for (source, tail) in tails {
        let mut lines = match tail.read() {
            Ok(lines) => lines,
            Err(error) => {
                tracing::warn!("{} cannot be read: {error}", tail.path().display());
                continue;
            }
        };
        if last {
            lines.extend(tail.rest());
        }
        if !lines.is_empty() {
            all.push((*source, lines));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::Balancer;

    fn starting(instance: u32, log: &Path) -> EngineEvent {
        EngineEvent::ServerStarting {
            instance,
            port: 9000,
            command: vec!["python".to_owned()],
            log: log.to_owned(),
        }
    }

    /// The next lines of each source that come.
    fn next(backend: &Backend) -> Vec<Lines> {
        match backend.wait() {
            Done::LogLines(lines) => lines,
            _ => panic!("lines should come"),
        }
    }

    #[test]
    fn servers_and_nginx_are_followed_and_their_last_words_come_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let csv = folder.path().join("quick.csv");
        let logs = RunFiles::of(&csv).logs();
        std::fs::create_dir_all(&logs).expect("a folder");
        let (server, nginx) = (logs.join("server-000.log"), logs.join("nginx.log"));
        std::fs::write(&server, "of an earlier start\n").expect("a file");
        let backend = Backend::new(Arc::new(|| ())).expect("a runtime");
        let mut live = backend.follow_logs(&csv, true);
        std::fs::write(&server, "of an earlier start\nFetching\n").expect("a file");
        live.heard(&starting(0, &server));
        let expected = (LogSource::Server(0), vec!["Fetching".to_owned()]);
        assert_eq!(next(&backend), [expected]);
        std::fs::write(&nginx, "warn\nhalf a line").expect("a file");
        live.heard(&EngineEvent::BalancerStarted {
            balancer: Balancer::Nginx,
            port: Some(8088),
            command: vec!["nginx".to_owned()],
        });
        let expected = (LogSource::Nginx, vec!["warn".to_owned()]);
        assert_eq!(next(&backend), [expected]);
        drop(live);
        let expected = (LogSource::Nginx, vec!["half a line".to_owned()]);
        assert_eq!(next(&backend), [expected]);
    }
}
