//! End to end: the built server, driven by programs that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crash;
mod delivery;
mod operations;
mod reading;
mod smtp;
mod virus;
