//! Colours, type and spacing of the window, in one place, for light and dark.
