//! Room on the disks: what adds mail leaves a reserve, so that people can open,
//! read and delete when the disk is full; and where other programs took even
//! that, a file is given up for those who delete.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use index::IndexError;
use mail::{Class, Classified};
use maildir::{Disk, FileHandle, Name, Space};

use crate::{Store, StoreError};

/// The most octets that mail leaves free on a file system.
const RESERVE: u64 = 64 << 20;
/// And which part of a small one: a twentieth.
const RESERVE_PART: u64 = 20;
/// How many files may still be made at least.
const RESERVE_FILES: u64 = 100;
/// What the index needs for a message, with room to spare.
const ROW: i64 = 16 << 10;
/// With fewer octets an index that does not answer is one that cannot write.
const LITTLE: i64 = 256 << 10;
/// The file that is given up, beside the index.
const BALLAST: &[u8] = b".gatepost-reserve";
/// The part of the file system that it has at most.
const BALLAST_PART: u64 = 32;

/// What is known of the room.
#[derive(Debug, Default)]
pub(crate) struct Room {
    mail: Gauge,
    index: Gauge,
    /// The folder of the index' file, where it has one.
    index_dir: OnceLock<Option<PathBuf>>,
    /// Whether the ballast was seen or made.
    ballast: AtomicBool,
    /// Whether the log was told that mail is refused.
    told: AtomicBool,
}

/// One file system. What is taken is counted between two measurements, so that
/// many large messages cannot pass a measurement that is old.
#[derive(Debug, Default)]
struct Gauge {
    /// Octets above the reserve.
    left: AtomicI64,
    /// Octets that are free.
    free: AtomicI64,
}

impl Gauge {
    fn set(&self, space: Option<Space>) {
        // What cannot be measured refuses nothing.
        let (left, free) = match space {
            None => (i64::MAX, i64::MAX),
            // A tmpfs without a limit says that it has no room at all, and so do
            // network file systems that do not know.
            Some(space) if space.total == 0 => (i64::MAX, i64::MAX),
            Some(space) if space.free_files < RESERVE_FILES => (-1, signed(space.free)),
            Some(space) => (signed(space.free).saturating_sub(signed(reserve(&space))), signed(space.free)),
        };
        self.left.store(left, Ordering::Release);
        self.free.store(free, Ordering::Release);
    }

    fn has(&self, bytes: i64) -> bool {
        let left = self.left.load(Ordering::Acquire);
        left > 0 && left >= bytes
    }

    fn take(&self, bytes: i64) {
        self.left.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl Store {
    /// Whether so many bytes may be added to the mail.
    ///
    /// # Errors
    ///
    /// [`StoreError::DiskFull`] where they would come from the reserve.
    pub(crate) async fn has_room(&self, bytes: u64) -> Result<(), StoreError> {
        let room = &self.inner.room;
        let has = || room.mail.has(signed(bytes)) && room.index.has(ROW);
        if has() {
            return Ok(());
        }
        Box::pin(self.measure_room()).await;
        if has() { Ok(()) } else { Err(StoreError::DiskFull("only the reserve is left".to_owned())) }
    }

    /// As [`Store::has_room`], for files that are written now.
    pub(crate) async fn admit(&self, bytes: u64, messages: usize) -> Result<(), StoreError> {
        self.has_room(bytes).await?;
        self.inner.room.mail.take(signed(bytes));
        self.inner.room.index.take(signed(messages as u64).saturating_mul(ROW));
        Ok(())
    }

    /// Asks the file systems.
    pub(crate) async fn measure_room(&self) {
        let dir = self.index_dir().await;
        let (mail, index) = self
            .blocking(move |store| {
                let index = dir.and_then(|dir| store.inner.disk.open_root(&dir).ok());
                (store.inner.root.space().ok(), index.and_then(|dir| store.inner.disk.space(&dir).ok()))
            })
            .await;
        let room = &self.inner.room;
        room.mail.set(mail);
        room.index.set(index);
        let is_full = !room.mail.has(0) || !room.index.has(0);
        match (room.told.swap(is_full, Ordering::AcqRel), is_full) {
            (false, true) => tracing::error!(?mail, ?index, "the disk is full but for the reserve: no mail is taken"),
            (true, false) => tracing::info!("there is room on the disk again"),
            _ => {}
        }
    }

    /// Whether this is an error because nothing more can be written.
    pub(crate) async fn lacks_room(&self, error: &StoreError) -> bool {
        match error.class() {
            Class::DiskFull => true,
            // A database without room for its smallest file says many things.
            Class::Index => {
                self.measure_room().await;
                self.inner.room.index.free.load(Ordering::Acquire) < LITTLE
            }
            _ => false,
        }
    }

    /// Does what makes room in the end; where it finds none to begin with, the
    /// ballast is given up for it.
    pub(crate) async fn making_room<T, F>(&self, work: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, IndexError>>,
    {
        let error = match work().await {
            Ok(done) => return Ok(done),
            Err(error) => StoreError::from(error),
        };
        if !self.lacks_room(&error).await {
            return Err(error);
        }
        // Where it is gone already, somebody else gave it up a moment ago.
        self.drop_ballast().await;
        Ok(work().await?)
    }

    /// Makes the ballast where it is missing and there is plenty of room.
    pub(crate) async fn keep_ballast(&self) {
        if self.inner.room.ballast.load(Ordering::Acquire) {
            return;
        }
        let Some(dir) = self.index_dir().await else { return };
        match self.blocking(move |store| make_ballast(store, &dir)).await {
            Ok(is_there) => self.inner.room.ballast.store(is_there, Ordering::Release),
            Err(error) => tracing::debug!(%error, "no room can be kept for those who delete"),
        }
    }

    async fn drop_ballast(&self) {
        let Some(dir) = self.index_dir().await else { return };
        let dropped = self
            .blocking(move |store| {
                let disk = &store.inner.disk;
                disk.open_root(&dir).and_then(|dir| disk.unlink(&dir, &Name::new(BALLAST)?))
            })
            .await;
        self.inner.room.ballast.store(false, Ordering::Release);
        if dropped.is_ok() {
            tracing::warn!("the last room on the disk is given to those who delete");
        }
    }

    /// Nothing where the index is on another machine, or does not answer yet.
    async fn index_dir(&self) -> Option<PathBuf> {
        if let Some(known) = self.inner.room.index_dir.get() {
            return known.clone();
        }
        let dir = self.inner.index.file().await.ok()?.and_then(|file| file.parent().map(Path::to_owned));
        self.inner.room.index_dir.get_or_init(|| dir).clone()
    }
}

/// Tells whether it is there; blocks.
fn make_ballast(store: &Store, dir: &Path) -> Result<bool, maildir::Error> {
    const DOING: &str = "keeping room";
    let disk = &store.inner.disk;
    let (dir, name) = (disk.open_root(dir).map_err(maildir::Error::io(DOING))?, Name::new(BALLAST)?);
    let space = disk.space(&dir).map_err(maildir::Error::io(DOING))?;
    let size = store.inner.settings.ballast.min(space.total / BALLAST_PART);
    if let Ok(file) = disk.open(&dir, &name) {
        if disk.stat(&file).map_err(maildir::Error::io(DOING))?.size >= size {
            return Ok(true);
        }
        // A crash left the half of it.
        disk.unlink(&dir, &name).map_err(maildir::Error::io(DOING))?;
    }
    if size == 0 || space.free < reserve(&space).saturating_add(size.saturating_mul(2)) {
        return Ok(false);
    }
    maildir::Store::new(disk.clone()).write_file(&dir, &name, |file| write_noise(&**disk, file, size))?;
    Ok(true)
}

/// A file system that compresses would keep zeros in no room at all.
fn write_noise(disk: &dyn Disk, file: &FileHandle, size: u64) -> std::io::Result<()> {
    const CHUNK: u64 = 64 << 10;
    let (mut state, mut left) = (0x9e37_79b9_7f4a_7c15_u64, size);
    while left > 0 {
        let mut chunk = Vec::new();
        for _ in 0..left.min(CHUNK).div_ceil(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.extend_from_slice(&state.to_le_bytes());
        }
        disk.write(file, &chunk)?;
        left = left.saturating_sub(CHUNK);
    }
    Ok(())
}

fn reserve(space: &Space) -> u64 {
    RESERVE.min(space.total / RESERVE_PART)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_reserve_leaves() {
        const GIB: u64 = 1 << 30;
        let files = u64::MAX;
        // free, total, files, bytes asked for, has room
        let cases = [
            (GIB, 100 * GIB, files, 1 << 20, true),
            (65 << 20, 100 * GIB, files, 1 << 20, true),
            (65 << 20, 100 * GIB, files, (1 << 20) + 1, false),
            (64 << 20, 100 * GIB, files, 0, false),
            (0, 100 * GIB, files, 0, false),
            (1 << 20, 10 << 20, files, 500 << 10, true),
            (1 << 19, 10 << 20, files, 0, false),
            (GIB, 100 * GIB, 99, 0, false),
            (GIB, 100 * GIB, 100, 0, true),
            (0, 0, files, 1 << 30, true),
            (0, 0, 0, 1 << 30, true),
            (u64::MAX, 0, 0, 1 << 30, true),
            (u64::MAX, u64::MAX, files, u64::MAX / 4, true),
        ];
        for (free, total, free_files, bytes, has) in cases {
            let gauge = Gauge::default();
            assert!(!gauge.has(0), "nothing is known yet");
            gauge.set(Some(Space { free, total, free_files }));
            assert_eq!(gauge.has(signed(bytes)), has, "{free} of {total}, {free_files} files, {bytes}");
        }
        let gauge = Gauge::default();
        gauge.set(None);
        assert!(gauge.has(i64::MAX), "what cannot be measured refuses nothing");
    }

    #[test]
    fn what_is_taken_is_counted() {
        let gauge = Gauge::default();
        gauge.set(Some(Space { free: 100 << 20, total: 100 << 30, free_files: u64::MAX }));
        gauge.take(30 << 20);
        assert!(gauge.has(6 << 20) && !gauge.has(7 << 20));
    }
}
