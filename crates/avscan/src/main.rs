//! The scanner worker.
fn main() {}
