//! A table of a board's cells: sorted by any column of ours or of the file, filtered by words, cut to
//! its first rows, copied. All that is prepared when something changes, not while drawing.

mod draw;
mod file;
mod ordering;
#[cfg(test)]
mod tests;

use tokio_util::sync::CancellationToken;

pub(super) use self::draw::filter_is_focused;
use self::file::FileRows;
use self::ordering::Pending;
pub use self::ordering::{Ordered, Ordering};
use crate::board::{Board, CellState, Dimension, Layer};

/// What a column shows, and what rows can be sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Dimension(Dimension),
    Layer(Layer),
    State,
    /// A column of the file, by its position.
    File(usize),
}

#[derive(Debug, Clone)]
struct TableColumn {
    content: Content,
    name: String,
    unit: &'static str,
    /// The header's two lines; the second is blank where one is enough.
    lines: [String; 2],
    width: f32,
}

/// What the user asked the table for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// What rows are sorted by, and whether the least comes first.
    sort: Option<(Content, bool)>,
    filter: String,
    /// Rows to show; `None` for all.
    count: Option<usize>,
}

impl Asked {
    /// The board's own order, and all of it.
    fn is_nothing(&self) -> bool {
        self.sort.is_none() && self.filter.trim().is_empty() && self.count.is_none()
    }
}

/// What a table shows, prepared from a board; tell it when the board has changed.
#[derive(Debug, Clone)]
pub struct CellTable {
    asked: Asked,
    columns: Vec<TableColumn>,
    file: Option<FileRows>,
    /// What rows can be sorted by; `None` is the board's own order.
    choices: Vec<Option<Content>>,
    /// Positions in the board's entries, in the order shown.
    order: Vec<u32>,
    pending: Pending,
}

impl CellTable {
    /// In the board's own order.
    pub fn new(board: &Board) -> Self {
        Self::with(board, None, Asked::default())
    }

    /// Of a run from disk, which can be sorted by every column of its file, too.
    pub fn of_run(board: &Board, asked: Asked) -> Self {
        Self::with(board, FileRows::new(board), asked)
    }

    fn with(board: &Board, file: Option<FileRows>, asked: Asked) -> Self {
        let mut table = Self {
            asked,
            columns: Vec::new(),
            file,
            choices: Vec::new(),
            order: (0..board.len() as u32).collect(),
            pending: Pending::default(),
        };
        if table.asked.is_nothing() {
            table.update_columns(board);
        } else {
            table.asked_anew(board);
        }
        table
    }

    /// What was asked, for the same run read anew.
    pub fn into_asked(self) -> Asked {
        self.asked
    }

    /// Takes a board that has changed, or another wish, and keeps what else was asked.
    pub fn update(&mut self, board: &Board) {
        self.update_columns(board);
        self.order = self
            .ordered(board, &CancellationToken::new())
            .unwrap_or_default();
    }

    /// As asked: sorted, filtered and cut. `None` where it was cancelled.
    fn ordered(&self, board: &Board, cancel: &CancellationToken) -> Option<Vec<u32>> {
        let mut order = self.sorted(board);
        self.filter(board, &mut order, cancel);
        if let Some(count) = self.asked.count {
            order.truncate(count);
        }
        (!cancel.is_cancelled()).then_some(order)
    }

    /// As [`CellTable::update`], but for the rows, which cannot be drawn then.
    pub fn update_columns(&mut self, board: &Board) {
        let varying = board
            .dimensions()
            .into_iter()
            .filter(|values| values.varies())
            .map(|values| Content::Dimension(values.dimension.clone()));
        let layers = board.layers().into_iter().map(Content::Layer);
        let ours: Vec<Content> = varying.chain(layers).chain([Content::State]).collect();
        let of_file = self.file.iter().flat_map(FileRows::columns);
        let of_file: Vec<Content> = of_file.map(Content::File).collect();
        if let Some((content, _)) = &self.asked.sort
            && !ours.contains(content)
            && !of_file.contains(content)
        {
            self.asked.sort = None;
        }
        let mut shown = ours.clone();
        if let Some((content @ Content::File(_), _)) = &self.asked.sort {
            // As `analyze` does, the column that is sorted by is shown, too.
            shown.insert(shown.len() - 1, content.clone());
        }
        self.columns = shown
            .into_iter()
            .map(|content| TableColumn::new(content, self.file.as_ref()))
            .collect();
        let choices = ours.into_iter().chain(of_file).map(Some);
        self.choices = [None].into_iter().chain(choices).collect();
    }

    /// Sorts by a column: its best first, and the other way round the second time.
    fn sort_by(&mut self, content: &Content, board: &Board) {
        let best_first = match content {
            Content::Layer(layer) => !layer.better_is_higher(),
            Content::Dimension(_) | Content::State => true,
            // As `analyze` does where no order is given.
            Content::File(_) => false,
        };
        let ascending = match &self.asked.sort {
            Some((sorted, ascending)) if sorted == content => !ascending,
            _ => best_first,
        };
        self.asked.sort = Some((content.clone(), ascending));
        self.asked_anew(board);
    }

    /// Cells without a figure stand last, whichever way the others are sorted.
    fn sorted(&self, board: &Board) -> Vec<u32> {
        let mut order: Vec<u32> = (0..board.len() as u32).collect();
        let Some((content, ascending)) = &self.asked.sort else {
            return order;
        };
        let directed = |order: std::cmp::Ordering| {
            if *ascending { order } else { order.reverse() }
        };
        match content {
            Content::Layer(layer) => {
                let keys = board.values(*layer);
                order.sort_by(|&a, &b| match (keys[a as usize], keys[b as usize]) {
                    (Some(a), Some(b)) => directed(a.total_cmp(&b)),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                });
            }
            Content::Dimension(dimension) => {
                let key = |entry: u32| board.coordinate(entry as usize, dimension);
                order.sort_by(|&a, &b| directed(key(a).cmp(&key(b))));
            }
            Content::State => {
                let key = |entry: u32| board.state(entry as usize).map(CellState::words);
                order.sort_by(|&a, &b| directed(key(a).cmp(&key(b))));
            }
            Content::File(column) => {
                if let Some(file) = &self.file {
                    order = file.order(*column, *ascending);
                }
            }
        }
        order
    }

    /// Leaves the cells whose row has every word of the filter.
    fn filter(&self, board: &Board, order: &mut Vec<u32>, cancel: &CancellationToken) {
        let words: Vec<String> = self
            .asked
            .filter
            .split_whitespace()
            .map(str::to_lowercase)
            .collect();
        if words.is_empty() {
            return;
        }
        order.retain(|entry| {
            if cancel.is_cancelled() {
                // What is left of the order is not used.
                return false;
            }
            let entry = *entry as usize;
            let row = self.line(|column| self.text(column, board, entry));
            let searched = format!("{} {row}", board.label(entry)).to_lowercase();
            words.iter().all(|word| searched.contains(word))
        });
    }

    /// Positions in the board's entries, in the order shown.
    #[cfg(test)]
    pub fn order(&self) -> Vec<usize> {
        self.order.iter().map(|entry| *entry as usize).collect()
    }

    fn line(&self, text: impl Fn(&TableColumn) -> String) -> String {
        let cells: Vec<String> = self.columns.iter().map(text).collect();
        cells.join("\t")
    }

    fn copied(&self, board: &Board, entries: &[u32]) -> String {
        let mut text = self.line(|column| match column.unit {
            "" => column.name.clone(),
            unit => format!("{} ({unit})", column.name),
        });
        text.push('\n');
        for entry in entries {
            text += &self.line(|column| {
                let text = self.text(column, board, *entry as usize);
                match &column.content {
                    // Without the comma between thousands, which a spreadsheet may take for a
                    // decimal one.
                    Content::Layer(_) => text.replace(',', ""),
                    Content::File(_) => text.replace(['\t', '\r', '\n'], " "),
                    _ => text,
                }
            });
            text.push('\n');
        }
        text
    }

    /// The header and one cell's row, parted by tabs.
    pub fn copy_text(&self, board: &Board, entry: usize) -> String {
        self.copied(board, &[entry as u32])
    }

    /// The header and all rows shown, parted by tabs.
    pub fn copy_all(&self, board: &Board) -> String {
        self.copied(board, &self.order)
    }

    fn text(&self, column: &TableColumn, board: &Board, entry: usize) -> String {
        match &column.content {
            Content::Dimension(dimension) => board
                .coordinate(entry, dimension)
                .map(ToString::to_string)
                .unwrap_or_default(),
            Content::Layer(layer) => board
                .value(entry, *layer)
                .map(|value| layer.precise(value))
                .unwrap_or_default(),
            Content::State => board.state(entry).map(CellState::text).unwrap_or_default(),
            Content::File(column) => self
                .file
                .as_ref()
                .and_then(|file| file.get(entry, *column))
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// As it is named among what rows can be sorted by.
    fn name_of(&self, choice: Option<&Content>) -> String {
        match choice {
            None => "Order of the run".to_owned(),
            Some(content) => name_and_unit(content, self.file.as_ref()).0,
        }
    }
}

fn name_and_unit(content: &Content, file: Option<&FileRows>) -> (String, &'static str) {
    match content {
        Content::Dimension(dimension) => (dimension.to_string(), ""),
        Content::Layer(layer) => (layer.name().to_owned(), layer.unit()),
        Content::State => ("State".to_owned(), ""),
        Content::File(column) => {
            let name = file.and_then(|file| file.name(*column));
            (name.unwrap_or_default().to_owned(), "")
        }
    }
}

impl TableColumn {
    fn new(content: Content, file: Option<&FileRows>) -> Self {
        let (name, unit) = name_and_unit(&content, file);
        let lines = match (&content, name.split_once(' ')) {
            (Content::Dimension(_), Some((first, rest))) => [first.to_owned(), rest.to_owned()],
            _ => [name.clone(), unit.to_owned()],
        };
        // Wide enough for its header; figures are shorter than that or than 76 points.
        let longest = lines.iter().map(|line| line.chars().count()).max();
        let width = match content {
            // "invalid: too many errors"
            Content::State => 176.0,
            _ => (longest.unwrap_or(0) as f32 * 6.6 + 26.0).max(76.0),
        };
        Self {
            content,
            name,
            unit,
            lines,
            width,
        }
    }
}
