//! The shell around the mail server: configuration, commands, listeners,
//! privileges, logs and metrics. The program itself is `main.rs`.
#![forbid(unsafe_code)]
// A future holds those it waits for, down to the database's driver; an optimized
// build looks through all of them at once.
#![recursion_limit = "256"]

pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod logging;
pub mod metrics;
pub mod output;
pub mod privileges;
pub mod serve;
