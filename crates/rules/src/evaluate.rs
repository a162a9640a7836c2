//! Whether a condition holds for a message.

use std::borrow::Cow;
use std::net::IpAddr;

use mail::header::{self, Field};
use mail::{Address, ForwardPath, ReversePath};

use crate::Condition;
use crate::condition::{Node, Quantity, Subject, Test};
use crate::decode;

/// How much of a header block is looked at, in bytes. A field behind it counts
/// as absent.
const MAX_HEADER: usize = 1 << 20;
/// How much of one field is looked at, in bytes.
const MAX_FIELD: usize = 64 << 10;

/// What the rules may ask about: the header block and the envelope.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The header block; the message behind it is not looked at.
    pub header: &'a [u8],
    /// The reverse path.
    pub sender: &'a ReversePath,
    /// All recipients of the transaction.
    pub recipients: &'a [ForwardPath],
    /// What the peer called itself in HELO, EHLO or LHLO.
    pub helo: &'a str,
    /// The peer's address; none over a Unix socket.
    pub peer: Option<IpAddr>,
    /// The size of the message, in bytes as they came.
    pub size: u64,
}

impl<'a> Facts<'a> {
    /// Cuts the header block into its fields once for all rules.
    pub(crate) fn indexed(&self) -> Message<'a> {
        let header = &self.header[..self.header.len().min(MAX_HEADER)];
        Message { facts: *self, fields: header::fields(header).collect() }
    }
}

/// A message with its fields found.
pub(crate) struct Message<'a> {
    facts: Facts<'a>,
    fields: Vec<Field<'a>>,
}

impl Condition {
    /// Whether it holds.
    pub(crate) fn holds(&self, message: &Message<'_>) -> bool {
        self.0.holds(message)
    }
}

impl Node {
    /// The depth is bounded by the parser.
    fn holds(&self, message: &Message<'_>) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.holds(message)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(message)),
            Self::Not(node) => !node.holds(message),
            Self::Always => true,
            Self::Text(subject, test) => message.test(subject, test),
            Self::Number(quantity, comparison, number) => comparison.holds(message.quantity(quantity), *number),
            Self::PeerIn(networks) => {
                message.facts.peer.is_some_and(|ip| networks.iter().any(|network| network.contains(ip)))
            }
        }
    }
}

impl Message<'_> {
    fn quantity(&self, quantity: &Quantity) -> u64 {
        match quantity {
            Quantity::Fields(name) => self.fields_named(name).count() as u64,
            Quantity::Recipients => self.facts.recipients.len() as u64,
            Quantity::Size => self.facts.size,
        }
    }

    fn fields_named<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Field<'s>> {
        self.fields.iter().filter(move |field| field.is(name))
    }

    fn test(&self, subject: &Subject, test: &Test) -> bool {
        match subject {
            Subject::Header(name) => match test {
                Test::Absent => self.fields_named(name).next().is_none(),
                Test::Present => self.fields_named(name).next().is_some(),
                _ => self.fields_named(name).any(|field| field_is(field, test)),
            },
            Subject::Sender => path_is(self.facts.sender.address(), &self.facts.sender.to_string(), test),
            Subject::Recipient => self.facts.recipients.iter().any(|path| {
                let address = match path {
                    ForwardPath::Postmaster => None,
                    ForwardPath::Address(address) => Some(address),
                };
                path_is(address, &path.to_string(), test)
            }),
            Subject::Helo => text_is(self.facts.helo, test),
        }
    }
}

/// A field is tested as it stands and as people read it.
fn field_is(field: &Field<'_>, test: &Test) -> bool {
    let text = text_of(field);
    if text_is(&text, test) {
        return true;
    }
    text.contains("=?") && text_is(&decode::words(&text), test)
}

fn text_of(field: &Field<'_>) -> String {
    let value = &field.value[..field.value.len().min(MAX_FIELD)];
    Field { value, ..*field }.text()
}

fn path_is(address: Option<&Address>, text: &str, test: &Test) -> bool {
    match (test, address) {
        (Test::IsAddress(wanted), Some(address)) => address == wanted,
        (Test::IsDomain(wanted), Some(address)) => address.domain() == wanted,
        _ => text_is(text, test),
    }
}

fn text_is(text: &str, test: &Test) -> bool {
    match test {
        Test::Absent | Test::IsAddress(_) | Test::IsDomain(_) => false,
        Test::Present => true,
        Test::Empty => text.is_empty(),
        Test::Is(wanted) => lower(text) == lower(wanted),
        Test::Contains(wanted) => lower(text).contains(wanted.as_str()),
        Test::Matches(expression) => expression.regex.is_match(text),
    }
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
