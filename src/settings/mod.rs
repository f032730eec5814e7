//! The table of `MLX_*` settings, their sources and precedence.
