//! STORE (RFC 3501 §6.4.6).

use imap::response::{Code, Reply};
use imap::{Extra, Numbers, SequenceSet, Store, StoreAnswer, StoreRequest};
use mailbox::{FlagAction, FlagChange, Message, ModSeq, Uid};

use super::expunge::read_only;
use super::failure::{Failure, gone_messages};
use super::flags;
use super::output::{Output, Sink};
use super::selected::{Access, Expunges, ModSeqs, Selected};
use super::session::Session;

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    numbers: Numbers,
    set: &SequenceSet,
    change: StoreRequest,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let (flags, keywords) = flags::read(&change.flags)?;
    let how = match change.how {
        Store::Replace => FlagAction::Replace,
        Store::Add => FlagAction::Add,
        Store::Remove => FlagAction::Remove,
    };
    if change.unchanged_since.is_some() {
        session.enable(Extra::CondStore);
    }
    let (opened, selected) = session.selected()?;
    if selected.access == Access::ReadOnly {
        return Err(read_only());
    }
    let uids: Vec<Uid> = selected.pick(numbers, set)?.into_iter().map(|numbered| numbered.message.uid).collect();
    if uids.is_empty() {
        return Ok(Reply::ok("No message has such a number"));
    }
    let flag_change = FlagChange { how, flags, keywords };
    let (store, mailbox) = (opened.store(), &selected.mailbox);
    let stored = match change.unchanged_since {
        Some(since) => store.store_flags_unchanged(mailbox, &uids, &flag_change, ModSeq(since)).await?,
        None => store.store_flags(mailbox, &uids, &flag_change).await?,
    };
    for message in &stored {
        selected.update(message);
    }
    // Learns new keywords before messages are shown with them, and what others
    // did. No message may lose its number while numbers are in use.
    let expunges = if numbers == Numbers::Uid { Expunges::Told } else { Expunges::Kept };
    session.refresh(expunges, out).await?;
    let (_, selected) = session.selected()?;
    for message in &stored {
        let Some(place) = selected.place(message.uid) else { continue };
        let numbered = selected.numbered(place);
        match (change.answer, selected.modseqs) {
            (StoreAnswer::Flags, _) => out.put(&selected.flags_line(numbered, numbers)).await?,
            // Who counts is told the new number even so (RFC 7162 §3.1.3).
            (StoreAnswer::Silent, ModSeqs::Told) => out.put(&selected.modseq_line(numbered, numbers)).await?,
            (StoreAnswer::Silent, ModSeqs::Kept) => {}
        }
    }
    if stored.len() < uids.len() {
        let left_out = left_out(&uids, &stored);
        if change.unchanged_since.is_some() {
            return Ok(modified(selected, numbers, &left_out));
        }
        if numbers == Numbers::Sequence {
            return Ok(gone_messages());
        }
    }
    Ok(Reply::ok("Stored"))
}

fn left_out(uids: &[Uid], stored: &[Message]) -> Vec<Uid> {
    let is_stored = |uid: &Uid| stored.binary_search_by_key(uid, |message| message.uid).is_ok();
    uids.iter().copied().filter(|uid| !is_stored(uid)).collect()
}

/// Names those that somebody else changed; those that are gone the client is
/// told of otherwise.
fn modified(selected: &Selected, numbers: Numbers, left_out: &[Uid]) -> Reply {
    let shown = left_out.iter().filter_map(|uid| {
        let numbered = selected.place(*uid).map(|place| selected.numbered(place))?;
        Some(match numbers {
            Numbers::Sequence => numbered.number,
            Numbers::Uid => uid.get(),
        })
    });
    match shown.collect::<Vec<_>>() {
        none if none.is_empty() => Reply::ok("Stored"),
        shown => Reply::ok("Some were changed by somebody else").with(Code::Modified(shown)),
    }
}
