//! The part of a delivery that touches the disk, in the one order that loses
//! nothing; all of it blocks.

use maildir::{Arrival, Folder, Located, Piece, Published, Staged};
use spool::{Owed, OwedDelivery, Spooled};

use crate::deliver::Planned;
use crate::{Store, StoreError};

/// The copies of those who share one answer: all or none of them, or why none.
pub(crate) type Group<T> = Result<Vec<T>, StoreError>;

/// A copy, and whether it is there for good.
pub(crate) type Placed = (Planned, bool);

/// Stages all copies, notes in the spool what is owed, and publishes them. A
/// group of which a copy cannot be staged, or not be published before anything
/// of it is seen, fails alone. Tells for each copy of the others whether it is
/// there for good; those that are not are owed by the spool entry, which then
/// stays. The message in the spool comes back where there is such an entry.
///
/// # Errors
///
/// Nobody sees anything, and nothing is owed.
pub(crate) fn publish(
    store: &Store,
    spooled: Spooled,
    header: Vec<u8>,
    groups: Vec<Group<Planned>>,
) -> Result<(Option<Spooled>, Vec<Group<Placed>>), StoreError> {
    let staged: Vec<Group<(Planned, Staged)>> =
        groups.into_iter().map(|group| stage(store, &spooled, &header, group?)).collect();
    let copies = || staged.iter().flatten().flatten().map(|(copy, _)| copy);
    let count = copies().count();
    // One copy is there or not there by one rename, and a row that is missing
    // afterwards is made when its folder is looked at: nothing can be owed, and
    // three synchronisations are spared. See docs/decisions/0002.
    let owes = count > 1;
    if owes {
        spooled.owe(Owed { header: header.clone(), deliveries: copies().map(owed).collect() })?;
    }
    let published = publish_all(staged).inspect(|groups| {
        let left: Vec<OwedDelivery> = groups.iter().flatten().flatten().map(|(copy, _)| owed(copy)).collect();
        if owes && !left.is_empty() && left.len() < count {
            // Who hears 4xx must not get it later, whatever keeps the entry: a
            // copy that is not there yet, or rows that the index does not take.
            let deliveries = left;
            if let Err(error) = spooled.settle(Owed { header, deliveries }) {
                tracing::warn!(%error, id = %spooled.id(), "a copy that was not acknowledged may come later");
            }
        }
    });
    match published {
        // Where nothing is owed the spool file goes here, on this thread.
        Ok(groups) if owes && groups.iter().flatten().any(|group| !group.is_empty()) => Ok((Some(spooled), groups)),
        other => {
            // The sender hears 451 and comes again. If the entry cannot be
            // removed, the next start finds that no copy was published, and
            // removes it.
            if owes {
                let _ = spooled.done();
            }
            Ok((None, other?))
        }
    }
}

fn stage(store: &Store, spooled: &Spooled, header: &[u8], group: Vec<Planned>) -> Group<(Planned, Staged)> {
    let mut staged = Vec::with_capacity(group.len());
    for copy in group {
        let folder = store.open_folder(&copy.path, &copy.dir)?;
        let pieces = [Piece::Bytes(&copy.trace), Piece::Bytes(header), spooled.body()];
        let file = folder.stage(&copy.base, &pieces, copy.now_secs)?;
        staged.push((copy, file));
    }
    Ok(staged)
}

/// A copy on its way to be seen.
struct Shown {
    copy: Planned,
    folder: Folder,
    published: Option<Published>,
}

/// A group's first rename decides: while it fails nobody of it got anything;
/// behind it whoever cannot be served now is served later.
fn publish_all(groups: Vec<Group<(Planned, Staged)>>) -> Result<Vec<Group<Placed>>, StoreError> {
    let shown: Vec<Group<Shown>> = groups.into_iter().map(|group| show(group?)).collect();
    let mut done = Vec::with_capacity(shown.len());
    let mut settled: Vec<(Folder, Vec<Located>)> = Vec::new();
    let mut failure = None;
    for group in shown {
        let group = match group {
            Ok(group) => group,
            Err(error) => {
                done.push(Err(error));
                continue;
            }
        };
        let mut placed = Vec::with_capacity(group.len());
        for Shown { copy, folder, published } in group {
            let Some(published) = published else {
                placed.push((copy, false));
                continue;
            };
            let at = vec![published.located().clone()];
            // A synchronisation is never tried again on a disk that failed one.
            if failure.is_none()
                && let Err(error) = folder.settle(vec![published])
            {
                failure = Some(error);
            }
            settled.push((folder, at));
            placed.push((copy, true));
        }
        done.push(Ok(placed));
    }
    match failure {
        None => Ok(done),
        Some(error) => {
            withdraw(settled);
            Err(error.into())
        }
    }
}

fn show(group: Vec<(Planned, Staged)>) -> Group<Shown> {
    let mut shown: Vec<Shown> = Vec::with_capacity(group.len());
    for (copy, file) in group {
        let folder = file.folder().clone();
        let published = match file.publish(copy.arrival()) {
            Ok(done) => Some(done),
            Err(error) if shown.iter().all(|earlier| earlier.published.is_none()) => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, base = %copy.base, "a copy is delivered later");
                None
            }
        };
        shown.push(Shown { copy, folder, published });
    }
    Ok(shown)
}

/// A directory could not be made durable: nobody knows what is on disk, so
/// nobody may keep a copy of what the sender will send again.
fn withdraw(copies: Vec<(Folder, Vec<Located>)>) {
    for (folder, located) in copies {
        if let Err(error) = folder.remove(&located) {
            tracing::error!(%error, folder = %folder.path().display(), "a copy that was not acknowledged stays");
        }
    }
}

impl Planned {
    pub(crate) fn arrival(&self) -> Arrival {
        arrival(self.letters())
    }
}

/// A file with flags is in `cur/`.
pub(crate) fn arrival(letters: uidlist::Flags) -> Arrival {
    if letters.is_empty() { Arrival::New } else { Arrival::Cur(letters) }
}

fn owed(copy: &Planned) -> OwedDelivery {
    OwedDelivery {
        account: copy.account.number(),
        path: copy.path.clone(),
        folder: copy.dir.clone(),
        base: copy.base.clone(),
        flags: copy.letters(),
        received_secs: copy.now_secs,
        trace: copy.trace.clone(),
    }
}
