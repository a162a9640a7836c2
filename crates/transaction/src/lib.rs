//! An arriving message, stage by stage.
#![forbid(unsafe_code)]

pub mod trace;
