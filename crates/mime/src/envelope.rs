//! What IMAP's ENVELOPE tells of a header (RFC 3501 §7.4.2).

use mail::header::{Field, fields};
use mail_parser::DateTime;

use crate::{AddressItem, addresses};

/// The envelope. Values stand as they are in the header, unfolded; encoded
/// words are not decoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// `Date`.
    pub date: Option<Vec<u8>>,
    /// `Subject`.
    pub subject: Option<Vec<u8>>,
    /// `From`.
    pub from: Vec<AddressItem>,
    /// `Sender`, or else `From`.
    pub sender: Vec<AddressItem>,
    /// `Reply-To`, or else `From`.
    pub reply_to: Vec<AddressItem>,
    /// `To`.
    pub to: Vec<AddressItem>,
    /// `Cc`.
    pub cc: Vec<AddressItem>,
    /// `Bcc`.
    pub bcc: Vec<AddressItem>,
    /// `In-Reply-To`.
    pub in_reply_to: Option<Vec<u8>>,
    /// `Message-ID`.
    pub message_id: Option<Vec<u8>>,
}

impl Envelope {
    /// Reads a header block. Of a field that is there twice the first counts.
    #[must_use]
    pub fn parse(header: &[u8]) -> Self {
        let mut envelope = Self::default();
        for field in fields(header) {
            envelope.take(&field);
        }
        // "The server sets these to the same value as From" (RFC 3501).
        for list in [&mut envelope.sender, &mut envelope.reply_to] {
            if list.is_empty() {
                list.clone_from(&envelope.from);
            }
        }
        envelope
    }

    fn take(&mut self, field: &Field<'_>) {
        let texts = [
            ("Date", &mut self.date),
            ("Subject", &mut self.subject),
            ("In-Reply-To", &mut self.in_reply_to),
            ("Message-ID", &mut self.message_id),
        ];
        for (name, slot) in texts {
            if slot.is_none() && field.is(name) {
                *slot = Some(unfold(field.value));
            }
        }
        let lists = [
            ("From", &mut self.from),
            ("Sender", &mut self.sender),
            ("Reply-To", &mut self.reply_to),
            ("To", &mut self.to),
            ("Cc", &mut self.cc),
            ("Bcc", &mut self.bcc),
        ];
        for (name, slot) in lists {
            if slot.is_empty() && field.is(name) {
                *slot = addresses(field.value);
            }
        }
    }
}

/// Year, month and day of the `Date` field, in the zone that it names
/// (RFC 3501 §6.4.4, SENTON: "disregarding time and timezone").
#[must_use]
pub fn sent_date(header: &[u8]) -> Option<(u16, u8, u8)> {
    let field = fields(header).find(|field| field.is("Date"))?;
    // The longest sensible date is far shorter; more is not handed on.
    let text: String = field.text().chars().take(200).collect();
    let date = DateTime::parse_rfc822(&text)?;
    date.is_valid().then_some((date.year, date.month, date.day))
}

fn unfold(value: &[u8]) -> Vec<u8> {
    let unfolded: Vec<u8> = value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    unfolded.trim_ascii().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_a_header() {
        let envelope = Envelope::parse(
            b"From: a@b\nSubject: one\n two\nSubject: again\nTo: c@d, e@f\nMessage-Id: <x@y>\nReply-To: g@h\n\nbody",
        );
        assert_eq!(envelope.subject.as_deref(), Some(&b"one two"[..]));
        assert_eq!(envelope.message_id.as_deref(), Some(&b"<x@y>"[..]));
        assert_eq!((envelope.date.as_ref(), envelope.to.len(), envelope.cc.len()), (None, 2, 0));
        assert_eq!(envelope.sender, envelope.from);
        assert_ne!(envelope.reply_to, envelope.from);
    }

    #[test]
    fn dates() {
        let cases = [
            ("Date: Tue, 1 Jul 2003 10:52:37 +0200", Some((2003, 7, 1))),
            ("Date: 31 Dec 1999 23:59:59 -1200 (odd)", Some((1999, 12, 31))),
            ("Date: yesterday", None),
            ("Subject: x", None),
        ];
        for (header, expected) in cases {
            assert_eq!(sent_date(header.as_bytes()), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn dates_never_panic(value in "[0-9A-Za-z :,+()-]{0,60}") {
            let _ = sent_date(format!("Date: {value}\n\n").as_bytes());
        }
    }
}
