//! The shell around the mail server: configuration, commands, listeners,
//! privileges, logs and metrics. The program itself is `main.rs`.
#![forbid(unsafe_code)]

pub mod config;
pub mod output;
