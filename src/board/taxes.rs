//! What control cells tell of nginx and of streaming.

use super::{Board, Dimension};
use crate::measure::tax::{self, Control};
use crate::plan::Axis;

impl Board {
    /// What nginx and streaming cost, in one sentence without a full stop; `None` where no control
    /// cells tell.
    pub fn taxes_text(&self) -> Option<String> {
        let delivery = Dimension::Axis(Axis::Delivery);
        self.dimension(&delivery)?;
        // The repeat is the last.
        let rest: Vec<usize> = (0..self.dimensions.len() - 1)
            .filter(|&d| self.dimensions[d].varies() && self.dimensions[d].dimension != delivery)
            .collect();
        let controls = self.entries().enumerate().filter_map(|(position, entry)| {
            let row = entry.row().filter(|row| row.is_valid())?;
            let control = Control {
                delivery: row.delivery?,
                throughput_tps: row.throughput_tps,
            };
            let key: Vec<u32> = rest.iter().map(|&d| self.place(position, d)).collect();
            Some((self.heading(&rest, &key), control))
        });
        let lines = tax::lines(&tax::by_group(controls));
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}
