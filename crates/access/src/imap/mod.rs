//! An IMAP session, from the greeting to the farewell.
//!
//! [`Session`] is a step machine: the shell reads octets, gives them to
//! [`Session::input`], calls [`Session::step`] with a [`Sink`], and does what
//! [`Next`] says. Which command is lawful when stands in
//! [`imap::table::COMMANDS`]; each has a file of its own here.

mod append;
mod authenticate;
mod capability;
mod close;
mod content;
mod copy;
mod create;
mod delete;
mod dispatch;
mod expunge;
mod failure;
mod fetch;
mod flags;
mod folder;
mod idle;
mod list;
mod login;
mod lsub;
mod namespace;
mod noop;
mod output;
mod pattern;
mod pieces;
mod quota;
mod rename;
mod room;
mod search;
mod search_test;
mod section;
mod select;
mod selected;
mod session;
mod status;
mod store;
mod subscribe;
mod transfer;
mod turn;

pub use output::{Gone, Sink};
pub use session::{Next, Services, Session, Settings};
