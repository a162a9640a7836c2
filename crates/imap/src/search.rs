//! SEARCH's keys (RFC 3501 §6.4.4).
//!
//! ```abnf
//! search     = ["CHARSET" SP astring SP] search-key *(SP search-key)
//! search-key = "ALL" / … / sequence-set / "(" search-key *(SP search-key) ")"
//! ```

use crate::reader::{Reader, Unexpected};
use crate::sequence::SequenceSet;

/// Keys within keys; beyond, the command is refused before anything recurses
/// further.
const MAX_DEPTH: usize = 64;
/// Keys in all: each may mean reading every message.
const MAX_KEYS: usize = 1000;

/// Results that one search may ask for; there are four.
const MAX_RETURNS: usize = 10;

/// What a search is to tell (RFC 4731 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchReturn {
    /// The smallest number.
    Min,
    /// The largest number.
    Max,
    /// All numbers.
    All,
    /// How many.
    Count,
}

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
    /// Changed since, this one included (RFC 7162 §3.1.5).
    ModSeq(u64),
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

impl From<Unexpected> for Unreadable {
    fn from(_: Unexpected) -> Self {
        Syntax
    }
}

/// What stands behind `SEARCH `.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) returns: Option<Vec<SearchReturn>>,
    pub(crate) charset: Option<String>,
    pub(crate) key: SearchKey,
}

/// Reads all behind `SEARCH `, to the end of the command.
pub(crate) fn arguments(text: &[u8]) -> Result<Arguments, Unreadable> {
    let mut reader = Reader { rest: text };
    let returns = match reader.keyword(b"RETURN ") {
        true => {
            let mut returns = reader.parenthesized(MAX_RETURNS, search_return)?;
            reader.space()?;
            // "RETURN ()" means ALL (RFC 4731 §3.1).
            if returns.is_empty() {
                returns.push(SearchReturn::All);
            }
            Some(returns)
        }
        false => None,
    };
    let charset = match reader.keyword(b"CHARSET ") {
        true => {
            let name = reader.astring()?;
            reader.space()?;
            Some(String::from_utf8(name).map_err(|_| Syntax)?)
        }
        false => None,
    };
    let mut keys = Keys { reader, keys: 0 };
    let key = keys.list(0)?;
    if keys.reader.rest == b"\r\n" { Ok(Arguments { returns, charset, key }) } else { Err(Syntax) }
}

fn search_return(reader: &mut Reader<'_>) -> Result<SearchReturn, Unexpected> {
    match reader.word()?.as_str() {
        "MIN" => Ok(SearchReturn::Min),
        "MAX" => Ok(SearchReturn::Max),
        "ALL" => Ok(SearchReturn::All),
        "COUNT" => Ok(SearchReturn::Count),
        _ => Err(Unexpected),
    }
}

struct Keys<'a> {
    reader: Reader<'a>,
    keys: usize,
}

impl Keys<'_> {
    fn list(&mut self, depth: usize) -> Result<SearchKey, Unreadable> {
        let mut keys = vec![self.key(depth)?];
        while let Some(rest) = self.reader.rest.strip_prefix(b" ") {
            self.reader.rest = rest;
            // Some clients leave a blank at the end.
            if matches!(self.reader.rest.first(), Some(b'\r' | b')')) {
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
        if let Some(rest) = self.reader.rest.strip_prefix(b"(") {
            self.reader.rest = rest;
            let key = self.list(depth + 1)?;
            self.reader.rest = self.reader.rest.strip_prefix(b")").ok_or(Syntax)?;
            return Ok(key);
        }
        let word = self.reader.word()?;
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
        self.reader.space()?;
        self.key(depth + 1)
    }

    fn with_argument(&mut self, name: &str) -> Result<SearchKey, Unreadable> {
        if name.starts_with(|c: char| c.is_ascii_digit() || c == '*') {
            return SequenceSet::parse(name).map(SearchKey::Sequence).ok_or(Syntax);
        }
        self.reader.space()?;
        Ok(match name {
            "BCC" => SearchKey::Bcc(self.reader.astring()?),
            "BODY" => SearchKey::Body(self.reader.astring()?),
            "CC" => SearchKey::Cc(self.reader.astring()?),
            "FROM" => SearchKey::From(self.reader.astring()?),
            "SUBJECT" => SearchKey::Subject(self.reader.astring()?),
            "TEXT" => SearchKey::Text(self.reader.astring()?),
            "TO" => SearchKey::To(self.reader.astring()?),
            "HEADER" => {
                let field = self.reader.astring()?;
                self.reader.space()?;
                SearchKey::Header(field, self.reader.astring()?)
            }
            "BEFORE" => SearchKey::Before(self.date()?),
            "ON" => SearchKey::On(self.date()?),
            "SINCE" => SearchKey::Since(self.date()?),
            "SENTBEFORE" => SearchKey::SentBefore(self.date()?),
            "SENTON" => SearchKey::SentOn(self.date()?),
            "SENTSINCE" => SearchKey::SentSince(self.date()?),
            "KEYWORD" => SearchKey::Keyword(self.reader.flag_word()?),
            "UNKEYWORD" => SearchKey::Not(Box::new(SearchKey::Keyword(self.reader.flag_word()?))),
            "LARGER" => SearchKey::Larger(self.reader.number()?),
            "SMALLER" => SearchKey::Smaller(self.reader.number()?),
            "MODSEQ" => SearchKey::ModSeq(self.modseq()?),
            "UID" => SearchKey::Uid(SequenceSet::parse(&self.reader.word()?).ok_or(Syntax)?),
            _ => return Err(Syntax),
        })
    }

    /// `["/flags/…" (priv / shared / all)] number`: every change of a message
    /// counts, whichever flag is named (RFC 7162 §3.1.5 lets the server do so).
    fn modseq(&mut self) -> Result<u64, Unreadable> {
        if self.reader.rest.starts_with(b"\"") {
            self.reader.astring()?;
            self.reader.space()?;
            if !matches!(self.reader.word()?.as_str(), "PRIV" | "SHARED" | "ALL") {
                return Err(Syntax);
            }
            self.reader.space()?;
        }
        let word = self.reader.word()?;
        let digits = word.bytes().all(|b| b.is_ascii_digit());
        word.parse().ok().filter(|_| digits).ok_or(Syntax)
    }

    /// `1-Feb-1994`, quoted or not.
    fn date(&mut self) -> Result<Date, Unreadable> {
        let text = self.reader.astring()?;
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
            Ok(Arguments { returns: None, charset, key }) => format!("{charset:?} {key:?}"),
            Ok(Arguments { returns: Some(returns), key, .. }) => format!("{returns:?} {key:?}"),
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
            ("RETURN (MIN count) ALL", "[Min, Count] All"),
            ("return () CHARSET utf-8 ALL", "[All] All"),
            ("MODSEQ 620162338", "None ModSeq(620162338)"),
            ("MODSEQ \"/flags/\\\\draft\" all 62", "None ModSeq(62)"),
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
            "RETURN (ODD) ALL",
            "RETURN (MIN ALL",
            "RETURN (MIN  MAX) ALL",
            "MODSEQ \"x\" 5",
            "MODSEQ -5",
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
