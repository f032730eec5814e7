//! The prompts of a file in the order in which requests take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::file::{PromptFile, ReadFile};
use super::messages::Messages;
use crate::scatter::scatter;

/// Prompts in the order of a run.
#[derive(Debug)]
pub struct PromptSet {
    pub file: PromptFile,
    prompts: Vec<Messages>,
}

impl PromptSet {
    /// In random order by `seed`, or as the file has them.
    pub fn new(read: ReadFile, seed: Option<u32>) -> Arc<Self> {
        let mut prompts = read.prompts;
        if let Some(seed) = seed {
            let mut ordered: Vec<(u64, Messages)> = (0u64..)
                .zip(prompts)
                .map(|(index, prompt)| (scatter(scatter(u64::from(seed)) ^ index), prompt))
                .collect();
            ordered.sort_by_key(|(place, _)| *place);
            prompts = ordered.into_iter().map(|(_, prompt)| prompt).collect();
        }
        let file = read.file;
        Arc::new(Self { file, prompts })
    }

    /// At least one.
    pub fn prompts(&self) -> &[Messages] {
        &self.prompts
    }
}

/// Where the requests of one load stand in a set. Every load begins at the start, so that all cells
/// are asked the same prompts in the same order.
#[derive(Debug)]
pub struct Cursor {
    set: Arc<PromptSet>,
    next: AtomicU64,
}

impl Cursor {
    pub fn new(set: &Arc<PromptSet>) -> Arc<Self> {
        Arc::new(Self {
            set: Arc::clone(set),
            next: AtomicU64::new(0),
        })
    }

    /// Another one of the same set, at its start.
    pub fn from_start(&self) -> Arc<Self> {
        Self::new(&self.set)
    }

    /// The next prompt; after the last the first one comes again.
    pub(crate) fn next(&self) -> &Messages {
        let taken = self.next.fetch_add(1, Ordering::Relaxed);
        let prompts = self.set.prompts();
        &prompts[(taken % prompts.len() as u64) as usize]
    }

    /// Prompts came more than once.
    pub fn came_round(&self) -> bool {
        self.next.load(Ordering::Relaxed) > self.set.prompts().len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::prompts::file;

    fn read(count: u32) -> ReadFile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompts.jsonl");
        let lines: Vec<String> = (0..count).map(|n| format!("\"prompt {n}\"")).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        file::read(Path::new(&path)).unwrap()
    }

    fn taken(set: &Arc<PromptSet>, count: u32) -> Vec<String> {
        let cursor = Cursor::new(set);
        let text = |_| cursor.next().texts()[0].1.clone();
        (0..count).map(text).collect()
    }

    #[test]
    fn a_seed_gives_its_own_order_each_time_and_every_load_begins_at_its_start() {
        let set = PromptSet::new(read(50), Some(7));
        let first = taken(&set, 50);
        assert_eq!(taken(&set, 50), first);
        assert_eq!(taken(&PromptSet::new(read(50), Some(7)), 50), first);
        assert_ne!(taken(&PromptSet::new(read(50), Some(8)), 50), first);
        let in_file = taken(&PromptSet::new(read(50), None), 50);
        assert_ne!(in_file, first);
        assert_eq!(in_file[7], "prompt 7");
        let sorted = |mut texts: Vec<String>| {
            texts.sort();
            texts
        };
        assert_eq!(sorted(first), sorted(in_file));
    }

    #[test]
    fn after_the_last_the_first_comes_again_and_that_is_known() {
        let set = PromptSet::new(read(3), None);
        assert_eq!(taken(&set, 4)[3], "prompt 0");
        let cursor = Cursor::new(&set);
        for _ in 0..3 {
            cursor.next();
        }
        assert!(!cursor.came_round());
        cursor.next();
        assert!(cursor.came_round());
        assert!(!cursor.from_start().came_round());
    }
}
