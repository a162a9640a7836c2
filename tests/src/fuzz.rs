//! One function for each parser that takes bytes from outside. They panic where
//! a promise is broken; the fuzzers call them with what they invent, and
//! `tests/tests/replay.rs` with what was kept.
//!
//! Where bytes come from a socket the promise is twofold: what must hold of the
//! outcome, and that it is the same in whatever pieces the bytes came.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod framing;
mod imap;
mod lines;
mod mime;
mod names;
mod smtp;
mod words;

/// A target's function.
pub type Target = fn(&[u8]);

/// All targets, by the name of their corpus folder.
pub const TARGETS: &[(&str, Target)] = &[
    ("address", words::address),
    ("header", words::header_block),
    ("smtp_line", smtp::line),
    ("smtp_session", smtp::session),
    ("data_framing", framing::data),
    ("bdat_framing", framing::bdat),
    ("imap_framing", imap::framing),
    ("mime", mime::message),
    ("maildir_name", names::maildir),
    ("uidlist", names::uidlist),
    ("mutf7", names::mutf7),
    ("rules", lines::rules),
    ("pop3_line", lines::pop3),
    ("dot_stuffing", framing::stuffing),
    ("avscan_wire", lines::avscan_wire),
];

/// The ways in which the same bytes may arrive: whole, octet by octet, and in
/// pieces whose lengths follow from the bytes themselves, so that a run can be
/// repeated.
fn cuts(data: &[u8]) -> [Vec<&[u8]>; 3] {
    let mut state = data
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mut uneven = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (piece, behind) = rest.split_at(((state >> 33) as usize % 13 + 1).min(rest.len()));
        uneven.push(piece);
        rest = behind;
    }
    [vec![data], data.chunks(1).collect(), uneven]
}
