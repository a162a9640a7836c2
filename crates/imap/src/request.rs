//! What a client asks for, as values that hold no syntax any more.

use std::borrow::Cow;
use std::fmt;

use mail::{Secret, Text};
use mime::Understands;

use crate::list::ListRequest;
use crate::search::{SearchKey, SearchReturn};
use crate::sequence::SequenceSet;

/// The word before a command, repeated in its answer (RFC 3501 §2.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// The tag that a line begins with, where it has one.
    #[must_use]
    pub fn of(line: &[u8]) -> Option<Self> {
        let end = line.iter().position(|b| matches!(b, b' ' | b'\r' | b'\n'))?;
        let good = |b: &u8| b.is_ascii_graphic() && !b"(){%*\"\\+".contains(b);
        let tag = line.get(..end).filter(|tag| !tag.is_empty() && tag.len() <= 256 && tag.iter().all(good))?;
        std::str::from_utf8(tag).ok().map(|tag| Self(tag.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request and the tag that its answer bears.
#[derive(Debug)]
pub struct Tagged {
    /// The tag.
    pub tag: Tag,
    /// What is asked for.
    pub request: Request,
}

/// Whether a command's numbers are places in the folder or UIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Message sequence numbers.
    Sequence,
    /// Unique identifiers: the UID form of a command.
    Uid,
}

/// The name of a folder as the client sent it; what is meant depends on what
/// the client understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxName(String);

impl MailboxName {
    /// From what was sent, which is UTF-8.
    #[must_use]
    pub fn from_sent(sent: &[u8]) -> Option<Self> {
        std::str::from_utf8(sent).ok().map(|sent| Self(sent.to_owned()))
    }

    /// The name that is meant; nothing is known yet about whether there is such
    /// a folder. It was sent in modified UTF-7 in its one permitted form
    /// (RFC 3501 §5.1.3), or, as some clients do, in UTF-8; by who understands
    /// UTF-8 in that alone: `Rock&Pop-` is then no name in disguise
    /// (RFC 6855 §3).
    #[must_use]
    pub fn meant(&self, by: Understands) -> Cow<'_, str> {
        match by {
            Understands::Utf8 => Cow::Borrowed(&self.0),
            Understands::Ascii => uidlist::utf7::decode(self.0.as_bytes()).map_or(Cow::Borrowed(&self.0), Cow::Owned),
        }
    }

    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A flag in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagName {
    /// `\Answered`.
    Answered,
    /// `\Deleted`.
    Deleted,
    /// `\Draft`.
    Draft,
    /// `\Flagged`.
    Flagged,
    /// `\Seen`.
    Seen,
    /// Any word without a backslash.
    Keyword(String),
}

/// What STATUS is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    /// `MESSAGES`.
    Messages,
    /// `RECENT`.
    Recent,
    /// `UIDNEXT`.
    UidNext,
    /// `UIDVALIDITY`.
    UidValidity,
    /// `UNSEEN`.
    Unseen,
    /// `DELETED` (RFC 9208 §4.1.4).
    Deleted,
    /// `DELETED-STORAGE` (RFC 9208 §4.1.4).
    DeletedStorage,
    /// `SIZE` (RFC 8438).
    Size,
    /// `HIGHESTMODSEQ` (RFC 7162 §3.1.7).
    HighestModSeq,
}

impl StatusItem {
    const NAMES: [(&'static str, Self); 9] = [
        ("MESSAGES", Self::Messages),
        ("RECENT", Self::Recent),
        ("UIDNEXT", Self::UidNext),
        ("UIDVALIDITY", Self::UidValidity),
        ("UNSEEN", Self::Unseen),
        ("DELETED", Self::Deleted),
        ("DELETED-STORAGE", Self::DeletedStorage),
        ("SIZE", Self::Size),
        ("HIGHESTMODSEQ", Self::HighestModSeq),
    ];

    /// The item of this name, which is in upper case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, item)| *item)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, item)| *item == self).map_or("", |(name, _)| name)
    }
}

/// What a client can switch on (RFC 5161).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// `UTF8=ACCEPT` (RFC 6855).
    Utf8Accept,
    /// `CONDSTORE` (RFC 7162 §3.1).
    CondStore,
}

/// What a client wants switched on; what nobody knows is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extras(pub Vec<Extra>);

impl Extras {
    /// Whether this is among them.
    #[must_use]
    pub fn has(&self, extra: Extra) -> bool {
        self.0.contains(&extra)
    }
}

/// How STORE changes the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// `FLAGS`.
    Replace,
    /// `+FLAGS`.
    Add,
    /// `-FLAGS`.
    Remove,
}

/// Whether STORE answers with the new flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAnswer {
    /// It does.
    Flags,
    /// `.SILENT`.
    Silent,
}

/// What STORE does with flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRequest {
    /// How.
    pub how: Store,
    /// Whether it answers.
    pub answer: StoreAnswer,
    /// Which flags.
    pub flags: Vec<FlagName>,
    /// Only where the message did not change behind this (RFC 7162 §3.1.3).
    pub unchanged_since: Option<u64>,
}

/// A header field's name, as it was written.
pub type FieldName = Vec<u8>;

/// What of a part is meant (RFC 3501 §6.4.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    /// All of it: for a part, its body.
    All,
    /// `HEADER`.
    Header,
    /// `HEADER.FIELDS`.
    Fields(Vec<FieldName>),
    /// `HEADER.FIELDS.NOT`.
    FieldsNot(Vec<FieldName>),
    /// `TEXT`.
    Text,
    /// `MIME`.
    Mime,
}

/// A section: part numbers, and what of that part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Part numbers from the outside in; none for the message.
    pub part: Vec<u32>,
    /// What of it.
    pub text: SectionText,
}

/// Under which name a section is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// `BODY[…]`.
    Body,
    /// `RFC822`.
    Rfc822,
    /// `RFC822.HEADER`.
    Rfc822Header,
    /// `RFC822.TEXT`.
    Rfc822Text,
}

/// What FETCH is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// `FLAGS`.
    Flags,
    /// `INTERNALDATE`.
    InternalDate,
    /// `RFC822.SIZE`.
    Size,
    /// `ENVELOPE`.
    Envelope,
    /// `BODY`: the structure without extension data.
    Body,
    /// `BODYSTRUCTURE`.
    BodyStructure,
    /// `UID`.
    Uid,
    /// `MODSEQ` (RFC 7162 §3.1.4.1).
    ModSeq,
    /// Bytes of the message.
    Section {
        /// Which.
        section: Section,
        /// First octet and number of octets.
        partial: Option<(u32, u32)>,
        /// Whether it sets `\Seen`.
        sets_seen: bool,
        /// Under which name.
        label: Label,
    },
}

/// A command other than APPEND, which [`crate::Framer`] announces.
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are the arguments of the command of that name")]
pub enum Request {
    Capability,
    Noop,
    Logout,
    Id { client: Option<Text> },
    Enable { extras: Extras },
    Namespace,
    Login { user: String, password: Secret },
    Authenticate { mechanism: String, initial: Option<Secret> },
    Select { mailbox: MailboxName, extras: Extras },
    Examine { mailbox: MailboxName, extras: Extras },
    Create { mailbox: MailboxName },
    Delete { mailbox: MailboxName },
    Rename { from: MailboxName, to: MailboxName },
    Subscribe { mailbox: MailboxName },
    Unsubscribe { mailbox: MailboxName },
    List(ListRequest),
    Lsub { reference: MailboxName, pattern: MailboxName },
    Status { mailbox: MailboxName, items: Vec<StatusItem> },
    GetQuota { root: String },
    GetQuotaRoot { mailbox: MailboxName },
    Check,
    Close,
    Unselect,
    Expunge,
    UidExpunge { set: SequenceSet },
    Search { numbers: Numbers, returns: Option<Vec<SearchReturn>>, charset: Option<String>, key: SearchKey },
    Fetch { numbers: Numbers, set: SequenceSet, items: Vec<FetchItem>, changed_since: Option<u64> },
    Store { numbers: Numbers, set: SequenceSet, change: StoreRequest },
    Copy { numbers: Numbers, set: SequenceSet, mailbox: MailboxName },
    Move { numbers: Numbers, set: SequenceSet, mailbox: MailboxName },
    Idle,
}

impl Request {
    /// The name under which it stands in [`crate::table`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Capability => "CAPABILITY",
            Self::Noop => "NOOP",
            Self::Logout => "LOGOUT",
            Self::Id { .. } => "ID",
            Self::Enable { .. } => "ENABLE",
            Self::Namespace => "NAMESPACE",
            Self::Login { .. } => "LOGIN",
            Self::Authenticate { .. } => "AUTHENTICATE",
            Self::Select { .. } => "SELECT",
            Self::Examine { .. } => "EXAMINE",
            Self::Create { .. } => "CREATE",
            Self::Delete { .. } => "DELETE",
            Self::Rename { .. } => "RENAME",
            Self::Subscribe { .. } => "SUBSCRIBE",
            Self::Unsubscribe { .. } => "UNSUBSCRIBE",
            Self::List(_) => "LIST",
            Self::Lsub { .. } => "LSUB",
            Self::Status { .. } => "STATUS",
            Self::GetQuota { .. } => "GETQUOTA",
            Self::GetQuotaRoot { .. } => "GETQUOTAROOT",
            Self::Check => "CHECK",
            Self::Close => "CLOSE",
            Self::Unselect => "UNSELECT",
            Self::Expunge => "EXPUNGE",
            Self::UidExpunge { .. } => "UID EXPUNGE",
            Self::Search { numbers, .. } => either(*numbers, "SEARCH", "UID SEARCH"),
            Self::Fetch { numbers, .. } => either(*numbers, "FETCH", "UID FETCH"),
            Self::Store { numbers, .. } => either(*numbers, "STORE", "UID STORE"),
            Self::Copy { numbers, .. } => either(*numbers, "COPY", "UID COPY"),
            Self::Move { numbers, .. } => either(*numbers, "MOVE", "UID MOVE"),
            Self::Idle => "IDLE",
        }
    }
}

fn either(numbers: Numbers, sequence: &'static str, uid: &'static str) -> &'static str {
    match numbers {
        Numbers::Sequence => sequence,
        Numbers::Uid => uid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for (line, tag) in [
            (&b"a1 NOOP\r\n"[..], Some("a1")),
            (b"a.b-c]\r\n", Some("a.b-c]")),
            (b"+ x\r\n", None),
            (b" NOOP\r\n", None),
            (b"no-end", None),
            (b"a\x80 x\r\n", None),
            (b"\r\n", None),
        ] {
            assert_eq!(Tag::of(line).as_ref().map(Tag::as_str), tag);
        }
    }

    #[test]
    fn names_of_folders() {
        for (sent, in_ascii, in_utf8) in
            [("&APw-", "ü", "&APw-"), ("ü", "ü", "ü"), ("a&b", "a&b", "a&b"), ("a&-b", "a&b", "a&-b")]
        {
            let name = MailboxName::from_sent(sent.as_bytes()).unwrap();
            assert_eq!(name.meant(Understands::Ascii), in_ascii);
            assert_eq!(name.meant(Understands::Utf8), in_utf8);
        }
        assert_eq!(MailboxName::from_sent(b"\xff"), None);
    }
}
