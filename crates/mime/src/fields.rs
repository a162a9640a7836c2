//! Some fields of a header block: `BODY[HEADER.FIELDS (…)]` (RFC 3501 §6.4.5).

use std::collections::HashSet;

use mail::header::{block_len, fields};

/// Which fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names<'a> {
    /// These.
    Only(&'a [Vec<u8>]),
    /// All but these.
    AllBut(&'a [Vec<u8>]),
}

/// The chosen fields as they stand there, and the empty line.
#[must_use]
pub fn select_fields(header: &[u8], names: &Names<'_>) -> Vec<u8> {
    let (list, wanted) = match names {
        Names::Only(list) => (list, true),
        Names::AllBut(list) => (list, false),
    };
    // A set: a megabyte of names against a megabyte of fields is an attack.
    let set: HashSet<Vec<u8>> = list.iter().map(|name| name.to_ascii_lowercase()).collect();
    let mut out = Vec::new();
    let mut read = 0;
    for field in fields(header) {
        read += field.raw.len();
        if set.contains(&field.name.to_ascii_lowercase()) == wanted {
            out.extend_from_slice(field.raw);
        }
    }
    if out.last().is_some_and(|last| *last != b'\n') {
        out.push(b'\n');
    }
    let empty_line = &header[read..block_len(header)];
    out.extend_from_slice(if empty_line.is_empty() { b"\n" } else { empty_line });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen() {
        let header = b"From: a\nTo: b\n c\nX-Y: z\nfrom: d\n\n";
        let names = [b"FROM".to_vec(), b"Cc".to_vec()];
        let cases: [(Names<'_>, &[u8]); 3] = [
            (Names::Only(&names), b"From: a\nfrom: d\n\n"),
            (Names::AllBut(&names), b"To: b\n c\nX-Y: z\n\n"),
            (Names::Only(&[]), b"\n"),
        ];
        for (names, expected) in cases {
            assert_eq!(select_fields(header, &names), expected);
        }
        assert_eq!(select_fields(b"From: a", &Names::Only(&[b"from".to_vec()])), b"From: a\n\n");
    }
}
