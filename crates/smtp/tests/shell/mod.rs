//! A shell for tests: drives a session with a table of decisions and writes
//! down what happened.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::{Class, Text};
use smtp::{Decision, Event, Framing, Handshake, Mode, Outcome, Refusal, Session, Settings, reply};

/// Refusals by place: `mail`, `rcpt bob@example.org`, `end`, `end bob@example.org`.
pub type Table = BTreeMap<String, Refusal>;

pub struct Shell {
    pub session: Session,
    pub table: Table,
    pub output: Vec<u8>,
    pub log: Vec<String>,
    /// Messages that came to their end and were not discarded.
    pub messages: Vec<Vec<u8>>,
    arriving: Vec<u8>,
    recipients: Vec<String>,
    handshake: Option<Handshake>,
}

impl Shell {
    pub fn new(mode: Mode, settings: Settings, table: Table) -> Self {
        let session = Session::new(mode, Arc::new(settings));
        let mut shell = Self {
            session,
            table,
            output: Vec::new(),
            log: Vec::new(),
            messages: Vec::new(),
            arriving: Vec::new(),
            recipients: Vec::new(),
            handshake: None,
        };
        shell.pump();
        shell
    }

    /// A session with defaults, up to where the message begins.
    pub fn at_data(mode: Mode) -> Self {
        let mut shell = Self::new(mode, Settings::new("mx.example.org".parse().unwrap()), Table::new());
        let hello = if mode == Mode::Smtp { "EHLO" } else { "LHLO" };
        shell.receive(format!("{hello} client.example\r\nMAIL FROM:<a@b.example>\r\n").as_bytes());
        shell.receive(b"RCPT TO:<bob@example.org>\r\n");
        shell.output.clear();
        shell.log.clear();
        shell
    }

    /// What arrives from the socket, in blocks of whatever length.
    pub fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.session.feed(bytes);
            assert!(taken > 0, "a session that takes nothing would stand still");
            bytes = &bytes[taken..];
            self.pump();
        }
    }

    pub fn secured(&mut self) {
        let handshake = self.handshake.take().expect("no handshake was promised");
        self.session.secured(handshake);
        self.pump();
    }

    pub fn pump(&mut self) {
        while let Some(event) = self.session.next_event() {
            self.answer(event);
        }
        self.output.extend(self.session.take_output());
    }

    fn decide(&self, place: &str) -> Decision {
        self.table.get(place).cloned().map_or(Decision::Accept, Decision::Refuse)
    }

    fn answer(&mut self, event: Event) {
        match event {
            Event::Connect(permit) => self.session.greet(permit, self.decide("connect")),
            Event::Hello(hello, permit) => {
                self.note(format!("hello {}", hello.name()));
                self.session.hello(permit, self.decide("hello"));
            }
            Event::Mail(mail, permit) => {
                self.note(format!("mail {mail}"));
                self.recipients.clear();
                self.session.mail(permit, self.decide("mail"));
            }
            Event::Rcpt(rcpt, permit) => {
                self.note(format!("rcpt {rcpt}"));
                let decision = self.decide(&format!("rcpt {}", rcpt.to));
                if decision == Decision::Accept {
                    self.recipients.push(rcpt.to.to_string());
                }
                self.session.rcpt(permit, decision);
            }
            Event::DataStart(start, permit) => {
                let declared = start.declared.map(|octets| format!(" {octets}")).unwrap_or_default();
                let framing = if start.framing == Framing::Data { "data" } else { "bdat" };
                self.note(format!("{framing}{declared} {}", self.session.protocol().as_str()));
                self.arriving.clear();
                self.session.data(permit, self.decide("data"));
            }
            Event::Chunk(bytes) => {
                assert!(!bytes.is_empty());
                self.arriving.extend(bytes);
            }
            Event::MessageEnd(facts, permit) => {
                assert_eq!(facts.bytes, self.arriving.len() as u64);
                self.note(format!("end {}", facts.wire_size()));
                self.messages.push(std::mem::take(&mut self.arriving));
                self.session.message(permit, self.outcome());
            }
            Event::MessageDiscarded(discarded) => {
                self.arriving.clear();
                self.note(format!("discarded {:?}", discarded.flaw));
            }
            Event::Reset => self.note("reset".to_owned()),
            Event::StartTls(permit) => match self.table.get("starttls").cloned() {
                Some(refusal) => self.session.refuse_tls(permit, refusal),
                None => {
                    let handshake = self.session.accept_tls(permit);
                    self.note(format!("starttls, {} dropped", handshake.dropped()));
                    self.handshake = Some(handshake);
                }
            },
            Event::Quit => self.note("quit".to_owned()),
            Event::Abort(reason) => self.note(format!("abort {reason}")),
        }
    }

    fn outcome(&self) -> Outcome {
        if let Some(refusal) = self.table.get("end") {
            return Outcome::Refused(refusal.clone());
        }
        if !self.table.keys().any(|place| place.starts_with("end ")) {
            return Outcome::accepted("Stored.");
        }
        let each = self.recipients.iter().map(|to| match self.table.get(&format!("end {to}")) {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(Text::sanitized(&format!("Stored for {to}."))),
        });
        Outcome::Each(each.collect())
    }

    fn note(&mut self, what: String) {
        self.log.push(what);
    }
}

/// The refusals that dialogues name.
pub fn case(name: &str) -> Option<Refusal> {
    Some(match name {
        "no-such-recipient" => reply::no_such_recipient(),
        "inactive-account" => reply::inactive_account(),
        "inactive-domain" => reply::inactive_domain(),
        "foreign-domain" => reply::foreign_domain(),
        "over-quota" => reply::over_quota(),
        "outside-target" => reply::outside_target(),
        "directory" => reply::of_class(Class::Directory),
        "index" => reply::of_class(Class::Index),
        "scanner" => reply::of_class(Class::Scanner),
        "disk-full" => reply::of_class(Class::DiskFull),
        "internal" => reply::of_class(Class::Internal),
        "invalid" => reply::of_class(Class::Invalid),
        "idle" => reply::idle(),
        "shutting-down" => reply::shutting_down(),
        "too-many-connections" => reply::too_many_connections(),
        "peer-refused" => reply::peer_refused(),
        "tls-not-available" => reply::tls_not_available(),
        "loop" => reply::mail_loop(),
        "content" => reply::refused_for_content(
            &Text::sanitized("The message carries a virus."),
            &Text::sanitized("https://mx.example.org/report/abcdefghijklmnopqrstuvwxyz"),
        ),
        _ => return None,
    })
}
