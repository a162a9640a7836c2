//! APPEND's arguments, known before its message comes (RFC 3501 §6.3.11).

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder;
use imap_types::command::CommandBody;
use imap_types::extensions::binary::LiteralOrLiteral8;

use crate::convert;
use crate::framing::Announced;
use crate::request::{FlagName, MailboxName, Tag};

/// What APPEND wants to store.
#[derive(Debug, PartialEq, Eq)]
pub struct AppendStart {
    /// The command's tag.
    pub tag: Tag,
    /// Where to.
    pub mailbox: MailboxName,
    /// With these flags.
    pub flags: Vec<FlagName>,
    /// With this date: seconds since 1970 and minutes east of UTC.
    pub date: Option<(i64, i16)>,
    /// Octets of the message, as announced.
    pub size: u64,
    /// How the message stands in the command.
    pub form: Form,
}

/// How APPEND's message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{n}`.
    Literal,
    /// `UTF8 (~{n}…)` (RFC 6855 §4): from clients that enabled UTF8=ACCEPT.
    Utf8,
}

/// What stands before the literal in that form; a parenthesis closes behind
/// it.
const UTF8_OPEN: &[u8] = b"UTF8 (~";

/// Whether the literal announced at the end of this command is APPEND's
/// message. The grammar decides: the command is read as if the literal were
/// empty and the command ended behind it, and only if that is a whole APPEND,
/// the next bytes are the message.
pub(crate) fn start(command: &[u8], announced: Announced) -> Option<AppendStart> {
    let tag = Tag::of(command)?;
    let verb = command.get(tag.as_str().len() + 1..)?.get(..7)?;
    if !verb.eq_ignore_ascii_case(b"APPEND ") {
        return None;
    }
    let open = command.iter().rposition(|b| *b == b'{')?;
    let before = &command[..open];
    let plain = before.len().saturating_sub(UTF8_OPEN.len());
    let (before, form) = match before[plain..].eq_ignore_ascii_case(UTF8_OPEN) {
        true => (&before[..plain], Form::Utf8),
        false => (before, Form::Literal),
    };
    let whole = [before, b"{0}\r\n\r\n"].concat();
    let (rest, decoded) = CommandCodec::default().decode(&whole).ok()?;
    match decoded.body {
        CommandBody::Append { mailbox, flags, date, message: LiteralOrLiteral8::Literal(_) } if rest.is_empty() => {
            Some(AppendStart {
                tag,
                mailbox: convert::mailbox(&mailbox)?,
                flags: convert::flags(&flags)?,
                date: date.as_ref().map(convert::date_time),
                size: announced.length,
                form,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mime::Understands;

    #[test]
    fn which_literal_is_the_message() {
        for (command, expected) in [
            ("a APPEND INBOX {9}\r\n", Some(("INBOX", 0, None))),
            ("a append {2}\r\nab (\\Seen $x) {9}\r\n", Some(("ab", 2, None))),
            ("a APPEND x \" 1-Jan-1970 00:00:01 +0100\" {9}\r\n", Some(("x", 0, Some((-3599, 60))))),
            ("a APPEND x (\\Seen) UTF8 (~{9}\r\n", Some(("x", 1, None))),
            ("a APPEND x UTF8 ({9}\r\n", None),
            ("a APPEND {9}\r\n", None),
            ("a APPEND x ~{9}\r\n", None),
            ("a APPEND x \"{9}\r\n", None),
            ("a NOOP {9}\r\n", None),
            ("a APPEND x (\\Odd) {9}\r\n", None),
        ] {
            let got = start(command.as_bytes(), Announced { length: 9, waits: true });
            let got = got.as_ref().map(|s| (s.mailbox.meant(Understands::Ascii), s.flags.len(), s.date));
            let got = got.as_ref().map(|(name, flags, date)| (&**name, *flags, *date));
            assert_eq!(got, expected, "{command}");
        }
    }
}
