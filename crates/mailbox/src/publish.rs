//! The part of a delivery that touches the disk, in the one order that loses
//! nothing; all of it blocks.

use maildir::{Arrival, Folder, Located, Piece, Published, Staged};
use spool::{Owed, OwedDelivery, Spooled};

use crate::deliver::Planned;
use crate::{Store, StoreError};

/// Stages all copies, notes in the spool what is owed, and publishes them.
/// Tells for each copy whether it is there for good; those that are not are
/// owed by the spool entry, which then stays. The message in the spool comes
/// back where there is such an entry.
///
/// # Errors
///
/// Nobody sees anything, and nothing is owed.
pub(crate) fn publish(
    store: &Store,
    spooled: Spooled,
    header: Vec<u8>,
    planned: &[Planned],
) -> Result<(Option<Spooled>, Vec<bool>), StoreError> {
    let mut staged = Vec::with_capacity(planned.len());
    for copy in planned {
        let folder = store.open_folder(&copy.path, &copy.dir)?;
        let pieces = [Piece::Bytes(&copy.trace), Piece::Bytes(&header), spooled.body()];
        staged.push(folder.stage(&copy.base, &pieces, copy.now_secs)?);
    }
    // One copy is there or not there by one rename, and a row that is missing
    // afterwards is made when its folder is looked at: nothing can be owed, and
    // three synchronisations are spared. See docs/decisions/0002.
    if planned.len() > 1 {
        spooled.owe(Owed { header, deliveries: planned.iter().map(owed).collect() })?;
    }
    match publish_all(staged, planned) {
        // Where nothing is owed the spool file goes here, on this thread.
        Ok(published) => Ok(((planned.len() > 1).then_some(spooled), published)),
        Err(error) => {
            // The sender hears 451 and comes again. If the entry cannot be
            // removed, the next start finds that no copy was published, and
            // removes it.
            let _ = spooled.done();
            Err(error)
        }
    }
}

/// The first rename decides: while it fails nobody got anything; behind it
/// whoever cannot be served now is served later.
fn publish_all(staged: Vec<Staged>, planned: &[Planned]) -> Result<Vec<bool>, StoreError> {
    let mut published: Vec<Option<(Folder, Published)>> = Vec::with_capacity(planned.len());
    for (file, copy) in staged.into_iter().zip(planned) {
        let folder = file.folder().clone();
        match file.publish(copy.arrival()) {
            Ok(done) => published.push(Some((folder, done))),
            Err(error) if published.iter().all(Option::is_none) => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, base = %copy.base, "a copy is delivered later");
                published.push(None);
            }
        }
    }
    let there = published.iter().map(Option::is_some).collect();
    let mut settled: Vec<(Folder, Vec<Located>)> = Vec::with_capacity(published.len());
    let mut rest = published.into_iter().flatten();
    while let Some((folder, done)) = rest.next() {
        match folder.settle(vec![done]) {
            Ok(located) => settled.push((folder, located)),
            Err(error) => {
                let unsettled = rest.map(|(folder, done)| (folder, vec![done.located().clone()]));
                withdraw(settled.into_iter().chain(unsettled));
                return Err(error.into());
            }
        }
    }
    Ok(there)
}

/// A directory could not be made durable: nobody knows what is on disk, so
/// nobody may keep a copy of what the sender will send again.
fn withdraw(copies: impl Iterator<Item = (Folder, Vec<Located>)>) {
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
