//! The messages of one session: their numbers, sizes and names, and which are
//! marked as deleted.

use std::fmt;
use std::fmt::Write;

use thiserror::Error;

use crate::MessageNumber;

/// The longest unique id (RFC 1939 §7, UIDL).
const MAX_UNIQUE_ID: usize = 70;

/// What a maildrop holds of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Octets as they are sent: CRLF line ends, without byte-stuffing.
    pub octets: u64,
    /// What names the message for ever.
    pub unique: UniqueId,
    deleted: bool,
}

/// A name that a message keeps across sessions (RFC 1939 §7, UIDL).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UniqueId {
    /// UID and UIDVALIDITY, eight hexadecimal digits each: what Dovecot makes
    /// by default (`%08Xu%08Xv`), so that a move from or to it downloads
    /// nothing again.
    Numbers {
        /// The message's UID.
        uid: u32,
        /// The folder's UIDVALIDITY.
        validity: u32,
    },
    /// A name taken over from another server.
    Adopted(Box<str>),
}

/// There is no message of that number, or it is marked as deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotThere {
    /// The number is too large.
    #[error("no such message")]
    NoSuchMessage,
    /// It is marked as deleted.
    #[error("that message is marked as deleted")]
    Deleted,
}

/// The messages as they were at login (RFC 1939 §4): numbers do not move.
#[derive(Debug, Default)]
pub struct Maildrop {
    entries: Vec<Entry>,
}

impl Entry {
    /// A message that is not marked.
    #[must_use]
    pub fn new(octets: u64, unique: UniqueId) -> Self {
        Self { octets, unique, deleted: false }
    }
}

impl UniqueId {
    /// A name from elsewhere: 1 to 70 characters from 0x21 to 0x7E, as the
    /// standard wants them; `None` otherwise.
    #[must_use]
    pub fn adopted(name: &str) -> Option<Self> {
        let lawful = (1..=MAX_UNIQUE_ID).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        lawful.then(|| Self::Adopted(name.into()))
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers { uid, validity } => write!(f, "{uid:08X}{validity:08X}"),
            Self::Adopted(name) => f.write_str(name),
        }
    }
}

impl Maildrop {
    /// Message 1 is the first entry.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// Count and octets of the messages that are not marked.
    #[must_use]
    pub fn stat(&self) -> (usize, u64) {
        self.present().fold((0, 0), |(count, octets), (_, entry)| (count + 1, octets.saturating_add(entry.octets)))
    }

    /// The messages that are not marked, with their numbers.
    pub fn present(&self) -> impl Iterator<Item = (MessageNumber, &Entry)> {
        self.numbered().filter(|(_, entry)| !entry.deleted)
    }

    /// The places (from 0) of the messages that are marked.
    pub fn marked(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().enumerate().filter(|(_, entry)| entry.deleted).map(|(at, _)| at)
    }

    /// One message that is not marked.
    ///
    /// # Errors
    ///
    /// [`NotThere`].
    pub fn get(&self, number: MessageNumber) -> Result<&Entry, NotThere> {
        match self.entries.get(number.index()) {
            None => Err(NotThere::NoSuchMessage),
            Some(entry) if entry.deleted => Err(NotThere::Deleted),
            Some(entry) => Ok(entry),
        }
    }

    /// Marks a message as deleted; it goes when the session quits.
    ///
    /// # Errors
    ///
    /// [`NotThere`].
    pub fn mark(&mut self, number: MessageNumber) -> Result<(), NotThere> {
        self.get(number)?;
        if let Some(entry) = self.entries.get_mut(number.index()) {
            entry.deleted = true;
        }
        Ok(())
    }

    /// Takes all marks away.
    pub fn reset(&mut self) {
        for entry in &mut self.entries {
            entry.deleted = false;
        }
    }

    fn numbered(&self) -> impl Iterator<Item = (MessageNumber, &Entry)> {
        (1u32..).filter_map(MessageNumber::new).zip(&self.entries)
    }

    /// One line of LIST for a message, with CRLF.
    pub fn scan_line(number: MessageNumber, entry: &Entry, out: &mut Vec<u8>) {
        put(out, format_args!("{number} {}\r\n", entry.octets));
    }

    /// One line of UIDL for a message, with CRLF.
    pub fn unique_line(number: MessageNumber, entry: &Entry, out: &mut Vec<u8>) {
        put(out, format_args!("{number} {}\r\n", entry.unique));
    }
}

fn put(out: &mut Vec<u8>, line: fmt::Arguments<'_>) {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = text.write_fmt(line);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> MessageNumber {
        MessageNumber::new(n).unwrap()
    }

    fn three() -> Maildrop {
        let entry = |uid, octets| Entry::new(octets, UniqueId::Numbers { uid, validity: 0x5F00_0001 });
        Maildrop::new(vec![entry(4, 120), entry(0xABCDE, 200), entry(12, u64::from(u32::MAX) + 5)])
    }

    #[test]
    fn marks_come_and_go() {
        let mut drop = three();
        assert_eq!(drop.stat(), (3, 120 + 200 + 4_294_967_300));
        assert_eq!(drop.mark(number(2)), Ok(()));
        assert_eq!(drop.mark(number(2)), Err(NotThere::Deleted));
        assert_eq!(drop.get(number(2)), Err(NotThere::Deleted));
        for beyond in [4, u32::MAX] {
            assert_eq!(drop.mark(number(beyond)), Err(NotThere::NoSuchMessage));
        }
        assert_eq!(drop.stat().0, 2);
        assert_eq!(drop.marked().collect::<Vec<_>>(), [1]);
        let numbers: Vec<_> = drop.present().map(|(n, _)| n).collect();
        assert_eq!(numbers, [number(1), number(3)]);
        drop.reset();
        assert_eq!((drop.stat().0, drop.marked().count()), (3, 0));
    }

    #[test]
    fn listed() {
        let drop = three();
        let mut out = Vec::new();
        for (n, entry) in drop.present() {
            Maildrop::scan_line(n, entry, &mut out);
        }
        for (n, entry) in drop.present() {
            Maildrop::unique_line(n, entry, &mut out);
        }
        let expected = "1 120\r\n2 200\r\n3 4294967300\r\n\
            1 000000045F000001\r\n2 000ABCDE5F000001\r\n3 0000000C5F000001\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn adopted_names() {
        assert_eq!(UniqueId::adopted("a!~").unwrap().to_string(), "a!~");
        for bad in ["", "a b", "ü", "a\r\n", &"x".repeat(71)] {
            assert_eq!(UniqueId::adopted(bad), None, "{bad:?}");
        }
    }
}
