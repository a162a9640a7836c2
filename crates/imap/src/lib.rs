//! IMAP as a pure protocol: bytes in, requests out; answers in, bytes out
//! (RFC 3501, with RFC 7888, 4315, 3691, 2971, 5530).
//!
//! [`Framer`] cuts what arrives into commands and keeps every limit;
//! [`parse()`] reads one command; [`table`] says in which state it is lawful;
//! [`response`] and [`fetch`] write what is sent.
#![forbid(unsafe_code)]

mod append;
mod client;
mod convert;
pub mod fetch;
mod framing;
mod list;
mod parse;
mod reader;
mod reply;
mod request;
pub mod response;
mod search;
mod sequence;
pub mod string;
mod structure;
pub mod table;

pub use append::{AppendStart, Form};
pub use framing::{Frame, Framer, Limits, Refusal};
pub use list::{ListRequest, ListReturn, ListSelect};
pub use parse::{ParseError, parse};
pub use reply::reply_for;
pub use request::{
    Extra, Extras, FetchItem, FieldName, FlagName, Label, MailboxName, Numbers, Request, Section, SectionText,
    StatusItem, Store, StoreAnswer, StoreRequest, Tag, Tagged,
};
pub use search::{Date, SearchKey, SearchReturn};
pub use sequence::{Number, SequenceSet};
pub use table::State;
