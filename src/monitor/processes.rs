//! CPU and memory of each server: its process and all of that process's descendants.

use std::collections::HashMap;
use std::time::Instant;

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

use super::sample::ServerSample;
use crate::units::Bytes;

/// CPU time used so far by each process of one server, in milliseconds.
type CpuTimes = HashMap<Pid, u64>;

/// Remembers the previous reading, since CPU use is the difference of two.
#[derive(Default)]
pub(super) struct ServerProcesses {
    /// By the pid of the server itself.
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
        let at = Instant::now();
        let elapsed_s = self
            .previous_at
            .map(|previous| at.duration_since(previous).as_secs_f64());
        // Every process, since only parents are known, not children; but no threads: they are most
        // of the cost, and their process counts them already.
        system.refresh_processes_specifics(
            ProcessesToUpdate::All,
            true,
            ProcessRefreshKind::nothing()
                .without_tasks()
                .with_cpu()
                .with_memory(),
        );
        let children = children_by_parent(system);
        let mut current = HashMap::with_capacity(servers.len());
        let samples = servers
            .iter()
            .map(|&(instance, pid)| {
                let root = Pid::from_u32(pid);
                let gone = ServerSample {
                    instance,
                    pid,
                    cpu_cores: None,
                    memory: None,
                };
                if !is_alive(system, root) {
                    return gone;
                }
                let tree = descendants(root, &children);
                let times: CpuTimes = tree
                    .iter()
                    .filter_map(|pid| Some((*pid, system.process(*pid)?.accumulated_cpu_time())))
                    .collect();
                let cpu_cores = match (self.previous.get(&root), elapsed_s) {
                    (Some(before), Some(elapsed_s)) if elapsed_s > 0.0 => {
                        Some(used_since(before, &times) as f64 / 1e3 / elapsed_s)
                    }
                    _ => None,
                };
                current.insert(root, times);
                ServerSample {
                    cpu_cores,
                    memory: memory(system, &tree),
                    ..gone
                }
            })
            .collect();
        self.previous = current;
        self.previous_at = Some(at);
        samples
    }
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

/// Milliseconds of CPU between two readings. A child that is new has used all its time since; one
/// that ended takes what it used after the earlier reading with it.
fn used_since(before: &CpuTimes, after: &CpuTimes) -> u64 {
    after
        .iter()
        .map(|(pid, now)| now.saturating_sub(before.get(pid).copied().unwrap_or(0)))
        .sum()
}

#[cfg(not(target_os = "macos"))]
fn memory(system: &System, tree: &[Pid]) -> Option<Bytes> {
    tree.iter()
        .filter_map(|pid| Some(system.process(*pid)?.memory()))
        .reduce(|sum, next| sum + next)
        .map(Bytes)
}

/// Blank for now. Resident memory leaves out Metal's buffers, which hold the whole model, so it
/// would be wrong rather than rough. `proc_pid_rusage` gives the physical footprint that counts
/// them; it needs `unsafe`, which belongs in `platform` with the other calls of macOS.
#[cfg(target_os = "macos")]
fn memory(_system: &System, _tree: &[Pid]) -> Option<Bytes> {
    None
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
    fn cpu_time_counts_new_children_whole_and_old_ones_by_difference() {
        let before = CpuTimes::from([(Pid::from_u32(1), 500), (Pid::from_u32(2), 100)]);
        let after = CpuTimes::from([(Pid::from_u32(1), 900), (Pid::from_u32(3), 70)]);
        assert_eq!(used_since(&before, &after), 470);
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
