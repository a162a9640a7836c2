//! Questions to the domain name system. "There is no such record" is an answer;
//! "nobody answered" is an error, so that the two are never mixed up.
#![forbid(unsafe_code)]

mod error;
mod records;
mod resolver;

pub use error::DnsError;
pub use records::{MailExchanger, Service};
pub use resolver::{Resolver, Servers};
