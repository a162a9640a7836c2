//! From the values of imap-codec to our own: checked once, here, so that no
//! string of the wire goes further without a type.

use imap_types::auth::AuthMechanism;
use imap_types::command::{Command, CommandBody, FetchModifier, SelectParameter, StoreModifier};
use imap_types::core::{AString, Vec1};
use imap_types::datetime::DateTime;
use imap_types::extensions::enable::CapabilityEnable;
use imap_types::extensions::utf8::Utf8Kind;
use imap_types::fetch::{MacroOrMessageDataItemNames, MessageDataItemName, Part, Section as WireSection};
use imap_types::flag::{Flag, StoreResponse, StoreType};
use imap_types::mailbox::{ListMailbox, Mailbox};
use imap_types::sequence::{SeqOrUid, Sequence, SequenceSet as WireSet};
use imap_types::status::StatusDataItemName;
use mail::Secret;

use crate::client;
use crate::request::{
    Extra, Extras, FetchItem, FlagName, Label, MailboxName, Numbers, Request, Section, SectionText, StatusItem, Store,
    StoreAnswer, StoreRequest,
};
use crate::sequence::{Number, SequenceSet};

/// More items in one FETCH than anybody needs: each may be the whole message.
const MAX_FETCH_ITEMS: usize = 100;
/// More flags than a folder can have.
const MAX_FLAGS: usize = 200;

/// The request; nothing where an argument is not acceptable, or the command is
/// none of ours.
pub(crate) fn request(command: &Command<'_>) -> Option<Request> {
    match &command.body {
        CommandBody::Capability => Some(Request::Capability),
        CommandBody::Noop => Some(Request::Noop),
        CommandBody::Logout => Some(Request::Logout),
        CommandBody::Id { parameters } => Some(Request::Id { client: parameters.as_deref().and_then(client::name) }),
        CommandBody::Enable { capabilities } => Some(Request::Enable { extras: extras(capabilities.as_ref()) }),
        CommandBody::Namespace => Some(Request::Namespace),
        CommandBody::Check => Some(Request::Check),
        CommandBody::Close => Some(Request::Close),
        CommandBody::Unselect => Some(Request::Unselect),
        CommandBody::Expunge => Some(Request::Expunge),
        CommandBody::Idle => Some(Request::Idle),
        CommandBody::Login { username, password } => {
            Some(Request::Login { user: text(username)?, password: Secret::new(bytes(password.declassify()).to_vec()) })
        }
        CommandBody::Authenticate { mechanism, initial_response } => Some(Request::Authenticate {
            mechanism: mechanism_name(mechanism),
            initial: initial_response.as_ref().map(|initial| Secret::new(initial.declassify().to_vec())),
        }),
        body => folders(body).or_else(|| messages(body)),
    }
}

fn folders(body: &CommandBody<'_>) -> Option<Request> {
    let request = match body {
        CommandBody::Select { mailbox: name, parameters } => {
            Request::Select { mailbox: mailbox(name)?, extras: select_extras(parameters)? }
        }
        CommandBody::Examine { mailbox: name, parameters } => {
            Request::Examine { mailbox: mailbox(name)?, extras: select_extras(parameters)? }
        }
        CommandBody::GetQuota { root } => Request::GetQuota { root: text(root)? },
        CommandBody::GetQuotaRoot { mailbox: name } => Request::GetQuotaRoot { mailbox: mailbox(name)? },
        CommandBody::Create { mailbox: name } => Request::Create { mailbox: mailbox(name)? },
        CommandBody::Delete { mailbox: name } => Request::Delete { mailbox: mailbox(name)? },
        CommandBody::Subscribe { mailbox: name } => Request::Subscribe { mailbox: mailbox(name)? },
        CommandBody::Unsubscribe { mailbox: name } => Request::Unsubscribe { mailbox: mailbox(name)? },
        CommandBody::Rename { from, to } => Request::Rename { from: mailbox(from)?, to: mailbox(to)? },
        CommandBody::Lsub { reference, mailbox_wildcard } => {
            Request::Lsub { reference: mailbox(reference)?, pattern: pattern(mailbox_wildcard)? }
        }
        CommandBody::Status { mailbox: name, item_names } => Request::Status {
            mailbox: mailbox(name)?,
            items: item_names.iter().take(MAX_FLAGS).map(status_item).collect(),
        },
        _ => return None,
    };
    Some(request)
}

fn messages(body: &CommandBody<'_>) -> Option<Request> {
    let request = match body {
        CommandBody::ExpungeUid { sequence_set } => Request::UidExpunge { set: set(sequence_set) },
        CommandBody::Fetch { sequence_set, macro_or_item_names, uid, modifiers } => Request::Fetch {
            numbers: numbers(*uid),
            set: set(sequence_set),
            items: fetch_items(macro_or_item_names)?,
            changed_since: changed_since(modifiers)?,
        },
        CommandBody::Store { sequence_set, kind, response, flags: names, uid, modifiers } => Request::Store {
            numbers: numbers(*uid),
            set: set(sequence_set),
            change: StoreRequest {
                how: match kind {
                    StoreType::Replace => Store::Replace,
                    StoreType::Add => Store::Add,
                    StoreType::Remove => Store::Remove,
                },
                answer: match response {
                    StoreResponse::Answer => StoreAnswer::Flags,
                    StoreResponse::Silent => StoreAnswer::Silent,
                },
                flags: flags(names)?,
                unchanged_since: modifiers.first().map(|StoreModifier::UnchangedSince(since)| *since),
            },
        },
        CommandBody::Move { sequence_set, mailbox: name, uid } => {
            Request::Move { numbers: numbers(*uid), set: set(sequence_set), mailbox: mailbox(name)? }
        }
        CommandBody::Copy { sequence_set, mailbox: name, uid } => {
            Request::Copy { numbers: numbers(*uid), set: set(sequence_set), mailbox: mailbox(name)? }
        }
        _ => return None,
    };
    Some(request)
}

fn extras(capabilities: &[CapabilityEnable<'_>]) -> Extras {
    let known = capabilities.iter().filter_map(|capability| match capability {
        CapabilityEnable::Utf8(Utf8Kind::Accept) => Some(Extra::Utf8Accept),
        CapabilityEnable::CondStore => Some(Extra::CondStore),
        _ => None,
    });
    Extras(known.collect())
}

/// QRESYNC must be enabled first, and cannot be.
fn select_extras(parameters: &[SelectParameter]) -> Option<Extras> {
    let one = |parameter: &SelectParameter| match parameter {
        SelectParameter::CondStore => Some(Extra::CondStore),
        SelectParameter::QResync { .. } => None,
    };
    parameters.iter().map(one).collect::<Option<_>>().map(Extras)
}

fn changed_since(modifiers: &[FetchModifier]) -> Option<Option<u64>> {
    match modifiers {
        [] => Some(None),
        [FetchModifier::ChangedSince(since)] => Some(Some(since.get())),
        _ => None,
    }
}

fn mechanism_name(mechanism: &AuthMechanism<'_>) -> String {
    mechanism.as_ref().to_ascii_uppercase()
}

fn numbers(is_uid: bool) -> Numbers {
    if is_uid { Numbers::Uid } else { Numbers::Sequence }
}

fn bytes<'a>(string: &'a AString<'_>) -> &'a [u8] {
    string.as_ref()
}

fn text(string: &AString<'_>) -> Option<String> {
    std::str::from_utf8(bytes(string)).ok().map(str::to_owned)
}

pub(crate) fn mailbox(mailbox: &Mailbox<'_>) -> Option<MailboxName> {
    match mailbox {
        Mailbox::Inbox => MailboxName::from_sent(b"INBOX"),
        Mailbox::Other(other) => MailboxName::from_sent(other.as_ref()),
    }
}

fn pattern(pattern: &ListMailbox<'_>) -> Option<MailboxName> {
    match pattern {
        ListMailbox::Token(token) => MailboxName::from_sent(token.as_ref()),
        ListMailbox::String(string) => MailboxName::from_sent(string.as_ref()),
    }
}

/// `\Recent`, which some clients send back, is dropped: nobody can set it.
/// Any other system flag that we do not know is refused.
pub(crate) fn flags(flags: &[Flag<'_>]) -> Option<Vec<FlagName>> {
    if flags.len() > MAX_FLAGS {
        return None;
    }
    let mut names = Vec::with_capacity(flags.len());
    for flag in flags {
        names.push(match flag {
            Flag::Answered => FlagName::Answered,
            Flag::Deleted => FlagName::Deleted,
            Flag::Draft => FlagName::Draft,
            Flag::Flagged => FlagName::Flagged,
            Flag::Seen => FlagName::Seen,
            Flag::Keyword(word) => FlagName::Keyword(word.inner().to_owned()),
            Flag::Extension(_) if flag.to_string().eq_ignore_ascii_case("\\Recent") => continue,
            Flag::Extension(_) => return None,
        });
    }
    Some(names)
}

pub(crate) fn date_time(date: &DateTime) -> (i64, i16) {
    let date = date.as_ref();
    let minutes = date.offset().local_minus_utc() / 60;
    (date.timestamp(), i16::try_from(minutes).unwrap_or_default())
}

fn set(set: &WireSet) -> SequenceSet {
    let number = |n: &SeqOrUid| match n {
        SeqOrUid::Value(value) => Number::Value(value.get()),
        SeqOrUid::Asterisk => Number::Last,
    };
    let ranges = set.0.as_ref().iter().map(|sequence| match sequence {
        Sequence::Single(n) => (number(n), number(n)),
        Sequence::Range(a, b) => (number(a), number(b)),
    });
    SequenceSet::new(ranges.collect())
}

fn status_item(item: &StatusDataItemName) -> StatusItem {
    match item {
        StatusDataItemName::Messages => StatusItem::Messages,
        StatusDataItemName::Recent => StatusItem::Recent,
        StatusDataItemName::UidNext => StatusItem::UidNext,
        StatusDataItemName::UidValidity => StatusItem::UidValidity,
        StatusDataItemName::Unseen => StatusItem::Unseen,
        StatusDataItemName::Deleted => StatusItem::Deleted,
        StatusDataItemName::DeletedStorage => StatusItem::DeletedStorage,
        StatusDataItemName::Size => StatusItem::Size,
        StatusDataItemName::HighestModSeq => StatusItem::HighestModSeq,
    }
}

fn fetch_items(items: &MacroOrMessageDataItemNames<'_>) -> Option<Vec<FetchItem>> {
    let items = match items {
        MacroOrMessageDataItemNames::Macro(name) => return name.expand().iter().map(fetch_item).collect(),
        MacroOrMessageDataItemNames::MessageDataItemNames(items) => items,
    };
    if items.is_empty() || items.len() > MAX_FETCH_ITEMS {
        return None;
    }
    items.iter().map(fetch_item).collect()
}

fn fetch_item(item: &MessageDataItemName<'_>) -> Option<FetchItem> {
    Some(match item {
        MessageDataItemName::Flags => FetchItem::Flags,
        MessageDataItemName::InternalDate => FetchItem::InternalDate,
        MessageDataItemName::Rfc822Size => FetchItem::Size,
        MessageDataItemName::Envelope => FetchItem::Envelope,
        MessageDataItemName::Body => FetchItem::Body,
        MessageDataItemName::BodyStructure => FetchItem::BodyStructure,
        MessageDataItemName::Uid => FetchItem::Uid,
        MessageDataItemName::ModSeq => FetchItem::ModSeq,
        MessageDataItemName::Rfc822 => old(SectionText::All, Label::Rfc822),
        MessageDataItemName::Rfc822Header => old(SectionText::Header, Label::Rfc822Header),
        MessageDataItemName::Rfc822Text => old(SectionText::Text, Label::Rfc822Text),
        MessageDataItemName::BodyExt { section: wire, partial, peek } => FetchItem::Section {
            section: section(wire.as_ref()),
            partial: partial.map(|(from, length)| (from, length.get())),
            sets_seen: !peek,
            label: Label::Body,
        },
        _ => return None,
    })
}

/// `RFC822.HEADER` is the one of the old names that does not set `\Seen`
/// (RFC 3501 §6.4.5).
fn old(text: SectionText, label: Label) -> FetchItem {
    let sets_seen = label != Label::Rfc822Header;
    FetchItem::Section { section: Section { part: Vec::new(), text }, partial: None, sets_seen, label }
}

fn section(section: Option<&WireSection<'_>>) -> Section {
    let path = |part: &Part| part.0.as_ref().iter().map(|n| n.get()).collect::<Vec<_>>();
    let optional = |part: &Option<Part>| part.as_ref().map(path).unwrap_or_default();
    let (part, text) = match section {
        None => (Vec::new(), SectionText::All),
        Some(WireSection::Part(part)) => (path(part), SectionText::All),
        Some(WireSection::Header(part)) => (optional(part), SectionText::Header),
        Some(WireSection::Text(part)) => (optional(part), SectionText::Text),
        Some(WireSection::Mime(part)) => (path(part), SectionText::Mime),
        Some(WireSection::HeaderFields(part, names)) => (optional(part), SectionText::Fields(field_names(names))),
        Some(WireSection::HeaderFieldsNot(part, names)) => (optional(part), SectionText::FieldsNot(field_names(names))),
    };
    Section { part, text }
}

fn field_names(names: &Vec1<AString<'_>>) -> Vec<Vec<u8>> {
    names.as_ref().iter().map(|name| bytes(name).to_vec()).collect()
}
