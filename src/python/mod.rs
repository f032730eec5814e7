//! Python interpreters with MLX: found, probed, and the managed environment.
