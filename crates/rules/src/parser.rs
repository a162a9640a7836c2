//! Reads a condition:
//!
//! ```text
//! condition  = all *( "or" all )
//! all        = one *( "and" one )
//! one        = "not" one / "(" condition ")" / test
//! test       = "always" / "no" NAME / "count" NAME compare NUMBER
//!            / "recipients" compare NUMBER / "size" compare SIZE
//!            / "peer" "in" NETWORK *( "," NETWORK )
//!            / ( "header" NAME / "sender" / "recipient" / "helo" ) [ "not" ] what
//! what       = "is" [ "not" ] ( "absent" / "present" / "empty" / TEXT )
//!            / "contains" TEXT / "matches" "/" EXPRESSION "/" [ "i" ]
//! ```

use mail::{Address, Domain};
use regex::RegexBuilder;

use crate::ParseError;
use crate::condition::{Comparison, Expression, Node, Quantity, Subject, Test};
use crate::lexer::{self, At, Token};

/// How deep parentheses and `not` may go.
const MAX_DEPTH: usize = 32;
/// Bounds of a compiled expression, in bytes, and of its nesting. The engine
/// is linear in the text, so these bound the whole cost.
const REGEX_SIZE: usize = 1 << 20;
const REGEX_NESTING: u32 = 50;

const TESTS: &str = "a test begins with header, no, count, sender, recipient, recipients, peer, helo, size or always";

/// Reads a whole condition.
pub(crate) fn condition(text: &str) -> Result<Node, ParseError> {
    let mut parser = Parser { text, tokens: lexer::tokens(text)?, next: 0, depth: 0 };
    let node = parser.any()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.wrong("and, or, or the end of the condition is expected")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<At>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Node, ParseError> {
        let mut nodes = vec![self.all()?];
        while self.take_word("or") {
            nodes.push(self.all()?);
        }
        Ok(single(nodes, Node::Any))
    }

    fn all(&mut self) -> Result<Node, ParseError> {
        let mut nodes = vec![self.one()?];
        while self.take_word("and") {
            nodes.push(self.one()?);
        }
        Ok(single(nodes, Node::All))
    }

    fn one(&mut self) -> Result<Node, ParseError> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong("parentheses and not go at most 32 deep"));
        }
        self.depth += 1;
        let node = if self.take_word("not") {
            Node::Not(Box::new(self.one()?))
        } else if self.take_sign("(") {
            let inner = self.any()?;
            if !self.take_sign(")") {
                return Err(self.wrong("a closing ) is expected"));
            }
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn test(&mut self) -> Result<Node, ParseError> {
        let Some(Token::Word(word)) = self.peek().cloned() else {
            return Err(self.wrong(TESTS));
        };
        self.next += 1;
        match word.to_ascii_lowercase().as_str() {
            "always" => Ok(Node::Always),
            "no" => Ok(Node::Text(Subject::Header(self.name()?), Test::Absent)),
            "header" => {
                let name = self.name()?;
                self.text_test(Subject::Header(name))
            }
            "sender" => self.text_test(Subject::Sender),
            "recipient" => self.text_test(Subject::Recipient),
            "helo" => self.text_test(Subject::Helo),
            "count" => {
                let name = self.name()?;
                self.number_test(Quantity::Fields(name))
            }
            "recipients" => self.number_test(Quantity::Recipients),
            "size" => self.number_test(Quantity::Size),
            "peer" => self.peer(),
            _ => {
                self.next -= 1;
                Err(self.wrong(TESTS))
            }
        }
    }

    fn text_test(&mut self, subject: Subject) -> Result<Node, ParseError> {
        let (test, negated) = if self.take_word("is") {
            let negated = self.take_word("not");
            (self.is(&subject)?, negated)
        } else if self.take_word("contains") {
            (Test::Contains(self.value("contains")?.to_lowercase()), false)
        } else if self.take_word("matches") {
            (Test::Matches(self.expression()?), false)
        } else {
            return Err(self.wrong("is, contains or matches is expected"));
        };
        let node = Node::Text(subject, test);
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    fn is(&mut self, subject: &Subject) -> Result<Test, ParseError> {
        let is_header = matches!(subject, Subject::Header(_));
        if is_header && self.take_word("absent") {
            return Ok(Test::Absent);
        }
        if is_header && self.take_word("present") {
            return Ok(Test::Present);
        }
        if self.take_word("empty") {
            return Ok(Test::Empty);
        }
        let value = self.value("is")?;
        if !matches!(subject, Subject::Sender | Subject::Recipient) {
            return Ok(Test::Is(value));
        }
        self.address(&value)
    }

    fn address(&self, value: &str) -> Result<Test, ParseError> {
        let read = match value.strip_prefix('@') {
            Some(domain) => Domain::parse(domain).map(Test::IsDomain).map_err(|error| error.to_string()),
            None => Address::parse(value).map(Test::IsAddress).map_err(|error| error.to_string()),
        };
        let expected = "an address such as alice@example.org, all of a domain as @example.org, or empty is expected";
        read.map_err(|what| self.before(&what, expected))
    }

    fn number_test(&mut self, quantity: Quantity) -> Result<Node, ParseError> {
        let comparison = match self.peek() {
            Some(Token::Sign(sign)) => Comparison::parse(sign),
            _ => None,
        };
        let Some(comparison) = comparison else {
            return Err(self.wrong("one of > >= < <= = != is expected"));
        };
        self.next += 1;
        let expected = match quantity {
            Quantity::Size => "a size such as 500K, 10M or 1G is expected",
            _ => "a number is expected",
        };
        let read = match (self.peek(), &quantity) {
            (Some(Token::Word(word)), Quantity::Size) => size(word),
            (Some(Token::Word(word)), _) => number(word),
            _ => None,
        };
        let number = read.ok_or_else(|| self.wrong(expected))?;
        self.next += 1;
        Ok(Node::Number(quantity, comparison, number))
    }

    fn peer(&mut self) -> Result<Node, ParseError> {
        if !self.take_word("in") {
            return Err(self.wrong("peer in NETWORK is expected, such as peer in 192.0.2.0/24"));
        }
        let mut networks = Vec::new();
        loop {
            let network = match self.peek() {
                Some(Token::Word(word)) => word.parse().ok(),
                _ => None,
            };
            let expected = "a network is expected, such as 192.0.2.0/24 or 2001:db8::/32";
            networks.push(network.ok_or_else(|| self.wrong(expected))?);
            self.next += 1;
            if !self.take_sign(",") {
                return Ok(Node::PeerIn(networks));
            }
        }
    }

    fn expression(&mut self) -> Result<Expression, ParseError> {
        let Some(Token::Regex { pattern, flags }) = self.peek().cloned() else {
            return Err(self.wrong("an expression between slashes is expected, such as /cheap pills/i"));
        };
        if !matches!(flags.as_str(), "" | "i") {
            return Err(self.wrong("the only letter behind an expression is i, for any case"));
        }
        let built = RegexBuilder::new(&pattern)
            .case_insensitive(flags == "i")
            .size_limit(REGEX_SIZE)
            .dfa_size_limit(REGEX_SIZE)
            .nest_limit(REGEX_NESTING)
            .build();
        match built {
            Ok(regex) => {
                self.next += 1;
                Ok(Expression { regex, pattern, flags })
            }
            Err(error) => {
                let shown = error.to_string();
                let what = shown.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.next += 1;
                Err(self
                    .before(&format!("the expression is not valid: {what}"), "see docs/rules.md for what it may hold"))
            }
        }
    }

    fn name(&mut self) -> Result<String, ParseError> {
        match self.peek() {
            Some(Token::Word(name) | Token::Quoted(name)) if is_name(name) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.wrong("the name of a header field is expected, such as Subject")),
        }
    }

    fn value(&mut self, behind: &str) -> Result<String, ParseError> {
        match self.peek() {
            Some(Token::Word(value) | Token::Quoted(value)) => {
                let value = value.clone();
                self.next += 1;
                Ok(value)
            }
            _ => Err(self.wrong(&format!("a text is expected behind {behind}, in quotes if it has spaces"))),
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|at| &at.token)
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let taken = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.next += usize::from(taken);
        taken
    }

    fn take_sign(&mut self, wanted: &str) -> bool {
        let taken = matches!(self.peek(), Some(Token::Sign(sign)) if *sign == wanted);
        self.next += usize::from(taken);
        taken
    }

    /// The next piece is not what should stand there.
    fn wrong(&self, expected: &str) -> ParseError {
        match self.tokens.get(self.next) {
            None => lexer::error(self.text, self.text.len(), "the condition ends too early", expected),
            Some(at) => {
                let end = self.tokens.get(self.next + 1).map_or(self.text.len(), |next| next.offset);
                let shown: String = self.text[at.offset..end].trim_end().chars().take(40).collect();
                lexer::error(self.text, at.offset, &format!("{shown} cannot stand here"), expected)
            }
        }
    }

    /// The piece that was just read is wrong in itself.
    fn before(&self, what: &str, expected: &str) -> ParseError {
        let offset = self.tokens.get(self.next.saturating_sub(1)).map_or(0, |at| at.offset);
        lexer::error(self.text, offset, what, expected)
    }
}

fn single(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        Some(last) => {
            nodes.push(last);
            many(nodes)
        }
        None => many(nodes),
    }
}

/// `ftext` of RFC 5322 §3.6.8.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (33..=126).contains(&b) && b != b':')
}

fn number(word: &str) -> Option<u64> {
    word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse().ok()).flatten()
}

fn size(word: &str) -> Option<u64> {
    let (digits, unit) = match word.char_indices().last()? {
        (at, 'k' | 'K') => (&word[..at], 1 << 10),
        (at, 'm' | 'M') => (&word[..at], 1 << 20),
        (at, 'g' | 'G') => (&word[..at], 1 << 30),
        _ => (word, 1),
    };
    number(digits)?.checked_mul(unit)
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
