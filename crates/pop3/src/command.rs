//! The table of commands: what each is called, when it is lawful, and how its
//! arguments are read.

use std::fmt;
use std::num::NonZeroU32;

use mail::{Secret, Text};
use thiserror::Error;

use crate::Language;

/// Where a session stands (RFC 1939 §3). The UPDATE state has no commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has logged in.
    Authorization,
    /// `USER` was given, `PASS` is awaited.
    Named,
    /// Logged in, with the maildrop open.
    Transaction,
}

/// The number of a message in this session, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(NonZeroU32);

/// A command with its arguments.
#[derive(Debug, Clone)]
pub enum Command {
    /// `CAPA` (RFC 2449 §5).
    Capa,
    /// `USER name` (RFC 1939 §7).
    User(Text),
    /// `PASS string` (RFC 1939 §7). Spaces belong to the password.
    Pass(Secret),
    /// `AUTH PLAIN [initial-response]` (RFC 5034 §4), the response as it was
    /// sent; `AUTH` alone, which asks for the mechanisms, as older clients do.
    Auth(Auth),
    /// `UTF8` (RFC 6856 §2).
    Utf8,
    /// `LANG [range]` (RFC 6856 §3).
    Lang(Option<Language>),
    /// `STAT` (RFC 1939 §5).
    Stat,
    /// `LIST [msg]` (RFC 1939 §5).
    List(Option<MessageNumber>),
    /// `UIDL [msg]` (RFC 1939 §7).
    Uidl(Option<MessageNumber>),
    /// `RETR msg` (RFC 1939 §5).
    Retr(MessageNumber),
    /// `TOP msg n` (RFC 1939 §7).
    Top(MessageNumber, u32),
    /// `DELE msg` (RFC 1939 §5).
    Dele(MessageNumber),
    /// `RSET` (RFC 1939 §5).
    Rset,
    /// `NOOP` (RFC 1939 §5).
    Noop,
    /// `QUIT` (RFC 1939 §4, §6).
    Quit,
}

impl Command {
    /// Its word, as in [`COMMANDS`].
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Capa => "CAPA",
            Self::User(_) => "USER",
            Self::Pass(_) => "PASS",
            Self::Auth(_) => "AUTH",
            Self::Utf8 => "UTF8",
            Self::Lang(_) => "LANG",
            Self::Stat => "STAT",
            Self::List(_) => "LIST",
            Self::Uidl(_) => "UIDL",
            Self::Retr(_) => "RETR",
            Self::Top(..) => "TOP",
            Self::Dele(_) => "DELE",
            Self::Noop => "NOOP",
            Self::Rset => "RSET",
            Self::Quit => "QUIT",
        }
    }
}

/// What `AUTH` asks for.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A list of the mechanisms.
    Which,
    /// To be asked for the response.
    Plain,
    /// A login with this response.
    PlainWith(Secret),
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SyntaxError {
    /// No such command.
    #[error("unknown command")]
    Unknown,
    /// The command is known, but not lawful now.
    #[error("that command is not allowed now")]
    NotNow,
    /// An argument is missing.
    #[error("an argument is missing")]
    Missing,
    /// An argument too many.
    #[error("too many arguments")]
    TooMany,
    /// A number was expected.
    #[error("that is not a message number")]
    NotANumber,
    /// Control characters, or text that is not UTF-8.
    #[error("a character is not allowed there")]
    BadCharacter,
    /// The line is longer than it may be.
    #[error("the line is too long")]
    TooLong,
    /// A mechanism other than PLAIN.
    #[error("this mechanism is not offered")]
    NoSuchMechanism,
    /// A language that no reply is written in.
    #[error("that language is not spoken here")]
    NoSuchLanguage,
}

/// One row of the table.
pub struct Row {
    /// The command's word, in capitals.
    pub verb: &'static str,
    /// When it is lawful.
    pub states: &'static [State],
    /// Reads what follows the word and one space; `None` where no space
    /// follows.
    read: fn(Option<&[u8]>) -> Result<Command, SyntaxError>,
}

const ANY: &[State] = &[State::Authorization, State::Named, State::Transaction];
const LOGIN: &[State] = &[State::Authorization, State::Named];
const NAMED: &[State] = &[State::Named];
const OPEN: &[State] = &[State::Transaction];

/// All commands.
pub const COMMANDS: [Row; 15] = [
    Row { verb: "CAPA", states: ANY, read: |args| nothing(args, Command::Capa) },
    Row { verb: "USER", states: LOGIN, read: user },
    Row { verb: "PASS", states: NAMED, read: pass },
    Row { verb: "AUTH", states: LOGIN, read: auth },
    Row { verb: "UTF8", states: LOGIN, read: |args| nothing(args, Command::Utf8) },
    Row { verb: "LANG", states: ANY, read: lang },
    Row { verb: "STAT", states: OPEN, read: |args| nothing(args, Command::Stat) },
    Row { verb: "LIST", states: OPEN, read: |args| optional(args).map(Command::List) },
    Row { verb: "UIDL", states: OPEN, read: |args| optional(args).map(Command::Uidl) },
    Row { verb: "RETR", states: OPEN, read: |args| one(args).map(Command::Retr) },
    Row { verb: "TOP", states: OPEN, read: top },
    Row { verb: "DELE", states: OPEN, read: |args| one(args).map(Command::Dele) },
    Row { verb: "RSET", states: OPEN, read: |args| nothing(args, Command::Rset) },
    Row { verb: "NOOP", states: OPEN, read: |args| nothing(args, Command::Noop) },
    Row { verb: "QUIT", states: ANY, read: |args| nothing(args, Command::Quit) },
];

impl Command {
    /// Reads one line, without its end, in a state.
    ///
    /// # Errors
    ///
    /// [`SyntaxError`]. A command that is not lawful is told so before its
    /// arguments are looked at.
    pub fn read(line: &[u8], state: State) -> Result<Self, SyntaxError> {
        let space = line.iter().position(|&byte| byte == b' ');
        let (verb, args) = match space {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        let row = COMMANDS.iter().find(|row| row.verb.as_bytes().eq_ignore_ascii_case(verb));
        let row = row.ok_or(SyntaxError::Unknown)?;
        if !row.states.contains(&state) {
            return Err(SyntaxError::NotNow);
        }
        if line.iter().any(u8::is_ascii_control) {
            return Err(SyntaxError::BadCharacter);
        }
        (row.read)(args)
    }
}

impl MessageNumber {
    /// The number; `None` for zero.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// As a place in a list that counts from 0.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn nothing(args: Option<&[u8]>, command: Command) -> Result<Command, SyntaxError> {
    words::<0>(args).map(|_| command)
}

fn user(args: Option<&[u8]>) -> Result<Command, SyntaxError> {
    let name = std::str::from_utf8(args.unwrap_or_default()).map_err(|_| SyntaxError::BadCharacter)?.trim();
    if name.is_empty() {
        return Err(SyntaxError::Missing);
    }
    // Those beyond ASCII steer terminals too, and the name stands in logs.
    if name.contains(char::is_control) {
        return Err(SyntaxError::BadCharacter);
    }
    Text::new(name).map(Command::User).map_err(|_| SyntaxError::BadCharacter)
}

fn pass(args: Option<&[u8]>) -> Result<Command, SyntaxError> {
    args.map(|bytes| Command::Pass(Secret::new(bytes.to_vec()))).ok_or(SyntaxError::Missing)
}

fn auth(args: Option<&[u8]>) -> Result<Command, SyntaxError> {
    let (mechanism, response) = match words::<2>(args) {
        Ok([mechanism, response]) => (mechanism, Some(response)),
        Err(SyntaxError::TooMany) => return Err(SyntaxError::TooMany),
        Err(_) => (words::<1>(args).map_or(&b""[..], |[mechanism]| mechanism), None),
    };
    if mechanism.is_empty() {
        return Ok(Command::Auth(Auth::Which));
    }
    if !mechanism.eq_ignore_ascii_case(b"PLAIN") {
        return Err(SyntaxError::NoSuchMechanism);
    }
    let response = response.map(|octets| Secret::new(octets.to_vec()));
    Ok(Command::Auth(response.map_or(Auth::Plain, Auth::PlainWith)))
}

fn lang(args: Option<&[u8]>) -> Result<Command, SyntaxError> {
    if words::<0>(args).is_ok() {
        return Ok(Command::Lang(None));
    }
    let [range] = words::<1>(args)?;
    let language = std::str::from_utf8(range).ok().and_then(Language::lookup);
    language.map(|language| Command::Lang(Some(language))).ok_or(SyntaxError::NoSuchLanguage)
}

fn one(args: Option<&[u8]>) -> Result<MessageNumber, SyntaxError> {
    let [number] = words::<1>(args)?;
    message(number)
}

fn optional(args: Option<&[u8]>) -> Result<Option<MessageNumber>, SyntaxError> {
    match words::<0>(args) {
        Ok([]) => Ok(None),
        Err(_) => one(args).map(Some),
    }
}

fn top(args: Option<&[u8]>) -> Result<Command, SyntaxError> {
    let [message_word, lines] = words::<2>(args)?;
    Ok(Command::Top(message(message_word)?, number(lines)?))
}

/// Exactly `N` words; spaces around them are let through.
fn words<const N: usize>(args: Option<&[u8]>) -> Result<[&[u8]; N], SyntaxError> {
    let mut found = args.unwrap_or_default().split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let mut taken = [&b""[..]; N];
    for place in &mut taken {
        *place = found.next().ok_or(SyntaxError::Missing)?;
    }
    if found.next().is_some() { Err(SyntaxError::TooMany) } else { Ok(taken) }
}

fn message(word: &[u8]) -> Result<MessageNumber, SyntaxError> {
    MessageNumber::new(number(word)?).ok_or(SyntaxError::NotANumber)
}

/// Digits only: Rust's own parser would take a plus sign.
fn number(word: &[u8]) -> Result<u32, SyntaxError> {
    let text = std::str::from_utf8(word).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or(SyntaxError::NotANumber)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(line: &str, state: State) -> String {
        match Command::read(line.as_bytes(), state) {
            Ok(Command::Pass(secret)) => format!("Pass({})", String::from_utf8_lossy(secret.expose())),
            Ok(Command::Auth(Auth::PlainWith(secret))) => format!("Auth({})", String::from_utf8_lossy(secret.expose())),
            Ok(command) => format!("{command:?}").replace("MessageNumber", "").replace("Text", ""),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn lines() {
        use State::{Authorization as A, Named as N, Transaction as T};
        let cases = [
            ("CAPA", A, "Capa"),
            ("capa", T, "Capa"),
            ("CAPA x", A, "TooMany"),
            ("USER alice@example.org", A, "User((\"alice@example.org\"))"),
            ("user  alice ", N, "User((\"alice\"))"),
            ("USER", A, "Missing"),
            ("USER a\u{9b}2J", A, "BadCharacter"),
            ("USER  ", A, "Missing"),
            ("USER a\u{7}b", A, "BadCharacter"),
            ("USER alice", T, "NotNow"),
            ("PASS secret", A, "NotNow"),
            ("PASS two words ", N, "Pass(two words )"),
            ("PASS ", N, "Pass()"),
            ("PASS", N, "Missing"),
            ("PASS pässe", N, "Pass(pässe)"),
            ("PASS a\0b", N, "BadCharacter"),
            ("AUTH", A, "Auth(Which)"),
            ("AUTH ", N, "Auth(Which)"),
            ("AUTH PLAIN", A, "Auth(Plain)"),
            ("auth plain AGE=", A, "Auth(AGE=)"),
            ("AUTH PLAIN =", N, "Auth(=)"),
            ("AUTH PLAIN a b", A, "TooMany"),
            ("AUTH CRAM-MD5", A, "NoSuchMechanism"),
            ("AUTH PLAIN", T, "NotNow"),
            ("UTF8", A, "Utf8"),
            ("UTF8 x", A, "TooMany"),
            ("UTF8", T, "NotNow"),
            ("LANG", A, "Lang(None)"),
            ("LANG de-CH", T, "Lang(Some(German))"),
            ("LANG *", N, "Lang(Some(English))"),
            ("LANG xx", A, "NoSuchLanguage"),
            ("LANG de en", A, "TooMany"),
            ("STAT", A, "NotNow"),
            ("STAT ", T, "Stat"),
            ("STAT 1", T, "TooMany"),
            ("LIST", T, "List(None)"),
            ("LIST 2", T, "List(Some((2)))"),
            ("LIST 2 3", T, "TooMany"),
            ("LIST 0", T, "NotANumber"),
            ("LIST +2", T, "NotANumber"),
            ("LIST -1", T, "NotANumber"),
            ("UIDL 4294967295", T, "Uidl(Some((4294967295)))"),
            ("UIDL 4294967296", T, "NotANumber"),
            ("RETR", T, "Missing"),
            ("RETR 1", T, "Retr((1))"),
            ("RETR one", T, "NotANumber"),
            ("TOP 1", T, "Missing"),
            ("TOP 1 0", T, "Top((1), 0)"),
            ("TOP  1  10 ", T, "Top((1), 10)"),
            ("TOP 1 10 2", T, "TooMany"),
            ("TOP 1 99999999999999999999", T, "NotANumber"),
            ("DELE 3", T, "Dele((3))"),
            ("RSET", T, "Rset"),
            ("NOOP", T, "Noop"),
            ("NOOP", A, "NotNow"),
            ("QUIT", A, "Quit"),
            ("QUIT", T, "Quit"),
            ("", A, "Unknown"),
            (" STAT", T, "Unknown"),
            ("STLS", A, "Unknown"),
            ("APOP a b", A, "Unknown"),
            ("GET / HTTP/1.1", A, "Unknown"),
        ];
        for (line, state, expected) in cases {
            assert_eq!(shown(line, state), expected, "{line:?}");
        }
        assert_eq!(Command::read(b"USER \xff", State::Authorization).unwrap_err(), SyntaxError::BadCharacter);
    }

    #[test]
    fn the_table_has_each_word_once() {
        for (at, row) in COMMANDS.iter().enumerate() {
            assert!(!row.states.is_empty() && row.verb.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
            assert!(COMMANDS[at + 1..].iter().all(|other| other.verb != row.verb));
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..15) {
            let mut with_verb = COMMANDS[at].verb.as_bytes().to_vec();
            with_verb.push(b' ');
            with_verb.extend(&line);
            for state in [State::Authorization, State::Named, State::Transaction] {
                let _ = Command::read(&line, state);
                if let Ok(Command::User(name)) = Command::read(&with_verb, state) {
                    prop_assert!(!name.as_str().contains(char::is_control) || !name.as_str().is_ascii());
                }
            }
        }
    }
}
