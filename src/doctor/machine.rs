//! Memory, disk and limits.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};
use sysinfo::System;

use super::Check;
use crate::units::Bytes;

const GB: u64 = 1_000_000_000;

pub fn memory() -> Check {
    let Ok(mut system) = System::new() else {
        return Check::ok("memory", "free memory unknown");
    };
    system.refresh_memory();
    let (mut free, mut total) = (system.available_memory(), system.total_memory());
    // A container may have less than its machine.
    if let Some(limits) = system.cgroup_limits() {
        free = free.min(limits.free_memory);
        total = total.min(limits.total_memory);
    }
    judge_memory(Bytes(free), Bytes(total))
}

/// The smallest useful models need about 1 GB with their server, the usual ones 4 GB and more.
fn judge_memory(free: Bytes, total: Bytes) -> Check {
    let name = "memory";
    let detail = format!("{free} free of {total}");
    match free.0 {
        0..GB => Check::problem(name, detail, "close other programs: no server fits"),
        GB..4_000_000_000 => Check::warning(
            name,
            detail,
            "close other programs, or measure small models only",
        ),
        _ => Check::ok(name, detail),
    }
}

/// One line for each file system that holds one of the folders.
pub fn disks(folders: &[PathBuf]) -> Vec<Check> {
    let mut seen = HashSet::new();
    let mut checks = Vec::new();
    for folder in folders {
        // The folder may not exist yet; the nearest one that does is on the same disk.
        let there = folder
            .ancestors()
            .find_map(|there| Some((there, there.metadata().ok()?)));
        let Some((there, meta)) = there else { continue };
        if !seen.insert(meta.dev()) {
            continue;
        }
        // Asked of the folder itself: lists of disks leave out some kinds of file systems.
        checks.push(match rustix::fs::statvfs(there) {
            Ok(disk) => judge_disk(folder, Bytes(disk.f_bavail.saturating_mul(disk.f_frsize))),
            Err(error) => Check::ok(
                "disk",
                format!("free space of {} unknown: {error}", folder.display()),
            ),
        });
    }
    checks
}

/// The managed environment takes some hundred megabytes, a model from 0.3 to tens of gigabytes.
fn judge_disk(folder: &Path, free: Bytes) -> Check {
    let name = "disk";
    let detail = format!("{free} free for {}", folder.display());
    let remedy = "make room: models and results are written there";
    match free.0 {
        0..GB => Check::problem(name, detail, remedy),
        GB..10_000_000_000 => Check::warning(name, detail, remedy),
        _ => Check::ok(name, detail),
    }
}

/// A load of N requests holds N connections here, and through nginx 2 N there.
pub fn file_descriptors() -> Check {
    let limit = getrlimit(Resource::Nofile);
    judge_file_descriptors(limit.current, limit.maximum)
}

/// `None` is no limit. The soft limit is raised to the hard one before a load starts.
fn judge_file_descriptors(soft: Option<u64>, hard: Option<u64>) -> Check {
    let name = "open files";
    let words = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |n| n.to_string());
    let detail = format!("{} allowed, {} at most", words(soft), words(hard));
    match hard {
        Some(hard) if hard < 4096 => Check::warning(
            name,
            detail,
            format!(
                "about {} concurrent requests fit; raise the hard limit (`ulimit -Hn`) for more",
                hard.saturating_sub(100) / 2
            ),
        ),
        _ => Check::ok(name, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn little_memory_warns_and_almost_none_is_a_problem() {
        let level = |free| judge_memory(Bytes(free), Bytes(24 * GB)).level;
        assert_eq!(level(8 * GB), Level::Ok);
        assert_eq!(level(2 * GB), Level::Warning);
        assert_eq!(level(GB / 2), Level::Problem);
        assert_eq!(
            judge_memory(Bytes(8 * GB), Bytes(24 * GB)).detail,
            "8.00 GB free of 24.0 GB"
        );
    }

    #[test]
    fn this_machine_has_memory_and_a_disk() {
        assert!(!memory().detail.starts_with("0 bytes"), "{:?}", memory());
        let temp = tempfile::tempdir().unwrap();
        let missing = temp.path().join("not/made/yet");
        let found = disks(&[missing.clone(), temp.path().to_path_buf()]);
        assert_eq!(found.len(), 1, "both are on one disk: {found:?}");
        assert!(found[0].detail.contains("free"), "{found:?}");
    }

    #[test]
    fn a_low_hard_limit_says_how_many_requests_fit() {
        assert_eq!(judge_file_descriptors(Some(256), None).level, Level::Ok);
        assert_eq!(
            judge_file_descriptors(Some(1024), Some(524_288)).level,
            Level::Ok
        );
        let check = judge_file_descriptors(Some(256), Some(1100));
        assert_eq!(check.level, Level::Warning);
        assert!(check.remedy.unwrap().contains("about 500 concurrent"));
    }
}
