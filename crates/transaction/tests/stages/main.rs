//! The stages of a transaction, on a real directory, index, spool and Maildir
//! in a temporary folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod delivering;
mod ending;
mod refusing;
mod resolving;
mod world;
