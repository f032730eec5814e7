//! A run as a grid of cells, live or from disk: what the heatmap, the table and the detail show.
