//! A whole file name in `new/` or `cur/`: base name, `:2,`, flag letters.

use crate::{BaseName, Flags, NameError};

/// A file name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    base: BaseName,
    flags: Flags,
    raw: Box<[u8]>,
}

impl FileName {
    /// Reads a name as a directory listing gives it.
    ///
    /// The base name ends at the first `:`. What follows is read as flags if it
    /// begins with `2,`; a further comma ends the letters (Dovecot's
    /// extension). Anything else counts as no flags.
    ///
    /// # Errors
    ///
    /// [`NameError`] where it is no name of a message, such as one that begins
    /// with a dot.
    pub fn parse(raw: &[u8]) -> Result<Self, NameError> {
        let mut halves = raw.splitn(2, |b| *b == b':');
        let base = BaseName::new(halves.next().unwrap_or_default())?;
        let info = halves.next().and_then(|info| info.strip_prefix(b"2,")).unwrap_or_default();
        let letters = info.split(|b| *b == b',').next().unwrap_or_default();
        Ok(Self { base, flags: Flags::parse(letters), raw: raw.into() })
    }

    /// The name in `cur/` with these flags: `base:2,FLAGS`, letters sorted.
    #[must_use]
    pub fn with_flags(base: &BaseName, flags: Flags) -> Self {
        let mut raw = base.as_bytes().to_vec();
        raw.extend_from_slice(b":2,");
        raw.extend_from_slice(flags.letters().as_bytes());
        Self { base: base.clone(), flags, raw: raw.into() }
    }

    /// The name in `new/`: the base name alone.
    #[must_use]
    pub fn bare(base: &BaseName) -> Self {
        Self { base: base.clone(), flags: Flags::NONE, raw: base.as_bytes().into() }
    }

    /// The identity.
    #[must_use]
    pub fn base(&self) -> &BaseName {
        &self.base
    }

    /// The flags that the name says.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// The name exactly as it is on disk.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn read() {
        let cases: [(&[u8], &str, &str); 9] = [
            (b"1.a.b", "1.a.b", ""),
            (b"1.a.b:2,", "1.a.b", ""),
            (b"1.a.b:2,SF", "1.a.b", "FS"),
            (b"1.a.b:2,Sab,x9", "1.a.b", "Sab"),
            (b"1.a.b:1,S", "1.a.b", ""),
            (b"1.a.b:", "1.a.b", ""),
            (b"1.a.b:S:2,F", "1.a.b", ""),
            (b"1,S=3,W=4:2,T", "1,S=3,W=4", "T"),
            (b"\xff\xfe:2,S", "\\xff\\xfe", "S"),
        ];
        for (raw, base, flags) in cases {
            let name = FileName::parse(raw).unwrap();
            assert_eq!((name.base().to_string(), name.flags().letters()), (base.to_owned(), flags.to_owned()));
            assert_eq!(name.as_bytes(), raw);
        }
        for bad in [b"".as_slice(), b":2,S", b".lock", b"a\nb:2,S"] {
            assert!(FileName::parse(bad).is_err());
        }
    }

    #[test]
    fn rendered() {
        let base = BaseName::new("1.a.b,S=1,W=2").unwrap();
        assert_eq!(FileName::with_flags(&base, Flags::parse(b"TSb")).as_bytes(), b"1.a.b,S=1,W=2:2,STb");
        assert_eq!(FileName::with_flags(&base, Flags::NONE).as_bytes(), b"1.a.b,S=1,W=2:2,");
        assert_eq!(FileName::bare(&base).as_bytes(), base.as_bytes());
    }

    proptest! {
        #[test]
        fn a_new_rendering_reads_back(raw in proptest::collection::vec(any::<u8>(), 0..40), bits: u64) {
            if let Ok(name) = FileName::parse(&raw) {
                let again = FileName::with_flags(name.base(), Flags::from_bits(bits));
                prop_assert_eq!(FileName::parse(again.as_bytes()), Ok(again.clone()));
                prop_assert_eq!(again.base(), name.base());
            }
        }
    }
}
