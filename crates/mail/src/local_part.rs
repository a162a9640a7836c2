//! The left side of an address: as it was written, and in normal form.

use std::fmt;
use std::hash::{Hash, Hasher};

use unicode_normalization::UnicodeNormalization;

use crate::AddressError;

/// The longest local part, in octets (RFC 5321 §4.5.3.1.1).
const MAX_OCTETS: usize = 64;

/// A local part, unquoted. Compared, hashed and looked up by its normal form
/// (NFC, lower case); shown as it was written.
#[derive(Clone)]
pub struct LocalPart {
    written: Box<str>,
    normal: Box<str>,
}

impl LocalPart {
    /// Reads a dot-string or a quoted string (RFC 5321 §4.1.2, RFC 6531 §3.3).
    ///
    /// # Errors
    ///
    /// [`AddressError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let written = match text.strip_prefix('"') {
            Some(rest) => unquote(rest)?,
            None => dot_string(text)?.to_owned(),
        };
        if written.is_empty() {
            return Err(AddressError::EmptyLocalPart);
        }
        if written.len() > MAX_OCTETS {
            return Err(AddressError::LongLocalPart);
        }
        let normal: String = written.nfc().collect::<String>().to_lowercase().nfc().collect();
        Ok(Self { written: written.into(), normal: normal.into() })
    }

    /// The normal form: what the directory is asked for.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.normal
    }

    /// As the peer wrote it, without quotes.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.written
    }

    /// The part before the first `separator` and the part behind it
    /// (subaddressing, RFC 5233), where both are there.
    #[must_use]
    pub fn split_detail(&self, separator: char) -> Option<(Self, &str)> {
        let (base, _) = self.normal.split_once(separator)?;
        let (written_base, detail) = self.written.split_once(separator)?;
        if base.is_empty() {
            return None;
        }
        let base = Self { written: written_base.into(), normal: base.into() };
        Some((base, detail))
    }
}

/// `atext` (RFC 5322 §3.2.3) and UTF8-non-ascii (RFC 6531 §3.3).
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
}

fn dot_string(text: &str) -> Result<&str, AddressError> {
    if text.is_empty() {
        return Err(AddressError::EmptyLocalPart);
    }
    if text.split('.').any(str::is_empty) {
        return Err(AddressError::MisplacedDot);
    }
    if !text.chars().all(|c| c == '.' || is_atext(c)) {
        return Err(AddressError::BadLocalPart);
    }
    Ok(text)
}

fn unquote(rest: &str) -> Result<String, AddressError> {
    let inner = rest.strip_suffix('"').ok_or(AddressError::BadQuoting)?;
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '"' => return Err(AddressError::BadQuoting),
            '\\' => chars.next().ok_or(AddressError::BadQuoting)?,
            c => c,
        };
        if c.is_control() {
            return Err(AddressError::BadLocalPart);
        }
        text.push(c);
    }
    Ok(text)
}

impl fmt::Display for LocalPart {
    /// As SMTP carries it: quoted when it has to be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if dot_string(&self.written).is_ok() {
            return f.write_str(&self.written);
        }
        f.write_str("\"")?;
        for c in self.written.chars() {
            if c == '"' || c == '\\' {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

impl PartialEq for LocalPart {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for LocalPart {}

impl Hash for LocalPart {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normal.hash(state);
    }
}

impl PartialOrd for LocalPart {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LocalPart {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.normal.cmp(&other.normal)
    }
}
