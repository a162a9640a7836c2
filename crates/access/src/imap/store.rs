//! STORE (RFC 3501 §6.4.6).

use imap::response::Reply;
use imap::{FlagName, Numbers, SequenceSet, Store, StoreAnswer};
use mailbox::{FlagAction, FlagChange, Uid};

use super::expunge::read_only;
use super::failure::{Failure, gone_messages};
use super::flags;
use super::output::{Output, Sink};
use super::selected::{Access, Expunges};
use super::session::Session;

/// What is to be done with the flags.
pub(super) struct Change {
    pub(super) how: Store,
    pub(super) answer: StoreAnswer,
    pub(super) flags: Vec<FlagName>,
}

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    numbers: Numbers,
    set: &SequenceSet,
    change: Change,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let (flags, keywords) = flags::read(&change.flags)?;
    let how = match change.how {
        Store::Replace => FlagAction::Replace,
        Store::Add => FlagAction::Add,
        Store::Remove => FlagAction::Remove,
    };
    let (opened, selected) = session.selected()?;
    if selected.access == Access::ReadOnly {
        return Err(read_only());
    }
    let uids: Vec<Uid> = selected.pick(numbers, set)?.into_iter().map(|numbered| numbered.message.uid).collect();
    if uids.is_empty() {
        return Ok(Reply::ok("No message has such a number"));
    }
    let stored = opened.store().store_flags(&selected.mailbox, &uids, &FlagChange { how, flags, keywords }).await?;
    for message in &stored {
        selected.update(message);
    }
    // Learns new keywords before messages are shown with them, and what others
    // did. No message may lose its number while numbers are in use.
    let expunges = if numbers == Numbers::Uid { Expunges::Told } else { Expunges::Kept };
    session.refresh(expunges, out).await?;
    if change.answer == StoreAnswer::Flags {
        let (_, selected) = session.selected()?;
        for message in &stored {
            if let Some(place) = selected.place(message.uid) {
                out.put(&selected.flags_line(selected.numbered(place), numbers)).await?;
            }
        }
    }
    let missing = numbers == Numbers::Sequence && stored.len() < uids.len();
    Ok(if missing { gone_messages() } else { Reply::ok("Stored") })
}
