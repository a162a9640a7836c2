//! A search key made ready to be tried on many messages.

use std::cell::OnceCell;
use std::ops::RangeInclusive;
use std::sync::Arc;

use imap::response::{Code, Reply};
use imap::{Date, Numbers, SearchKey};
use mail::header::fields;
use mailbox::{Flags, InternalDate, Keyword, Message};
use mime::text::Charset;
use mime::{Kind, Part, sent_date, text};

use super::content::{Content, Depth};
use super::flags::{Recent, has_keyword};
use super::selected::Selected;

/// Keys that look into messages: each goes through all text of each message.
const MAX_TEXT_KEYS: usize = 100;

/// The decoded texts of messages up to this size are kept while they are
/// searched.
const KEPT: usize = 1 << 20;

/// A condition on one message. Texts are folded, sets resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Always,
    Flag(Flags),
    Keyword(String),
    Recent,
    Larger(u64),
    Smaller(u64),
    ChangedFrom(u64),
    /// Against INTERNALDATE.
    Arrived(Order, Date),
    /// Against the `Date` field.
    Sent(Order, Date),
    Numbers(Numbers, Vec<RangeInclusive<u32>>),
    /// The field's name, and what it holds; any field where that is empty.
    Header(String, String),
    Body(String),
    Text(String),
    Not(Box<Test>),
    Or(Box<Test>, Box<Test>),
    And(Vec<Test>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Before,
    On,
    Since,
}

/// What is known of a message without reading it.
pub(super) struct Facts {
    pub(super) number: u32,
    pub(super) message: Message,
    pub(super) recent: Recent,
    pub(super) keywords: Arc<Vec<Keyword>>,
}

/// The text of a message, decoded and folded once for all keys.
pub(super) struct Haystack<'a> {
    content: &'a Content,
    headers: OnceCell<Vec<(String, String)>>,
    inner_headers: OnceCell<Vec<String>>,
    bodies: OnceCell<Vec<String>>,
}

impl Test {
    pub(super) fn new(key: &SearchKey, charset: Charset, selected: &Selected) -> Result<Self, Reply> {
        let test = compile(key, charset, selected)?;
        if test.text_keys() > MAX_TEXT_KEYS {
            return Err(Reply::no("The search looks for too many texts").with(Code::Limit));
        }
        Ok(test)
    }

    /// How much of a message must be read where the index does not decide.
    pub(super) fn depth(&self) -> Depth {
        match self {
            Self::Body(_) | Self::Text(_) => Depth::Whole,
            Self::Header(..) | Self::Sent(..) => Depth::Header,
            Self::Not(inner) => inner.depth(),
            Self::Or(a, b) => a.depth().max(b.depth()),
            Self::And(all) => all.iter().map(Self::depth).max().unwrap_or(Depth::Index),
            _ => Depth::Index,
        }
    }

    fn text_keys(&self) -> usize {
        match self {
            Self::Body(_) | Self::Text(_) | Self::Header(..) => 1,
            Self::Not(inner) => inner.text_keys(),
            Self::Or(a, b) => a.text_keys() + b.text_keys(),
            Self::And(all) => all.iter().map(Self::text_keys).sum(),
            _ => 0,
        }
    }

    /// Whether the message fits; nothing where its text decides and is not at
    /// hand.
    pub(super) fn decide(&self, facts: &Facts, text: Option<&Haystack<'_>>) -> Option<bool> {
        let message = &facts.message;
        Some(match self {
            Self::Always => true,
            Self::Flag(flag) => message.flags.has(*flag),
            Self::Keyword(name) => has_keyword(message, &facts.keywords, name),
            Self::Recent => facts.recent == Recent::Yes,
            Self::Larger(size) => message.wsize > *size,
            Self::Smaller(size) => message.wsize < *size,
            Self::ChangedFrom(modseq) => message.modseq.0 >= *modseq,
            Self::Arrived(order, date) => arrival(message.internal_date).is_some_and(|day| order.holds(day, *date)),
            Self::Numbers(Numbers::Sequence, ranges) => within(ranges, facts.number),
            Self::Numbers(Numbers::Uid, ranges) => within(ranges, message.uid.get()),
            Self::Not(inner) => !inner.decide(facts, text)?,
            Self::Or(a, b) => return either(a.decide(facts, text), b.decide(facts, text)),
            Self::And(all) => return every(all.iter().map(|test| test.decide(facts, text))),
            Self::Sent(order, date) => text?.sent().is_some_and(|day| order.holds(day, *date)),
            Self::Header(name, wanted) => text?.has_header(name, wanted),
            Self::Body(wanted) => text?.has_body(wanted),
            Self::Text(wanted) => text?.has_text(wanted),
        })
    }
}

/// True where one is, whatever the other.
fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// False where one is, whatever the others.
fn every(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = true;
    for answer in answers {
        match answer {
            Some(false) => return Some(false),
            Some(true) => {}
            None => known = false,
        }
    }
    known.then_some(true)
}

fn within(ranges: &[RangeInclusive<u32>], number: u32) -> bool {
    let behind = ranges.partition_point(|range| *range.end() < number);
    ranges.get(behind).is_some_and(|range| range.contains(&number))
}

impl Order {
    fn holds(self, day: Date, wanted: Date) -> bool {
        match self {
            Self::Before => day < wanted,
            Self::On => day == wanted,
            Self::Since => day >= wanted,
        }
    }
}

/// The day in the zone that the date is shown in (RFC 3501 §6.4.4:
/// "disregarding time and timezone").
fn arrival(date: InternalDate) -> Option<Date> {
    let local = date.secs.saturating_add(i64::from(date.offset_minutes) * 60);
    let (year, month, day) = imap::fetch::civil(local.div_euclid(86_400).clamp(-700_000, 3_000_000));
    Some(Date { year: year.try_into().ok()?, month: month.try_into().ok()?, day: day.try_into().ok()? })
}

fn compile(key: &SearchKey, charset: Charset, selected: &Selected) -> Result<Test, Reply> {
    let folded = |wanted: &[u8]| folded(wanted, charset);
    let header = |name: &str, wanted: &[u8]| Ok(Test::Header(name.to_owned(), folded(wanted)?));
    let inner = |key: &SearchKey| compile(key, charset, selected);
    Ok(match key {
        SearchKey::All => Test::Always,
        SearchKey::Answered => Test::Flag(Flags::ANSWERED),
        SearchKey::Deleted => Test::Flag(Flags::DELETED),
        SearchKey::Draft => Test::Flag(Flags::DRAFT),
        SearchKey::Flagged => Test::Flag(Flags::FLAGGED),
        SearchKey::Seen => Test::Flag(Flags::SEEN),
        SearchKey::New => Test::And(vec![Test::Recent, Test::Not(Box::new(Test::Flag(Flags::SEEN)))]),
        SearchKey::Old => Test::Not(Box::new(Test::Recent)),
        SearchKey::Recent => Test::Recent,
        SearchKey::Bcc(wanted) => header("bcc", wanted)?,
        SearchKey::Cc(wanted) => header("cc", wanted)?,
        SearchKey::From(wanted) => header("from", wanted)?,
        SearchKey::Subject(wanted) => header("subject", wanted)?,
        SearchKey::To(wanted) => header("to", wanted)?,
        SearchKey::Header(name, wanted) => Test::Header(folded(name)?, folded(wanted)?),
        SearchKey::Body(wanted) => Test::Body(folded(wanted)?),
        SearchKey::Text(wanted) => Test::Text(folded(wanted)?),
        SearchKey::Before(date) => Test::Arrived(Order::Before, *date),
        SearchKey::On(date) => Test::Arrived(Order::On, *date),
        SearchKey::Since(date) => Test::Arrived(Order::Since, *date),
        SearchKey::SentBefore(date) => Test::Sent(Order::Before, *date),
        SearchKey::SentOn(date) => Test::Sent(Order::On, *date),
        SearchKey::SentSince(date) => Test::Sent(Order::Since, *date),
        SearchKey::Keyword(name) => Test::Keyword(name.clone()),
        SearchKey::Larger(size) => Test::Larger(u64::from(*size)),
        SearchKey::Smaller(size) => Test::Smaller(u64::from(*size)),
        SearchKey::ModSeq(modseq) => Test::ChangedFrom(*modseq),
        SearchKey::Sequence(set) => Test::Numbers(Numbers::Sequence, selected.ranges(Numbers::Sequence, set)),
        SearchKey::Uid(set) => Test::Numbers(Numbers::Uid, selected.ranges(Numbers::Uid, set)),
        SearchKey::Not(key) => Test::Not(Box::new(inner(key)?)),
        SearchKey::Or(a, b) => Test::Or(Box::new(inner(a)?), Box::new(inner(b)?)),
        SearchKey::And(all) => Test::And(all.iter().map(inner).collect::<Result<_, _>>()?),
    })
}

fn folded(wanted: &[u8], charset: Charset) -> Result<String, Reply> {
    match charset.decode(wanted) {
        Some(wanted) => Ok(text::fold_case(&wanted)),
        None => Err(Reply::bad("A text is not in the charset of the search")),
    }
}

impl<'a> Haystack<'a> {
    pub(super) fn new(content: &'a Content) -> Self {
        Self { content, headers: OnceCell::new(), inner_headers: OnceCell::new(), bodies: OnceCell::new() }
    }

    fn sent(&self) -> Option<Date> {
        let (year, month, day) = sent_date(self.content.header())?;
        Some(Date { year, month, day })
    }

    fn has_header(&self, name: &str, wanted: &str) -> bool {
        self.headers().iter().any(|(field, value)| field == name && value.contains(wanted))
    }

    fn has_text(&self, wanted: &str) -> bool {
        let in_header = |(name, value): &(String, String)| name.contains(wanted) || value.contains(wanted);
        self.headers().iter().any(in_header)
            || self.inner_headers().iter().any(|value| value.contains(wanted))
            || self.has_body(wanted)
    }

    /// The texts of a small message are kept for the next key; those of a large
    /// one would fill the memory, and are decoded again.
    fn has_body(&self, wanted: &str) -> bool {
        if self.content.bytes.len() > KEPT {
            return self.leaves().any(|part| text::body_holds(&self.content.bytes, part, wanted));
        }
        self.bodies().iter().any(|body| body.contains(wanted))
    }

    fn leaves(&self) -> impl Iterator<Item = &Part> {
        self.content.structure.parts().iter().filter(|part| part.kind == Kind::Leaf)
    }

    fn headers(&self) -> &[(String, String)] {
        self.headers.get_or_init(|| {
            let fields = fields(self.content.header());
            fields.map(|f| (String::from_utf8_lossy(f.name).to_lowercase(), decoded(f.value))).collect()
        })
    }

    /// The header fields of parts and of messages within.
    fn inner_headers(&self) -> &[String] {
        self.inner_headers.get_or_init(|| {
            let parts = self.content.structure.parts().iter().skip(1);
            let blocks = parts.map(|part| &self.content.bytes[part.header.range()]);
            blocks.flat_map(fields).map(|field| decoded(field.value)).collect()
        })
    }

    fn bodies(&self) -> &[String] {
        self.bodies.get_or_init(|| {
            let texts = self.leaves().filter_map(|part| text::body(&self.content.bytes, part));
            texts.map(|text| text::fold_case(&text)).collect()
        })
    }
}

fn decoded(value: &[u8]) -> String {
    text::fold_case(&text::header(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailbox::{KeywordSet, ModSeq, Uid};
    use mime::Understands;

    const MESSAGE: &[u8] = b"From: =?utf-8?q?J=C3=B6rg?= <a@b>\nDate: Tue, 1 Jul 2003 23:52:37 -0500\nSubject: Hello\n\
        Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\
        Content-Transfer-Encoding: base64\n\nR3LDvMOfZQ==\n--b\nContent-Type: message/rfc822\n\nSubject: Inner\n\nx\n--b--\n";

    fn facts() -> Facts {
        let internal_date = InternalDate { secs: 1_057_100_000, offset_minutes: 120 };
        let message = Message {
            uid: Uid::new(7).unwrap(),
            modseq: ModSeq(1),
            flags: Flags::SEEN,
            keywords: KeywordSet::from_bits(1),
            size: 100,
            wsize: 110,
            internal_date,
        };
        Facts { number: 3, message, recent: Recent::Yes, keywords: Arc::new(vec![Keyword::new("kw").unwrap()]) }
    }

    fn check(test: &Test, without: Option<bool>, with: bool) {
        let content = Content::new(MESSAGE.to_vec(), Understands::Utf8);
        assert_eq!(test.decide(&facts(), None), without, "{test:?}");
        assert_eq!(test.decide(&facts(), Some(&Haystack::new(&content))), Some(with), "{test:?}");
    }

    #[test]
    fn decided_by_the_index() {
        let day = |day| Date { year: 2003, month: 7, day };
        for (test, expected) in [
            (Test::Flag(Flags::SEEN), true),
            (Test::Keyword("KW".into()), true),
            (Test::Keyword("other".into()), false),
            (Test::Larger(110), false),
            (Test::Smaller(111), true),
            (Test::ChangedFrom(1), true),
            (Test::ChangedFrom(2), false),
            (Test::Arrived(Order::On, day(2)), true),
            (Test::Arrived(Order::Before, day(2)), false),
            (Test::Numbers(Numbers::Sequence, vec![1..=2, 5..=9]), false),
            (Test::Numbers(Numbers::Uid, vec![1..=2, 5..=9]), true),
            (Test::Or(Box::new(Test::Text("x".into())), Box::new(Test::Always)), true),
            (Test::And(vec![Test::Text("x".into()), Test::Not(Box::new(Test::Recent))]), false),
        ] {
            check(&test, Some(expected), expected);
        }
    }

    #[test]
    fn decided_by_the_text() {
        let header = |name: &str, wanted: &str| Test::Header(name.into(), wanted.into());
        for (test, expected) in [
            (header("from", "jörg"), true),
            (header("subject", "inner"), false),
            (header("date", ""), true),
            (header("x-none", ""), false),
            (Test::Body("grüße".into()), true),
            (Test::Body("hello".into()), false),
            (Test::Text("hello".into()), true),
            (Test::Text("inner".into()), true),
            (Test::Sent(Order::On, Date { year: 2003, month: 7, day: 1 }), true),
            (Test::Not(Box::new(Test::Text("zzz".into()))), true),
        ] {
            check(&test, None, expected);
        }
    }
}
