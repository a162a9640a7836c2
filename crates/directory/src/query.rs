//! A statement that an administrator wrote for tables of his own, with names
//! for what is asked: `:address`, `:local`, `:domain`, `:old`, `:new`.

use std::sync::Arc;

use mail::Address;
use sql::Arg;
use thiserror::Error;

/// A statement with named placeholders, checked and ready to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    sql: Arc<str>,
    names: Vec<Name>,
}

/// What can be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Address,
    Local,
    Domain,
    Old,
    New,
}

const NAMES: [(&str, Name); 5] = [
    ("address", Name::Address),
    ("local", Name::Local),
    ("domain", Name::Domain),
    ("old", Name::Old),
    ("new", Name::New),
];

/// Why a text is no such statement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueryError {
    /// A name that stands for nothing.
    #[error(":{0} stands for nothing; there are :address, :local, :domain, and in set_password :old and :new")]
    UnknownName(String),
    /// A placeholder without a name.
    #[error("? says not what it stands for; write :address, :local or :domain")]
    Nameless,
    /// More than one statement.
    #[error("it must be one statement, without a ; in it")]
    Several,
    /// A quote or a comment that does not end.
    #[error("a quote or a comment does not end")]
    Open,
    /// Nothing.
    #[error("it is empty")]
    Empty,
}

/// What the names stand for in one question.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Values<'a> {
    pub(crate) address: &'a str,
    pub(crate) local: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) old: &'a str,
    pub(crate) new: &'a str,
}

impl Query {
    /// Reads a statement. A `;` at its end is left out.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; whether the database understands it shows when it is
    /// asked.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let text = text.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
        if text.is_empty() {
            return Err(QueryError::Empty);
        }
        let (mut sql, mut names, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '\'' | '"' | '`' => quoted(rest, first)?,
                '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
                '/' if rest.starts_with("/*") => rest.find("*/").ok_or(QueryError::Open)? + 2,
                '?' => return Err(QueryError::Nameless),
                ';' => return Err(QueryError::Several),
                ':' => {
                    let name = word(&rest[1..]);
                    let known = NAMES.iter().find(|(known, _)| *known == name);
                    names.push(known.ok_or_else(|| QueryError::UnknownName(name.to_owned()))?.1);
                    sql.push('?');
                    rest = &rest[1 + name.len()..];
                    continue;
                }
                other => other.len_utf8(),
            };
            sql.push_str(&rest[..length]);
            rest = &rest[length..];
        }
        Ok(Self { sql: sql.into(), names })
    }

    pub(crate) fn sql(&self) -> sql::AssertSqlSafe<String> {
        // Only the administrator writes statements; what comes from outside is
        // bound.
        sql::AssertSqlSafe(self.sql.as_ref().to_owned())
    }

    pub(crate) fn args<'a>(&self, values: &Values<'a>) -> Vec<Arg<'a>> {
        let value = |name: &Name| match name {
            Name::Address => values.address,
            Name::Local => values.local,
            Name::Domain => values.domain,
            Name::Old => values.old,
            Name::New => values.new,
        };
        self.names.iter().map(|name| Arg::Text(value(name))).collect()
    }
}

impl<'a> Values<'a> {
    pub(crate) fn of(address: &'a Address, normal: &'a str) -> Self {
        Self { address: normal, local: address.local().as_str(), domain: address.domain().as_str(), ..Self::default() }
    }

    /// Whether what is asked for is the same in any character set.
    pub(crate) fn are_ascii(&self) -> bool {
        self.address.is_ascii() && self.local.is_ascii() && self.domain.is_ascii()
    }
}

/// The length of a quoted text. A quote within it is doubled or, in MySQL,
/// escaped.
fn quoted(text: &str, quote: char) -> Result<usize, QueryError> {
    let mut inside = text.char_indices().skip(1);
    while let Some((at, c)) = inside.next() {
        if c == '\\' && quote != '`' {
            inside.next();
        } else if c == quote {
            // A doubled one looks like another quoted text right behind it.
            return Ok(at + 1);
        }
    }
    Err(QueryError::Open)
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_placeholders() {
        let cases: [(&str, Result<(&str, usize), QueryError>); 13] = [
            ("SELECT 1", Ok(("SELECT 1", 0))),
            (" SELECT 1 ; \n", Ok(("SELECT 1", 0))),
            ("SELECT a FROM b WHERE c = :address", Ok(("SELECT a FROM b WHERE c = ?", 1))),
            ("x=:local AND y=:domain OR z=:local", Ok(("x=? AND y=? OR z=?", 3))),
            ("a = ':address' AND b = \"it's ?; :x\"", Ok(("a = ':address' AND b = \"it's ?; :x\"", 0))),
            ("a = 'it''s' AND b = 'it\\'s ?' AND c = :old", Ok(("a = 'it''s' AND b = 'it\\'s ?' AND c = ?", 1))),
            ("/* ? */ a -- ;\n = :new", Ok(("/* ? */ a -- ;\n = ?", 1))),
            ("a = :nobody", Err(QueryError::UnknownName("nobody".to_owned()))),
            ("a = ?", Err(QueryError::Nameless)),
            ("DELETE FROM a; DELETE FROM b", Err(QueryError::Several)),
            ("a = 'open", Err(QueryError::Open)),
            ("a /* open", Err(QueryError::Open)),
            (" ; ", Err(QueryError::Empty)),
        ];
        for (text, expected) in cases {
            let parsed = Query::parse(text);
            let seen = parsed.as_ref().map(|query| (query.sql.as_ref(), query.names.len())).map_err(Clone::clone);
            assert_eq!(seen, expected, "{text}");
        }
    }

    #[test]
    fn values_go_where_the_names_were() {
        let query = Query::parse("UPDATE x SET p = :new WHERE d = :domain AND u = :address AND p = :old").unwrap();
        let address = Address::parse("Alice@Example.org").unwrap();
        let normal = address.normal();
        let values = Values { old: "one", new: "two", ..Values::of(&address, &normal) };
        let texts = ["two", "example.org", "alice@example.org", "one"];
        assert_eq!(query.args(&values), texts.map(Arg::Text));
    }
}
