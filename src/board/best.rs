//! The best combination of a run, and what it cannot be told from.

use super::estimate::MOST_BOUNDS;
use super::{Board, CellState, Layer};
use crate::measure::best::{Ranking, Repeats, rank};

/// The combination with the most tokens per second among the valid ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// Position in [`Board::entries`]; of several repeats, the fastest.
    pub entry: usize,
    /// Averaged over the valid repeats, in tokens per second.
    pub throughput_tps: f64,
}

impl Board {
    pub(super) fn find_best(&self) -> Option<Ranking<usize>> {
        let all = self
            .combinations
            .iter()
            .enumerate()
            .filter_map(|(number, members)| {
                Some((
                    number,
                    Repeats::of(self.valid_tps(members).map(|(_, tps)| tps))?,
                ))
            });
        // Of a long file each row would be read for it.
        let bounded = self.len() <= MOST_BOUNDS;
        let within = |number: usize| {
            let (entry, _) = self.valid_tps(self.combinations.members(number)).next()?;
            let row = bounded.then(|| self.rows.get(entry)).flatten()?;
            Layer::Throughput.interval(&row)
        };
        let ranking = rank(all, within)?;
        // Each has a valid repeat, else it had not been ranked.
        Some(ranking.map(|number| self.fastest(number).unwrap_or_default()))
    }

    /// The valid ones with a figure.
    fn valid_tps(&self, members: &[u32]) -> impl Iterator<Item = (usize, f64)> + Clone {
        let entries = members.iter().map(|&member| member as usize);
        entries
            .filter(|&entry| self.states[entry] == CellState::Done)
            .filter_map(|entry| Some((entry, self.throughput.get(entry)?)))
    }

    fn fastest(&self, combination: usize) -> Option<usize> {
        let valid = self.valid_tps(self.combinations.members(combination));
        let fastest = valid.max_by(|a, b| a.1.total_cmp(&b.1));
        fastest.map(|(entry, _)| entry)
    }

    pub fn best(&self) -> Option<Best> {
        self.best.as_ref().map(|ranking| Best {
            entry: ranking.best,
            throughput_tps: ranking.repeats.mean,
        })
    }

    /// The best combination with what it is tied with, each named by the position in
    /// [`Board::entries`] of its fastest repeat.
    pub fn ranking(&self) -> Option<&Ranking<usize>> {
        self.best.as_ref()
    }

    /// Whether the entry is one of the valid repeats that the best figure is the mean of.
    pub fn is_best(&self, entry: usize) -> bool {
        let number = |entry| self.combinations.number_of(entry);
        let best = self.best.as_ref().and_then(|best| number(best.best));
        best.is_some() && best == number(entry) && self.state(entry) == Some(CellState::Done)
    }

    /// Where the best is: "concurrency 32, mean of 3 repeats".
    pub fn best_place(&self) -> Option<String> {
        let ranking = self.ranking()?;
        let label = self.combination_label(ranking.best);
        let basis = ranking.basis().map(|basis| format!(", {basis}"));
        Some(label + basis.as_deref().unwrap_or_default())
    }

    /// "tied with 1 other within the 95 % interval: concurrency 16"; `None` without ties.
    pub fn tied_with(&self) -> Option<String> {
        self.ranking()?
            .tied_with(|entry| self.combination_label(*entry))
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::store::library;

    /// Runs of every lab: rows of ours with and without repeats, and those of others.
    fn files() -> Vec<PathBuf> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = ["tests/fixtures/csv", "results/examples"];
        let files = folders.iter().flat_map(|folder| {
            let files = std::fs::read_dir(project.join(folder)).expect("a folder");
            files.map(|file| file.expect("a file").path())
        });
        let is_run = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".csv") && name.matches('.').count() == 1
        };
        files.filter(is_run).collect()
    }

    #[test]
    fn the_list_and_the_opened_run_name_the_same_best() {
        let files = files();
        assert!(files.len() >= 7, "{files:?}");
        for path in files {
            let listed = library::summary(&path).best;
            let board = Board::of_run(&library::load(&path).expect("a run"));
            let (Some(listed), Some(best)) = (listed, board.best()) else {
                panic!("{} has no best", path.display());
            };
            let apart = (listed.throughput_tps - best.throughput_tps).abs();
            assert!(apart < 1e-9, "{}: {listed:?} {best:?}", path.display());
            let repeats = board.ranking().expect("ranked").repeats.n;
            assert_eq!(listed.repeats, repeats, "{}", path.display());
        }
    }

    #[test]
    fn three_repeats_on_a_gpu_are_ranked_by_their_mean_and_the_best_stands_alone() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = project.join("results/examples/full_sweep_20261124_205933.csv");
        let board = Board::of_run(&library::load(&path).expect("the example"));
        let best = board.best().expect("a best");
        // 961.153, 919.933 and 913.616; the next, two servers, has 865.424, 886.247 and 875.806.
        assert!((best.throughput_tps - 2_794.702 / 3.0).abs() < 1e-9);
        assert_eq!(
            board.best_place().as_deref(),
            Some(
                "instances 1, decode concurrency 32, prompt concurrency 8, concurrency 32, mean of 3 \
                 repeats"
            )
        );
        assert_eq!(board.tied_with(), None);
        let starred = (0..board.len()).filter(|&entry| board.is_best(entry));
        assert_eq!(starred.count(), 3);
    }
}
