//! The virus signature folder: whoever fills it (a downloader, an
//! administrator), a changed set is loaded beside the running one, and a broken
//! one is reported and tried again.
//!
//! [`watch`] runs as long as its [`Ticker`] ticks; what it decides at each tick
//! is in the pure [`Watcher`].
#![forbid(unsafe_code)]

mod watch;
mod watcher;

pub use watch::{Sets, Ticker, watch};
pub use watcher::{Step, Watcher};
