//! How a message is called in a Maildir: file names, flags, folder names, and
//! Dovecot's two files beside them, as text.
//!
//! Everything here is bytes in and values out. Names come from a directory
//! that other programs write to, so they are bytes and may be hostile.
#![forbid(unsafe_code)]

mod base_name;
mod courier;
mod file_name;
mod flags;
mod folder;
mod keywords;
mod list;
pub mod utf7;

pub use base_name::{BaseName, NameError, NewName, NodeName, Sizes};
pub use courier::{MAX_COURIER_OCTETS, courier_pop3_names};
pub use file_name::FileName;
pub use flags::Flags;
pub use folder::{FolderDir, FolderError, FolderName};
pub use keywords::Keywords;
pub use list::{ListError, ListFormat, MAX_LIST_OCTETS, Record, UidList};
