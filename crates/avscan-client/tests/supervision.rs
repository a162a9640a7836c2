//! The scanner with real processes, in all the ways they can end.

fn main() {}
