//! Cells that differ in nothing but their repeat.

/// Every combination with its place on each dimension but the repeat, and its cells.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Combinations {
    /// Per cell, in order of appearance.
    of: Vec<u32>,
    /// Of one combination after the other, so many.
    places: Vec<u32>,
    dimensions: usize,
    /// Of one combination after the other, from the first of them on.
    members: Vec<u32>,
    /// Where each combination's members end.
    ends: Vec<u32>,
}

impl Combinations {
    /// `places` has so many `dimensions` of each combination.
    pub fn new(of: Vec<u32>, places: Vec<u32>, dimensions: usize) -> Self {
        let count = of.iter().max().map_or(0, |last| *last as usize + 1);
        let mut starts = vec![0; count];
        for combination in &of {
            starts[*combination as usize] += 1;
        }
        let mut before = 0;
        for start in &mut starts {
            (*start, before) = (before, before + *start);
        }
        // Where the next member goes; in the end, where the members end.
        let mut ends = starts;
        let mut members = vec![0; of.len()];
        for (cell, combination) in of.iter().enumerate() {
            let end: &mut u32 = &mut ends[*combination as usize];
            members[*end as usize] = cell as u32;
            *end += 1;
        }
        Self {
            of,
            places,
            dimensions,
            members,
            ends,
        }
    }

    pub fn members(&self, combination: usize) -> &[u32] {
        let from = combination.checked_sub(1).map_or(0, |c| self.ends[c]);
        &self.members[from as usize..self.ends[combination] as usize]
    }

    /// The members of each, in order of appearance.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> + Clone {
        (0..self.ends.len()).map(|combination| self.members(combination))
    }

    /// All cells that differ from this one in nothing but their repeat, itself among them.
    pub fn members_of(&self, cell: usize) -> &[u32] {
        let combination = self.of.get(cell);
        combination.map_or(&[], |combination| self.members(*combination as usize))
    }

    /// Which combination a cell is of, in order of appearance.
    pub fn number_of(&self, cell: usize) -> Option<u32> {
        self.of.get(cell).copied()
    }

    /// Where a cell stands on each dimension but the repeat.
    pub fn places(&self, cell: usize) -> &[u32] {
        let from = self.of[cell] as usize * self.dimensions;
        &self.places[from..from + self.dimensions]
    }

    /// Counts the repeats of cells that do not say which they are, which have 0.
    pub fn count_repeats(&self, repeats: &mut [u32]) {
        for members in self.iter() {
            for (counted, member) in (1..).zip(members) {
                let repeat = &mut repeats[*member as usize];
                if *repeat == 0 {
                    *repeat = counted;
                }
            }
        }
    }
}
