//! The message file and its index row, kept together.
#![forbid(unsafe_code)]
