//! CPU and memory of each server: its process and all of that process's descendants.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use super::sample::ServerSample;
use crate::units::Bytes;

/// Who descends from whom is told only by the whole process table, which costs milliseconds: it is
/// read this often, and a server's known processes each time.
const TABLE_PERIOD: Duration = Duration::from_secs(10);
/// While servers are this young the whole table is read each time: a launcher is still starting the
/// process that does the work.
const SETTLING: Duration = Duration::from_secs(5);

/// CPU time used so far by each process of one server, in milliseconds.
type CpuTimes = HashMap<Pid, u64>;

/// Remembers the previous reading, since CPU use is the difference of two.
#[derive(Default)]
pub(super) struct ServerProcesses {
    servers: Vec<(u32, u32)>,
    changed_at: Option<Instant>,
    table_read_at: Option<Instant>,
    /// The processes of each server, by the pid of the server itself.
    trees: HashMap<Pid, Vec<Pid>>,
    previous: HashMap<Pid, CpuTimes>,
    previous_at: Option<Instant>,
}

impl ServerProcesses {
    /// Reads all `servers`, given as (instance, pid). A server seen for the first time has no CPU
    /// figure yet; one that is gone has neither figure.
    pub(super) fn read(
        &mut self,
        system: &mut System,
        servers: &[(u32, u32)],
    ) -> Vec<ServerSample> {
        if servers.is_empty() {
            *self = Self::default();
            return Vec::new();
        }
        if self.servers != servers {
            self.servers = servers.to_vec();
            self.changed_at = Some(Instant::now());
        }
        let within = |at: Option<Instant>, span| at.is_some_and(|at| at.elapsed() < span);
        if within(self.changed_at, SETTLING) || !within(self.table_read_at, TABLE_PERIOD) {
            self.read_table(system);
        }
        let known: Vec<Pid> = self.trees.values().flatten().copied().collect();
        let at = Instant::now();
        refresh(system, ProcessesToUpdate::Some(&known));
        let elapsed_s = self
            .previous_at
            .replace(at)
            .map(|previous| at.duration_since(previous).as_secs_f64());
        let previous = std::mem::take(&mut self.previous);
        servers
            .iter()
            .map(|&(instance, pid)| {
                let root = Pid::from_u32(pid);
                let gone = ServerSample {
                    instance,
                    pid,
                    cpu_cores: None,
                    memory: None,
                };
                let Some(tree) = self.trees.get(&root).filter(|_| is_alive(system, root)) else {
                    return gone;
                };
                let times: CpuTimes = tree
                    .iter()
                    .filter_map(|pid| Some((*pid, system.process(*pid)?.accumulated_cpu_time())))
                    .collect();
                let cpu_cores = match (previous.get(&root), elapsed_s) {
                    (Some(before), Some(elapsed_s)) if elapsed_s > 0.0 => {
                        Some(used_between(before, &times) as f64 / 1e3 / elapsed_s)
                    }
                    _ => None,
                };
                self.previous.insert(root, times);
                ServerSample {
                    cpu_cores,
                    memory: memory(system, tree),
                    ..gone
                }
            })
            .collect()
    }

    /// As if the servers had been there for long.
    #[cfg(test)]
    pub(super) fn settle(&mut self) {
        self.changed_at = None;
    }

    fn read_table(&mut self, system: &mut System) {
        refresh(system, ProcessesToUpdate::All);
        let children = children_by_parent(system);
        self.trees = self
            .servers
            .iter()
            .map(|&(_, pid)| {
                let root = Pid::from_u32(pid);
                (root, descendants(root, &children))
            })
            .collect();
        self.table_read_at = Some(Instant::now());
    }
}

/// Without threads: they are most of the cost, and their process counts them already.
fn refresh(system: &mut System, processes: ProcessesToUpdate<'_>) {
    let kind = ProcessRefreshKind::nothing()
        .without_tasks()
        .with_cpu()
        .with_memory();
    system.refresh_processes_specifics(processes, true, kind);
}

/// A dead process that nobody has waited for still stands in the process table.
fn is_alive(system: &System, pid: Pid) -> bool {
    system.process(pid).is_some_and(|process| {
        !matches!(
            process.status(),
            ProcessStatus::Zombie | ProcessStatus::Dead
        )
    })
}

fn children_by_parent(system: &System) -> HashMap<Pid, Vec<Pid>> {
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for (pid, process) in system.processes() {
        if let Some(parent) = process.parent() {
            children.entry(parent).or_default().push(*pid);
        }
    }
    children
}

/// `root` and everything below it.
fn descendants(root: Pid, children: &HashMap<Pid, Vec<Pid>>) -> Vec<Pid> {
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(pid) = tree.get(next) {
        next += 1;
        if let Some(below) = children.get(pid) {
            tree.extend(below);
        }
    }
    tree
}

/// Milliseconds of CPU between two readings, by the processes that both saw.
fn used_between(before: &CpuTimes, after: &CpuTimes) -> u64 {
    after
        .iter()
        .filter_map(|(pid, now)| Some(now.saturating_sub(*before.get(pid)?)))
        .sum()
}

#[cfg(not(target_os = "macos"))]
fn memory(system: &System, tree: &[Pid]) -> Option<Bytes> {
    tree.iter()
        .filter_map(|pid| Some(system.process(*pid)?.memory()))
        .reduce(|sum, next| sum + next)
        .map(Bytes)
}

/// The physical footprint: resident memory leaves out Metal's buffers, which hold the whole model.
#[cfg(target_os = "macos")]
fn memory(_system: &System, tree: &[Pid]) -> Option<Bytes> {
    tree.iter()
        .filter_map(|pid| crate::platform::macos::telemetry::physical_footprint(pid.as_u32()))
        .reduce(|sum, next| sum + next)
        .map(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pids<const N: usize>(numbers: [u32; N]) -> Vec<Pid> {
        numbers.map(Pid::from_u32).to_vec()
    }

    #[test]
    fn a_tree_holds_grandchildren_and_no_strangers() {
        let children = HashMap::from([
            (Pid::from_u32(1), pids([10, 20])),
            (Pid::from_u32(10), pids([11, 12])),
            (Pid::from_u32(12), pids([13])),
            (Pid::from_u32(20), pids([21])),
        ]);
        let mut tree = descendants(Pid::from_u32(10), &children);
        tree.sort();
        assert_eq!(tree, pids([10, 11, 12, 13]));
        assert_eq!(descendants(Pid::from_u32(99), &children), pids([99]));
    }

    #[test]
    fn cpu_time_is_of_processes_that_both_readings_saw() {
        let before = CpuTimes::from([(Pid::from_u32(1), 500), (Pid::from_u32(2), 100)]);
        let after = CpuTimes::from([(Pid::from_u32(1), 900), (Pid::from_u32(3), 70)]);
        assert_eq!(used_between(&before, &after), 400);
    }

    #[test]
    fn a_pid_without_a_process_is_blank() {
        let mut system = System::new().expect("this system can be read");
        // Above the largest pid that Linux and macOS give out.
        let samples = ServerProcesses::default().read(&mut system, &[(3, 0x7fff_fff0)]);
        assert_eq!(
            samples,
            [ServerSample {
                instance: 3,
                pid: 0x7fff_fff0,
                cpu_cores: None,
                memory: None
            }]
        );
    }
}
