//! One function for each parser that takes bytes from outside. They panic where
//! a promise is broken; the fuzzers call them with what they invent, and
//! `tests/tests/replay.rs` with what was kept.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mail::{Address, header};

/// A target's function.
pub type Target = fn(&[u8]);

/// All targets, by the name of their corpus folder.
pub const TARGETS: &[(&str, Target)] = &[("address", address), ("header", header_block)];

/// Addresses: what is read and shown reads as the same, and never breaks a line.
pub fn address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(address) = Address::parse(text) {
        let shown = address.to_string();
        assert!(!shown.contains(['\r', '\n', '\0']));
        assert_eq!(Address::parse(&shown).unwrap().normal(), address.normal());
    }
}

/// Header blocks: the fields cover the block.
pub fn header_block(data: &[u8]) {
    let covered: usize = header::fields(data).map(|field| field.raw.len()).sum();
    let block = header::block_len(data);
    assert!(covered <= block && block - covered <= 2);
}
