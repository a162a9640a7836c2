//! A message's structure and decoded parts, within fixed budgets.
//!
//! [`Structure::parse`] finds where each part begins and ends, in one pass and
//! with limits, so that a section can be cut out of the file byte by byte;
//! [`Envelope`] and [`ContentType`] read what IMAP tells about a header;
//! [`text`] decodes for searching. Files have LF line ends, old ones perhaps
//! CRLF; [`wire`] turns them into what is sent.
#![forbid(unsafe_code)]

mod address;
mod content_type;
mod downgrade;
mod envelope;
mod fields;
mod structure;
pub mod text;
pub mod wire;

pub use address::{AddressItem, addresses};
pub use content_type::{ContentType, Disposition, Parameters};
pub use downgrade::{Understands, downgrade, parameter as shown_parameter};
pub use envelope::{Envelope, sent_date};
pub use fields::{Names, select_fields};
pub use structure::{Encoding, Kind, Limits, Part, PartId, Span, Structure};
