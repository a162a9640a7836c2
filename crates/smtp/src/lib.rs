//! SMTP and LMTP as a pure protocol machine: bytes in, events and bytes out.
//!
//! A [`Session`] is one connection. The shell around it owns the socket, the
//! clock and every decision:
//!
//! ```
//! use std::sync::Arc;
//! use smtp::{Decision, Event, Mode, Outcome, Session, Settings};
//!
//! let settings = Arc::new(Settings::new("mx.example.org".parse()?));
//! let mut session = Session::new(Mode::Smtp, settings);
//! let mut arriving = [&b"EHLO client.example\r\nQU"[..], b"IT\r\n"].into_iter();
//! 'connection: loop {
//!     while let Some(event) = session.next_event() {
//!         match event {
//!             Event::Connect(permit) => session.greet(permit, Decision::Accept),
//!             Event::Hello(_, permit) => session.hello(permit, Decision::Accept),
//!             Event::Mail(_, permit) => session.mail(permit, Decision::Accept),
//!             Event::Rcpt(_, permit) => session.rcpt(permit, Decision::Accept),
//!             Event::DataStart(_, permit) => session.data(permit, Decision::Accept),
//!             Event::Chunk(_bytes) => {} // into the spool
//!             Event::MessageEnd(_, permit) => session.message(permit, Outcome::accepted("stored")),
//!             Event::MessageDiscarded(_) | Event::Reset => {} // forget spool and envelope
//!             Event::StartTls(permit) => session.refuse_tls(permit, smtp::reply::tls_not_available()),
//!             Event::Quit | Event::Abort(_) => break 'connection,
//!         }
//!     }
//!     print!("{}", String::from_utf8_lossy(&session.take_output())); // to the socket
//!     match arriving.next() {
//!         Some(bytes) => assert_eq!(session.feed(bytes), bytes.len()),
//!         None => session.hang_up(),
//!     }
//! }
//! assert!(String::from_utf8_lossy(&session.take_output()).starts_with("221 "));
//! # Ok::<(), mail::DomainError>(())
//! ```
//!
//! An event with a permit is a question, and the session reads on only when
//! the permit was handed back with the decision. Every session ends with
//! exactly one [`Event::Quit`] or [`Event::Abort`]; what is in the output
//! buffer then is still to be written.
#![forbid(unsafe_code)]

mod body;
mod command;
mod envelope;
mod event;
mod input;
mod path;
pub mod reply;
mod session;
mod settings;

pub use body::{Discarded, Facts, Flaw, Framing};
pub use envelope::{Body, LineError, Mail, Rcpt};
pub use event::{
    Abort, ConnectPermit, DataPermit, DataStart, Decision, EndPermit, Event, Greeting, Handshake, Hello, HelloPermit,
    MailPermit, Outcome, RcptPermit, TlsPermit,
};
pub use reply::{Refusal, Reply};
pub use session::{Protocol, Session};
pub use settings::{BareNewline, Mode, Settings};
