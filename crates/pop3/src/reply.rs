//! What the client hears: `+OK` or `-ERR`, with a response code where a
//! program should be able to tell why (RFC 2449 §8, RFC 3206).

use mail::Class;

use crate::{Language, Phrase};

/// One response line. What follows in a multi-line response is written by its
/// command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    kind: Kind,
    phrase: Phrase,
    figures: [u64; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ok,
    Err(Option<Code>),
}

/// A response code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The maildrop is locked by another session (RFC 2449 §8.1.2).
    InUse,
    /// Name or password is wrong: ask the user (RFC 3206 §4).
    Auth,
    /// Our trouble; the same may work later (RFC 3206 §4).
    SysTemp,
    /// Our trouble; a human must do something (RFC 3206 §4).
    SysPerm,
}

impl Code {
    /// The code for a class of failure; `None` where the client's own request
    /// was at fault.
    #[must_use]
    pub fn of(class: Class) -> Option<Self> {
        match class {
            Class::Directory
            | Class::Index
            | Class::Scanner
            | Class::DiskFull
            | Class::Disk
            | Class::Quota
            | Class::Internal => Some(Self::SysTemp),
            Class::Invalid => Some(Self::SysPerm),
            Class::Missing => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "IN-USE",
            Self::Auth => "AUTH",
            Self::SysTemp => "SYS/TEMP",
            Self::SysPerm => "SYS/PERM",
        }
    }
}

impl Reply {
    /// `+OK` and what there is to say.
    #[must_use]
    pub fn ok(phrase: Phrase) -> Self {
        Self { kind: Kind::Ok, phrase, figures: [0; 2] }
    }

    /// `-ERR` and why.
    #[must_use]
    pub fn err(why: impl Into<Phrase>) -> Self {
        Self { kind: Kind::Err(None), phrase: why.into(), figures: [0; 2] }
    }

    /// `-ERR [CODE]` and why.
    #[must_use]
    pub fn coded(code: Code, why: Phrase) -> Self {
        Self { kind: Kind::Err(Some(code)), phrase: why, figures: [0; 2] }
    }

    /// The same with the figures that its phrase has places for.
    #[must_use]
    pub fn with(self, figures: [u64; 2]) -> Self {
        Self { figures, ..self }
    }

    /// Count and octets of messages behind `+OK`, for people.
    #[must_use]
    pub fn messages((count, octets): (usize, u64)) -> Self {
        Self::ok(Phrase::Messages).with([count as u64, octets])
    }

    /// The reply to a request that failed for a reason of this class. What
    /// exactly happened stands in the log, not here.
    #[must_use]
    pub fn failed(class: Class) -> Self {
        let why = match class {
            Class::Missing => Phrase::NoSuchMessage,
            Class::Invalid => Phrase::CannotBeDone,
            _ => Phrase::TryLater,
        };
        Self { kind: Kind::Err(Code::of(class)), phrase: why, figures: [0; 2] }
    }

    /// Whether it begins with `+OK`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.kind == Kind::Ok
    }

    /// The line with CRLF, behind what is in `out` already. With the texts
    /// that there are, it is below the 512 octets of RFC 2449 §4.
    pub fn encode(&self, language: Language, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Ok => out.extend_from_slice(b"+OK "),
            Kind::Err(None) => out.extend_from_slice(b"-ERR "),
            Kind::Err(Some(code)) => {
                for piece in ["-ERR [", code.as_str(), "] "] {
                    out.extend_from_slice(piece.as_bytes());
                }
            }
        }
        let mut text = self.phrase.text(language).to_owned();
        for (place, figure) in ["{0}", "{1}"].into_iter().zip(self.figures) {
            text = text.replace(place, &figure.to_string());
        }
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reply: Reply, language: Language) -> String {
        let mut out = Vec::new();
        reply.encode(language, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines() {
        use Language::{English, German};
        let wait = Reply::coded(Code::Auth, Phrase::WaitSeconds).with([20, 0]);
        let cases = [
            (Reply::ok(Phrase::Figures).with([2, 320]), English, "+OK 2 320\r\n"),
            (Reply::messages((2, 320)), English, "+OK 2 messages, 320 octets\r\n"),
            (Reply::messages((2, 320)), German, "+OK 2 Nachrichten, 320 Oktette\r\n"),
            (Reply::err(Phrase::NotNow), German, "-ERR dieser Befehl geht jetzt nicht\r\n"),
            (Reply::coded(Code::InUse, Phrase::InUse), English, "-ERR [IN-USE] another session reads this mailbox\r\n"),
            (wait, English, "-ERR [AUTH] name or password is wrong, and the next try has to wait 20 s\r\n"),
            (Reply::failed(Class::Index), English, "-ERR [SYS/TEMP] temporarily not available, try again later\r\n"),
            (Reply::failed(Class::Missing), English, "-ERR no such message\r\n"),
            (Reply::failed(Class::Invalid), English, "-ERR [SYS/PERM] that cannot be done\r\n"),
        ];
        for (reply, language, expected) in cases {
            assert_eq!(shown(reply, language), expected);
        }
    }

    /// Since we announce RESP-CODES, text in brackets at the start would be
    /// read as one (RFC 2449 §6.4).
    #[test]
    fn every_text_can_stand_in_a_line() {
        for phrase in Phrase::ALL {
            for language in Language::ALL {
                let line = shown(Reply::err(phrase).with([u64::MAX; 2]), language);
                let text = line.strip_prefix("-ERR ").and_then(|rest| rest.strip_suffix("\r\n")).unwrap();
                assert!(!text.is_empty() && !text.starts_with(['[', ' ']) && line.len() <= 255, "{line}");
                assert!(!text.contains(char::is_control) && !text.contains(['{', '}']), "{line}");
                assert!(language != Language::English || text.is_ascii(), "{line}");
            }
            let places = |language| phrase.text(language).matches(['0', '1']).count();
            assert_eq!(places(Language::English), places(Language::German), "{phrase:?}");
        }
    }
}
