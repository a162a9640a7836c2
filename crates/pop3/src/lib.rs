//! POP3 as a pure protocol machine: bytes in, events and bytes out.
//!
//! [`Session`] cuts the client's bytes into commands, knows which are lawful
//! when (RFC 1939), and answers by itself what needs no mailbox. [`Maildrop`]
//! numbers the messages of one session, and [`Stuffer`] turns a file into the
//! lines of RETR and TOP.
#![forbid(unsafe_code)]

mod command;
mod language;
mod line;
mod maildrop;
mod phrase;
mod reply;
mod session;
mod stuffing;

pub use command::{Auth, COMMANDS, Command, MessageNumber, Row, State, SyntaxError};
pub use language::Language;
pub use maildrop::{Entry, Maildrop, NotThere, UniqueId};
pub use phrase::Phrase;
pub use reply::{Code, Reply};
pub use session::{Event, Form, LoginFailure, Patience, Session, Settings, Update};
pub use stuffing::{Part, Stuffer};
