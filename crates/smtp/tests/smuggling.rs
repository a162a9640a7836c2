//! All strings of CR, LF, NUL, dot and a letter up to five octets, placed
//! inside a message, cut at every boundary: only the lawful end is one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod shell;

use shell::Shell;
use smtp::Mode;

const ALPHABET: &[u8] = b"\r\n\0.a";
/// What follows the string: lawful lines, then the commands of a second
/// message that a wrong end would let in, then the end.
const BEHIND: &[u8] = b"\r\nMAIL FROM:<evil@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n\r\n.\r\n";
const BEFORE: &[u8] = b"Subject: x\r\n\r\nfirst";

#[test]
fn no_string_ends_data_but_the_lawful_one() {
    let mut ended_early = 0;
    for string in strings() {
        let wire = [BEFORE, &string, BEHIND].concat();
        // Where CRLF "." CRLF stands first, by another way than the machine's.
        let lawful = wire.windows(5).position(|w| w == b"\r\n.\r\n").unwrap() + 5;
        ended_early += usize::from(lawful < wire.len());
        for cut in 0..=string.len() + 1 {
            let (left, right) = wire[..lawful].split_at((BEFORE.len() + cut).min(lawful - 1));
            check_data(&string, left, right);
        }
    }
    // CRLF.CRLF itself, and CRLF. before the CRLF behind it, with up to two
    // octets before.
    assert_eq!(ended_early, 1 + 1 + 5 + 25);
}

/// The message must end exactly with the last octet, and be taken exactly when
/// nothing in it is bare.
fn check_data(string: &[u8], left: &[u8], right: &[u8]) {
    let mut shell = Shell::at_data(Mode::Smtp);
    shell.receive(b"DATA\r\n");
    let (last, body) = right.split_last().unwrap();
    shell.receive(left);
    shell.receive(body);
    assert!(shell.session.is_receiving(), "{string:?}: ended before its end");
    shell.receive(&[*last]);
    assert!(!shell.session.is_receiving(), "{string:?}: did not end at its end");
    let wire = [left, right].concat();
    let said = String::from_utf8(shell.output.clone()).unwrap();
    let expected = match (wire.contains(&0), has_bare(&wire)) {
        (true, _) => "550 5.6.0",
        (_, true) => "550 5.5.2",
        _ => "250 2.0.0",
    };
    assert!(said.starts_with("354 ") && said.lines().count() == 2, "{string:?}: {said}");
    assert!(said.lines().nth(1).unwrap().starts_with(expected), "{string:?}: {said}");
    assert_eq!(shell.messages.len(), usize::from(expected == "250 2.0.0"), "{string:?}");
    if let Some(message) = shell.messages.first() {
        assert_eq!(*message, lawful_text(&wire), "{string:?}");
    }
}

#[test]
fn the_length_alone_ends_bdat() {
    for string in strings() {
        let wire = [BEFORE, &string, BEHIND].concat();
        for cut in 0..=string.len() {
            let (left, right) = wire.split_at(BEFORE.len() + cut);
            for framing in [Chunking::One, Chunking::Two] {
                check_bdat(&string, left, right, framing);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Chunking {
    /// One chunk, fed in two pieces.
    One,
    /// Two chunks.
    Two,
}

fn check_bdat(string: &[u8], left: &[u8], right: &[u8], chunking: Chunking) {
    let mut shell = Shell::at_data(Mode::Smtp);
    if chunking == Chunking::One {
        shell.receive(format!("BDAT {} LAST\r\n", left.len() + right.len()).as_bytes());
        shell.receive(left);
    } else {
        shell.receive(format!("BDAT {}\r\n", left.len()).as_bytes());
        shell.receive(left);
        shell.receive(format!("BDAT {} LAST\r\n", right.len()).as_bytes());
    }
    let (last, body) = right.split_last().unwrap();
    shell.receive(body);
    assert!(shell.session.is_receiving(), "{string:?}: ended before its end");
    shell.receive(&[*last]);
    assert!(!shell.session.is_receiving(), "{string:?}: did not end at its end");
    let said = String::from_utf8(shell.output.clone()).unwrap();
    let last_reply = said.lines().last().unwrap();
    let wire = [left, right].concat();
    if wire.contains(&0) {
        assert!(last_reply.starts_with("550 5.6.0") && shell.messages.is_empty(), "{string:?}: {said}");
    } else {
        assert!(last_reply.starts_with("250 2.0.0"), "{string:?}: {said}");
        assert_eq!(shell.messages, [repaired(&wire)], "{string:?}");
    }
    let senders = shell.log.iter().filter(|what| what.starts_with("mail")).count();
    assert_eq!(senders, 0, "{string:?}: a second message came in");
}

fn strings() -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    let mut from = 0;
    for _ in 0..5 {
        let to = all.len();
        for at in from..to {
            all.extend(ALPHABET.iter().map(|byte| [&all[at][..], &[*byte]].concat()).collect::<Vec<_>>());
        }
        from = to;
    }
    assert_eq!(all.len(), 1 + 5 + 25 + 125 + 625 + 3125);
    all
}

fn has_bare(wire: &[u8]) -> bool {
    let text = String::from_utf8(wire.to_vec()).unwrap().replace("\r\n", "");
    text.contains(['\r', '\n'])
}

/// What a lawful DATA says, computed with string functions.
fn lawful_text(wire: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(wire.to_vec()).unwrap();
    let lines: Vec<&str> = text.strip_suffix(".\r\n").unwrap().split_inclusive("\r\n").collect();
    let unstuffed = lines.iter().map(|line| line.strip_prefix('.').unwrap_or(line).replace("\r\n", "\n"));
    unstuffed.collect::<String>().into_bytes()
}

fn repaired(wire: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(wire.to_vec()).unwrap();
    text.replace("\r\n", "\n").replace('\r', "\n").into_bytes()
}
