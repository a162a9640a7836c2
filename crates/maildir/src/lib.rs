//! Message files: how they come to be on disk for good, are named, listed,
//! opened and removed.
//!
//! Everything that must survive a power cut goes through the one [`Disk`]
//! trait, here and in the crates above: its test double records each
//! operation, fails any of them, and shows what would be left after any.
#![forbid(unsafe_code)]

mod account;
mod blocking;
mod disk;
mod error;
mod folder;
mod health;
mod listing;
mod message;
mod name;
mod names;
mod os_disk;
mod own;
mod root;
mod side_file;
mod stage;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod transfer;
mod watcher;

pub use account::{Account, Made, RemovalId};
pub use blocking::Blocking;
pub use disk::{DirHandle, Disk, Entry, FileHandle, Kind, Space, Stat, Timestamp};
pub use error::{Error, Withdrawn};
pub use folder::{Folder, Located, Removed};
pub use health::Health;
pub use listing::{Listing, Place, PlaceListing};
pub use message::MessageFile;
pub use name::{BadName, Name};
pub use names::NameSource;
pub use os_disk::OsDisk;
pub use root::{AccountPath, MailRoot};
pub use side_file::{Lock, SideFile};
pub use stage::{Arrival, Piece, Published, Staged};
pub use store::Store;
pub use watcher::{FolderWatch, Touched, Watcher};
