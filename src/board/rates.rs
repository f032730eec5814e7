//! What a run's rates tell of its servers.

use super::{Board, Dimension};
use crate::measure::saturation::Saturation;
use crate::plan::Axis;

impl Board {
    /// For each combination of what else varies ("Decode concurrency 8"; nothing of a single one),
    /// what the measured rates tell. Empty of a run without rates.
    pub fn saturation(&self) -> Vec<(String, Saturation)> {
        let rate = Dimension::Axis(Axis::RequestRate);
        if self.dimension(&rate).is_none() {
            return Vec::new();
        }
        // The repeat is the last.
        let rest: Vec<usize> = (0..self.dimensions.len() - 1)
            .filter(|&d| self.dimensions[d].varies() && self.dimensions[d].dimension != rate)
            .collect();
        let points = self.entries().enumerate().filter_map(|(position, entry)| {
            let point = entry.row()?.rate_point()?;
            let key: Vec<u32> = rest.iter().map(|&d| self.place(position, d)).collect();
            Some((self.heading(&rest, &key), point))
        });
        Saturation::by_group(points)
    }

    /// The same in one sentence without a full stop; `None` where there is nothing to tell.
    pub fn saturation_text(&self) -> Option<String> {
        let found = self.saturation();
        let lines: Vec<String> = found
            .iter()
            .map(|(name, of)| {
                if name.is_empty() {
                    of.to_string()
                } else {
                    format!("{name}: {of}")
                }
            })
            .collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}
