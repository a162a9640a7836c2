//! The messages inside a message: each part that is one, or that a mail program
//! would open as one, cut out to be scanned on its own.
//!
//! libclamav looks into the attachments of a message inside a message only if
//! it takes that one for mail too. The walk is our own (mail-parser reads the
//! header blocks) so that its depth, its parts and its work are bounded, and so
//! that duplicate header fields are followed in every reading.

use std::borrow::Cow;
use std::time::Instant;

use avscan_wire::Limit;
use mail_parser::{HeaderName, HeaderValue, MessageParser, MimeHeaders};

use crate::decode;

/// Multiparts inside each other.
const DEPTH: u32 = 64;
/// Bytes of a header block that are read for fields.
const HEADER: usize = 1 << 20;
/// Readings of one part that are followed, where fields contradict each other.
const READINGS: usize = 3;

/// What bounds one walk.
pub(crate) struct Bounds {
    /// Parts of all kinds.
    pub(crate) parts: u32,
    /// Bytes looked at, counted at each level.
    pub(crate) work: u64,
    /// When to give up.
    pub(crate) until: Instant,
}

/// Cuts out the messages directly inside this one; those inside them are found
/// when they are cut themselves. The second value says which bound was hit.
pub(crate) fn embedded(message: &[u8], bounds: Bounds) -> (Vec<Vec<u8>>, Option<Limit>) {
    let mut walk = Walk { bounds, found: Vec::new() };
    let hit = walk.entity(message, Default::Text, DEPTH).err();
    (walk.found, hit)
}

/// Whether a mail program could find attachments in these bytes: a line near
/// the beginning is a MIME header field.
pub(crate) fn looks_like_mail(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(HEADER)].split(|byte| *byte == b'\n' || *byte == b'\r').any(|line| {
        ["content-type", "content-transfer-encoding"].iter().any(|name| {
            let (start, rest) = line.split_at(line.len().min(name.len()));
            start.eq_ignore_ascii_case(name.as_bytes())
                && rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
        })
    })
}

/// What a part is that does not say (RFC 2046, sections 5.1 and 5.1.5).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Default {
    Text,
    Message,
}

struct Walk {
    bounds: Bounds,
    found: Vec<Vec<u8>>,
}

/// What the header fields of a part say, in every reading.
struct Head {
    message: bool,
    boundaries: Vec<(Vec<u8>, Default)>,
    encodings: Vec<Encoding>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    None,
    Base64,
    QuotedPrintable,
}

impl Walk {
    fn entity(&mut self, bytes: &[u8], default: Default, depth: u32) -> Result<(), Limit> {
        self.spend(bytes.len(), depth)?;
        let (head, body) = split_head(bytes);
        let head = read_head(head, default);
        for encoding in &head.encodings {
            let content = match encoding {
                Encoding::None => Cow::Borrowed(body),
                Encoding::Base64 => Cow::Owned(decode::base64(body)),
                Encoding::QuotedPrintable => Cow::Owned(decode::quoted_printable(body)),
            };
            for (boundary, default) in &head.boundaries {
                for part in parts(&content, boundary) {
                    self.entity(part, *default, depth - 1)?;
                }
            }
            let inside = head.boundaries.is_empty() && looks_like_mail(&content);
            if head.message || inside {
                self.bounds.work = self.bounds.work.checked_sub(content.len() as u64).ok_or(Limit::Size)?;
                self.found.push(content.into_owned());
            }
        }
        Ok(())
    }

    fn spend(&mut self, bytes: usize, depth: u32) -> Result<(), Limit> {
        if depth == 0 {
            return Err(Limit::Recursion);
        }
        if Instant::now() >= self.bounds.until {
            return Err(Limit::Time);
        }
        self.bounds.parts = self.bounds.parts.checked_sub(1).ok_or(Limit::Files)?;
        self.bounds.work = self.bounds.work.checked_sub(bytes as u64).ok_or(Limit::Size)?;
        Ok(())
    }
}

/// Header block and body: the first empty line is between them.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut start = 0;
    while start < bytes.len() {
        let end = line_end(bytes, start);
        if matches!(&bytes[start..end], b"\n" | b"\r\n") {
            return (&bytes[..start], &bytes[end..]);
        }
        start = end;
    }
    // Without an empty line it is all header to one reader and all body to
    // another.
    (bytes, bytes)
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| start + at + 1)
}

fn read_head(block: &[u8], default: Default) -> Head {
    let block = &block[..block.len().min(HEADER)];
    let parsed = MessageParser::default().parse_headers(block);
    let part = parsed.as_ref().and_then(|message| message.parts.first());
    let mut head = Head { message: false, boundaries: Vec::new(), encodings: Vec::new() };
    let mut typed = false;
    for header in part.iter().flat_map(|part| &part.headers) {
        match (&header.name, &header.value) {
            (HeaderName::ContentType, HeaderValue::ContentType(kind)) => {
                typed = true;
                let (main, sub) = (kind.ctype(), kind.subtype().unwrap_or_default());
                let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
                head.message |=
                    is(main, "message") || is(main, "text") && sub.to_ascii_lowercase().starts_with("rfc822");
                if let Some(boundary) = kind.attribute("boundary").filter(|_| head.boundaries.len() < READINGS) {
                    let inside = if is(sub, "digest") { Default::Message } else { Default::Text };
                    head.boundaries.push((boundary.as_bytes().to_vec(), inside));
                }
            }
            (HeaderName::ContentTransferEncoding, HeaderValue::Text(word)) => {
                let encoding = encoding(word);
                if !head.encodings.contains(&encoding) {
                    head.encodings.push(encoding);
                }
            }
            _ => {}
        }
    }
    head.message |= !typed && default == Default::Message;
    head.message |= part.and_then(MimeHeaders::attachment_name).is_some_and(is_mail_name);
    if !head.encodings.contains(&Encoding::None) {
        // A reader that does not believe the encoding sees the bytes.
        head.encodings.push(Encoding::None);
    }
    head
}

fn encoding(word: &str) -> Encoding {
    match word.trim().to_ascii_lowercase().as_str() {
        "base64" => Encoding::Base64,
        "quoted-printable" => Encoding::QuotedPrintable,
        _ => Encoding::None,
    }
}

fn is_mail_name(name: &str) -> bool {
    let extension = name.trim_end_matches(['.', ' ']).rsplit('.').next().unwrap_or_default();
    ["eml", "mht", "mhtml", "mim", "nws"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// The parts between lines that begin with `--boundary`; what is before the
/// first (the preamble) too, since a reader may be of another opinion.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let (mut begin, mut start) = (0, 0);
    while start < body.len() {
        let end = line_end(body, start);
        if body[start..end].strip_prefix(b"--").is_some_and(|line| line.starts_with(boundary)) {
            found.push(&body[begin..start]);
            begin = end;
        }
        start = end;
    }
    found.push(&body[begin..]);
    found.retain(|part| !part.is_empty());
    found
}

#[cfg(test)]
#[path = "embedded_tests.rs"]
mod tests;
