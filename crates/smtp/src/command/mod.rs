//! The table of commands: which there are, when they are lawful, what they do.

mod hello;
mod message;
mod other;
mod tls;
mod transaction;

use crate::session::Session;
use crate::{Abort, Mode, Refusal, reply};

/// How far the dialogue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Refused at the door; only QUIT is left.
    Unwelcome,
    /// Greeted by us, not yet by the peer.
    Connected,
    /// Introduced, no transaction.
    Greeted,
    /// A sender, no accepted recipient.
    Sender,
    /// A sender and recipients.
    Recipients,
    /// Within a message by BDAT.
    Chunks,
}

const ALWAYS: &[Stage] =
    &[Stage::Unwelcome, Stage::Connected, Stage::Greeted, Stage::Sender, Stage::Recipients, Stage::Chunks];
const WELCOME: &[Stage] = &[Stage::Connected, Stage::Greeted, Stage::Sender, Stage::Recipients, Stage::Chunks];
const BOTH: &[Mode] = &[Mode::Smtp, Mode::Lmtp];

/// Whether a command moves mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Moves,
    Idle,
}

/// A command: first whether it is lawful, then its arguments, then its act.
pub(crate) trait Command {
    /// The verb, in capitals.
    const NAME: &'static str;
    const MODES: &'static [Mode] = BOTH;
    const LAWFUL: &'static [Stage];
    const USE: Use = Use::Moves;
    type Arguments;
    /// Reads what follows the verb and its space.
    fn parse(arguments: &str) -> Result<Self::Arguments, Refusal>;
    fn act(session: &mut Session, arguments: Self::Arguments);
}

/// A row of the table.
struct Row {
    name: &'static str,
    modes: &'static [Mode],
    lawful: &'static [Stage],
    purpose: Use,
    run: fn(&mut Session, &str),
}

const fn row<C: Command>() -> Row {
    Row { name: C::NAME, modes: C::MODES, lawful: C::LAWFUL, purpose: C::USE, run: run::<C> }
}

static TABLE: &[Row] = &[
    row::<hello::Ehlo>(),
    row::<hello::Helo>(),
    row::<hello::Lhlo>(),
    row::<tls::StartTls>(),
    row::<transaction::MailFrom>(),
    row::<transaction::RcptTo>(),
    row::<transaction::Rset>(),
    row::<message::Data>(),
    row::<message::Bdat>(),
    row::<other::Noop>(),
    row::<other::Vrfy>(),
    row::<other::Expn>(),
    row::<other::Help>(),
    row::<other::Auth>(),
    row::<other::Quit>(),
];

/// Verbs of HTTP: a browser was made to send a form to a mail server.
const HTTP: &[&str] = &["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI"];

/// Obeys a command line without its CRLF.
pub(crate) fn dispatch(session: &mut Session, line: &[u8]) {
    let end = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
    let is = |name: &&str| line[..end].eq_ignore_ascii_case(name.as_bytes());
    if HTTP.iter().any(is) {
        return session.leave(&reply::not_smtp(), Abort::NotSmtp);
    }
    let row = TABLE.iter().find(|row| is(&row.name) && row.modes.contains(&session.mode));
    let (row, text) = match (row, readable(line)) {
        (Some(row), Ok(text)) => (row, text),
        (Some(row), Err(Unreadable::NotUtf8)) if ["MAIL", "RCPT"].contains(&row.name) => {
            return session.fault(&reply::needs_smtputf8());
        }
        // How much of what follows belongs to it is not known.
        (Some(row), Err(_)) if row.name == "BDAT" => return session.leave(&reply::malformed_line(), Abort::BadChunk),
        (_, Err(_)) => return session.fault(&reply::malformed_line()),
        (None, Ok(_)) => return session.fault(&reply::unknown_command()),
    };
    if row.purpose == Use::Idle && !session.idles() {
        return;
    }
    let stage = session.stage();
    if !row.lawful.contains(&stage) {
        return session.fault(&out_of_order(stage, row.name));
    }
    (row.run)(session, text[end..].trim_matches(' '));
}

fn run<C: Command>(session: &mut Session, arguments: &str) {
    match C::parse(arguments) {
        Ok(arguments) => C::act(session, arguments),
        Err(refusal) => session.fault(&refusal),
    }
}

enum Unreadable {
    NotUtf8,
    Control,
}

/// A line as text. Control characters are in no command; a bare CR, LF or NUL
/// within the line is one.
fn readable(line: &[u8]) -> Result<&str, Unreadable> {
    if line.iter().any(u8::is_ascii_control) {
        return Err(Unreadable::Control);
    }
    std::str::from_utf8(line).map_err(|_| Unreadable::NotUtf8)
}

/// What a command hears that is not lawful at this stage.
pub(crate) fn out_of_order(stage: Stage, name: &str) -> Refusal {
    match (stage, name) {
        (Stage::Unwelcome, _) => reply::only_quit(),
        (Stage::Connected, _) => reply::hello_first(),
        (Stage::Greeted, _) => reply::mail_first(),
        (Stage::Sender, "DATA" | "BDAT") => reply::no_valid_recipients(),
        (Stage::Sender | Stage::Recipients, _) => reply::mail_twice(),
        (Stage::Chunks, _) => reply::within_chunks(),
    }
}

/// For commands that take no argument.
fn nothing(arguments: &str) -> Result<(), Refusal> {
    if arguments.is_empty() { Ok(()) } else { Err(reply::bad_arguments()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_printed() {
        let shown: Vec<String> = TABLE
            .iter()
            .map(|row| format!("{} {:?} {:?} {:?}", row.name, row.modes, row.lawful, row.purpose))
            .collect();
        assert_eq!(shown.iter().filter(|row| row.contains("Unwelcome")).count(), 2, "{shown:#?}");
        assert!(shown.contains(&"RCPT [Smtp, Lmtp] [Sender, Recipients] Moves".to_owned()), "{shown:#?}");
        assert!(shown.contains(&"LHLO [Lmtp] [Connected, Greeted, Sender, Recipients, Chunks] Idle".to_owned()));
    }
}
