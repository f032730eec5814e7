//! Calls of macOS: the only place of this program with `unsafe` code.
#![allow(
    unsafe_code,
    reason = "Objective-C and the C interfaces of macOS cannot be called otherwise"
)]

pub mod telemetry;
