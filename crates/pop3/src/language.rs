//! The languages that replies are written in (RFC 6856 §3).

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// What a session begins with.
    #[default]
    English,
    /// With umlauts, in UTF-8.
    German,
}

impl Language {
    /// All of them, as `LANG` lists them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its tag (RFC 5646).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// Its name in itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// The language for a basic range: what is asked for, or what it is a
    /// kind of (`de-AT`: RFC 4647 §3.4); `*` is what a session begins with.
    #[must_use]
    pub fn lookup(range: &str) -> Option<Self> {
        if range == "*" {
            return Some(Self::default());
        }
        let mut subtags = range.split('-');
        let first = subtags.next().unwrap_or_default();
        let lawful = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !subtags.all(lawful) {
            return None;
        }
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let (english, german) = (Some(Language::English), Some(Language::German));
        let cases = [
            ("en", english),
            ("*", english),
            ("DE", german),
            ("de-AT", german),
            ("de-Latn-CH-1996", german),
            ("en-GB", english),
            ("fr", None),
            ("deu", None),
            ("", None),
            ("de-", None),
            ("-de", None),
            ("de-toolongtag", None),
            ("i-default", None),
        ];
        for (range, expected) in cases {
            assert_eq!(Language::lookup(range), expected, "{range:?}");
        }
    }
}
