//! What a scan of a folder saw, and when.

use uidlist::FileName;

use crate::{DirHandle, Error, Folder, Kind, Store, Timestamp};

/// Which of a folder's two directories a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// `new/`: nobody has looked at it.
    New,
    /// `cur/`.
    Cur,
}

/// One directory as it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceListing {
    /// The messages, in no order.
    pub names: Vec<FileName>,
    /// How many other things are there: symlinks, directories, names that no
    /// message can have.
    pub foreign: usize,
    /// The directory's time before it was listed.
    pub before: Timestamp,
    /// The directory's time after it was listed. Where it differs from
    /// `before`, or is younger than two seconds, names may be missing.
    pub after: Timestamp,
}

/// Both directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// `new/`, which is listed first: what moves to `cur/` meanwhile is seen
    /// twice rather than not at all.
    pub new: PlaceListing,
    /// `cur/`.
    pub cur: PlaceListing,
}

impl Listing {
    /// All messages with their place.
    pub fn iter(&self) -> impl Iterator<Item = (Place, &FileName)> {
        let new = self.new.names.iter().map(|name| (Place::New, name));
        new.chain(self.cur.names.iter().map(|name| (Place::Cur, name)))
    }
}

impl Folder {
    /// Lists both directories.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn list(&self) -> Result<Listing, Error> {
        let new = list(self.store(), self.dir_of(Place::New))?;
        let cur = list(self.store(), self.dir_of(Place::Cur))?;
        Ok(Listing { new, cur })
    }
}

fn list(store: &Store, dir: &DirHandle) -> Result<PlaceListing, Error> {
    const DOING: &str = "listing a folder";
    let before = store.disk().stat_dir(dir).map_err(Error::io(DOING))?.modified;
    let entries = store.disk().list(dir).map_err(Error::io(DOING))?;
    let after = store.disk().stat_dir(dir).map_err(Error::io(DOING))?.modified;
    let total = entries.len();
    let files = entries.into_iter().filter(|entry| entry.kind == Kind::File);
    let names: Vec<FileName> = files.filter_map(|entry| FileName::parse(entry.name.as_bytes()).ok()).collect();
    Ok(PlaceListing { foreign: total - names.len(), names, before, after })
}
