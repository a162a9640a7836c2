//! The part of a message's file name that never changes: its identity.
//!
//! Ours look like `<secs>.M<usec>P<pid>Q<seq>.<node>,S=<bytes>,W=<crlf bytes>`
//! (the Maildir convention of unique names, with Maildir++'s sizes behind it);
//! other programs' names are anything without `/`, `:` and NUL.

use std::fmt;

use thiserror::Error;

/// The longest name that a file system takes.
const MAX_OCTETS: usize = 255;
/// The longest node name; leaves room for the rest of the name and the flags.
const MAX_NODE_OCTETS: usize = 100;

/// A base name: the file name without the flags. Never empty, never beginning
/// with a dot, without `/`, `:`, NUL, CR and LF, and at most 255 octets.
///
/// CR and LF are refused because the name stands on a line of the uidlist: a
/// hostile file name must not add lines there.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BaseName(Box<[u8]>);

/// Why some bytes are no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing was there.
    #[error("the name is empty")]
    Empty,
    /// More than 255 octets (a node name: 100).
    #[error("the name is too long")]
    TooLong,
    /// Maildir readers skip names that begin with a dot.
    #[error("the name begins with a dot")]
    LeadingDot,
    /// `/`, `:`, NUL, CR or LF (a node name: all but letters, digits, `.`, `-`
    /// and `_`).
    #[error("the name has an octet that is not allowed in it")]
    BadOctet,
}

/// How large a message is, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Octets of the file, with LF line ends (`S=`).
    pub disk: u64,
    /// Octets on the wire, with CRLF line ends (`W=`).
    pub wire: u64,
}

/// The name of the machine in file names: what makes names of two machines on
/// one file system differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName(Box<str>);

/// What a new base name is made of.
#[derive(Debug, Clone, Copy)]
pub struct NewName<'a> {
    /// Seconds since 1970.
    pub secs: u64,
    /// Microseconds within that second.
    pub usec: u32,
    /// The process.
    pub pid: u32,
    /// A number that this process uses once.
    pub seq: u64,
    /// The machine.
    pub node: &'a NodeName,
    /// The sizes of the finished file.
    pub sizes: Sizes,
}

impl BaseName {
    /// Checks the bytes of a base name.
    ///
    /// # Errors
    ///
    /// [`NameError`] says which rule they break.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, NameError> {
        let bytes = bytes.into();
        check(&bytes)?;
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What the name says about the size (`,S=` and `,W=`), where it says both.
    /// To be believed only together with [`BaseName::is_of`].
    #[must_use]
    pub fn claimed_sizes(&self) -> Option<Sizes> {
        let mut extras = self.0.split(|b| *b == b',').skip(1);
        let disk = extras.clone().find_map(|extra| number(extra.strip_prefix(b"S=")?))?;
        let wire = extras.find_map(|extra| number(extra.strip_prefix(b"W=")?))?;
        Some(Sizes { disk, wire })
    }

    /// Whether the name has exactly the form that this node gives: a name that
    /// was made elsewhere may lie about sizes.
    #[must_use]
    pub fn is_of(&self, node: &NodeName) -> bool {
        self.parts_of(node).is_some()
    }

    /// When the message arrived, in seconds since 1970, as the leading digits
    /// of the name say.
    #[must_use]
    pub fn secs(&self) -> Option<u64> {
        let digits = self.0.iter().position(|b| !b.is_ascii_digit()).unwrap_or(self.0.len());
        number(&self.0[..digits])
    }

    fn parts_of(&self, node: &NodeName) -> Option<Sizes> {
        let text = std::str::from_utf8(&self.0).ok()?;
        let (unique, extras) = text.split_once(',')?;
        let (secs, rest) = unique.split_once(".M")?;
        let (process, host) = rest.split_once('.')?;
        let (usec, rest) = process.split_once('P')?;
        let (pid, seq) = rest.split_once('Q')?;
        for digits in [secs, usec, pid, seq] {
            number::<u64>(digits.as_bytes())?;
        }
        let (disk, wire) = extras.strip_prefix("S=")?.split_once(",W=")?;
        let sizes = Sizes { disk: number(disk.as_bytes())?, wire: number(wire.as_bytes())? };
        (host == &*node.0).then_some(sizes)
    }
}

impl NewName<'_> {
    /// Writes the name.
    #[must_use]
    pub fn render(&self) -> BaseName {
        let Self { secs, usec, pid, seq, node, sizes } = self;
        let name = format!("{secs}.M{usec}P{pid}Q{seq}.{node},S={},W={}", sizes.disk, sizes.wire);
        BaseName(name.into_bytes().into())
    }
}

impl NodeName {
    /// Checks the name of a machine: letters, digits, `.`, `-` and `_`.
    ///
    /// # Errors
    ///
    /// [`NameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > MAX_NODE_OCTETS {
            return Err(NameError::TooLong);
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)) {
            return Err(NameError::BadOctet);
        }
        Ok(Self(name.into()))
    }
}

/// A number in decimal digits alone: no sign, no space, no overflow.
pub(crate) fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn check(bytes: &[u8]) -> Result<(), NameError> {
    if bytes.is_empty() {
        return Err(NameError::Empty);
    }
    if bytes.len() > MAX_OCTETS {
        return Err(NameError::TooLong);
    }
    if bytes[0] == b'.' {
        return Err(NameError::LeadingDot);
    }
    if bytes.iter().any(|b| b"/:\0\r\n".contains(b)) {
        return Err(NameError::BadOctet);
    }
    Ok(())
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BaseName {
    /// For logs: octets that are no printable ASCII are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for BaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseName({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node() -> NodeName {
        NodeName::new("mx1.example.org").unwrap()
    }

    fn ours() -> BaseName {
        let sizes = Sizes { disk: 1000, wire: 1020 };
        NewName { secs: 1_700_000_000, usec: 42, pid: 7, seq: 3, node: &node(), sizes }.render()
    }

    #[test]
    fn our_names() {
        assert_eq!(ours().to_string(), "1700000000.M42P7Q3.mx1.example.org,S=1000,W=1020");
        assert!(ours().is_of(&node()));
        assert!(!ours().is_of(&NodeName::new("mx2").unwrap()));
        assert_eq!(ours().claimed_sizes(), Some(Sizes { disk: 1000, wire: 1020 }));
        assert_eq!(ours().secs(), Some(1_700_000_000));
    }

    #[test]
    fn names_of_others() {
        let cases: [(&str, Option<(u64, u64)>, Option<u64>); 6] = [
            ("1700000000.12_3.host", None, Some(1_700_000_000)),
            ("1.M2P3Q4.host,S=5", None, Some(1)),
            ("1.M2P3V0I9.host,W=6,S=5", Some((5, 6)), Some(1)),
            ("x,S=-5,W=6", None, None),
            ("x,S=99999999999999999999999,W=6", None, None),
            ("msg", None, None),
        ];
        for (name, sizes, secs) in cases {
            let name = BaseName::new(name).unwrap();
            assert!(!name.is_of(&node()), "{name}");
            assert_eq!(name.claimed_sizes(), sizes.map(|(disk, wire)| Sizes { disk, wire }), "{name}");
            assert_eq!(name.secs(), secs, "{name}");
        }
        for near in ["+1.M2P3Q4.mx1.example.org,S=5,W=6", "1.M2P3Q4.mx1.example.org,S=5,W=6,X=1"] {
            assert!(!BaseName::new(near).unwrap().is_of(&node()), "{near}");
        }
    }

    #[test]
    fn refused() {
        let long = "a".repeat(256);
        let cases = [
            ("", NameError::Empty),
            (".hidden", NameError::LeadingDot),
            ("..", NameError::LeadingDot),
            ("a/b", NameError::BadOctet),
            ("a:2,S", NameError::BadOctet),
            ("a\nb", NameError::BadOctet),
            ("a\0b", NameError::BadOctet),
            (long.as_str(), NameError::TooLong),
        ];
        for (name, error) in cases {
            assert_eq!(BaseName::new(name), Err(error), "{name:?}");
        }
        for bad in ["", "a/b", "a,b", "a:b", "a b", "ä", &long] {
            assert!(NodeName::new(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_we_make_is_ours_and_says_its_sizes(secs: u64, usec: u32, pid: u32, seq: u64, disk: u64, wire: u64) {
            let node = node();
            let name = NewName { secs, usec, pid, seq, node: &node, sizes: Sizes { disk, wire } }.render();
            prop_assert!(BaseName::new(name.as_bytes()).is_ok());
            prop_assert!(name.is_of(&node));
            prop_assert_eq!(name.claimed_sizes(), Some(Sizes { disk, wire }));
            prop_assert_eq!(name.secs(), Some(secs));
        }

        #[test]
        fn any_bytes_are_a_name_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(name) = BaseName::new(bytes) {
                let _ = name.claimed_sizes();
                let _ = name.secs();
                prop_assert!(!name.is_of(&node()) || name.claimed_sizes().is_some());
                prop_assert!(!name.to_string().contains('\n'));
            }
        }
    }
}
