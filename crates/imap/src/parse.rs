//! Reads one command (RFC 3501 §9, `command`).
//!
//! The grammar is imap-codec's, but for SEARCH and LIST. SEARCH has our own
//! reader, since clients nest deeper than imap-codec lets them, and since its
//! keys are wanted as plain values; LIST since imap-codec does not read its
//! options.

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder;
use thiserror::Error;

use crate::convert;
use crate::list;
use crate::request::{Numbers, Request, Tag, Tagged};
use crate::search;

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// There is not even a tag.
    #[error("the line does not begin with a tag")]
    NoTag,
    /// The command is not known, or its arguments are wrong.
    #[error("unknown command or wrong arguments")]
    Syntax(Tag),
    /// Search keys within search keys, too deep.
    #[error("the search is nested too deeply")]
    TooDeep(Tag),
}

impl ParseError {
    /// The tag for the answer, where there is one.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::NoTag => None,
            Self::Syntax(tag) | Self::TooDeep(tag) => Some(tag),
        }
    }
}

/// Reads a whole command, literals included, as [`crate::Framer`] gives it.
///
/// # Errors
///
/// [`ParseError`]; the answer is a tagged BAD.
pub fn parse(command: &[u8]) -> Result<Tagged, ParseError> {
    let tag = Tag::of(command).ok_or(ParseError::NoTag)?;
    let arguments = command.get(tag.as_str().len() + 1..).unwrap_or_default();
    if let Some((numbers, keys)) = search_command(arguments) {
        let request = match search::arguments(keys) {
            Ok(search::Arguments { returns, charset, key }) => Request::Search { numbers, returns, charset, key },
            Err(search::Unreadable::Syntax) => return Err(ParseError::Syntax(tag)),
            Err(search::Unreadable::TooDeep) => return Err(ParseError::TooDeep(tag)),
        };
        return Ok(Tagged { tag, request });
    }
    if let Some(rest) = strip_word(arguments, b"LIST ") {
        return match list::arguments(rest) {
            Some(request) => Ok(Tagged { tag, request }),
            None => Err(ParseError::Syntax(tag)),
        };
    }
    let decoded = CommandCodec::default().decode(command).ok().filter(|(rest, _)| rest.is_empty());
    let request = decoded.and_then(|(_, command)| convert::request(&command));
    match request {
        Some(request) => Ok(Tagged { tag, request }),
        None => Err(ParseError::Syntax(tag)),
    }
}

fn search_command(arguments: &[u8]) -> Option<(Numbers, &[u8])> {
    let (numbers, rest) = match strip_word(arguments, b"UID ") {
        Some(rest) => (Numbers::Uid, rest),
        None => (Numbers::Sequence, arguments),
    };
    strip_word(rest, b"SEARCH ").map(|keys| (numbers, keys))
}

fn strip_word<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use proptest::prelude::*;

    fn shown(command: &str) -> String {
        match parse(format!("a1 {command}\r\n").as_bytes()) {
            Ok(Tagged { request, .. }) => format!("{} {request:?}", request.name()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_command_is_read_and_stands_in_the_table() {
        let commands = [
            "CAPABILITY",
            "noop",
            "LOGOUT",
            "ID NIL",
            "ID (\"name\" \"x\")",
            "AUTHENTICATE PLAIN",
            "AUTHENTICATE PLAIN =",
            "LOGIN a {1}\r\nb",
            "ENABLE X",
            "NAMESPACE",
            "SELECT INBOX",
            "EXAMINE \"a b\"",
            "CREATE a",
            "DELETE a",
            "RENAME a b",
            "SUBSCRIBE a",
            "UNSUBSCRIBE a",
            "LIST \"\" *",
            "LIST \"\" \"%\"",
            "LSUB \"\" *",
            "STATUS a (MESSAGES UNSEEN)",
            "IDLE",
            "CHECK",
            "CLOSE",
            "UNSELECT",
            "EXPUNGE",
            "UID EXPUNGE 1:*",
            "SEARCH ALL",
            "FETCH 1 FLAGS",
            "STORE 1 +FLAGS (\\Seen x)",
            "COPY 1 a",
            "UID SEARCH ALL",
            "UID FETCH 1 ALL",
            "UID STORE 1 FLAGS.SILENT ()",
            "UID COPY 1:2 a",
            "ENABLE UTF8=ACCEPT CONDSTORE X-ODD",
            "SELECT a (CONDSTORE)",
            "SELECT \"\u{fc}\"",
            "STATUS a (SIZE HIGHESTMODSEQ DELETED DELETED-STORAGE)",
            "LIST (SUBSCRIBED) \"\" (a b) RETURN (CHILDREN)",
            "SEARCH RETURN (MIN) ALL",
            "FETCH 1 (FLAGS MODSEQ) (CHANGEDSINCE 5)",
            "STORE 1 (UNCHANGEDSINCE 5) +FLAGS.SILENT (x)",
            "MOVE 1 a",
            "UID MOVE 1 a",
            "GETQUOTA \"\"",
            "GETQUOTAROOT INBOX",
        ];
        for command in commands {
            let got = shown(command);
            let name = table::COMMANDS.iter().filter(|row| got.starts_with(row.name));
            assert!(name.count() >= 1, "{command}: {got}");
        }
    }

    #[test]
    fn what_is_wrong() {
        for bad in [
            "",
            "XYZZY",
            "NOOP x",
            "FETCH 0 FLAGS",
            "FETCH 1 ()",
            "STORE 1 FLAGS (\\Odd)",
            "SELECT",
            "LOGIN a",
            "FETCH 1 BODY[1",
            "SEARCH",
            "SEARCH NONSENSE",
            "MOVE 1",
            "SELECT a (QRESYNC (1 2))",
            "FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)",
            "FETCH 1 FLAGS (CHANGEDSINCE 0)",
            "SETQUOTA \"\" (STORAGE 512)",
            "COMPRESS DEFLATE",
            "LIST \"\" {1}\r\n\0",
            "FETCH 1 BINARY[1]",
            "SELECT {1}\r\n\0",
        ] {
            assert_eq!(shown(bad), "unknown command or wrong arguments", "{bad:?}");
        }
        let many = format!("FETCH 1 ({})", ["FLAGS"; 101].join(" "));
        assert_eq!(shown(&many), "unknown command or wrong arguments");
        assert_eq!(parse(b"\r\n").unwrap_err(), ParseError::NoTag);
        assert_eq!(parse(b"a1 NOOP\n").unwrap_err().tag().map(Tag::as_str), Some("a1"));
    }

    #[test]
    fn arguments() {
        for (command, expected) in [
            ("SELECT &APw-", "SELECT Select { mailbox: MailboxName(\"&APw-\"), extras: Extras([]) }"),
            ("SELECT \"ü\"", "SELECT Select { mailbox: MailboxName(\"ü\"), extras: Extras([]) }"),
            ("select inbox (condstore)", "Select { mailbox: MailboxName(\"INBOX\"), extras: Extras([CondStore]) }"),
            ("ENABLE x utf8=accept", "ENABLE Enable { extras: Extras([Utf8Accept]) }"),
            ("STORE 1 (UNCHANGEDSINCE 0) FLAGS ()", "unchanged_since: Some(0)"),
            ("FETCH 1 FLAGS (CHANGEDSINCE 7)", "changed_since: Some(7)"),
            ("STORE 1 -FLAGS \\Recent", "Remove, answer: Flags, flags: [], unchanged_since: None }"),
            ("FETCH 2:* RFC822.HEADER", "sets_seen: false, label: Rfc822Header }]"),
            (
                "FETCH 1 BODY.PEEK[1.2.HEADER.FIELDS (From)]<5.10>",
                "part: [1, 2], text: Fields([[70, 114, 111, 109]]) }, partial: Some((5, 10)), sets_seen: false",
            ),
            ("LOGIN u p", "LOGIN Login { user: \"u\", password: Secret(…) }"),
        ] {
            assert!(shown(command).contains(expected), "{command}: {}", shown(command));
        }
    }

    #[test]
    fn a_large_set_takes_little_time() {
        let set: Vec<String> = (1..100_000).map(|n| (n * 2).to_string()).collect();
        assert!(shown(&format!("FETCH {} FLAGS", set.join(","))).starts_with("FETCH"));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn near_commands_never_panic(words in proptest::collection::vec(proptest::sample::select(vec![
            "a ", "FETCH ", "UID ", "SEARCH ", "STORE ", "1:* ", "(", ")", "BODY[", "]", "<1.2>", "{3}\r\n", "abc", "\"", "\\",
            "HEADER.FIELDS ", "NOT ", "OR ", "LIST ", "\r\n", "LOGIN ", "APPEND ", "~{1}\r\n", "*", "%", "1.2", "STATUS ",
        ]), 0..12)) {
            let _ = parse(words.concat().as_bytes());
        }
    }
}
