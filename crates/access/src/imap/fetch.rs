//! FETCH (RFC 3501 §6.4.5): one message at a time in memory.

use imap::fetch::{Extension, body_structure, envelope, internal_date, label, section_head};
use imap::response::Reply;
use imap::{FetchItem, Numbers, SequenceSet};
use mailbox::{FlagAction, FlagChange, Flags, StoreError};
use mime::Envelope;

use super::content::{self, Content, Depth};
use super::failure::{Failure, gone_messages};
use super::output::{Bytes, Output, Sink};
use super::section;
use super::selected::{Access, Numbered, Selected};
use super::session::Session;

/// What is asked of each message.
struct Plan {
    items: Vec<FetchItem>,
    depth: Depth,
    sets_seen: bool,
}

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    numbers: Numbers,
    set: &SequenceSet,
    items: Vec<FetchItem>,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let plan = Plan::new(items, numbers);
    let picked = session.selected()?.1.pick(numbers, set)?;
    let mut missing = false;
    for numbered in picked {
        match one(session, &plan, numbered, out).await {
            Ok(()) => {}
            Err(Trouble::Message(StoreError::Expunged | StoreError::FileMissing)) => missing = true,
            Err(Trouble::Message(error)) => return Err(error.into()),
            Err(Trouble::Other(failure)) => return Err(failure),
        }
    }
    Ok(if missing { gone_messages() } else { Reply::ok("Fetched") })
}

/// What may go wrong with one message; some of it concerns that one only.
enum Trouble {
    Message(StoreError),
    Other(Failure),
}

impl<T: Into<Failure>> From<T> for Trouble {
    fn from(failure: T) -> Self {
        Self::Other(failure.into())
    }
}

async fn one<S: Sink>(
    session: &mut Session,
    plan: &Plan,
    numbered: Numbered,
    out: &mut Output<'_, S>,
) -> Result<(), Trouble> {
    let (opened, selected) = session.selected()?;
    let store = opened.store();
    let content = match plan.depth {
        Depth::Index => None,
        depth => {
            let uid = numbered.message.uid;
            let read = content::with(store, &selected.mailbox, uid, depth, |_| ()).await;
            Some(read.map_err(Trouble::Message)?.0)
        }
    };
    let mut numbered = numbered;
    let mut items = plan.items.clone();
    let marks = plan.sets_seen && selected.access == Access::ReadWrite && !numbered.message.flags.has(Flags::SEEN);
    if marks {
        let change = FlagChange { how: FlagAction::Add, flags: Flags::SEEN, keywords: Vec::new() };
        for message in store.store_flags(&selected.mailbox, &[numbered.message.uid], &change).await? {
            if let Some(changed) = selected.update(&message) {
                numbered = changed;
            }
        }
        // "Flags changed by this are returned" (RFC 3501 §6.4.5).
        if !items.contains(&FetchItem::Flags) {
            items.push(FetchItem::Flags);
        }
    }
    write(selected, numbered, &items, content.as_ref(), out).await
}

async fn write<S: Sink>(
    selected: &Selected,
    numbered: Numbered,
    items: &[FetchItem],
    content: Option<&Content>,
    out: &mut Output<'_, S>,
) -> Result<(), Trouble> {
    out.put(format!("* {} FETCH (", numbered.number).as_bytes()).await?;
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.put(b" ").await?;
        }
        match (item, content) {
            (FetchItem::Section { section: wanted, partial, label: name, .. }, Some(content)) => {
                let mut head = Vec::new();
                label(&mut head, *name, wanted, partial.map(|(from, _)| from));
                literal(head, section::bytes(content, wanted, *partial), out).await?;
            }
            _ => out.put(&small(selected, numbered, item, content)).await?,
        }
    }
    out.put(b")\r\n").await?;
    Ok(())
}

async fn literal<S: Sink>(mut head: Vec<u8>, bytes: Option<Bytes<'_>>, out: &mut Output<'_, S>) -> Result<(), Trouble> {
    let Some(bytes) = bytes else {
        head.extend_from_slice(b"NIL");
        out.put(&head).await?;
        return Ok(());
    };
    section_head(&mut head, bytes.len());
    out.put(&head).await?;
    match bytes {
        Bytes::Disk(bytes) => out.put_message(&bytes).await?,
        Bytes::Wire(bytes) => out.put(&bytes).await?,
    }
    Ok(())
}

/// Items that are no message bytes.
fn small(selected: &Selected, numbered: Numbered, item: &FetchItem, content: Option<&Content>) -> Vec<u8> {
    let message = &numbered.message;
    let mut text = Vec::new();
    match (item, content) {
        (FetchItem::Flags, _) => text = format!("FLAGS ({})", selected.flags(message)).into_bytes(),
        (FetchItem::Uid, _) => text = format!("UID {}", message.uid).into_bytes(),
        (FetchItem::Size, _) => text = format!("RFC822.SIZE {}", message.wsize).into_bytes(),
        (FetchItem::InternalDate, _) => {
            let date = message.internal_date;
            internal_date(&mut text, date.secs, date.offset_minutes);
        }
        (FetchItem::Envelope, Some(content)) => {
            // A header beyond the limits is not described.
            let header = if content.structure.is_opaque() { &[] } else { content.header() };
            envelope(&mut text, &Envelope::parse(header));
        }
        (FetchItem::Body, Some(content)) => {
            body_structure(&mut text, &content.bytes, &content.structure, Extension::Hidden);
        }
        (FetchItem::BodyStructure, Some(content)) => {
            body_structure(&mut text, &content.bytes, &content.structure, Extension::Shown);
        }
        // The plan reads the message for each of these.
        (FetchItem::Envelope | FetchItem::Body | FetchItem::BodyStructure | FetchItem::Section { .. }, _) => {}
    }
    text
}

impl Plan {
    fn new(mut items: Vec<FetchItem>, numbers: Numbers) -> Self {
        let mut seen: Vec<FetchItem> = Vec::new();
        items.retain(|item| {
            let is_new = !seen.contains(item);
            if is_new {
                seen.push(item.clone());
            }
            is_new
        });
        if numbers == Numbers::Uid && !items.contains(&FetchItem::Uid) {
            items.insert(0, FetchItem::Uid);
        }
        let depth = items.iter().map(depth).max().unwrap_or(Depth::Index);
        let sets_seen = items.iter().any(|item| matches!(item, FetchItem::Section { sets_seen: true, .. }));
        Self { items, depth, sets_seen }
    }
}

fn depth(item: &FetchItem) -> Depth {
    match item {
        FetchItem::Flags | FetchItem::InternalDate | FetchItem::Size | FetchItem::Uid => Depth::Index,
        FetchItem::Envelope => Depth::Header,
        FetchItem::Body | FetchItem::BodyStructure => Depth::Whole,
        FetchItem::Section { section, .. } => section::depth(section),
    }
}
