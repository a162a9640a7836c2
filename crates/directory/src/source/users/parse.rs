//! The text of a users file: who has a mailbox here, and which address stands
//! for which.
//!
//! ```text
//! line    = [ domain / account / alias ] [ WSP "#" comment ]
//! domain  = "domain" WSP name *( WSP field )     ; active alias_of catch_all postmaster
//! account = address ":" [ hash ] *( WSP field )  ; name quota active language time_zone
//! alias   = ( address / "@" name ) ":" address *( "," address )
//! field   = word "=" ( value / <"> text <"> )
//! ```
//!
//! A domain is hosted if it stands in a `domain` line or to the left of a colon;
//! `@name` is its catch-all.

use std::collections::BTreeMap;
use std::ops::Range;

use mail::{Address, Domain};
use thiserror::Error;

use crate::StoredHash;

/// The largest file that is read: a hundred thousand users, for whom a database
/// does better.
pub(super) const MAX_BYTES: u64 = 16 << 20;
/// The most addresses that one alias names.
const MAX_TARGETS: usize = 1000;
const MAX_NAME: usize = 255;

/// What is wrong, and where. Says nothing of what stands there, which may be a
/// password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{line}:{column}: {what}")]
pub(super) struct Problem {
    /// Counted from 1.
    pub(super) line: usize,
    /// In characters, counted from 1.
    pub(super) column: usize,
    pub(super) what: String,
}

/// A file that was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Users {
    pub(super) domains: BTreeMap<Domain, DomainLine>,
    pub(super) accounts: BTreeMap<Key, AccountLine>,
    pub(super) aliases: BTreeMap<Key, AliasLine>,
}

impl Users {
    /// Whether there is nobody who gets mail.
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.aliases.is_empty()
    }
}

/// An address in the order of lists: by domain, then by local part.
pub(super) type Key = (Domain, String);

pub(super) fn key(address: &Address) -> Key {
    (address.domain().clone(), address.local().as_str().to_owned())
}

/// A domain, with the line that names it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainLine {
    pub(super) line: usize,
    /// Whether a `domain` line says so, or only an address in it.
    stated: bool,
    pub(super) active: bool,
    pub(super) alias_of: Option<Domain>,
    pub(super) catch_all: Vec<Address>,
    pub(super) postmaster: Option<Address>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountLine {
    pub(super) line: usize,
    pub(super) address: Address,
    pub(super) hash: Option<StoredHash>,
    /// Where the hash stands, in octets of the text; an empty range behind the
    /// colon where there is none.
    pub(super) hash_at: Range<usize>,
    pub(super) name: String,
    pub(super) quota: Option<u64>,
    pub(super) active: bool,
    pub(super) language: String,
    pub(super) time_zone: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AliasLine {
    pub(super) line: usize,
    pub(super) address: Address,
    pub(super) targets: Vec<Address>,
}

/// Reads a whole file; the first mistake is the answer.
pub(super) fn parse(text: &str) -> Result<Users, Problem> {
    let mut users = Users::default();
    let mut at = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
    for (number, whole) in text[at..].split_inclusive('\n').enumerate() {
        let content = without_comment(whole.trim_end_matches(['\n', '\r']));
        let line = Line { whole: content, number: number + 1, at };
        users.take(&line)?;
        at += whole.len();
    }
    users.check_aliases_of_domains()?;
    Ok(users)
}

/// A line without its end and its comment.
#[derive(Clone, Copy)]
struct Line<'t> {
    whole: &'t str,
    number: usize,
    /// Where it begins in the text.
    at: usize,
}

impl Line<'_> {
    /// A mistake at this part of the line.
    fn wrong(&self, part: &str, what: impl Into<String>) -> Problem {
        let offset = (part.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize);
        let before = self.whole.get(..offset).unwrap_or(self.whole);
        Problem { line: self.number, column: before.chars().count() + 1, what: what.into() }
    }

    fn range(&self, part: &str) -> Range<usize> {
        let start = self.at + (part.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize);
        start..start + part.len()
    }
}

/// A `#` begins a comment at the begin of a line and behind a space, but not
/// between quotes.
fn without_comment(line: &str) -> &str {
    let (mut quoted, mut before) = (false, ' ');
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted && before.is_whitespace() => return line[..at].trim_end(),
            _ => {}
        }
        before = c;
    }
    line.trim_end()
}

impl Users {
    fn take(&mut self, line: &Line<'_>) -> Result<(), Problem> {
        let content = line.whole.trim_start();
        if content.is_empty() {
            return Ok(());
        }
        if let Some(rest) = content.strip_prefix("domain").filter(|rest| rest.starts_with(char::is_whitespace)) {
            return self.domain(line, rest.trim_start());
        }
        let colon = colon(content).ok_or_else(|| {
            line.wrong(content, "this is neither `address:hash`, nor `address: address, …`, nor `domain name`")
        })?;
        let (left, right) = (content[..colon].trim_end(), &content[colon + 1..]);
        if let Some(name) = left.strip_prefix('@') {
            return self.catch_all(line, name, right);
        }
        let address = Address::parse(left).map_err(|error| line.wrong(left, error.to_string()))?;
        self.imply(line, left, address.domain())?;
        let value = right.trim_start();
        if value.is_empty() || value.starts_with(['{', '$']) || is_field(value) {
            self.account(line, (left, address), right)
        } else {
            self.alias(line, (left, address), value)
        }
    }

    fn domain(&mut self, line: &Line<'_>, rest: &str) -> Result<(), Problem> {
        let (name, fields) = word(rest);
        let domain = hosted(line, name)?;
        let entry = self.domains.entry(domain).or_insert_with(|| DomainLine::new(line.number));
        if entry.stated {
            return Err(line.wrong(name, format!("this domain stands there already, or in line {}", entry.line)));
        }
        (entry.stated, entry.line) = (true, line.number);
        each_field(line, fields, |key, value| {
            match key {
                "active" => entry.active = yes(value)?,
                "alias_of" => entry.alias_of = Some(Domain::parse(value).map_err(|error| error.to_string())?),
                "catch_all" if entry.catch_all.is_empty() => entry.catch_all = addresses(value)?,
                "catch_all" => return Err("its catch-all stands in another line already".to_owned()),
                "postmaster" => entry.postmaster = Some(Address::parse(value).map_err(|error| error.to_string())?),
                _ => return Err("a domain has active, alias_of, catch_all and postmaster".to_owned()),
            }
            Ok(())
        })
    }

    fn catch_all(&mut self, line: &Line<'_>, name: &str, right: &str) -> Result<(), Problem> {
        let domain = hosted(line, name)?;
        let targets = addresses(right).map_err(|what| line.wrong(right.trim_start(), what))?;
        let entry = self.domains.entry(domain).or_insert_with(|| DomainLine::new(line.number));
        if !entry.catch_all.is_empty() {
            return Err(line.wrong(name, "this domain has a catch-all already"));
        }
        entry.catch_all = targets;
        Ok(())
    }

    fn account(&mut self, line: &Line<'_>, (left, address): (&str, Address), right: &str) -> Result<(), Problem> {
        let value = right.trim_start();
        let (hash, fields) = if is_field(value) { (&right[..0], value) } else { word(value) };
        let mut entry = AccountLine {
            line: line.number,
            hash: Some(hash).filter(|hash| !hash.is_empty()).map(StoredHash::new),
            hash_at: line.range(if hash.is_empty() { &right[..0] } else { hash }),
            name: String::new(),
            quota: None,
            active: true,
            language: String::new(),
            time_zone: String::new(),
            address,
        };
        each_field(line, fields, |key, value| {
            match key {
                "name" if value.chars().count() > MAX_NAME => return Err("this name is too long".to_owned()),
                "name" => value.clone_into(&mut entry.name),
                "quota" => entry.quota = bytes(value)?,
                "active" => entry.active = yes(value)?,
                "language" => value.clone_into(&mut entry.language),
                "time_zone" => value.clone_into(&mut entry.time_zone),
                _ => return Err("a user has name, quota, active, language and time_zone".to_owned()),
            }
            Ok(())
        })?;
        if let Some(known) = self.accounts.get(&key(&entry.address)) {
            return Err(line.wrong(left, format!("this user stands in line {} already", known.line)));
        }
        self.accounts.insert(key(&entry.address), entry);
        Ok(())
    }

    fn alias(&mut self, line: &Line<'_>, (left, address): (&str, Address), value: &str) -> Result<(), Problem> {
        if !value.contains('@') {
            let what =
                "this is neither a hash, such as {ARGON2ID}… or $6$…, nor addresses; `gatepost hash` makes a hash";
            return Err(line.wrong(value, what));
        }
        let targets = addresses(value).map_err(|what| line.wrong(value, what))?;
        if let Some(known) = self.aliases.get(&key(&address)) {
            return Err(line.wrong(left, format!("this alias stands in line {} already", known.line)));
        }
        self.aliases.insert(key(&address), AliasLine { line: line.number, address, targets });
        Ok(())
    }

    /// Whose address stands to the left of a colon is hosted.
    fn imply(&mut self, line: &Line<'_>, left: &str, domain: &Domain) -> Result<(), Problem> {
        if domain.is_literal() {
            return Err(line.wrong(left, "an address literal cannot be hosted"));
        }
        self.domains.entry(domain.clone()).or_insert_with(|| DomainLine::new(line.number));
        Ok(())
    }

    /// An alias of a domain that is not hosted would make all its mail bounce.
    fn check_aliases_of_domains(&self) -> Result<(), Problem> {
        let lost = |entry: &&DomainLine| entry.alias_of.as_ref().is_some_and(|name| !self.domains.contains_key(name));
        match self.domains.values().find(lost) {
            Some(entry) => {
                let what = "alias_of names a domain that does not stand in this file".to_owned();
                Err(Problem { line: entry.line, column: 1, what })
            }
            None => Ok(()),
        }
    }
}

impl DomainLine {
    fn new(line: usize) -> Self {
        Self { line, stated: false, active: true, alias_of: None, catch_all: Vec::new(), postmaster: None }
    }
}

fn hosted(line: &Line<'_>, name: &str) -> Result<Domain, Problem> {
    let domain = Domain::parse(name).map_err(|error| line.wrong(name, error.to_string()))?;
    if domain.is_literal() { Err(line.wrong(name, "an address literal cannot be hosted")) } else { Ok(domain) }
}

/// The colon behind the address, which may be quoted.
fn colon(content: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in content.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ':' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn is_field(value: &str) -> bool {
    let words = ["name=", "quota=", "active=", "language=", "time_zone="];
    words.iter().any(|word| value.starts_with(word))
}

/// The first word, and what is behind it.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// Hands each `word=value` on; what it says is wrong is wrong there.
fn each_field(
    line: &Line<'_>,
    mut rest: &str,
    mut take: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), Problem> {
    let mut seen: Vec<&str> = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(|| line.wrong(rest, "here only `word=value` can stand"))?;
        let (value, next) = match after.strip_prefix('"') {
            Some(inside) => inside.split_once('"').ok_or_else(|| line.wrong(after, "this quote does not end"))?,
            None => word(after),
        };
        if seen.contains(&key) {
            return Err(line.wrong(rest, format!("{} stands there twice", key.escape_debug())));
        }
        take(key, value).map_err(|what| line.wrong(rest, what))?;
        seen.push(key);
        rest = next.trim_start();
    }
    Ok(())
}

fn addresses(text: &str) -> Result<Vec<Address>, String> {
    let mut found: Vec<Address> = Vec::new();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let address = Address::parse(one).map_err(|error| error.to_string())?;
        if found.len() == MAX_TARGETS {
            return Err(format!("more than {MAX_TARGETS} addresses"));
        }
        if !found.contains(&address) {
            found.push(address);
        }
    }
    if found.is_empty() { Err("here an address has to stand".to_owned()) } else { Ok(found) }
}

fn yes(value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("active is yes or no".to_owned()),
    }
}

/// `500M`, `2G`, `none`; units are powers of 1024.
fn bytes(value: &str) -> Result<Option<u64>, String> {
    let wrong = || "a quota is written as 500M or 2G, or as none".to_owned();
    if value == "none" {
        return Ok(None);
    }
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let power = match value[digits..].to_ascii_uppercase().as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = value[..digits].parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(1 << power).filter(|bytes| i64::try_from(*bytes).is_ok());
    bytes.map(Some).ok_or_else(|| "this quota is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "\u{feff}# Users of example.org\r
domain example.net alias_of=example.org active=no   # not yet
domain empty.example postmaster=alice@example.org

alice@example.org:{ARGON2ID}$argon2id$v=19$m=8 quota=2G name=\"Alice #1\"
bob@Example.org: $6$salt$hash\tactive=no
carol@example.org:
dave@example.org: name=Dave
\"a:b\"@example.org:{PLAIN}x@y#z   # its comment
info@example.org: alice@example.org, bob@example.org,,Bob@example.org
@example.org: alice@example.org
  x=y@other.example : eve@elsewhere.example";

    #[test]
    fn a_file_is_read() {
        let users = parse(FILE).unwrap();
        let domains: Vec<&str> = users.domains.keys().map(Domain::as_str).collect();
        assert_eq!(domains, ["empty.example", "example.net", "example.org", "other.example"]);
        let net = &users.domains[&Domain::parse("example.net").unwrap()];
        assert!(!net.active && net.alias_of == Domain::parse("example.org").ok(), "{net:?}");
        let org = &users.domains[&Domain::parse("example.org").unwrap()];
        assert_eq!((org.line, org.catch_all.len()), (5, 1));
        let hashes: Vec<_> = users
            .accounts
            .values()
            .map(|entry| {
                let text = entry.hash.as_ref().map_or("", StoredHash::expose);
                assert_eq!(&FILE[entry.hash_at.clone()], text, "{entry:?}");
                (entry.address.local().as_str(), text, entry.active, entry.quota)
            })
            .collect();
        assert_eq!(
            hashes,
            [
                ("a:b", "{PLAIN}x@y#z", true, None),
                ("alice", "{ARGON2ID}$argon2id$v=19$m=8", true, Some(2 << 30)),
                ("bob", "$6$salt$hash", false, None),
                ("carol", "", true, None),
                ("dave", "", true, None),
            ]
        );
        let alice = &users.accounts[&key(&"alice@example.org".parse().unwrap())];
        assert_eq!(alice.name, "Alice #1");
        let aliases: Vec<_> = users.aliases.values().map(|a| (a.address.to_string(), a.targets.len())).collect();
        assert_eq!(aliases, [("info@example.org".to_owned(), 2), ("x=y@other.example".to_owned(), 1)]);
    }

    #[test]
    fn mistakes_are_said_with_their_place() {
        let cases = [
            ("alice@example.org", (1, 1), "neither"),
            ("\n  alice:{PLAIN}x", (2, 3), ""),
            ("alice@example.org:hunter2", (1, 19), "gatepost hash"),
            ("alice@example.org:{X}y who=me", (1, 24), "a user has"),
            ("alice@example.org:{X}y name=a name=b", (1, 31), "twice"),
            ("alice@example.org:{X}y name=\"a", (1, 29), "does not end"),
            ("alice@example.org:{X}y secret", (1, 24), "word=value"),
            ("alice@example.org:{X}y quota=lots", (1, 24), "500M"),
            ("alice@example.org:{X}y quota=99999999T", (1, 24), "too large"),
            ("alice@example.org:{X}y active=perhaps", (1, 24), "yes or no"),
            ("a@b.example:{X}y\nA@b.example:{X}z", (2, 1), "line 1"),
            ("a@b.example:c@d.example\na@b.example: e@d.example", (2, 1), "line 1"),
            ("a@b.example: c@d.example, nobody", (1, 14), ""),
            ("a@[192.0.2.1]:{X}y", (1, 1), "literal"),
            ("@b.example:", (1, 12), "an address"),
            ("@b.example: a@b.example\n@b.example: c@b.example", (2, 2), "already"),
            ("domain b.example\ndomain B.example", (2, 8), "already"),
            ("domain b.example colour=red", (1, 18), "alias_of"),
            ("domain b.example alias_of=c.example", (1, 1), "does not stand"),
            ("domain -", (1, 8), ""),
            ("domains b.example", (1, 1), "neither"),
        ];
        for (text, place, said) in cases {
            let problem = parse(text).unwrap_err();
            assert_eq!((problem.line, problem.column), place, "{text}: {problem}");
            assert!(problem.what.contains(said), "{text}: {problem}");
            assert!(!problem.to_string().contains("hunter2") && !problem.to_string().contains("secret"), "{problem}");
        }
        assert_eq!(parse("").unwrap(), Users::default());
        assert_eq!(parse("\n# x\n   \n").unwrap(), Users::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn anything_is_read_or_refused(text in "([a-z@.:,{}$ #\"=\\\\\r\n\u{e4}]|domain |a@b.example|:\\$6\\$x){0,40}") {
            match parse(&text) {
                Ok(users) => for entry in users.accounts.values() {
                    let there = &text[entry.hash_at.clone()];
                    prop_assert_eq!(there, entry.hash.as_ref().map_or("", StoredHash::expose));
                },
                Err(problem) => prop_assert!(problem.line >= 1 && problem.line <= text.lines().count()),
            }
        }
    }
}
