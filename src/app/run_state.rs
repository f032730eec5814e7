//! The window's state of a live run: a fold over the engine's events.
