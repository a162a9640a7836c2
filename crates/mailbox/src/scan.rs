//! A look into a folder's directory: what other programs did there comes into
//! the index, what we owe is paid.

use std::collections::HashMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use index::{Arrival, InternalDate, Keyword, KnownFolder, NewMessage, Uid, Which, meaning_of};
use maildir::{AccountPath, Folder, Listing, Located, Name, Timestamp};
use uidlist::{BaseName, FolderDir, Sizes};

use crate::gate::Gate;
use crate::merge::{Memory, Plan, merge};
use crate::sidecar::Sidecar;
use crate::{Mailbox, Store, StoreError};

/// What is remembered of a folder in use.
#[derive(Debug, Default)]
pub(crate) struct FolderState {
    /// Held by a scan and by our own renames.
    pub(crate) gate: Gate,
    pub(crate) looks: Mutex<Looks>,
    pub(crate) sidecar: Mutex<Sidecar>,
    /// The first UID that no session was told of as `\Recent`.
    pub(crate) recent: AtomicU32,
}

/// What the looks so far saw.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    pub(crate) memory: Memory,
    /// The directories' times at the last look that needs no other.
    settled: Option<(Timestamp, Timestamp)>,
    /// When the last look began and ended, in milliseconds since 1970.
    last_ms: (i64, i64),
    /// How many looks have begun, and the last of them that saw something.
    /// Counted, since the clock may be set back.
    begun: u64,
    seen: u64,
    /// Whether this process has looked at all.
    looked: bool,
    /// How often somebody heard that another program was here, and how often of
    /// that the last look had heard of when it began.
    touched: u64,
    answered: u64,
}

/// How often a session that only asks for news makes us look at the most, in
/// milliseconds.
const PAUSE_MS: i64 = 1_000;
/// And in a large folder: looks may take a twentieth of the time, but are
/// never further apart than this.
const LONGEST_PAUSE_MS: i64 = 60_000;
/// Files that deliveries of other programs left in `tmp/` are removed after
/// this many seconds, as is the custom of Maildir.
const TMP_AGE_SECS: i64 = 36 * 3600;
/// How much of a message is read at a time.
const CHUNK: usize = 256 << 10;

/// How eager a look is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eager {
    /// Wherever something changed.
    Now,
    /// Not more often than [`PAUSE_MS`].
    Calm,
}

/// A file without a row, with all that a row needs.
struct Adopted {
    located: Located,
    sizes: Sizes,
    received_secs: i64,
}

impl FolderState {
    /// Forgets what was seen and written; waits while somebody writes.
    pub(crate) fn forget(&self) {
        *self.looks.lock().unwrap_or_else(PoisonError::into_inner) = Looks::default();
        *self.sidecar.lock().unwrap_or_else(PoisonError::into_inner) = Sidecar::default();
    }
}

impl Looks {
    /// Whether a session that only asks for news need not look again.
    fn is_fresh(&self, now_ms: i64) -> bool {
        let (began, ended) = self.last_ms;
        let pause = ended.saturating_sub(began).saturating_mul(20).clamp(PAUSE_MS, LONGEST_PAUSE_MS);
        self.looked && self.touched == self.answered && now_ms.saturating_sub(ended).abs() < pause
    }

    /// Another program was here.
    pub(crate) fn touch(&mut self) {
        self.touched += 1;
    }

    /// How long the last look took.
    pub(crate) fn cost(&self) -> Duration {
        let (began, ended) = self.last_ms;
        Duration::from_millis(u64::try_from(ended.saturating_sub(began)).unwrap_or_default())
    }

    /// Whether another look is needed although nothing more happens.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.settled.is_none()
    }
}

impl Store {
    /// [`Store::scan`], where a full disk, or a uidlist that another program has
    /// locked, is no reason to keep from anybody what is known already.
    pub(crate) async fn scan_if_possible(&self, mailbox: &Mailbox, eager: Eager) -> Result<(), StoreError> {
        match Box::pin(self.scan(mailbox, eager)).await {
            Err(error) if matches!(error, StoreError::Locked) || self.lacks_room(&error).await => {
                tracing::debug!(%error, mailbox = %mailbox.id, "what is new in a folder is shown later");
                Ok(())
            }
            scanned => scanned,
        }
    }

    /// Looks into the folder's directory if something happened there.
    pub(crate) async fn scan(&self, mailbox: &Mailbox, eager: Eager) -> Result<(), StoreError> {
        let state = self.folder_state(mailbox.id);
        let now_ms = self.now_ms();
        let (settled, begun, touched) = {
            let looks = state.looks.lock().unwrap_or_else(PoisonError::into_inner);
            if eager == Eager::Calm && looks.is_fresh(now_ms) {
                return Ok(());
            }
            (looks.settled, looks.begun, looks.touched)
        };
        let row = self.row(mailbox).await?;
        let (path, dir) = self.place_of(&row).await?;
        let opened = self
            .blocking(move |store| {
                let folder = store.open_folder(&path, &dir)?;
                Ok((folder, times(store, &path, &dir)?))
            })
            .await;
        let (folder, times) = opened.map_err(no_folder)?;
        if settled == Some(times) {
            let mut looks = state.looks.lock().unwrap_or_else(PoisonError::into_inner);
            looks.answered = looks.answered.max(touched);
            return Ok(());
        }
        let _inside = state.gate.enter().await;
        // Somebody else may have looked while we waited.
        if state.looks.lock().unwrap_or_else(PoisonError::into_inner).seen > begun {
            return Ok(());
        }
        let looked = self.look(mailbox, &folder).await;
        self.after_look(mailbox.id);
        looked
    }

    async fn look(&self, mailbox: &Mailbox, folder: &Folder) -> Result<(), StoreError> {
        let state = self.folder_state(mailbox.id);
        let (this, looked, touched) = {
            let mut looks = state.looks.lock().unwrap_or_else(PoisonError::into_inner);
            looks.begun += 1;
            (looks.begun, looks.looked, looks.touched)
        };
        let began_ms = self.now_ms();
        // The rows come first: a file whose row is made or goes meanwhile is
        // then at worst new or missing, and never a ghost.
        let rows = self.inner.index.known_files(mailbox.account, mailbox.id).await?;
        let listed = folder.clone();
        let now_secs = self.now_secs();
        let listing: Listing = self
            .blocking(move |_| {
                if !looked {
                    // Only litter; what cannot be removed stays.
                    let _ = listed.sweep(now_secs, TMP_AGE_SECS);
                }
                listed.list()
            })
            .await?;
        let now_ms = self.now_ms();
        let plan = {
            let mut looks = state.looks.lock().unwrap_or_else(PoisonError::into_inner);
            let plan = merge(&rows, &listing, now_ms, &mut looks.memory);
            looks.last_ms = (began_ms, now_ms);
            looks.seen = this;
            looks.settled = None;
            plan
        };
        let first = !looked || !rows.folder.adopted;
        let look_again = plan.look_again || !plan.changed.is_empty();
        self.carry_out(mailbox, folder, &rows, plan, first).await?;
        let mut looks = state.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.looked = true;
        looks.answered = looks.answered.max(touched);
        looks.settled = (!look_again).then_some((listing.new.after, listing.cur.after));
        Ok(())
    }

    async fn carry_out(
        &self,
        mailbox: &Mailbox,
        folder: &Folder,
        rows: &KnownFolder,
        plan: Plan,
        first: bool,
    ) -> Result<(), StoreError> {
        let index = &self.inner.index;
        let news = !plan.new.is_empty() || !plan.lost.is_empty() || !plan.changed.is_empty();
        let _telling = news.then(|| self.telling());
        if !plan.changed.is_empty() {
            index.merge_disk_flags(mailbox.id, &plan.changed).await?;
        }
        if !plan.lost.is_empty() {
            tracing::info!(mailbox = %mailbox.id, messages = plan.lost.len(), "the files of messages are gone: taken away by another program, or moved when the server was killed");
            index.remove(mailbox.id, Which::Lost(&plan.lost), self.now_secs()).await?;
        }
        self.pay_unlinks(mailbox, folder, plan.unlink, plan.unlinked).await?;
        if first || !plan.new.is_empty() {
            self.adopt(mailbox, folder, rows, plan.new, first).await?;
        }
        self.inner.debts.owe_renames(mailbox, plan.renames.into_iter());
        if news {
            self.changed_here(mailbox.account, mailbox.id);
        }
        Ok(())
    }

    async fn pay_unlinks(
        &self,
        mailbox: &Mailbox,
        folder: &Folder,
        unlink: Vec<(Uid, Located)>,
        mut unlinked: Vec<Uid>,
    ) -> Result<(), StoreError> {
        if !unlink.is_empty() {
            let folder = folder.clone();
            let (uids, files): (Vec<Uid>, Vec<Located>) = unlink.into_iter().unzip();
            self.blocking(move |_| folder.remove(&files)).await?;
            unlinked.extend(uids);
        }
        if unlinked.is_empty() {
            return Ok(());
        }
        Ok(self.inner.index.unlinked(mailbox.id, &unlinked).await?)
    }

    /// Gives rows to files that have none. At the first look of this process
    /// the sidecar file is asked which numbers they had.
    async fn adopt(
        &self,
        mailbox: &Mailbox,
        folder: &Folder,
        rows: &KnownFolder,
        new: Vec<Located>,
        first: bool,
    ) -> Result<(), StoreError> {
        let numbers = if first { self.old_numbers(mailbox, folder, rows).await? } else { HashMap::new() };
        let (node, opened) = (self.inner.names.node().clone(), folder.clone());
        let files: Vec<Adopted> = self
            .blocking(move |_| new.into_iter().filter_map(|located| inspect(&opened, &located, &node)).collect())
            .await;
        let saved = self.now_secs();
        let mut messages: Vec<NewMessage> = files
            .into_iter()
            .map(|file| {
                let uid = numbers.get(file.located.name.base()).copied();
                row_of(mailbox, &file, uid, &rows.folder.keywords, saved)
            })
            .collect();
        // Old numbers first: the next free one is above all of them then.
        messages.sort_by_key(|message| message.uid.map_or(u32::MAX, Uid::get));
        let count = messages.len();
        if count > 0 {
            self.commit(messages).await?;
            tracing::info!(mailbox = %mailbox.id, messages = count, "messages of other programs were taken in");
        }
        if !rows.folder.adopted {
            self.inner.index.set_adopted(mailbox.id).await?;
        }
        Ok(())
    }

    /// The numbers that the sidecar file gives to files without a row: those
    /// that the index never gave to another. A file that names numbers which
    /// the index has not reached tells that the index is older than it; the
    /// numbers jump then.
    async fn old_numbers(
        &self,
        mailbox: &Mailbox,
        folder: &Folder,
        rows: &KnownFolder,
    ) -> Result<HashMap<BaseName, Uid>, StoreError> {
        let opened = folder.clone();
        let list = self.blocking(move |_| crate::sidecar::read_list(&opened)).await?;
        let Some(list) = list.filter(|list| list.uid_validity == rows.folder.uid_validity.0) else {
            return Ok(HashMap::new());
        };
        // Read behind the list, whose lines are written behind their rows: what
        // another process gave out meanwhile is no reason to jump.
        let uid_next = self.row(mailbox).await?.uid_next;
        let ahead = |uid: u32| uid >= uid_next;
        let last = list.records.iter().map(|record| record.uid).max().filter(|last| ahead(*last));
        if let Some(last) = last.filter(|_| rows.folder.adopted) {
            tracing::warn!(mailbox = %mailbox.id, "the uidlist is ahead of the index: its numbers jump");
            self.inner.index.jump(mailbox.id, last).await?;
        }
        let free = list.records.into_iter().filter(|record| !rows.folder.adopted || ahead(record.uid));
        Ok(free.filter_map(|record| Some((record.base, Uid::new(record.uid)?))).collect())
    }

    /// Lets the names of files say what their rows say.
    pub(crate) async fn rename_files(&self, mailbox: &Mailbox, uids: &[Uid]) -> Result<(), StoreError> {
        let row = self.row(mailbox).await?;
        let (path, dir) = self.place_of(&row).await?;
        let state = self.folder_state(mailbox.id);
        let _inside = state.gate.enter().await;
        for piece in uids.chunks(index::MAX_ROWS) {
            let known = self.inner.index.messages(mailbox.id, piece).await?;
            let wanted: Vec<(Uid, Located, uidlist::Flags)> = known
                .iter()
                .map(|known| (known.message.uid, self.locate(mailbox, known), crate::merge::wanted(known)))
                .filter(|(_, located, letters)| located.name.flags() != *letters)
                .collect();
            let (path, dir) = (path.clone(), dir.clone());
            let named = self.blocking(move |store| rename(&store.open_folder(&path, &dir)?, wanted)).await?;
            self.inner.index.set_letters(mailbox.id, &named).await?;
        }
        Ok(())
    }

    /// Lets the next session look into the directory although it seems
    /// unchanged: something is owed there.
    pub(crate) fn unsettle(&self, id: index::MailboxId) {
        let state = self.folder_state(id);
        state.looks.lock().unwrap_or_else(PoisonError::into_inner).settled = None;
    }

    /// Where a message is sought first.
    pub(crate) fn locate(&self, mailbox: &Mailbox, known: &index::Known) -> Located {
        let state = self.folder_state(mailbox.id);
        let looks = state.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let elsewhere = looks.memory.elsewhere.get(&known.base);
        elsewhere.filter(|at| at.name.flags() == known.letters).cloned().unwrap_or_else(|| crate::merge::guess(known))
    }

    fn now_ms(&self) -> i64 {
        let now = self.system_time().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
    }
}

/// Durable before the index believes it: a name that a power cut takes back
/// would look like a change by another program.
fn rename(
    folder: &Folder,
    wanted: Vec<(Uid, Located, uidlist::Flags)>,
) -> Result<Vec<(Uid, uidlist::Flags)>, StoreError> {
    let mut named = Vec::with_capacity(wanted.len());
    for (uid, located, letters) in wanted {
        match folder.set_flags(&located, letters) {
            Ok(_) => named.push((uid, letters)),
            // The next scan finds what became of it.
            Err(maildir::Error::Missing(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if !named.is_empty() {
        folder.sync()?;
    }
    Ok(named)
}

/// The times of `new/` and `cur/`, without listing them; blocks.
fn times(store: &Store, path: &AccountPath, dir: &FolderDir) -> Result<(Timestamp, Timestamp), StoreError> {
    const DOING: &str = "looking at a folder";
    let disk = &store.inner.disk;
    let mut at = disk.open_root(&store.inner.settings.mail).map_err(maildir::Error::io(DOING))?;
    let components = path.as_str().split('/').map(str::as_bytes);
    for component in components.chain([&b"Maildir"[..], dir.as_bytes()]).filter(|name| !name.is_empty()) {
        at = disk.open_dir(&at, &Name::new(component)?).map_err(maildir::Error::io(DOING))?;
    }
    let time = |name: &[u8]| -> Result<Timestamp, StoreError> {
        let stat = disk.open_dir(&at, &Name::new(name)?).and_then(|dir| disk.stat_dir(&dir));
        Ok(stat.map_err(maildir::Error::io(DOING))?.modified)
    };
    Ok((time(b"new")?, time(b"cur")?))
}

/// Sizes and date of a file; nothing where it is gone already. Only names that
/// we made are believed; other files are read.
fn inspect(folder: &Folder, located: &Located, node: &uidlist::NodeName) -> Option<Adopted> {
    let file = folder.open_message(located).ok()?;
    let base = located.name.base();
    let claimed = base.claimed_sizes().filter(|sizes| base.is_of(node) && sizes.disk == file.size());
    let sizes = match claimed {
        Some(sizes) => sizes,
        None => Sizes { disk: file.size(), wire: wire_size(&file).ok()? },
    };
    let received_secs = file.received_secs();
    Some(Adopted { located: file.located().clone(), sizes, received_secs })
}

/// The size with CRLF line ends; a line that has one already keeps it.
pub(crate) fn wire_size(file: &maildir::MessageFile) -> Result<u64, maildir::Error> {
    let (mut offset, mut size, mut last) = (0, 0, 0);
    loop {
        let chunk = file.read(offset, CHUNK)?;
        if chunk.is_empty() {
            return Ok(size);
        }
        for b in &chunk {
            size += 1 + u64::from(*b == b'\n' && last != b'\r');
            last = *b;
        }
        offset += chunk.len() as u64;
    }
}

fn row_of(mailbox: &Mailbox, file: &Adopted, uid: Option<Uid>, list: &[Keyword], saved: i64) -> NewMessage {
    let letters = file.located.name.flags();
    let (flags, keywords) = meaning_of(letters);
    NewMessage {
        mailbox: mailbox.id,
        uid,
        base: file.located.name.base().clone(),
        arrival: Arrival::Found,
        flags,
        keywords: keywords.positions().filter_map(|at| list.get(at).cloned()).collect(),
        size: file.sizes.disk,
        wsize: file.sizes.wire,
        internal_date: InternalDate { secs: file.received_secs, offset_minutes: 0 },
        saved,
        letters,
    }
}

/// A row whose folder is not on disk.
pub(crate) fn no_folder(error: StoreError) -> StoreError {
    match error {
        StoreError::FileMissing => StoreError::NoSuchFolder,
        other => other,
    }
}
