//! The entry that names what is owed: JSON, so that an administrator can read
//! in the spool who waits for what.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail::SpoolId;
use maildir::AccountPath;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uidlist::{BaseName, Flags, FolderDir};

use crate::Survey;
use crate::survey::count_lf;

/// The version of the entry's form.
const VERSION: u32 = 1;

/// Deliveries of one message that are owed. Each recipient's file is his own
/// `trace`, then the common `header`, then the body from the spool file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// The received header block as it is delivered (with the fields dropped
    /// that are not passed on), ending with the empty line.
    #[serde(with = "octets")]
    pub header: Vec<u8>,
    /// One for each recipient.
    pub deliveries: Vec<OwedDelivery>,
}

/// One delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedDelivery {
    /// The account, as the index numbers it.
    pub account: i64,
    /// The account's path below the mail root.
    #[serde(with = "account_path")]
    pub path: AccountPath,
    /// The folder.
    #[serde(with = "folder_dir")]
    pub folder: FolderDir,
    /// The base name that the message gets, and has if it was delivered.
    #[serde(with = "base_name")]
    pub base: BaseName,
    /// The flags it gets; none means that it is put into `new/`.
    #[serde(with = "flags")]
    pub flags: Flags,
    /// INTERNALDATE, in seconds since 1970.
    pub received_secs: i64,
    /// This recipient's own trace header.
    #[serde(with = "octets")]
    pub trace: Vec<u8>,
}

/// The file `<id>.owed`: what is owed, and where in the spool file it is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    version: u32,
    #[serde(with = "spool_id")]
    pub(crate) id: SpoolId,
    pub(crate) trace_len: u64,
    pub(crate) header_len: u64,
    header_truncated: bool,
    header_lines: u64,
    longest_header_line: u64,
    header_lf: u64,
    pub(crate) body_len: u64,
    body_lf: u64,
    #[serde(with = "hash")]
    sha256: [u8; 32],
    #[serde(flatten)]
    pub(crate) owed: Owed,
}

impl Entry {
    pub(crate) fn new(id: SpoolId, trace_len: u64, survey: &Survey, owed: Owed) -> Self {
        Self {
            version: VERSION,
            id,
            trace_len,
            header_len: survey.header.len() as u64,
            header_truncated: survey.header_truncated,
            header_lines: survey.header_lines,
            longest_header_line: survey.longest_header_line,
            header_lf: survey.header_lf,
            body_len: survey.body_len,
            body_lf: survey.body_lf,
            sha256: survey.sha256,
            owed,
        }
    }

    /// Whether this is an entry for this message that we understand, whose
    /// numbers add up to this file size.
    pub(crate) fn fits(&self, id: SpoolId, size: u64) -> bool {
        let sum = self.trace_len.checked_add(self.header_len).and_then(|sum| sum.checked_add(self.body_len));
        let lines = self.header_lf <= self.header_len && self.body_lf <= self.body_len;
        self.version == VERSION && self.id == id && sum == Some(size) && lines
    }

    /// Whether this can be the header block that the entry speaks of.
    pub(crate) fn has_header(&self, header: &[u8]) -> bool {
        let whole = self.header_truncated || mail::header::block_len(header) == header.len();
        whole && header.len() as u64 == self.header_len && count_lf(header) == self.header_lf
    }

    /// The survey again, with the header block read from the spool file.
    pub(crate) fn survey(&self, header: Vec<u8>) -> Survey {
        Survey {
            header,
            header_truncated: self.header_truncated,
            header_lines: self.header_lines,
            longest_header_line: self.longest_header_line,
            header_lf: self.header_lf,
            body_len: self.body_len,
            body_lf: self.body_lf,
            sha256: self.sha256,
        }
    }
}

/// Writes a value as text and reads it back through its own check: an entry is
/// data from outside like any other.
macro_rules! as_text {
    ($module:ident, $type:ty, $write:expr, $read:expr) => {
        mod $module {
            use super::*;

            pub(super) fn serialize<S: Serializer>(value: &$type, to: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> String = $write;
                to.serialize_str(&write(value))
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                let read: fn(&str) -> Option<$type> = $read;
                let text = String::deserialize(from)?;
                read(&text).ok_or_else(|| serde::de::Error::custom(concat!("not a ", stringify!($module))))
            }
        }
    };
}

as_text!(octets, Vec<u8>, |octets| STANDARD.encode(octets), |text| STANDARD.decode(text).ok());
as_text!(hash, [u8; 32], |hash| STANDARD.encode(hash), |text| STANDARD.decode(text).ok()?.try_into().ok());
as_text!(spool_id, SpoolId, |id| id.to_string(), |text| text.parse().ok());
as_text!(account_path, AccountPath, |path| path.to_string(), |text| AccountPath::parse(text).ok());
as_text!(flags, Flags, |flags| flags.letters(), |text| Some(Flags::parse(text.as_bytes())));
as_text!(folder_dir, FolderDir, |dir| printable(dir.as_bytes()), |text| FolderDir::new(&from_printable(text)?).ok());
as_text!(base_name, BaseName, |base| printable(base.as_bytes()), |text| BaseName::new(from_printable(text)?).ok());

/// Bytes as ASCII text: `%XX` for what is not printable. Names on disk are
/// bytes, JSON is not.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for b in bytes {
        if b.is_ascii_graphic() && *b != b'%' {
            text.push(char::from(*b));
        } else {
            text.push_str(&format!("%{b:02x}"));
        }
    }
    text
}

fn from_printable(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &rest[2..];
    }
    Some(bytes)
}
