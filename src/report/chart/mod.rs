//! A board's charts as SVG: what the window draws, to keep and to send.

mod axis;
pub mod canvas;
mod heatmap;
mod ink;
mod lines;
mod pareto;
#[cfg(test)]
mod tests;

pub use canvas::Svg;
pub use ink::{Ink, Look, css_variables};

use self::canvas::{Anchor, Canvas, SMALL, TITLE, fitted};
use crate::board::{Board, Dimension, DimensionValues, Layer};
use crate::plan::Axis;

/// A chart of a run, as it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chart {
    Heatmap {
        x: Dimension,
        y: Dimension,
        layer: Layer,
    },
    /// `layer` against `x`.
    Lines { x: Dimension, layer: Layer },
    /// Throughput against a latency.
    Pareto { latency: Layer },
}

/// What stands above a chart that has to speak for itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caption {
    pub title: String,
    pub subtitle: String,
}

/// Why there is no chart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    #[error("the run has no cells to draw yet")]
    NoCells,
    #[error(
        "no valid cell of the run has the figure {0}, so there is nothing to draw. Choose another \
         layer, or the heatmap"
    )]
    NoFigure(&'static str),
    #[error("no cell has a figure of energy: {0}. Choose another layer")]
    NoEnergy(&'static str),
    #[error(
        "the run has no latencies (TTFT, TPOT, E2E), so throughput cannot be drawn against one. \
         Choose the heatmap or lines"
    )]
    NoLatency,
    #[error(
        "{shapes} cells or points are too many for one picture ({most} at most). Export the table \
         as CSV instead"
    )]
    TooMany { shapes: usize, most: usize },
}

/// Beyond this, no picture can be read and no program opens it.
const MOST_SHAPES: usize = 20_000;

impl Chart {
    /// The heatmap that the window shows first.
    pub fn heatmap(board: &Board, layer: Layer) -> Option<Self> {
        let (x, y) = board.default_axes()?;
        Some(Self::Heatmap { x, y, layer })
    }

    /// `layer` against the dimension that stands across in the heatmap.
    pub fn lines(board: &Board, layer: Layer) -> Option<Self> {
        let (x, _) = board.default_axes()?;
        Some(Self::Lines { x, layer })
    }

    /// What a sweep of request rates is looked at by: goodput (where limits are set), throughput and
    /// TTFT p95 against the rate. Empty of other runs.
    pub fn of_rates(board: &Board) -> Vec<Self> {
        let x = Dimension::Axis(Axis::RequestRate);
        let dimensions = board.dimensions();
        let swept = |values: &&DimensionValues| values.dimension == x && values.varies();
        if !dimensions.into_iter().any(|values| swept(&values)) {
            return Vec::new();
        }
        let known = board.layers();
        [Layer::Goodput, Layer::Throughput, Layer::TtftP95]
            .into_iter()
            .filter(|layer| known.contains(layer))
            .map(|layer| Self::Lines {
                x: x.clone(),
                layer,
            })
            .collect()
    }

    /// Against the first latency that cells have.
    pub fn pareto(board: &Board) -> Option<Self> {
        let layers = board.layers();
        [Layer::TtftP50, Layer::E2eP50, Layer::TpotP50]
            .into_iter()
            .find(|layer| layers.contains(layer))
            .map(|latency| Self::Pareto { latency })
    }

    /// As in "Throughput (tokens/s) against concurrency".
    pub fn name(&self) -> String {
        let with_unit = |layer: Layer| format!("{} ({})", layer.name(), layer.unit());
        let lower = |dimension: &Dimension| match dimension {
            Dimension::Axis(crate::plan::Axis::Flag(flag)) => flag.clone(),
            other => other.to_string().to_lowercase(),
        };
        match self {
            Self::Heatmap { x, y, layer } => {
                format!("{} over {} and {}", with_unit(*layer), lower(x), lower(y))
            }
            Self::Lines { x, layer } => format!("{} against {}", with_unit(*layer), lower(x)),
            Self::Pareto { latency } => {
                format!("Throughput (tokens/s) against {}", with_unit(*latency))
            }
        }
    }

    /// A word for a file's name: `heatmap`, `lines`, `pareto`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Heatmap { .. } => "heatmap",
            Self::Lines { .. } => "lines",
            Self::Pareto { .. } => "pareto",
        }
    }

    /// Draws it, under a caption if one is given.
    ///
    /// # Errors
    /// There is nothing to draw, or too much.
    pub fn draw(
        &self,
        board: &Board,
        look: Look,
        caption: Option<&Caption>,
    ) -> Result<Svg, ChartError> {
        if board.is_empty() {
            return Err(ChartError::NoCells);
        }
        if let Self::Heatmap { layer, .. } | Self::Lines { layer, .. } = self
            && *layer == Layer::Energy
            && !board.layers().contains(layer)
        {
            let mut reasons = board
                .entries()
                .filter_map(|entry| entry.row()?.why_no_energy());
            return Err(ChartError::NoEnergy(
                reasons.next().unwrap_or("not measured"),
            ));
        }
        match self {
            Self::Heatmap { x, y, layer } => {
                let view = board.grid(x, y, *layer);
                heatmap::draw(board, &view, self.name(), look, caption)
            }
            Self::Lines { x, layer } => {
                let view = board.lines(x, *layer);
                lines::draw(board, &view, self.name(), look, caption)
            }
            Self::Pareto { latency } => {
                pareto::draw(board, &board.pareto(*latency), self.name(), look, caption)
            }
        }
    }
}

fn at_most(shapes: usize) -> Result<(), ChartError> {
    if shapes > MOST_SHAPES {
        return Err(ChartError::TooMany {
            shapes,
            most: MOST_SHAPES,
        });
    }
    Ok(())
}

/// Around every chart.
const MARGIN: f64 = 24.0;

/// Draws the caption and gives the y under it.
fn captioned(canvas: &mut Canvas, caption: Option<&Caption>, room: f64) -> f64 {
    let Some(caption) = caption else {
        return MARGIN / 2.0;
    };
    let mut y = MARGIN + 12.0;
    let title = fitted(&caption.title, TITLE, room);
    canvas.text((MARGIN, y), Anchor::Start, TITLE, Ink::Text, &title);
    y += 18.0;
    let subtitle = fitted(&caption.subtitle, SMALL, room);
    canvas.text((MARGIN, y), Anchor::Start, SMALL, Ink::Secondary, &subtitle);
    y + 18.0
}
