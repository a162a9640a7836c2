//! The one door to an LDAP server (RFC 4511): entries by a filter, a password
//! verified by a bind, and a new one set. Over TLS that is verified, or over a
//! Unix socket; never in the clear. Referrals are not followed, and where one
//! entry is asked for, two are an error.
#![forbid(unsafe_code)]

mod client;
mod error;
mod place;
mod template;

pub use client::{Client, Entry, Settings};
pub use error::LdapError;
pub use place::{Place, PlaceError, Security};
pub use template::{Template, TemplateError, Values};
