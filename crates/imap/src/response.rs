//! Status responses and untagged data (RFC 3501 §7, codes also of RFC 4315 and
//! RFC 5530).

use std::borrow::Cow;
use std::fmt::Write as _;

use mime::Understands;

use crate::request::{Numbers, Tag};
use crate::search::SearchReturn;
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
    AppendUid {
        validity: u32,
        uid: u32,
    },
    AuthenticationFailed,
    BadCharset(&'static [&'static str]),
    Cannot,
    Capability(String),
    Closed,
    CopyUid {
        validity: u32,
        from: Vec<u32>,
        to: Vec<u32>,
    },
    ExpungeIssued,
    HighestModSeq(u64),
    Limit,
    /// RFC 7162 §3.1.3: these were changed by somebody else.
    Modified(Vec<u32>),
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
            Self::BadCharset(known) => format!("BADCHARSET ({})", known.join(" ")),
            Self::Cannot => "CANNOT".into(),
            Self::Capability(list) => format!("CAPABILITY {list}"),
            Self::Closed => "CLOSED".into(),
            Self::CopyUid { validity, from, to } => format!("COPYUID {validity} {} {}", uid_set(from), uid_set(to)),
            Self::ExpungeIssued => "EXPUNGEISSUED".into(),
            Self::HighestModSeq(modseq) => format!("HIGHESTMODSEQ {modseq}"),
            Self::Modified(numbers) => format!("MODIFIED {}", uid_set(numbers)),
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
    pub text: Cow<'static, str>,
}

impl Reply {
    /// `OK text`.
    #[must_use]
    pub fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Ok, code: None, text: text.into() }
    }

    /// `NO text`.
    #[must_use]
    pub fn no(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::No, code: None, text: text.into() }
    }

    /// `BAD text`.
    #[must_use]
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: Status::Bad, code: None, text: text.into() }
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
        let text = mail::Text::sanitized(&self.text);
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

/// One line of LIST or LSUB (RFC 3501 §7.2.2). `command` is its name;
/// `extended` stands behind the name (RFC 5258 §6), empty for nothing.
#[must_use]
pub fn list(command: &'static str, attributes: &[&str], name: &Name<'_>, extended: &'static str) -> Vec<u8> {
    let mut out = format!("* {command} ({}) \"{}\" ", attributes.join(" "), name.separator).into_bytes();
    mailbox(&mut out, name.text, name.understands);
    out.extend_from_slice(extended.as_bytes());
    out.extend_from_slice(b"\r\n");
    out
}

/// A folder's name as this client is told it.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    /// The name.
    pub text: &'a str,
    /// What separates its levels.
    pub separator: char,
    /// What the client understands.
    pub understands: Understands,
}

/// The line of STATUS (RFC 3501 §7.2.4).
#[must_use]
pub fn status(name: &Name<'_>, items: &[(&str, u64)]) -> Vec<u8> {
    let mut out = b"* STATUS ".to_vec();
    mailbox(&mut out, name.text, name.understands);
    let items: Vec<String> = items.iter().map(|(item, value)| format!("{item} {value}")).collect();
    out.extend_from_slice(format!(" ({})\r\n", items.join(" ")).as_bytes());
    out
}

/// The line of SEARCH (RFC 3501 §7.2.5), with the last change of what was found
/// where the search asked for changes (RFC 7162 §3.1.5).
#[must_use]
pub fn search(numbers: &[u32], modseq: Option<u64>) -> Vec<u8> {
    let mut line = "* SEARCH".to_owned();
    for number in numbers {
        // Writing to a string cannot fail.
        let _ = write!(line, " {number}");
    }
    if let Some(modseq) = modseq {
        let _ = write!(line, " (MODSEQ {modseq})");
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// The line of ESEARCH (RFC 4731 §3.1): what was asked for of these ascending
/// numbers. What a search that found nothing has no answer to is left out.
#[must_use]
pub fn esearch(tag: &Tag, kind: Numbers, numbers: &[u32], returns: &[SearchReturn], modseq: Option<u64>) -> Vec<u8> {
    let mut line = format!("* ESEARCH (TAG \"{tag}\")");
    if kind == Numbers::Uid {
        line.push_str(" UID");
    }
    for wanted in [SearchReturn::Min, SearchReturn::Max, SearchReturn::All, SearchReturn::Count] {
        if !returns.contains(&wanted) {
            continue;
        }
        let _ = match (wanted, numbers.first(), numbers.last()) {
            (SearchReturn::Count, ..) => write!(line, " COUNT {}", numbers.len()),
            (SearchReturn::Min, Some(first), _) => write!(line, " MIN {first}"),
            (SearchReturn::Max, _, Some(last)) => write!(line, " MAX {last}"),
            (SearchReturn::All, Some(_), _) => write!(line, " ALL {}", uid_set(numbers)),
            _ => Ok(()),
        };
    }
    if let Some(modseq) = modseq {
        let _ = write!(line, " MODSEQ {modseq}");
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// The root that a folder is under, by name (RFC 9208 §5.2).
#[must_use]
pub fn quota_root(name: &Name<'_>, root: &str) -> Vec<u8> {
    let mut out = b"* QUOTAROOT ".to_vec();
    mailbox(&mut out, name.text, name.understands);
    out.push(b' ');
    string(&mut out, root.as_bytes());
    out.extend_from_slice(b"\r\n");
    out
}

/// What is used and what may be, in units of 1024 octets (RFC 9208 §5.1);
/// nothing is limited where there is no pair.
#[must_use]
pub fn quota(root: &str, storage: Option<(u64, u64)>) -> Vec<u8> {
    let mut out = b"* QUOTA ".to_vec();
    string(&mut out, root.as_bytes());
    let resources = storage.map(|(used, limit)| format!("STORAGE {used} {limit}")).unwrap_or_default();
    out.extend_from_slice(format!(" ({resources})\r\n").as_bytes());
    out
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
        check(
            &Reply::no("No").with(Code::BadCharset(&["US-ASCII", "UTF-8"])).tagged(&tag),
            "a1 NO [BADCHARSET (US-ASCII UTF-8)] No\r\n",
        );
        check(&Reply::bad("a\r\nb").untagged(), "* BAD a??b\r\n");
        check(&Reply::ok("x").with(Code::UidNext(5)).untagged(), "* OK [UIDNEXT 5] x\r\n");
        let copied = Code::CopyUid { validity: 7, from: vec![1, 2, 3, 9], to: vec![4, 5, 6, 7] };
        check(&Reply::ok("x").with(copied).tagged(&tag), "a1 OK [COPYUID 7 1:3,9 4:7] x\r\n");
        check(&data("3 EXISTS"), "* 3 EXISTS\r\n");
        check(&continuation("OK"), "+ OK\r\n");
        let name = |text| Name { text, separator: '.', understands: Understands::Ascii };
        check(
            &list("LIST", &["\\Junk", "\\HasNoChildren"], &name("a b"), " (\"CHILDINFO\" (\"SUBSCRIBED\"))"),
            "* LIST (\\Junk \\HasNoChildren) \".\" \"a b\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n",
        );
        check(&list("LSUB", &[], &name("ü\r\n"), ""), "* LSUB () \".\" &APwADQAK-\r\n");
        check(&status(&name("INBOX"), &[("MESSAGES", 1), ("UNSEEN", 0)]), "* STATUS INBOX (MESSAGES 1 UNSEEN 0)\r\n");
        check(&search(&[], None), "* SEARCH\r\n");
        check(&search(&[1, 5], Some(9)), "* SEARCH 1 5 (MODSEQ 9)\r\n");
        check(&quota_root(&name("a b"), ""), "* QUOTAROOT \"a b\" \"\"\r\n");
        check(&quota("", Some((1, 2))), "* QUOTA \"\" (STORAGE 1 2)\r\n");
        check(&quota("", None), "* QUOTA \"\" ()\r\n");
        check(&id(&[("name", "x\"y")]), "* ID (\"name\" \"x\\\"y\")\r\n");
    }

    #[test]
    fn results_of_a_search() {
        use SearchReturn::{All, Count, Max, Min};
        let tag = Tag::of(b"a1 ").unwrap();
        let line = |kind, numbers: &[u32], returns: &[SearchReturn]| esearch(&tag, kind, numbers, returns, None);
        check(&line(Numbers::Uid, &[2, 3, 9], &[Count, All]), "* ESEARCH (TAG \"a1\") UID ALL 2:3,9 COUNT 3\r\n");
        check(&line(Numbers::Sequence, &[2, 9], &[Min, Max]), "* ESEARCH (TAG \"a1\") MIN 2 MAX 9\r\n");
        check(&line(Numbers::Sequence, &[], &[Min, All, Count]), "* ESEARCH (TAG \"a1\") COUNT 0\r\n");
        check(&esearch(&tag, Numbers::Uid, &[], &[All], Some(5)), "* ESEARCH (TAG \"a1\") UID MODSEQ 5\r\n");
    }
}
