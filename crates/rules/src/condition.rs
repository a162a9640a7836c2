//! A condition as a tree, and its text.

use std::fmt;

use mail::{Address, Domain};
use regex::Regex;

use crate::{Network, ParseError, parser};

/// When a rule applies.
#[derive(Debug, Clone)]
pub struct Condition(pub(crate) Node);

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    ///
    /// [`ParseError`] with the column, what is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parser::condition(text).map(Self)
    }

    /// `no NAME`, for a name that is known to be one.
    pub(crate) fn header_absent(name: &'static str) -> Self {
        Self(Node::Text(Subject::Header(name.to_owned()), Test::Absent))
    }
}

/// A node of the tree.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Always,
    Text(Subject, Test),
    Number(Quantity, Comparison, u64),
    PeerIn(Vec<Network>),
}

/// What a text test looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Any field with this name.
    Header(String),
    /// The reverse path; the null path is empty.
    Sender,
    /// Any recipient.
    Recipient,
    /// What the peer called itself.
    Helo,
}

/// What a text must be.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Absent,
    Present,
    Empty,
    /// Equal, in any case.
    Is(String),
    /// The same address, by normal form.
    IsAddress(Address),
    /// Any address of this domain.
    IsDomain(Domain),
    /// Holds this, in any case.
    Contains(String),
    Matches(Expression),
}

/// A regular expression and how it was written.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) regex: Regex,
    pub(crate) pattern: String,
    pub(crate) flags: String,
}

/// What a number test looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// How many fields have this name.
    Fields(String),
    /// How many recipients there are.
    Recipients,
    /// The bytes of the message.
    Size,
}

/// A comparison of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    Different,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    pub(crate) fn parse(sign: &str) -> Option<Self> {
        Some(match sign {
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            "=" => Self::Equal,
            "!=" => Self::Different,
            ">=" => Self::GreaterOrEqual,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    pub(crate) fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::Different => left != right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::Different => "!=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

impl fmt::Display for Condition {
    /// A text that reads back as the same condition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(nodes) => joined(f, nodes, " and ", |node| matches!(node, Node::All(_) | Node::Any(_))),
            Self::Any(nodes) => joined(f, nodes, " or ", |node| matches!(node, Node::Any(_))),
            Self::Not(node) => negated(f, node),
            Self::Always => f.write_str("always"),
            Self::Text(subject, test) => write!(f, "{subject} {test}"),
            Self::Number(quantity, comparison, number) => {
                write!(f, "{quantity} {} {number}", comparison.as_str())
            }
            Self::PeerIn(networks) => {
                let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
                write!(f, "peer in {}", networks.join(", "))
            }
        }
    }
}

/// Parentheses only where they were written: the parser lets them go only so
/// deep, and what it read must read back.
fn joined(f: &mut fmt::Formatter<'_>, nodes: &[Node], word: &str, inner: fn(&Node) -> bool) -> fmt::Result {
    for (at, node) in nodes.iter().enumerate() {
        let word = if at == 0 { "" } else { word };
        if inner(node) {
            write!(f, "{word}({node})")?;
        } else {
            write!(f, "{word}{node}")?;
        }
    }
    Ok(())
}

fn negated(f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
    match node {
        Node::All(_) | Node::Any(_) => write!(f, "not ({node})"),
        Node::Text(subject, test) => match test.to_string().strip_prefix("is ") {
            Some(what) => write!(f, "{subject} is not {what}"),
            None => write!(f, "not {node}"),
        },
        _ => write!(f, "not {node}"),
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {}", Quoted(name)),
            Self::Sender => f.write_str("sender"),
            Self::Recipient => f.write_str("recipient"),
            Self::Helo => f.write_str("helo"),
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(name) => write!(f, "count {}", Quoted(name)),
            Self::Recipients => f.write_str("recipients"),
            Self::Size => f.write_str("size"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("is absent"),
            Self::Present => f.write_str("is present"),
            Self::Empty => f.write_str("is empty"),
            Self::Is(text) => write!(f, "is {}", Quoted(text)),
            Self::IsAddress(address) => write!(f, "is {}", Quoted(&address.to_string())),
            Self::IsDomain(domain) => write!(f, "is {}", Quoted(&format!("@{domain}"))),
            Self::Contains(text) => write!(f, "contains {}", Quoted(text)),
            Self::Matches(Expression { pattern, flags, .. }) => {
                write!(f, "matches /{}/{flags}", pattern.replace('/', "\\/"))
            }
        }
    }
}

/// A text in quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
