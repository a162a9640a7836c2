//! The sections of the file, each with its keys, their defaults and what they
//! are for: the one place where a key is defined.

mod certificates;
mod judging;
mod ldap;
mod protocols;
mod server;
mod storage;
mod tables;
mod web;

pub use certificates::{Acme, Tls};
pub use judging::{Judge, Scan};
pub use protocols::{Imap, Limits, Login, Pop3, Smtp, Smtputf8};
pub use server::{Listeners, Log, LogFormat, Server};
pub use storage::{Directory, Index, Mail};
pub use web::Web;

pub(super) use certificates::{acme, tls};
pub(super) use judging::{judge, scan};
pub(super) use protocols::{imap, limits, login, pop3, smtp};
pub(super) use server::{listen, log, server};
pub(super) use storage::{directory, index, mail};
pub(super) use web::web;
