//! SMTP and LMTP from a hostile peer: single lines, and whole sessions.

use std::sync::Arc;

use smtp::{Decision, Event, Framing, Handshake, Mail, Mode, Outcome, Rcpt, Session, Settings, reply};

use super::cuts;

/// MAIL and RCPT: what is read is written and read again as the same, and never
/// breaks a line.
pub fn line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Mail::parse(text) {
        Ok(mail) => {
            let shown = mail.to_string();
            assert!(!shown.contains(['\r', '\n', '\0']), "{shown:?}");
            assert_eq!(Mail::parse(&shown), Ok(mail), "{shown:?}");
        }
        Err(error) => assert!(error.refusal().is_permanent()),
    }
    match Rcpt::parse(text) {
        Ok(rcpt) => {
            let shown = rcpt.to_string();
            assert!(!shown.contains(['\r', '\n', '\0']), "{shown:?}");
            assert_eq!(Rcpt::parse(&shown), Ok(rcpt), "{shown:?}");
        }
        Err(error) => assert!(error.refusal().is_permanent()),
    }
}

/// A whole session, in both protocols: the same outcome whatever the pieces.
pub fn session(data: &[u8]) {
    for mode in [Mode::Smtp, Mode::Lmtp] {
        let [whole, single, uneven] = cuts(data).map(|pieces| run(mode, &pieces));
        assert_eq!(whole, single, "cut into octets");
        assert_eq!(whole, uneven, "cut unevenly");
        check_output(&whole.output);
    }
}

const MAX_LINE: usize = 128;
const MAX_RECIPIENTS: usize = 3;

fn settings() -> Settings {
    let mut settings = Settings::new("mx.example.org".parse().unwrap());
    settings.max_line = MAX_LINE;
    settings.max_errors = 5;
    settings.max_idle_commands = 8;
    settings.max_message = 300;
    settings.max_skip = 300;
    settings.max_recipients = MAX_RECIPIENTS;
    settings.max_transactions = 4;
    settings.smtputf8 = true;
    settings.starttls = true;
    settings
}

fn run(mode: Mode, pieces: &[&[u8]]) -> Seen {
    let mut session = Session::new(mode, Arc::new(settings()));
    let mut shell = Shell::default();
    shell.pump(&mut session);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let taken = session.feed(rest);
            assert!(taken > 0, "a session that takes nothing would stand still");
            rest = &rest[taken..];
            shell.pump(&mut session);
            // A block of the socket and one line are what it may hold.
            assert!(session.buffered() <= 32 * 1024 + MAX_LINE);
        }
    }
    session.hang_up();
    shell.pump(&mut session);
    session.hang_up();
    shell.pump(&mut session);
    assert_eq!(shell.seen.log.last().map(|what| what.starts_with("last ")), Some(true), "a session has a last event");
    shell.seen
}

/// What came of a session.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    log: Vec<String>,
    output: Vec<u8>,
    messages: Vec<Vec<u8>>,
}

/// Decides by the names of recipients, and holds the session to the order of
/// its events.
#[derive(Default)]
struct Shell {
    seen: Seen,
    arriving: Option<Vec<u8>>,
    in_transaction: bool,
    accepted: usize,
    promised: Option<Handshake>,
    over: bool,
}

impl Shell {
    fn pump(&mut self, session: &mut Session) {
        while let Some(event) = session.next_event() {
            assert!(!self.over, "{event:?} after the last event");
            self.answer(session, event);
        }
        self.seen.output.extend(session.take_output());
    }

    fn answer(&mut self, session: &mut Session, event: Event) {
        let last = matches!(event, Event::Quit | Event::Abort(_));
        assert!(self.promised.is_none() || last, "{event:?}: read in plain text behind STARTTLS");
        match event {
            Event::Connect(permit) => session.greet(permit, Decision::Accept),
            Event::Hello(hello, permit) => {
                self.note(format!("hello {}", hello.name()));
                session.hello(permit, Decision::Accept);
            }
            Event::Mail(mail, permit) => {
                assert!(!self.in_transaction, "a transaction in a transaction");
                (self.in_transaction, self.accepted) = (true, 0);
                self.note(format!("mail {mail}"));
                session.mail(permit, Decision::Accept);
            }
            Event::Rcpt(rcpt, permit) => {
                assert!(self.in_transaction, "a recipient without a sender");
                let known = !rcpt.to.to_string().starts_with("nobody");
                self.accepted += usize::from(known);
                assert!(self.accepted <= MAX_RECIPIENTS);
                self.note(format!("rcpt {rcpt}"));
                let refusal = Decision::Refuse(reply::no_such_recipient());
                session.rcpt(permit, if known { Decision::Accept } else { refusal });
            }
            Event::Quit => self.end("quit"),
            Event::Abort(reason) => self.end(&format!("abort {reason}")),
            Event::Reset => {
                self.forget();
                self.note("reset".to_owned());
            }
            Event::StartTls(permit) => {
                self.note("starttls".to_owned());
                self.forget();
                self.promised = Some(session.accept_tls(permit));
            }
            of_message => self.message(session, of_message),
        }
    }

    fn message(&mut self, session: &mut Session, event: Event) {
        match event {
            Event::DataStart(start, permit) => {
                assert!(self.in_transaction && self.accepted > 0, "a message for nobody");
                assert!(self.arriving.is_none(), "a message in a message");
                self.arriving = Some(Vec::new());
                self.note(format!("start {:?} {:?} {}", start.framing, start.declared, session.protocol().as_str()));
                session.data(permit, Decision::Accept);
            }
            Event::Chunk(bytes) => {
                assert!(!bytes.is_empty());
                self.arriving.as_mut().expect("a message was begun").extend(bytes);
            }
            Event::MessageEnd(facts, permit) => {
                let message = self.arriving.take().expect("a message was begun");
                assert_eq!(facts.bytes, message.len() as u64);
                assert!(!facts.too_large && facts.nul == 0 && !message.contains(&0) && !message.contains(&b'\r'));
                assert!(facts.framing == Framing::Bdat || facts.bare_cr + facts.bare_lf == 0);
                self.note(format!("end {facts:?}"));
                self.seen.messages.push(message);
                self.forget();
                session.message(permit, Outcome::accepted("Stored."));
            }
            Event::MessageDiscarded(discarded) => {
                self.forget();
                self.note(format!("discarded {:?}", discarded.flaw));
            }
            other => panic!("{other:?} is not of a message"),
        }
    }

    /// What a chunk that is refused leaves behind is read as one transaction
    /// until it is given up or ends; no recipient may come in it any more.
    fn forget(&mut self) {
        self.arriving = None;
        self.in_transaction = false;
    }

    fn note(&mut self, what: String) {
        self.seen.log.push(what);
    }

    fn end(&mut self, what: &str) {
        self.over = true;
        self.note(format!("last {what}"));
    }
}

/// Each line is a reply line of its own, of visible ASCII, and no longer than
/// RFC 5321 §4.5.3.1.5 lets it be.
pub(super) fn check_output(output: &[u8]) {
    let text = std::str::from_utf8(output).expect("replies are ASCII");
    assert!(text.is_empty() || text.ends_with("\r\n"), "a reply without its end");
    for line in text.split_terminator("\r\n") {
        let shown = line.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
        let code = line.len() >= 4 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit);
        assert!(shown && code && matches!(line.as_bytes()[3], b' ' | b'-') && line.len() <= 510, "{line:?}");
    }
}
