//! One figure of every cell.

/// As many figures as cells; eight bytes each, also where a cell has none.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Vec<f64>);

impl Figures {
    pub fn reserve_exact(&mut self, cells: usize) {
        self.0.reserve_exact(cells);
    }

    pub fn push(&mut self, figure: Option<f64>) {
        self.0.push(figure.unwrap_or(f64::NAN));
    }

    pub fn extend(&mut self, behind: &Self) {
        self.0.extend(&behind.0);
    }

    /// What is no number, no cell has measured.
    pub fn get(&self, cell: usize) -> Option<f64> {
        self.0.get(cell).copied().filter(|figure| !figure.is_nan())
    }

    pub fn set(&mut self, cell: usize, figure: Option<f64>) {
        self.0[cell] = figure.unwrap_or(f64::NAN);
    }
}

impl FromIterator<Option<f64>> for Figures {
    fn from_iter<I: IntoIterator<Item = Option<f64>>>(figures: I) -> Self {
        let figures = figures.into_iter();
        Self(figures.map(|figure| figure.unwrap_or(f64::NAN)).collect())
    }
}

/// Two cells without a figure are alike.
impl PartialEq for Figures {
    fn eq(&self, other: &Self) -> bool {
        let bits = |figures: &Self| figures.0.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
        bits(self) == bits(other)
    }
}
