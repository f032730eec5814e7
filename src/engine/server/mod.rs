//! One `mlx_lm.server` process, from its command line to its end.
