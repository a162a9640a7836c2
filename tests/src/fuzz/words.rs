//! Addresses and header blocks: the words that every stage of a message uses.

use mail::{Address, header};

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
