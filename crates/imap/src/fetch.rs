//! The items of a FETCH response (RFC 3501 §7.4.2). Literals of message bytes
//! are announced here and sent by whoever has the bytes.

use mime::{AddressItem, Envelope};

pub use crate::structure::{Extension, body_structure};

use crate::request::{Label, Section, SectionText};
use crate::string::{literal_head, nstring, string};

/// `INTERNALDATE`: seconds since 1970, shown in a zone so many minutes east of
/// UTC.
pub fn internal_date(out: &mut Vec<u8>, seconds: i64, zone_minutes: i16) {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let zone = zone_minutes.clamp(-1439, 1439);
    // Years 1 to 9999 can be written.
    let local = seconds.saturating_add(i64::from(zone) * 60).clamp(-62_135_596_800, 253_402_300_799);
    let (year, month, day) = civil(local.div_euclid(86_400));
    let second = local.rem_euclid(86_400);
    let name = usize::try_from(month - 1).ok().and_then(|m| MONTHS.get(m)).copied().unwrap_or("Jan");
    let sign = if zone < 0 { '-' } else { '+' };
    let zone = zone.unsigned_abs();
    let (hour, minute, rest) = (second / 3600, second / 60 % 60, second % 60);
    let text = format!(
        "INTERNALDATE \"{day:2}-{name}-{year:04} {hour:02}:{minute:02}:{rest:02} {sign}{:02}{:02}\"",
        zone / 60,
        zone % 60
    );
    out.extend_from_slice(text.as_bytes());
}

/// Year, month and day of a number of days since 1970, in the Gregorian
/// calendar (Howard Hinnant's `civil_from_days`).
#[must_use]
pub fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// `ENVELOPE`.
pub fn envelope(out: &mut Vec<u8>, envelope: &Envelope) {
    out.extend_from_slice(b"ENVELOPE ");
    envelope_value(out, envelope);
}

pub(crate) fn envelope_value(out: &mut Vec<u8>, envelope: &Envelope) {
    out.push(b'(');
    nstring(out, envelope.date.as_deref());
    out.push(b' ');
    nstring(out, envelope.subject.as_deref());
    let lists = [&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc];
    for list in lists {
        out.push(b' ');
        addresses(out, list);
    }
    out.push(b' ');
    nstring(out, envelope.in_reply_to.as_deref());
    out.push(b' ');
    nstring(out, envelope.message_id.as_deref());
    out.push(b')');
}

fn addresses(out: &mut Vec<u8>, items: &[AddressItem]) {
    if items.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for item in items {
        let fields: [Option<&[u8]>; 4] = match item {
            AddressItem::Mailbox { name, route, local, domain } => {
                [name.as_deref(), route.as_deref(), Some(local), Some(domain)]
            }
            AddressItem::GroupStart(name) => [None, None, Some(name), None],
            AddressItem::GroupEnd => [None; 4],
        };
        out.push(b'(');
        for (number, field) in fields.into_iter().enumerate() {
            if number > 0 {
                out.push(b' ');
            }
            nstring(out, field);
        }
        out.push(b')');
    }
    out.push(b')');
}

/// The name under which a section is sent, such as `BODY[1.HEADER]<0>`, and a
/// blank; `origin` is where a partial begins.
pub fn label(out: &mut Vec<u8>, label: Label, section: &Section, origin: Option<u32>) {
    let name: &[u8] = match label {
        Label::Rfc822 => b"RFC822 ",
        Label::Rfc822Header => b"RFC822.HEADER ",
        Label::Rfc822Text => b"RFC822.TEXT ",
        Label::Body => {
            body_label(out, section);
            if let Some(origin) = origin {
                out.extend_from_slice(format!("<{origin}>").as_bytes());
            }
            b" "
        }
    };
    out.extend_from_slice(name);
}

fn body_label(out: &mut Vec<u8>, section: &Section) {
    out.extend_from_slice(b"BODY[");
    let part: Vec<String> = section.part.iter().map(u32::to_string).collect();
    out.extend_from_slice(part.join(".").as_bytes());
    let (word, names) = match &section.text {
        SectionText::All => ("", None),
        SectionText::Header => ("HEADER", None),
        SectionText::Fields(names) => ("HEADER.FIELDS", Some(names)),
        SectionText::FieldsNot(names) => ("HEADER.FIELDS.NOT", Some(names)),
        SectionText::Text => ("TEXT", None),
        SectionText::Mime => ("MIME", None),
    };
    if !part.is_empty() && !word.is_empty() {
        out.push(b'.');
    }
    out.extend_from_slice(word.as_bytes());
    if let Some(names) = names {
        out.extend_from_slice(b" (");
        for (number, name) in names.iter().enumerate() {
            if number > 0 {
                out.push(b' ');
            }
            field_name(out, name);
        }
        out.push(b')');
    }
    out.push(b']');
}

fn field_name(out: &mut Vec<u8>, name: &[u8]) {
    let is_atom = !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
    if is_atom {
        out.extend_from_slice(name);
    } else {
        string(out, name);
    }
}

/// Announces the bytes of a section: exactly `length` octets must follow.
pub fn section_head(out: &mut Vec<u8>, length: usize) {
    literal_head(out, length);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn dates() {
        for (seconds, zone, expected) in [
            (0, 0, "\" 1-Jan-1970 00:00:00 +0000\""),
            (1_057_049_557, 120, "\" 1-Jul-2003 10:52:37 +0200\""),
            (951_782_400, -330, "\"28-Feb-2000 18:30:00 -0530\""),
            (951_868_799, 0, "\"29-Feb-2000 23:59:59 +0000\""),
            (-1, 0, "\"31-Dec-1969 23:59:59 +0000\""),
            (i64::MAX, i16::MAX, "\"31-Dec-9999 23:59:59 +2359\""),
        ] {
            assert_eq!(sent(|out| internal_date(out, seconds, zone)), format!("INTERNALDATE {expected}"));
        }
    }

    #[test]
    fn envelopes() {
        let header = b"Subject: =?utf-8?q?x?=\nFrom: \"A B\" <a@b>\nTo: g:c@d;\nMessage-ID: <x>\n\n";
        assert_eq!(
            sent(|out| envelope(out, &Envelope::parse(header))),
            "ENVELOPE (NIL \"=?utf-8?q?x?=\" ((\"A B\" NIL \"a\" \"b\")) ((\"A B\" NIL \"a\" \"b\")) \
             ((\"A B\" NIL \"a\" \"b\")) ((NIL NIL \"g\" NIL)(NIL NIL \"c\" \"d\")(NIL NIL NIL NIL)) NIL NIL NIL \"<x>\")"
        );
    }

    #[test]
    fn labels() {
        let names = vec![b"From".to_vec(), b"X Y".to_vec()];
        let cases = [
            (vec![], SectionText::All, None, "BODY[] "),
            (vec![1, 2], SectionText::All, Some(7), "BODY[1.2]<7> "),
            (vec![1], SectionText::Mime, None, "BODY[1.MIME] "),
            (vec![], SectionText::Fields(names.clone()), None, "BODY[HEADER.FIELDS (From \"X Y\")] "),
            (vec![3], SectionText::FieldsNot(names), Some(0), "BODY[3.HEADER.FIELDS.NOT (From \"X Y\")]<0> "),
        ];
        for (part, text, origin, expected) in cases {
            assert_eq!(sent(|out| label(out, Label::Body, &Section { part, text }, origin)), expected);
        }
    }
}
