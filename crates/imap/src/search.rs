//! SEARCH's keys (RFC 3501 §6.4.4).
//!
//! ```abnf
//! search     = ["CHARSET" SP astring SP] search-key *(SP search-key)
//! search-key = "ALL" / … / sequence-set / "(" search-key *(SP search-key) ")"
//! ```

use crate::sequence::SequenceSet;

/// Keys within keys; beyond, the command is refused before anything recurses
/// further.
const MAX_DEPTH: usize = 64;
/// Keys in all: each may mean reading every message.
const MAX_KEYS: usize = 1000;

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year, four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A search key. Strings are as they were sent, in the command's charset.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the key of that name")]
pub enum SearchKey {
    All,
    Answered,
    Deleted,
    Draft,
    Flagged,
    New,
    Old,
    Recent,
    Seen,
    Bcc(Vec<u8>),
    Body(Vec<u8>),
    Cc(Vec<u8>),
    From(Vec<u8>),
    Subject(Vec<u8>),
    Text(Vec<u8>),
    To(Vec<u8>),
    Header(Vec<u8>, Vec<u8>),
    Before(Date),
    On(Date),
    Since(Date),
    SentBefore(Date),
    SentOn(Date),
    SentSince(Date),
    Keyword(String),
    Larger(u32),
    Smaller(u32),
    Sequence(SequenceSet),
    Uid(SequenceSet),
    Not(Box<SearchKey>),
    Or(Box<SearchKey>, Box<SearchKey>),
    And(Vec<SearchKey>),
}

/// Why keys cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Syntax,
    TooDeep,
}

use Unreadable::{Syntax, TooDeep};

/// Reads all behind `SEARCH `, to the end of the command.
pub(crate) fn arguments(text: &[u8]) -> Result<(Option<String>, SearchKey), Unreadable> {
    let mut reader = Reader { rest: text, keys: 0 };
    let charset = match reader.keyword(b"CHARSET ") {
        true => {
            let name = reader.astring()?;
            reader.space()?;
            Some(String::from_utf8(name).map_err(|_| Syntax)?)
        }
        false => None,
    };
    let key = reader.list(0)?;
    if reader.rest == b"\r\n" { Ok((charset, key)) } else { Err(Syntax) }
}

struct Reader<'a> {
    rest: &'a [u8],
    keys: usize,
}

impl Reader<'_> {
    fn list(&mut self, depth: usize) -> Result<SearchKey, Unreadable> {
        let mut keys = vec![self.key(depth)?];
        while let Some(rest) = self.rest.strip_prefix(b" ") {
            self.rest = rest;
            // Some clients leave a blank at the end.
            if matches!(self.rest.first(), Some(b'\r' | b')')) {
                break;
            }
            keys.push(self.key(depth)?);
        }
        match keys.len() {
            1 => keys.pop().ok_or(Syntax),
            _ => Ok(SearchKey::And(keys)),
        }
    }

    fn key(&mut self, depth: usize) -> Result<SearchKey, Unreadable> {
        self.keys += 1;
        if depth >= MAX_DEPTH || self.keys > MAX_KEYS {
            return Err(TooDeep);
        }
        if let Some(rest) = self.rest.strip_prefix(b"(") {
            self.rest = rest;
            let key = self.list(depth + 1)?;
            self.rest = self.rest.strip_prefix(b")").ok_or(Syntax)?;
            return Ok(key);
        }
        let word = self.word()?;
        match word.as_str() {
            "NOT" => Ok(SearchKey::Not(Box::new(self.next(depth)?))),
            "OR" => Ok(SearchKey::Or(Box::new(self.next(depth)?), Box::new(self.next(depth)?))),
            name => match plain(name) {
                Some(key) => Ok(key),
                None => self.with_argument(name),
            },
        }
    }

    fn next(&mut self, depth: usize) -> Result<SearchKey, Unreadable> {
        self.space()?;
        self.key(depth + 1)
    }

    fn with_argument(&mut self, name: &str) -> Result<SearchKey, Unreadable> {
        if name.starts_with(|c: char| c.is_ascii_digit() || c == '*') {
            return SequenceSet::parse(name).map(SearchKey::Sequence).ok_or(Syntax);
        }
        self.space()?;
        Ok(match name {
            "BCC" => SearchKey::Bcc(self.astring()?),
            "BODY" => SearchKey::Body(self.astring()?),
            "CC" => SearchKey::Cc(self.astring()?),
            "FROM" => SearchKey::From(self.astring()?),
            "SUBJECT" => SearchKey::Subject(self.astring()?),
            "TEXT" => SearchKey::Text(self.astring()?),
            "TO" => SearchKey::To(self.astring()?),
            "HEADER" => {
                let field = self.astring()?;
                self.space()?;
                SearchKey::Header(field, self.astring()?)
            }
            "BEFORE" => SearchKey::Before(self.date()?),
            "ON" => SearchKey::On(self.date()?),
            "SINCE" => SearchKey::Since(self.date()?),
            "SENTBEFORE" => SearchKey::SentBefore(self.date()?),
            "SENTON" => SearchKey::SentOn(self.date()?),
            "SENTSINCE" => SearchKey::SentSince(self.date()?),
            "KEYWORD" => SearchKey::Keyword(self.flag_word()?),
            "UNKEYWORD" => SearchKey::Not(Box::new(SearchKey::Keyword(self.flag_word()?))),
            "LARGER" => SearchKey::Larger(self.number()?),
            "SMALLER" => SearchKey::Smaller(self.number()?),
            "UID" => SearchKey::Uid(SequenceSet::parse(&self.word()?).ok_or(Syntax)?),
            _ => return Err(Syntax),
        })
    }

    fn keyword(&mut self, word: &[u8]) -> bool {
        let found = self.rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        if found {
            self.rest = &self.rest[word.len()..];
        }
        found
    }

    fn space(&mut self) -> Result<(), Unreadable> {
        self.rest = self.rest.strip_prefix(b" ").ok_or(Syntax)?;
        Ok(())
    }

    /// Up to a blank, a parenthesis or the end; in upper case.
    fn word(&mut self) -> Result<String, Unreadable> {
        let atom = self.atom()?;
        String::from_utf8(atom.to_ascii_uppercase()).map_err(|_| Syntax)
    }

    fn atom(&mut self) -> Result<Vec<u8>, Unreadable> {
        let end =
            self.rest.iter().position(|b| !b.is_ascii_graphic() || b"()\"{".contains(b)).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(end);
        self.rest = rest;
        if atom.is_empty() { Err(Syntax) } else { Ok(atom.to_vec()) }
    }

    fn flag_word(&mut self) -> Result<String, Unreadable> {
        String::from_utf8(self.atom()?).map_err(|_| Syntax)
    }

    fn number(&mut self) -> Result<u32, Unreadable> {
        let word = self.word()?;
        if !word.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Syntax);
        }
        word.parse().map_err(|_| Syntax)
    }

    fn astring(&mut self) -> Result<Vec<u8>, Unreadable> {
        match self.rest.first() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => self.atom(),
        }
    }

    fn quoted(&mut self) -> Result<Vec<u8>, Unreadable> {
        let mut out = Vec::new();
        let mut bytes = self.rest.iter().enumerate().skip(1);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(out);
                }
                b'\\' => match bytes.next() {
                    Some((_, escaped @ (b'"' | b'\\'))) => out.push(*escaped),
                    _ => return Err(Syntax),
                },
                b'\r' | b'\n' | 0 => return Err(Syntax),
                // Octets beyond ASCII are no lawful quoted text, but clients
                // that say CHARSET UTF-8 send them.
                other => out.push(*other),
            }
        }
        Err(Syntax)
    }

    fn literal(&mut self) -> Result<Vec<u8>, Unreadable> {
        let end = self.rest.iter().position(|b| *b == b'\n').ok_or(Syntax)?;
        let announced = crate::framing::announced(&self.rest[..=end]).ok_or(Syntax)?;
        if self.rest.iter().position(|b| *b == b'}').is_none_or(|brace| brace + 2 != end) {
            return Err(Syntax);
        }
        let length = usize::try_from(announced.length).map_err(|_| Syntax)?;
        let behind = &self.rest[end + 1..];
        let bytes = behind.get(..length).filter(|bytes| !bytes.contains(&0)).ok_or(Syntax)?;
        self.rest = &behind[length..];
        Ok(bytes.to_vec())
    }

    /// `1-Feb-1994`, quoted or not.
    fn date(&mut self) -> Result<Date, Unreadable> {
        let text = self.astring()?;
        std::str::from_utf8(&text).ok().and_then(date).ok_or(Syntax)
    }
}

fn date(text: &str) -> Option<Date> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut pieces = text.split('-');
    let (day, month, year) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let digits = |s: &str, most: usize| (1..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    if pieces.next().is_some() || !digits(day.trim_start(), 2) || !digits(year, 4) || year.len() != 4 {
        return None;
    }
    let month = MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name))?;
    let day = day.trim_start().parse().ok().filter(|day| (1..=31).contains(day))?;
    Some(Date { year: year.parse().ok()?, month: u8::try_from(month + 1).ok()?, day })
}

fn plain(name: &str) -> Option<SearchKey> {
    let key = match name {
        "ALL" => SearchKey::All,
        "ANSWERED" => SearchKey::Answered,
        "DELETED" => SearchKey::Deleted,
        "DRAFT" => SearchKey::Draft,
        "FLAGGED" => SearchKey::Flagged,
        "NEW" => SearchKey::New,
        "OLD" => SearchKey::Old,
        "RECENT" => SearchKey::Recent,
        "SEEN" => SearchKey::Seen,
        _ => {
            let positive = name
                .strip_prefix("UN")
                .filter(|p| matches!(*p, "ANSWERED" | "DELETED" | "DRAFT" | "FLAGGED" | "SEEN"))?;
            SearchKey::Not(Box::new(plain(positive)?))
        }
    };
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        match arguments(format!("{text}\r\n").as_bytes()) {
            Ok((charset, key)) => format!("{charset:?} {key:?}"),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn keys() {
        for (text, expected) in [
            ("all", "None All"),
            ("CHARSET utf-8 SUBJECT {2}\r\n\u{e4}", "Some(\"utf-8\") Subject([195, 164])"),
            ("unseen 1:2,*", "None And([Not(Seen), Sequence(SequenceSet([(Value(1), Value(2)), (Last, Last)]))])"),
            ("OR (NEW OLD) NOT FROM \"a \\\"b\"", "None Or(And([New, Old]), Not(From([97, 32, 34, 98])))"),
            ("HEADER X-Y \"\"", "None Header([88, 45, 89], [])"),
            ("SENTSINCE 1-Feb-1994", "None SentSince(Date { year: 1994, month: 2, day: 1 })"),
            ("ON \" 1-feb-1994\"", "None On(Date { year: 1994, month: 2, day: 1 })"),
            ("LARGER 10 ", "None Larger(10)"),
            ("UNKEYWORD $Junk", "None Not(Keyword(\"$Junk\"))"),
            ("UID 5", "None Uid(SequenceSet([(Value(5), Value(5))]))"),
            ("(((ALL)))", "None All"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        for bad in [
            "",
            "FOO",
            "FROM",
            "FROM ",
            "NOT",
            "OR ALL",
            "(ALL",
            "ALL)",
            "ON 32-Jan-2000",
            "ON 1-Jan-00",
            "UID x",
            "LARGER -1",
            "FROM \"x",
            "FROM {5}\r\nabc",
            "UNALL",
            "ALL  ALL",
            "BODY a{1}\r\nb",
            "()",
        ] {
            assert_eq!(shown(bad), "Syntax", "{bad}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        assert!(shown(&format!("{}ALL{}", "(".repeat(60), ")".repeat(60))).ends_with("All"));
        for deep in ["(".repeat(500_000), "NOT ".repeat(200_000), "OR ALL ".repeat(100_000), "ALL ".repeat(2000)] {
            assert_eq!(shown(&format!("{deep}ALL")), "TooDeep");
        }
    }

    proptest! {
        #[test]
        fn never_panics(words in proptest::collection::vec(proptest::sample::select(vec![
            "(", ")", " ", "NOT", "OR", "ALL", "FROM", "\"", "\\", "{1}\r\n", "x", "1:*", "ON", "1-Jan-2000", "\u{e4}", "CHARSET", "\r\n",
        ]), 0..16)) {
            let _ = shown(&words.concat());
        }
    }
}
