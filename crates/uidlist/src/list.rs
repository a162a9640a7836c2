//! `dovecot-uidlist`: which UID each message of a folder has, beside the index.
//!
//! ```text
//! v3: 3 V<uidvalidity> N<next uid> G<32 hex digits>     and in any order
//!     <uid> [<letter><value> ...] :<file name>
//! v1: 1 <uidvalidity> <next uid>
//!     <uid> <file name>
//! ```
//!
//! The header's next UID may be stale, since lines are appended without
//! touching the header: the real one is the larger of it and last UID + 1.

use thiserror::Error;

use crate::base_name::number;
use crate::{BaseName, FileName};

/// The most octets of a list that are read: about a million messages.
pub const MAX_LIST_OCTETS: usize = 256 << 20;
/// The longest line that is read; others are counted as broken.
const MAX_LINE_OCTETS: usize = 4096;
/// The most extension fields of one line; Dovecot knows six.
const MAX_FIELDS: usize = 16;

/// A list as it was read, or as it is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UidList {
    /// Which format it had; it is always written as v3.
    pub format: ListFormat,
    /// The UIDVALIDITY of the folder, not 0.
    pub uid_validity: u32,
    /// The next UID: the header's, or the last UID + 1 where that is larger.
    /// `u32::MAX` means that there is no further one.
    pub next_uid: u32,
    /// The folder's GUID (v3 only).
    pub guid: Option<[u8; 16]>,
    /// The messages, UIDs ascending, base names unique.
    pub records: Vec<Record>,
    /// How many lines could not be used: torn, out of order, unreadable, or
    /// superseded by a later line for the same name.
    pub skipped: usize,
}

/// The version of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// Dovecot before 1.0.
    V1,
    /// Dovecot since 1.1.
    V3,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The UID, not 0.
    pub uid: u32,
    /// Extension fields: `W` and `S` are sizes, `P` the POP3 UIDL, `O` the POP3
    /// order, `G` the GUID. Values have no spaces.
    pub fields: Vec<(u8, Box<[u8]>)>,
    /// The base name.
    pub base: BaseName,
}

/// Why nothing of a list can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ListError {
    /// More than [`MAX_LIST_OCTETS`].
    #[error("the uidlist is too large")]
    TooLarge,
    /// A version other than 1 and 3, or no version.
    #[error("the uidlist has an unknown version")]
    UnknownVersion,
    /// No UIDVALIDITY in the first line, or 0.
    #[error("the first line of the uidlist has no UIDVALIDITY")]
    NoUidValidity,
}

impl UidList {
    /// A list without messages, with UIDs from 1 on.
    #[must_use]
    pub fn empty(uid_validity: u32) -> Self {
        let format = ListFormat::V3;
        Self { format, uid_validity, next_uid: 1, guid: None, records: Vec::new(), skipped: 0 }
    }

    /// Reads a list. A last line without its line end is torn and skipped.
    ///
    /// # Errors
    ///
    /// [`ListError`] where the first line is unusable; single lines that are
    /// unusable are counted in [`UidList::skipped`].
    pub fn parse(text: &[u8]) -> Result<Self, ListError> {
        if text.len() > MAX_LIST_OCTETS {
            return Err(ListError::TooLarge);
        }
        let mut lines = text.split_inclusive(|b| *b == b'\n');
        let mut list = header(lines.next().unwrap_or_default())?;
        let mut last = 0;
        for line in lines {
            match record(line, list.format).filter(|record| record.uid > last) {
                Some(record) => {
                    last = record.uid;
                    list.records.push(record);
                }
                None => list.skipped += 1,
            }
        }
        list.next_uid = list.next_uid.max(last.saturating_add(1));
        list.drop_superseded();
        Ok(list)
    }

    /// The whole file, as v3.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = self.header();
        for record in &self.records {
            record.render(&mut text);
        }
        text
    }

    /// The first line alone.
    fn header(&self) -> Vec<u8> {
        let mut text = format!("3 V{} N{}", self.uid_validity, self.next_uid);
        if let Some(guid) = &self.guid {
            text.push_str(" G");
            text.extend(guid.iter().map(|b| format!("{b:02x}")));
        }
        text.push('\n');
        text.into_bytes()
    }

    /// A name that stands twice has been given a new UID: the later one counts.
    fn drop_superseded(&mut self) {
        let before = self.records.len();
        let mut seen = std::collections::HashSet::with_capacity(before);
        let keep: Vec<bool> = self.records.iter().rev().map(|record| seen.insert(record.base.clone())).collect();
        let mut keep = keep.into_iter().rev();
        self.records.retain(|_| keep.next().unwrap_or(true));
        self.skipped += before - self.records.len();
    }
}

impl Record {
    /// Appends the line for this message, with its line end.
    pub fn render(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(self.uid.to_string().as_bytes());
        for (letter, value) in self.fields.iter().filter(|(letter, value)| is_field(*letter, value)) {
            text.push(b' ');
            text.push(*letter);
            text.extend_from_slice(value);
        }
        text.extend_from_slice(b" :");
        text.extend_from_slice(self.base.as_bytes());
        text.push(b'\n');
    }

    /// The value of an extension field.
    #[must_use]
    pub fn field(&self, letter: u8) -> Option<&[u8]> {
        self.fields.iter().find(|(known, _)| *known == letter).map(|(_, value)| &**value)
    }
}

fn header(line: &[u8]) -> Result<UidList, ListError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut words = line.split(|b| *b == b' ').take(MAX_FIELDS);
    let version = words.next().unwrap_or_default();
    let mut list = UidList::empty(0);
    match version {
        b"1" => {
            list.format = ListFormat::V1;
            list.uid_validity = words.next().and_then(number).unwrap_or(0);
            list.next_uid = words.next().and_then(number).unwrap_or(1);
        }
        b"3" => words.for_each(|word| header_field(&mut list, word)),
        _ => return Err(ListError::UnknownVersion),
    }
    if list.uid_validity == 0 { Err(ListError::NoUidValidity) } else { Ok(list) }
}

fn header_field(list: &mut UidList, word: &[u8]) {
    match word.split_first() {
        Some((b'V', value)) => list.uid_validity = number(value).unwrap_or(0),
        Some((b'N', value)) => list.next_uid = number(value).unwrap_or(1),
        Some((b'G', value)) => list.guid = guid(value),
        _ => {}
    }
}

fn guid(hex: &[u8]) -> Option<[u8; 16]> {
    let text = std::str::from_utf8(hex).ok().filter(|text| text.len() == 32 && !text.contains(['+', '-']))?;
    Some(u128::from_str_radix(text, 16).ok()?.to_be_bytes())
}

/// A line with its line end.
fn record(line: &[u8], format: ListFormat) -> Option<Record> {
    let line = line.strip_suffix(b"\n").filter(|line| line.len() <= MAX_LINE_OCTETS)?;
    let space = line.iter().position(|b| *b == b' ')?;
    let uid = number(&line[..space]).filter(|uid| *uid != 0)?;
    let mut rest = &line[space + 1..];
    let mut fields = Vec::new();
    if format == ListFormat::V3 {
        while rest.first() != Some(&b':') {
            let end = rest.iter().position(|b| *b == b' ')?;
            let (letter, value) = rest[..end].split_first()?;
            if fields.len() == MAX_FIELDS || !is_field(*letter, value) {
                return None;
            }
            fields.push((*letter, value.into()));
            rest = &rest[end + 1..];
        }
        rest = &rest[1..];
    }
    let base = FileName::parse(rest).ok()?.base().clone();
    Some(Record { uid, fields, base })
}

/// What cannot break the line when it is written again.
fn is_field(letter: u8, value: &[u8]) -> bool {
    letter.is_ascii_alphabetic() && !value.iter().any(|b| b" \r\n\0".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V3: &[u8] = b"3 V1700000000 N9 G0123456789abcdef0123456789ABCDEF\n\
        3 W1020 S1000 :1.a.b,S=1000,W=1020\n5 Pold-uidl :2.a.b:2,S\n8 :3.a.b\n";

    fn uids(list: &UidList) -> Vec<(u32, String)> {
        list.records.iter().map(|record| (record.uid, record.base.to_string())).collect()
    }

    #[test]
    fn v3() {
        let list = UidList::parse(V3).unwrap();
        assert_eq!((list.uid_validity, list.next_uid, list.skipped), (1_700_000_000, 9, 0));
        let names = ["1.a.b,S=1000,W=1020", "2.a.b", "3.a.b"].map(str::to_owned);
        assert_eq!(uids(&list), [3, 5, 8].into_iter().zip(names).collect::<Vec<_>>());
        assert_eq!(list.records[1].field(b'P'), Some(b"old-uidl".as_slice()));
        assert_eq!(list.records[0].field(b'P'), None);
        assert_eq!(UidList::parse(&list.render()), Ok(list));
    }

    #[test]
    fn v1_becomes_v3() {
        let list = UidList::parse(b"1 1275660208 25006\n25006 1276528487.M364837P9451.kurkku,S=1355:2,\n").unwrap();
        assert_eq!((list.format, list.next_uid), (ListFormat::V1, 25007));
        assert_eq!(list.render(), b"3 V1275660208 N25007\n25006 :1276528487.M364837P9451.kurkku,S=1355\n");
    }

    #[test]
    fn unusable_lines_are_counted() {
        let cases: [(&[u8], &[u32], u32, usize); 9] = [
            (b"2 :a\n1 :b\n3 :c\n", &[2, 3], 4, 1),
            (b"1 :a\n1 :b\n", &[1], 2, 1),
            (b"1 :a\n2 :a:2,S\n", &[2], 3, 1),
            (b"0 :a\n4294967296 :b\n+1 :c\n", &[], 1, 3),
            (b"1 :a\n2 :torn", &[1], 2, 1),
            (b"1 :.hidden\n2 :a/b\n3 :\n4\n5 \n6 W3\n", &[], 1, 6),
            (b"4294967295 :a\n", &[u32::MAX], u32::MAX, 0),
            (b"\n\n1 :a\n", &[1], 2, 2),
            (b"1 !x :a\n2 Wx :b\n", &[2], 3, 1),
        ];
        for (lines, expected, next, skipped) in cases {
            let list = UidList::parse(&[b"3 V7 N1\n", lines].concat()).unwrap();
            let got: Vec<u32> = list.records.iter().map(|record| record.uid).collect();
            assert_eq!((got.as_slice(), list.next_uid, list.skipped), (expected, next, skipped));
        }
    }

    #[test]
    fn unusable_files() {
        let cases: [(&[u8], ListError); 6] = [
            (b"", ListError::UnknownVersion),
            (b"2 V1 N1\n", ListError::UnknownVersion),
            (b"3\n", ListError::NoUidValidity),
            (b"3 V0 N1\n", ListError::NoUidValidity),
            (b"3 V99999999999 N1\n", ListError::NoUidValidity),
            (b"1 x 1\n", ListError::NoUidValidity),
        ];
        for (text, error) in cases {
            assert_eq!(UidList::parse(text), Err(error));
        }
    }

    #[test]
    fn lines_and_fields_are_capped() {
        let long = [b"3 V7 N1\n1 P".as_slice(), &[b'x'; 5000], b" :a\n2 :b\n"].concat();
        let many = [b"3 V7 N1\n1 ".as_slice(), &b"Wx ".repeat(100), b":a\n2 :b\n"].concat();
        for text in [long, many] {
            let list = UidList::parse(&text).unwrap();
            assert_eq!((uids(&list), list.skipped), (vec![(2, "b".to_owned())], 1));
        }
    }

    #[test]
    fn a_field_cannot_break_its_line() {
        let fields = vec![(b'P', b"a\n9 :evil".as_slice().into()), (b'S', b"5".as_slice().into())];
        let mut text = Vec::new();
        Record { uid: 1, fields, base: BaseName::new("a").unwrap() }.render(&mut text);
        assert_eq!(text, b"1 S5 :a\n");
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics_and_reads_back(body in proptest::collection::vec(proptest::sample::select(b"0129 :\nVNGWSPa.,/\xff".to_vec()), 0..200)) {
            let _ = UidList::parse(&body);
            if let Ok(list) = UidList::parse(&[b"3 V7 N3\n", body.as_slice()].concat()) {
                prop_assert!(list.records.windows(2).all(|w| w[0].uid < w[1].uid));
                prop_assert!(list.records.iter().all(|r| r.uid < list.next_uid || r.uid == u32::MAX));
                let again = UidList::parse(&list.render()).unwrap();
                prop_assert_eq!(&again.records, &list.records);
                prop_assert_eq!((again.next_uid, again.skipped), (list.next_uid, 0));
            }
        }
    }
}
