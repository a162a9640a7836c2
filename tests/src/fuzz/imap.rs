//! IMAP commands from a hostile client: cut into frames, then read.

use imap::{Frame, Framer, Limits, Refusal, Tagged, parse, table};

use super::cuts;

/// Octets of a command; more than the longest tag, so that the tag of a line
/// that is too long is found in whatever pieces it comes.
const COMMAND: usize = 400;
const APPEND: u64 = 64;
const BEFORE_LOGIN: usize = 200;

fn limits() -> Limits {
    Limits { before_login: BEFORE_LOGIN, command: COMMAND, literals: 3, append: APPEND }
}

/// Frames and commands: bounded, the same in whatever pieces, and never a
/// panic; what is read is a row of the table and bears its tag.
pub fn framing(data: &[u8]) {
    let runs = cuts(data).map(|pieces| {
        let mut framer = Framer::new(limits());
        framer.authenticated();
        run(framer, &pieces)
    });
    assert_eq!(runs[0], runs[1], "cut into octets");
    assert_eq!(runs[0], runs[2], "cut unevenly");
    before_login(data);
}

fn run(mut framer: Framer, pieces: &[&[u8]]) -> Vec<String> {
    let mut log: Vec<String> = Vec::new();
    let mut append = None;
    for piece in pieces {
        framer.input(piece);
        while let Some(frame) = framer.next_frame() {
            note(frame, &mut framer, &mut append, &mut log);
        }
        assert_held(&framer, piece.len());
    }
    log
}

/// What is held besides the piece that came last: a command, and what is kept
/// of a line that is dropped. Each octet has at most five characters here.
fn assert_held(framer: &Framer, piece: usize) {
    let shown = format!("{framer:?}").len();
    assert!(shown <= 1000 + 5 * (2 * COMMAND + 400 + piece), "{shown} characters");
}

fn note(frame: Frame, framer: &mut Framer, append: &mut Option<u64>, log: &mut Vec<String>) {
    match frame {
        Frame::Command(command) => {
            assert!(command.len() <= COMMAND && command.ends_with(b"\n"));
            log.push(format!("command {} {}", command.escape_ascii(), read(&command)));
        }
        Frame::Append(start) => {
            log.push(format!("append {start:?}"));
            if start.size > APPEND {
                framer.refuse_append();
            } else {
                framer.accept_append();
                *append = Some(start.size);
            }
        }
        Frame::AppendData(bytes) => {
            let left = append.as_mut().expect("an APPEND was accepted");
            *left = left.checked_sub(bytes.len() as u64).expect("not more than was announced");
            // In how many pieces it is handed on depends on how it came.
            match log.last_mut().filter(|last| last.starts_with("data ")) {
                Some(last) => last.push_str(&bytes.escape_ascii().to_string()),
                None => log.push(format!("data {}", bytes.escape_ascii())),
            }
        }
        Frame::AppendEnd | Frame::AppendGarbage => {
            assert_eq!(append.take(), Some(0), "the message is all there");
            log.push(format!("{frame:?}"));
        }
        // Whether a line that is too long was seen whole depends on how it came.
        Frame::Refused(tag, Refusal::LineTooLong) => log.push(format!("refused {tag:?} {:?}", Refusal::CommandTooLong)),
        Frame::Refused(tag, refusal) => log.push(format!("refused {tag:?} {refusal:?}")),
        other => log.push(format!("{other:?}")),
    }
}

fn read(command: &[u8]) -> String {
    match parse(command) {
        Ok(Tagged { tag, request }) => {
            assert!(
                command.starts_with(format!("{tag} ").as_bytes())
                    || command.starts_with(format!("{tag}\r\n").as_bytes())
            );
            assert!(table::COMMANDS.iter().any(|row| row.name == request.name()), "{} is in no row", request.name());
            format!("{request:?}")
        }
        Err(error) => error.to_string(),
    }
}

/// Before login nothing goes on behind the limit, whatever was announced.
fn before_login(data: &[u8]) {
    let mut framer = Framer::new(limits());
    let mut dead = false;
    for (at, octet) in data.iter().enumerate() {
        framer.input(&[*octet]);
        while let Some(frame) = framer.next_frame() {
            assert!(!dead, "{frame:?} behind the end");
            assert!(!matches!(frame, Frame::Append(_) | Frame::AppendData(_)), "APPEND before login");
            dead = matches!(frame, Frame::Fatal(_));
        }
        assert!(dead || at < BEFORE_LOGIN, "octet {at} was let through");
    }
}
