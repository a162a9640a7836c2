//! FETCH (RFC 3501 §6.4.5): one message at a time in memory.

use std::sync::Arc;

use imap::fetch::{Extension, body_structure, envelope, internal_date, label, section_head};
use imap::response::{Code, Reply};
use imap::{Extra, FetchItem, Label, Numbers, Section, SequenceSet};
use mailbox::{FlagAction, FlagChange, Flags, OpenMessage, Store, StoreError, Uid};
use mime::wire::ToWire;
use mime::{Envelope, Understands};

use super::content::{self, Content, Depth, Reading};
use super::failure::{Failure, gone_messages};
use super::output::{Gone, Output, Sink};
use super::section::{self, Cut, Found, Octets};
use super::selected::{Access, Expunges, ModSeqs, Numbered, Selected};
use super::session::Session;

/// How much of a file is read at a time while it is sent.
const READ: usize = 64 << 10;
/// What the answer about one message may hold in memory. Sections beyond that
/// are read from the file as they are sent; what is made up, such as a choice
/// of header fields asked for in fifty ways, has an end.
const HELD: usize = 4 << 20;

/// What the client asks for.
pub(super) struct Wanted {
    pub(super) items: Vec<FetchItem>,
    /// Of those alone that changed behind this (RFC 7162 §3.1.4.1).
    pub(super) changed_since: Option<u64>,
}

/// What is asked of each message.
struct Plan {
    items: Vec<FetchItem>,
    reading: Reading,
    sets_seen: bool,
}

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    numbers: Numbers,
    set: &SequenceSet,
    wanted: Wanted,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let Wanted { mut items, changed_since } = wanted;
    if changed_since.is_some() {
        session.enable(Extra::CondStore);
    }
    // What others changed counts too; and some programs look for what is new by
    // asking for the UIDs behind the last one.
    if changed_since.is_some() || (numbers == Numbers::Uid && session.selected()?.1.is_beyond(set)) {
        let expunges = if numbers == Numbers::Uid { Expunges::Told } else { Expunges::Kept };
        session.refresh(expunges, out).await?;
    }
    let mut picked = session.selected()?.1.pick(numbers, set)?;
    if let Some(since) = changed_since {
        picked.retain(|numbered| numbered.message.modseq.0 > since);
        items.push(FetchItem::ModSeq);
    }
    let plan = Plan::new(items, numbers, session.understands);
    if plan.items.contains(&FetchItem::ModSeq) {
        session.enable(Extra::CondStore);
    }
    let (mut missing, mut too_much) = (false, false);
    for numbered in picked {
        match one(session, &plan, numbered, out).await {
            Ok(()) => {}
            Err(Trouble::Message(StoreError::Expunged | StoreError::FileMissing)) => missing = true,
            Err(Trouble::Message(error)) => return Err(error.into()),
            // Others of this command may be small, and whoever sent this one
            // must not keep them from the user.
            Err(Trouble::TooMuch) => too_much = true,
            Err(Trouble::Other(failure)) => return Err(failure),
        }
    }
    Ok(match (missing, too_much) {
        (_, true) => Reply::no("Too much is asked of one message at once").with(Code::Limit),
        (true, false) => gone_messages(),
        (false, false) => Reply::ok("Fetched"),
    })
}

/// What may go wrong with one message; some of it concerns that one only.
enum Trouble {
    Message(StoreError),
    /// Its answer would hold too much memory.
    TooMuch,
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
    let (file, mut pieces) = match plan.reading.depth {
        Depth::Index => (None, plan.items.iter().cloned().map(Piece::Index).collect()),
        _ => match next_piece(store, selected, plan, numbered.message.uid).await? {
            Some((file, pieces)) => (Some(file), pieces),
            None => {
                let (file, pieces) = read(store, selected, plan, numbered.message.uid).await?;
                (Some(file), pieces)
            }
        },
    };
    let mut numbered = numbered;
    let marks = plan.sets_seen && selected.access == Access::ReadWrite && !numbered.message.flags.has(Flags::SEEN);
    if marks {
        let change = FlagChange { how: FlagAction::Add, flags: Flags::SEEN, keywords: Vec::new() };
        for message in store.store_flags(&selected.mailbox, &[numbered.message.uid], &change).await? {
            numbered = selected.update(&message).unwrap_or(numbered);
        }
        // "Flags changed by this are returned" (RFC 3501 §6.4.5).
        if !plan.items.contains(&FetchItem::Flags) {
            pieces.push(Piece::Index(FetchItem::Flags));
        }
        if selected.modseqs == ModSeqs::Told && !plan.items.contains(&FetchItem::ModSeq) {
            pieces.push(Piece::Index(FetchItem::ModSeq));
        }
    }
    write(selected, numbered, pieces, file.as_ref(), out).await
}

/// Where an earlier piece of the same sections was fetched: nothing is read but
/// what is sent.
async fn next_piece(
    store: &Store,
    selected: &Selected,
    plan: &Plan,
    uid: Uid,
) -> Result<Option<(OpenMessage, Vec<Piece>)>, Trouble> {
    let Some((size, known)) = selected.pieces.of(uid, &plan.items) else { return Ok(None) };
    let file = store.open_message(&selected.mailbox, uid).await.map_err(Trouble::Message)?;
    if file.size() != size {
        return Ok(None);
    }
    let pieces = plan.items.iter().zip(known).map(|(item, found)| match (item, found) {
        (FetchItem::Section { section, partial, label, .. }, Some(found)) => {
            literal(named(*label, section, *partial), Some(found.on_disk(*partial)))
        }
        (item, _) => Piece::Index(item.clone()),
    });
    Ok(Some((file, pieces.collect())))
}

/// Reads as much of the message as the items need.
async fn read(
    store: &Store,
    selected: &mut Selected,
    plan: &Plan,
    uid: Uid,
) -> Result<(OpenMessage, Vec<Piece>), Trouble> {
    let items = plan.items.clone();
    let work = move |content: &Content| {
        let mut found = Vec::new();
        (pieces(items, content, &mut found), found, content.grown())
    };
    let read = content::with(store, &selected.mailbox, uid, plan.reading, work).await;
    let (file, (pieces, found, grown)) = read.map_err(Trouble::Message)?;
    selected.resize(uid, grown);
    // Of a header alone the places are not those of the whole.
    if plan.reading.depth == Depth::Whole {
        selected.pieces.keep(uid, file.size(), found);
    }
    Ok((file, pieces.ok_or(Trouble::TooMuch)?))
}

/// One item of the answer.
enum Piece {
    /// What the index knows: written last, for the flags may change.
    Index(FetchItem),
    /// As it is sent.
    Ready(Vec<u8>),
    /// A name, and octets that stay in the file until they are sent.
    Long { head: Vec<u8>, cut: Cut },
}

/// Sections of which a piece was asked for, and where they are.
type Sections = Vec<(Section, Arc<Found>)>;

/// All items; nothing where they would hold too much.
fn pieces(items: Vec<FetchItem>, content: &Content, found: &mut Sections) -> Option<Vec<Piece>> {
    let mut room = HELD;
    let within = |item| {
        let piece = piece(item, content, room, found);
        room = room.checked_sub(piece.held())?;
        Some(piece)
    };
    items.into_iter().map(within).collect()
}

impl Piece {
    /// Octets in memory.
    fn held(&self) -> usize {
        match self {
            Self::Index(_) => 0,
            Self::Ready(text) | Self::Long { head: text, .. } => text.len(),
        }
    }
}

fn piece(item: FetchItem, content: &Content, room: usize, sections: &mut Sections) -> Piece {
    let mut text = Vec::new();
    match item {
        FetchItem::Flags | FetchItem::Uid | FetchItem::Size | FetchItem::InternalDate | FetchItem::ModSeq => {
            return Piece::Index(item);
        }
        FetchItem::Envelope => {
            // A header beyond the limits is not described.
            let header = if content.structure.is_opaque() { &[] } else { content.shown_header() };
            envelope(&mut text, &Envelope::parse(header));
        }
        FetchItem::Body => structure(&mut text, content, Extension::Hidden),
        FetchItem::BodyStructure => structure(&mut text, content, Extension::Shown),
        FetchItem::Section { section, partial, label, .. } => {
            let head = named(label, &section, partial);
            let Some(found) = Found::new(content, &section) else { return literal(head, None) };
            let octets = found.octets(content, partial, room);
            if partial.is_some() {
                sections.push((section, Arc::new(found)));
            }
            return literal(head, Some(octets));
        }
    }
    Piece::Ready(text)
}

fn named(name: Label, section: &Section, partial: Option<(u32, u32)>) -> Vec<u8> {
    let mut head = Vec::new();
    label(&mut head, name, section, partial.map(|(from, _)| from));
    head
}

fn structure(out: &mut Vec<u8>, content: &Content, extension: Extension) {
    body_structure(out, &content.bytes, &content.structure, extension, content.understands);
}

fn literal(mut head: Vec<u8>, octets: Option<Octets>) -> Piece {
    let Some(octets) = octets else {
        head.extend_from_slice(b"NIL");
        return Piece::Ready(head);
    };
    section_head(&mut head, octets.len());
    match octets {
        Octets::Held(octets) => Piece::Ready([head, octets].concat()),
        Octets::OnDisk { before, cut } => Piece::Long { head: [head, before].concat(), cut },
    }
}

async fn write<S: Sink>(
    selected: &Selected,
    numbered: Numbered,
    pieces: Vec<Piece>,
    file: Option<&OpenMessage>,
    out: &mut Output<'_, S>,
) -> Result<(), Trouble> {
    out.put(format!("* {} FETCH (", numbered.number).as_bytes()).await?;
    for (place, piece) in pieces.into_iter().enumerate() {
        if place > 0 {
            out.put(b" ").await?;
        }
        match (piece, file) {
            (Piece::Index(item), _) => out.put(&known(selected, numbered, &item)).await?,
            (Piece::Ready(text), _) => out.put(&text).await?,
            (Piece::Long { head, cut }, Some(file)) => {
                out.put(&head).await?;
                send(file, cut, out).await?;
            }
            (Piece::Long { .. }, None) => return Err(Gone.into()),
        }
    }
    out.put(b")\r\n").await?;
    Ok(())
}

/// Sends a window of what a range of the file is on the wire. So many octets
/// were announced: if they cannot be read, the connection ends.
async fn send<S: Sink>(
    file: &OpenMessage,
    Cut { file: range, window }: Cut,
    out: &mut Output<'_, S>,
) -> Result<(), Gone> {
    let mut converter = ToWire::default();
    let (mut at, mut passed) = (range.start, 0);
    while passed < window.end {
        let read = file.read(at as u64, READ.min(range.end - at)).await;
        let bytes = read.map_err(|error| {
            tracing::warn!(%error, "a message could not be read to its end");
            Gone
        })?;
        if bytes.is_empty() {
            return Err(Gone);
        }
        let mut octets = Vec::new();
        converter.push(&bytes, &mut octets);
        let from = window.start.saturating_sub(passed).min(octets.len());
        let end = (window.end - passed).min(octets.len());
        out.put(octets.get(from..end).unwrap_or_default()).await?;
        passed += octets.len();
        at += bytes.len();
    }
    Ok(())
}

fn known(selected: &Selected, numbered: Numbered, item: &FetchItem) -> Vec<u8> {
    let message = &numbered.message;
    match item {
        FetchItem::Flags => format!("FLAGS ({})", selected.flags(message)).into_bytes(),
        FetchItem::Uid => format!("UID {}", message.uid).into_bytes(),
        FetchItem::Size => format!("RFC822.SIZE {}", selected.size(message)).into_bytes(),
        FetchItem::ModSeq => format!("MODSEQ ({})", message.modseq).into_bytes(),
        FetchItem::InternalDate => {
            let mut text = Vec::new();
            internal_date(&mut text, message.internal_date.secs, message.internal_date.offset_minutes);
            text
        }
        // The plan reads the message for these.
        FetchItem::Envelope | FetchItem::Body | FetchItem::BodyStructure | FetchItem::Section { .. } => Vec::new(),
    }
}

impl Plan {
    fn new(mut items: Vec<FetchItem>, numbers: Numbers, understands: Understands) -> Self {
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
        Self { items, reading: Reading { depth, understands }, sets_seen }
    }
}

fn depth(item: &FetchItem) -> Depth {
    match item {
        FetchItem::Flags | FetchItem::InternalDate | FetchItem::Size | FetchItem::Uid | FetchItem::ModSeq => {
            Depth::Index
        }
        FetchItem::Envelope => Depth::Header,
        FetchItem::Body | FetchItem::BodyStructure => Depth::Whole,
        FetchItem::Section { section, .. } => section::depth(section),
    }
}
