//! Where the parts of a message begin and end (RFC 2046 §5.1).
//!
//! One pass over the lines with a stack of what is open. The stack has at most
//! [`Limits::depth`] entries and each line is compared with each of them once,
//! so hostile nesting costs a constant factor and no recursion.

use std::ops::Range;

use mail::header::{Field, block_len, fields};

use crate::ContentType;
use crate::wire::Mark;

/// What a message may have; beyond, it is described as one opaque part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Parts within parts.
    pub depth: usize,
    /// Parts in all.
    pub parts: usize,
    /// Octets of all header blocks together.
    pub header: usize,
    /// Octets of one line of a header block.
    pub header_line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 32, parts: 1000, header: 1 << 20, header_line: 64 << 10 }
    }
}

/// Which part of a [`Structure`]: a place in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartId(usize);

impl PartId {
    /// The message itself.
    pub const ROOT: Self = Self(0);
}

/// A piece of the message, with what it measures on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: Mark,
    end: Mark,
}

impl Span {
    /// The bytes as they are on disk.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start.at..self.end.at
    }

    /// Octets as they are sent, each line end as CRLF.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.end.at - self.start.at + (self.end.bare - self.start.bare)
    }

    /// Line ends in it.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.end.lines - self.start.lines
    }
}

/// What a part consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Data.
    Leaf,
    /// Parts, at least one.
    Multipart(Vec<PartId>),
    /// A message (`message/rfc822`), which is this part.
    Message(PartId),
}

/// How a body is encoded (RFC 2045 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lines of ASCII; also what an unknown encoding is taken for.
    SevenBit,
    /// Lines of octets.
    EightBit,
    /// Octets.
    Binary,
    /// Quoted-printable.
    QuotedPrintable,
    /// Base64.
    Base64,
}

/// One part: its header block, its body and what that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The header block with the empty line behind it.
    pub header: Span,
    /// The body.
    pub body: Span,
    /// What the body is.
    pub kind: Kind,
    /// The declared type, or what stands for it where none is declared.
    pub content_type: ContentType,
    /// The declared encoding.
    pub encoding: Encoding,
}

impl Part {
    /// Header and body together.
    #[must_use]
    pub fn whole(&self) -> Span {
        Span { start: self.header.start, end: self.body.end }
    }
}

/// All parts of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    parts: Vec<Part>,
    opaque: bool,
}

impl Structure {
    /// Finds the parts. Never fails: what goes beyond the limits is one opaque
    /// part.
    #[must_use]
    pub fn parse(message: &[u8], limits: &Limits) -> Self {
        let mut walker = Walker::new(message, limits);
        match walker.run() {
            Ok(()) => Self { parts: walker.parts, opaque: false },
            Err(BeyondLimits) => Self::opaque(message),
        }
    }

    /// Whether the message goes beyond the limits.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// The message itself.
    #[must_use]
    pub fn root(&self) -> &Part {
        &self.parts[0]
    }

    /// One part.
    #[must_use]
    pub fn part(&self, id: PartId) -> &Part {
        self.parts.get(id.0).unwrap_or_else(|| self.root())
    }

    /// All parts, each before what is in it.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part that IMAP's numbers name (RFC 3501 §6.4.5, `section-part`): a
    /// message that is not multipart has one part, 1.
    #[must_use]
    pub fn find(&self, numbers: &[u32]) -> Option<&Part> {
        let mut at = PartId::ROOT;
        for (level, number) in numbers.iter().enumerate() {
            let inner = match self.part(at).kind {
                Kind::Message(inner) if level > 0 => inner,
                _ => at,
            };
            let entered_message = level == 0 || inner != at;
            at = match &self.part(inner).kind {
                Kind::Multipart(children) => *children.get(usize::try_from(*number).ok()?.checked_sub(1)?)?,
                _ if *number == 1 && entered_message => inner,
                _ => return None,
            };
        }
        Some(self.part(at))
    }

    /// The message that a `message/rfc822` part holds: its root, where the
    /// part is such a one.
    #[must_use]
    pub fn enclosed(&self, part: &Part) -> Option<&Part> {
        match part.kind {
            Kind::Message(inner) => Some(self.part(inner)),
            _ => None,
        }
    }

    fn opaque(message: &[u8]) -> Self {
        let (start, end) = (Mark::default(), Mark::default().after(message));
        let body = Mark::default().after(&message[..block_len(message)]);
        let root = Part {
            header: Span { start, end: body },
            body: Span { start: body, end },
            kind: Kind::Leaf,
            content_type: ContentType::octets(),
            encoding: Encoding::EightBit,
        };
        Self { parts: vec![root], opaque: true }
    }
}

struct BeyondLimits;

/// A part whose end is not known yet.
struct Open {
    part: usize,
    /// What separates its children, until the last of them was closed.
    boundary: Option<Box<[u8]>>,
    /// The type of children that declare none (RFC 2046 §5.1.5).
    digest: bool,
}

struct Walker<'a> {
    message: &'a [u8],
    limits: &'a Limits,
    parts: Vec<Part>,
    open: Vec<Open>,
    in_header: bool,
    header_octets: usize,
}

/// One line: where it begins, where its text ends, where the next one begins.
struct Line {
    start: Mark,
    text_end: Mark,
    next: Mark,
}

impl<'a> Walker<'a> {
    fn new(message: &'a [u8], limits: &'a Limits) -> Self {
        Self { message, limits, parts: Vec::new(), open: Vec::new(), in_header: false, header_octets: 0 }
    }

    fn run(&mut self) -> Result<(), BeyondLimits> {
        let mut at = Mark::default();
        // Where the text before the line end last seen ended: a delimiter owns
        // the line end before it.
        let mut before = at;
        self.begin(at, None)?;
        while let Some(line) = self.line(at) {
            if let Some((level, last)) = self.delimiter(&line) {
                self.delimit(level, last, &line, before)?;
            } else if self.in_header {
                self.header_line(&line)?;
            }
            (before, at) = (line.text_end, line.next);
        }
        if self.in_header {
            self.end_header(at)?;
        }
        self.close_above(0, at);
        self.settle();
        Ok(())
    }

    fn line(&self, start: Mark) -> Option<Line> {
        let rest = self.message.get(start.at..).filter(|rest| !rest.is_empty())?;
        let Some(length) = rest.iter().position(|b| *b == b'\n') else {
            let end = Mark { at: self.message.len(), ..start };
            return Some(Line { start, text_end: end, next: end });
        };
        let has_cr = length > 0 && rest[length - 1] == b'\r';
        let text = length - usize::from(has_cr);
        let next = Mark { at: start.at + length + 1, lines: start.lines + 1, bare: start.bare + usize::from(!has_cr) };
        Some(Line { start, text_end: Mark { at: start.at + text, ..start }, next })
    }

    /// The level whose delimiter this line is, and whether it is the last one.
    fn delimiter(&self, line: &Line) -> Option<(usize, bool)> {
        let text = self.message[line.start.at..line.text_end.at].strip_prefix(b"--")?;
        for (level, open) in self.open.iter().enumerate().rev() {
            let Some(rest) = open.boundary.as_deref().and_then(|b| text.strip_prefix(b)) else { continue };
            if rest.starts_with(b"--") {
                return Some((level, true));
            }
            if rest.iter().all(|b| matches!(b, b' ' | b'\t')) {
                return Some((level, false));
            }
        }
        None
    }

    fn delimit(&mut self, level: usize, last: bool, line: &Line, before: Mark) -> Result<(), BeyondLimits> {
        if self.in_header {
            self.end_header(line.start)?;
        }
        self.close_above(level + 1, before);
        let open = &mut self.open[level];
        let (parent, digest) = (open.part, open.digest);
        if last {
            open.boundary = None;
            self.in_header = false;
            return Ok(());
        }
        self.begin(line.next, Some((parent, digest)))
    }

    fn header_line(&mut self, line: &Line) -> Result<(), BeyondLimits> {
        let octets = line.next.at - line.start.at;
        self.header_octets += octets;
        if octets > self.limits.header_line || self.header_octets > self.limits.header {
            return Err(BeyondLimits);
        }
        if line.start.at == line.text_end.at {
            self.end_header(line.next)?;
        }
        Ok(())
    }

    /// A new part begins here, as a child of `parent`.
    fn begin(&mut self, at: Mark, parent: Option<(usize, bool)>) -> Result<(), BeyondLimits> {
        if self.parts.len() >= self.limits.parts || self.open.len() >= self.limits.depth {
            return Err(BeyondLimits);
        }
        let part = self.parts.len();
        let digest = parent.is_some_and(|(_, digest)| digest);
        let empty = Span { start: at, end: at };
        self.parts.push(Part {
            header: empty,
            body: empty,
            kind: Kind::Leaf,
            content_type: if digest { ContentType::message() } else { ContentType::text() },
            encoding: Encoding::SevenBit,
        });
        if let Some((parent, _)) = parent
            && let Kind::Multipart(children) = &mut self.parts[parent].kind
        {
            children.push(PartId(part));
        }
        self.open.push(Open { part, boundary: None, digest: false });
        self.in_header = true;
        Ok(())
    }

    /// The header block of the innermost part is read up to here.
    fn end_header(&mut self, end: Mark) -> Result<(), BeyondLimits> {
        self.in_header = false;
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let id = open.part;
        let next = PartId(self.parts.len());
        let part = &mut self.parts[id];
        part.header.end = end;
        part.body = Span { start: end, end };
        describe(part, &self.message[part.header.range()]);
        if part.content_type.is("multipart", "") {
            open.digest = part.content_type.is("multipart", "digest");
            open.boundary = part.content_type.parameters().get("boundary").and_then(boundary);
            part.kind = Kind::Multipart(Vec::new());
        } else if part.content_type.is("message", "rfc822") && part.encoding.is_identity() {
            part.kind = Kind::Message(next);
            return self.begin(end, None);
        }
        Ok(())
    }

    /// Ends what is open from this level on. The line end before a delimiter
    /// belongs to the delimiter, unless it ends a header block; then all that
    /// is around that block ends there too.
    fn close_above(&mut self, level: usize, end: Mark) {
        let innermost = self.open.last().map(|open| self.parts[open.part].body.start);
        let end = innermost.filter(|start| start.at > end.at).unwrap_or(end);
        for open in self.open.drain(level..) {
            self.parts[open.part].body.end = end;
        }
    }

    /// A multipart in which no part was found is data.
    fn settle(&mut self) {
        for part in &mut self.parts {
            if matches!(&part.kind, Kind::Multipart(children) if children.is_empty()) {
                part.kind = Kind::Leaf;
                part.content_type = ContentType::octets();
            }
        }
    }
}

/// A boundary has at most 70 characters (RFC 2046 §5.1.1); a little more is
/// let through, since what wrote it will look for it.
fn boundary(value: &[u8]) -> Option<Box<[u8]>> {
    let value = value.trim_ascii_end();
    (!value.is_empty() && value.len() <= 200).then(|| value.into())
}

fn describe(part: &mut Part, header: &[u8]) {
    let mut seen_type = false;
    let mut seen_encoding = false;
    for field in fields(header) {
        if !seen_type && field.is("Content-Type") {
            seen_type = true;
            part.content_type = ContentType::parse(field.value).unwrap_or_else(ContentType::text);
        } else if !seen_encoding && field.is("Content-Transfer-Encoding") {
            seen_encoding = true;
            part.encoding = encoding(&field);
        }
    }
}

fn encoding(field: &Field<'_>) -> Encoding {
    let word = crate::content_type::first_token(field.value);
    let table = [
        ("8bit", Encoding::EightBit),
        ("binary", Encoding::Binary),
        ("quoted-printable", Encoding::QuotedPrintable),
        ("base64", Encoding::Base64),
    ];
    table.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map_or(Encoding::SevenBit, |(_, e)| e)
}

impl Encoding {
    /// Whether the body stands there as it is.
    #[must_use]
    pub fn is_identity(self) -> bool {
        matches!(self, Self::SevenBit | Self::EightBit | Self::Binary)
    }

    /// Its name (RFC 2045 §6.1).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }
}

#[cfg(test)]
mod tests;
