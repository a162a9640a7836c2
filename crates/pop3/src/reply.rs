//! What the client hears: `+OK` or `-ERR`, with a response code where a
//! program should be able to tell why (RFC 2449 §8, RFC 3206).

use std::fmt;

use mail::{Class, Text};

/// The longest first line of a response, CRLF counted (RFC 2449 §4).
const MAX_LINE: usize = 512;

/// One response line. What follows in a multi-line response is written by its
/// command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    kind: Kind,
    text: Text,
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
    /// `+OK text`.
    #[must_use]
    pub fn ok(text: &str) -> Self {
        Self { kind: Kind::Ok, text: unbracketed(text) }
    }

    /// `-ERR text`.
    #[must_use]
    pub fn err(text: &str) -> Self {
        Self { kind: Kind::Err(None), text: unbracketed(text) }
    }

    /// `-ERR [CODE] text`.
    #[must_use]
    pub fn coded(code: Code, text: &str) -> Self {
        Self { kind: Kind::Err(Some(code)), text: Text::sanitized(text) }
    }

    /// The reply to a request that failed for a reason of this class. What
    /// exactly happened stands in the log, not here.
    #[must_use]
    pub fn failed(class: Class) -> Self {
        let text = match class {
            Class::Missing => "no such message",
            Class::Invalid => "that cannot be done",
            _ => "temporarily not available, try again later",
        };
        match Code::of(class) {
            Some(code) => Self::coded(code, text),
            None => Self::err(text),
        }
    }

    /// Whether it begins with `+OK`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.kind == Kind::Ok
    }

    /// The line with CRLF, behind what is in `out` already.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let line = self.to_string();
        let end = line.floor_char_boundary(MAX_LINE - 2);
        out.extend_from_slice(&line.as_bytes()[..end]);
        out.extend_from_slice(b"\r\n");
    }
}

/// Since we announce RESP-CODES, text in brackets at the start would be read
/// as one (RFC 2449 §6.4).
fn unbracketed(text: &str) -> Text {
    Text::sanitized(text.trim_start_matches(['[', ' ']))
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Ok => write!(f, "+OK {}", self.text),
            Kind::Err(None) => write!(f, "-ERR {}", self.text),
            Kind::Err(Some(code)) => write!(f, "-ERR [{}] {}", code.as_str(), self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let cases = [
            (Reply::ok("2 320"), "+OK 2 320\r\n"),
            (Reply::ok("[AUTH] of the user's making"), "+OK AUTH] of the user's making\r\n"),
            (Reply::err("a\r\n.\r\n+OK"), "-ERR a??.??+OK\r\n"),
            (Reply::coded(Code::InUse, "locked"), "-ERR [IN-USE] locked\r\n"),
            (Reply::failed(Class::Index), "-ERR [SYS/TEMP] temporarily not available, try again later\r\n"),
            (Reply::failed(Class::Missing), "-ERR no such message\r\n"),
            (Reply::failed(Class::Invalid), "-ERR [SYS/PERM] that cannot be done\r\n"),
        ];
        for (reply, expected) in cases {
            let mut out = Vec::new();
            reply.encode(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut out = Vec::new();
        Reply::ok(&"ü".repeat(600)).encode(&mut out);
        assert!(out.len() <= MAX_LINE && out.ends_with(b"\r\n") && std::str::from_utf8(&out).is_ok());
    }
}
