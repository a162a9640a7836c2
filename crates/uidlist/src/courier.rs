//! `courierpop3dsizelist`: the names that Courier's POP3 server gave to the
//! messages of a folder.
//!
//! ```text
//! /<version> <next number> <validity>           version 2 or 3
//! <file name> <octets> <number>:<validity>[:<is UTF-8>]
//! ```
//!
//! A client was told `UID<number>-<validity>`, or `UID<number>` where the
//! latter is 0. A number of 0 stands for the file's own name.

use crate::base_name::number;
use crate::{BaseName, FileName};

/// The most octets of such a file that are read.
pub const MAX_COURIER_OCTETS: usize = 64 << 20;
/// The longest line that is read.
const MAX_LINE_OCTETS: usize = 2048;

/// Which message was called what; lines that cannot be read are left out.
/// Nothing where the file is longer than [`MAX_COURIER_OCTETS`], or of another
/// version.
#[must_use]
pub fn courier_pop3_names(text: &[u8]) -> Vec<(BaseName, Box<str>)> {
    let mut lines = text.split(|octet| *octet == b'\n');
    let first = lines.next().unwrap_or_default();
    let known = [&b"/2 "[..], b"/3 "].iter().any(|version| first.starts_with(version));
    if !known || text.len() > MAX_COURIER_OCTETS {
        return Vec::new();
    }
    lines.filter(|line| line.len() <= MAX_LINE_OCTETS).filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<(BaseName, Box<str>)> {
    // A file's name may have blanks, what follows has none.
    let mut words = line.rsplitn(3, |octet| *octet == b' ');
    let (numbers, _octets, file) = (words.next()?, words.next()?, words.next()?);
    let base = FileName::parse(file).ok()?.base().clone();
    let mut numbers = numbers.split(|octet| *octet == b':');
    let (own, validity) = (number(numbers.next()?)?, number(numbers.next()?)?);
    let name = match (own, validity) {
        (0, _) => own_name(&base),
        (own, 0) => format!("UID{own}"),
        (own, validity) => format!("UID{own}-{validity}"),
    };
    Some((base, name.into()))
}

/// The name of the file, where some octets are shown as `+XX`.
fn own_name(base: &BaseName) -> String {
    let shown = |octet: &u8| match octet {
        b'\'' | b'"' | b'+' => format!("+{octet:02X}"),
        0x21..=0x7E => char::from(*octet).to_string(),
        _ => format!("+{octet:02X}"),
    };
    base.as_bytes().iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<String> {
        let names = courier_pop3_names(text.as_bytes());
        names.iter().map(|(base, name)| format!("{} {name}", String::from_utf8_lossy(base.as_bytes()))).collect()
    }

    #[test]
    fn names() {
        let three = "/3 12 1200000000\n1.a:2,S 540 3:1200000000:0\n1.b with blank:2, 10 4:0:1\n1.c+'d 7 0:0:0\n";
        assert_eq!(read(three), ["1.a UID3-1200000000", "1.b with blank UID4", "1.c+'d 1.c+2B+27d"]);
        let two = "/2 12 1200000000\n1.a:2,S 540 3:1200000000\n";
        assert_eq!(read(two), ["1.a UID3-1200000000"]);
        let broken = "/3 1 1\n\n1.a\n1.a 5\n1.a 5 x:1:0\n1.a 5 -1:1:0\n1.a 5 4\n/ 5 1:1:0\n1.b 5 2:1:0";
        assert_eq!(read(broken), ["1.b UID2-1"]);
        for unknown in ["", "/1 2 3\n1.a 5 2:1:0\n", "/4 2 3\n1.a 5 2:1:0\n", "1.a 5 2:1:0\n1.b 5 3:1:0\n"] {
            assert!(read(unknown).is_empty(), "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..120)) {
            let whole = [b"/3 1 1\n".as_slice(), &text].concat();
            for (_, name) in courier_pop3_names(&whole) {
                prop_assert!(name.bytes().all(|octet| octet.is_ascii_graphic()));
            }
        }
    }
}
