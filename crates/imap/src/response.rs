//! Status responses and untagged data (RFC 3501 §7, codes also of RFC 4315 and
//! RFC 5530).

use std::fmt::Write as _;

use crate::request::Tag;
use crate::string::{mailbox, string};

/// What a status response says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// Not done.
    No,
    /// Not understood, or not lawful now.
    Bad,
    /// The connection ends.
    Bye,
}

/// What is in brackets before the text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the response code of that name")]
pub enum Code {
    AlreadyExists,
    AppendUid { validity: u32, uid: u32 },
    AuthenticationFailed,
    BadCharset,
    Cannot,
    Capability(String),
    Closed,
    CopyUid { validity: u32, from: Vec<u32>, to: Vec<u32> },
    ExpungeIssued,
    Limit,
    NonExistent,
    OverQuota,
    PermanentFlags(String),
    ReadOnly,
    ReadWrite,
    ServerBug,
    TooBig,
    TryCreate,
    UidNext(u32),
    UidValidity(u32),
    Unavailable,
    Unseen(u32),
}

impl Code {
    fn text(&self) -> String {
        match self {
            Self::AlreadyExists => "ALREADYEXISTS".into(),
            Self::AppendUid { validity, uid } => format!("APPENDUID {validity} {uid}"),
            Self::AuthenticationFailed => "AUTHENTICATIONFAILED".into(),
            Self::BadCharset => "BADCHARSET (US-ASCII UTF-8)".into(),
            Self::Cannot => "CANNOT".into(),
            Self::Capability(list) => format!("CAPABILITY {list}"),
            Self::Closed => "CLOSED".into(),
            Self::CopyUid { validity, from, to } => format!("COPYUID {validity} {} {}", uid_set(from), uid_set(to)),
            Self::ExpungeIssued => "EXPUNGEISSUED".into(),
            Self::Limit => "LIMIT".into(),
            Self::NonExistent => "NONEXISTENT".into(),
            Self::OverQuota => "OVERQUOTA".into(),
            Self::PermanentFlags(list) => format!("PERMANENTFLAGS ({list})"),
            Self::ReadOnly => "READ-ONLY".into(),
            Self::ReadWrite => "READ-WRITE".into(),
            Self::ServerBug => "SERVERBUG".into(),
            Self::TooBig => "TOOBIG".into(),
            Self::TryCreate => "TRYCREATE".into(),
            Self::UidNext(uid) => format!("UIDNEXT {uid}"),
            Self::UidValidity(validity) => format!("UIDVALIDITY {validity}"),
            Self::Unavailable => "UNAVAILABLE".into(),
            Self::Unseen(number) => format!("UNSEEN {number}"),
        }
    }
}

/// A reply: status, code and sentence, without a tag yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: Status,
    /// The code.
    pub code: Option<Code>,
    /// The sentence; what a line cannot hold is replaced when it is written.
    pub text: &'static str,
}

impl Reply {
    /// `OK text`.
    #[must_use]
    pub fn ok(text: &'static str) -> Self {
        Self { status: Status::Ok, code: None, text }
    }

    /// `NO text`.
    #[must_use]
    pub fn no(text: &'static str) -> Self {
        Self { status: Status::No, code: None, text }
    }

    /// `BAD text`.
    #[must_use]
    pub fn bad(text: &'static str) -> Self {
        Self { status: Status::Bad, code: None, text }
    }

    /// The same with a code.
    #[must_use]
    pub fn with(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// The line with a tag.
    #[must_use]
    pub fn tagged(&self, tag: &Tag) -> Vec<u8> {
        self.line(tag.as_str())
    }

    /// The line without one.
    #[must_use]
    pub fn untagged(&self) -> Vec<u8> {
        self.line("*")
    }

    fn line(&self, tag: &str) -> Vec<u8> {
        let status = match self.status {
            Status::Ok => "OK",
            Status::No => "NO",
            Status::Bad => "BAD",
            Status::Bye => "BYE",
        };
        let code = self.code.as_ref().map(|code| format!("[{}] ", code.text())).unwrap_or_default();
        let text = mail::Text::sanitized(self.text);
        format!("{tag} {status} {code}{text}\r\n").into_bytes()
    }
}

/// `+ text`: the client may go on.
#[must_use]
pub fn continuation(text: &'static str) -> Vec<u8> {
    format!("+ {text}\r\n").into_bytes()
}

/// An untagged line of words that we chose ourselves: `CAPABILITY …`,
/// `5 EXISTS`, `FLAGS (…)`.
#[must_use]
pub fn data(words: &str) -> Vec<u8> {
    format!("* {}\r\n", mail::Text::sanitized(words)).into_bytes()
}

/// One line of LIST or LSUB (RFC 3501 §7.2.2). `command` is its name.
#[must_use]
pub fn list(command: &'static str, attributes: &[&str], separator: char, name: &str) -> Vec<u8> {
    let mut out = format!("* {command} ({}) \"{separator}\" ", attributes.join(" ")).into_bytes();
    mailbox(&mut out, name);
    out.extend_from_slice(b"\r\n");
    out
}

/// The line of STATUS (RFC 3501 §7.2.4).
#[must_use]
pub fn status(name: &str, items: &[(&str, u32)]) -> Vec<u8> {
    let mut out = b"* STATUS ".to_vec();
    mailbox(&mut out, name);
    let items: Vec<String> = items.iter().map(|(item, value)| format!("{item} {value}")).collect();
    out.extend_from_slice(format!(" ({})\r\n", items.join(" ")).as_bytes());
    out
}

/// The line of SEARCH (RFC 3501 §7.2.5).
#[must_use]
pub fn search(numbers: &[u32]) -> Vec<u8> {
    let mut line = "* SEARCH".to_owned();
    for number in numbers {
        // Writing to a string cannot fail.
        let _ = write!(line, " {number}");
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// The line of ID (RFC 2971 §3.2).
#[must_use]
pub fn id(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = b"* ID (".to_vec();
    for (number, (name, value)) in fields.iter().enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        string(&mut out, name.as_bytes());
        out.push(b' ');
        string(&mut out, value.as_bytes());
    }
    out.extend_from_slice(b")\r\n");
    out
}

/// UIDs as ranges (RFC 4315 §3, `uid-set`), in the order given: the n-th of
/// one set of COPYUID belongs to the n-th of the other.
fn uid_set(uids: &[u32]) -> String {
    let mut pieces: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match pieces.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(*uid) => *end = *uid,
            _ => pieces.push((*uid, *uid)),
        }
    }
    let shown: Vec<String> =
        pieces.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}:{b}") }).collect();
    shown.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sent: &[u8], expected: &str) {
        assert_eq!(String::from_utf8_lossy(sent), expected);
    }

    #[test]
    fn lines() {
        let tag = Tag::of(b"a1 ").unwrap();
        check(&Reply::ok("Done").tagged(&tag), "a1 OK Done\r\n");
        check(&Reply::no("No").with(Code::BadCharset).tagged(&tag), "a1 NO [BADCHARSET (US-ASCII UTF-8)] No\r\n");
        check(&Reply::bad("a\r\nb").untagged(), "* BAD a??b\r\n");
        check(&Reply::ok("x").with(Code::UidNext(5)).untagged(), "* OK [UIDNEXT 5] x\r\n");
        let copied = Code::CopyUid { validity: 7, from: vec![1, 2, 3, 9], to: vec![4, 5, 6, 7] };
        check(&Reply::ok("x").with(copied).tagged(&tag), "a1 OK [COPYUID 7 1:3,9 4:7] x\r\n");
        check(&data("3 EXISTS"), "* 3 EXISTS\r\n");
        check(&continuation("OK"), "+ OK\r\n");
        check(
            &list("LIST", &["\\Junk", "\\HasNoChildren"], '.', "a b"),
            "* LIST (\\Junk \\HasNoChildren) \".\" \"a b\"\r\n",
        );
        check(&list("LSUB", &[], '.', "ü\r\n"), "* LSUB () \".\" &APwADQAK-\r\n");
        check(&status("INBOX", &[("MESSAGES", 1), ("UNSEEN", 0)]), "* STATUS INBOX (MESSAGES 1 UNSEEN 0)\r\n");
        check(&search(&[]), "* SEARCH\r\n");
        check(&search(&[1, 5]), "* SEARCH 1 5\r\n");
        check(&id(&[("name", "x\"y")]), "* ID (\"name\" \"x\\\"y\")\r\n");
    }
}
