//! One connection: what was learned, what is being read, what is to be
//! written.

mod reading;

use std::collections::VecDeque;
use std::sync::Arc;

use mail::Text;

use crate::body::{Framing, Message};
use crate::command::Stage;
use crate::event::{ConnectPermit, Decision, Event, Greeting, Hello};
use crate::input::Input;
use crate::{Abort, Mail, Mode, Refusal, Reply, Settings, reply};

/// The protocol machine of one connection. See the crate's page for how a
/// shell drives it.
#[derive(Debug)]
pub struct Session {
    pub(crate) settings: Arc<Settings>,
    pub(crate) mode: Mode,
    pub(crate) acquaintance: Acquaintance,
    pub(crate) tls: Tls,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) tally: Tally,
    pub(crate) phase: Phase,
    pub(crate) input: Input,
    /// Octets of the message that is coming or came last.
    pub(crate) received: u64,
    output: Vec<u8>,
    events: VecDeque<Event>,
}

/// How well the peer is known.
#[derive(Debug)]
pub(crate) enum Acquaintance {
    /// A 554 was said instead of the banner.
    Unwelcome,
    /// Not introduced yet.
    Stranger,
    /// Introduced.
    Introduced(Hello),
}

/// Whether the bytes come through TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    Off,
    On,
}

/// What counts against the limits of a connection.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) errors: u32,
    pub(crate) idle_commands: u32,
    /// Commands that were refused for now.
    pub(crate) put_off: usize,
    pub(crate) transactions: u32,
}

/// An open transaction.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) mail: Mail,
    pub(crate) accepted: usize,
    pub(crate) chunks: Chunks,
}

/// What came of the message by BDAT so far.
#[derive(Debug)]
pub(crate) enum Chunks {
    None,
    Open(Message),
    /// Refused; what else comes of it is answered in the same way.
    Refused(Refusal),
}

/// What the session does at the moment.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Reads command lines.
    Command,
    /// Waits for a decision.
    Asked(Question),
    /// Reads the lines of DATA.
    Data(Message),
    /// Reads a chunk of BDAT into the envelope's message.
    Chunk(Chunk),
    /// Throws a chunk away and then refuses it.
    Skip(Chunk, Refusal),
    /// Has said its last.
    Ended,
}

/// Refusals for now are answered for so many times the recipients of one
/// message: a sender of a large list asks for all of them at once, and sends the
/// rest in another transaction.
const PUT_OFF: usize = 100;

/// What of a BDAT chunk is still to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    pub(crate) size: u64,
    pub(crate) left: u64,
    pub(crate) last: Last,
}

/// Whether a chunk ends its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Yes,
    No,
}

/// What the shell was asked, with what is needed to go on.
#[derive(Debug)]
pub(crate) enum Question {
    Connect,
    Hello(Hello),
    Mail(Mail),
    Rcpt,
    Data,
    Bdat(Chunk),
    End,
    StartTls,
    Handshake,
}

/// The protocol as a `Received` header names it (RFC 3848, RFC 6531 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protocol(&'static str);

impl Protocol {
    /// The word behind `with`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl Session {
    /// A session of a peer that has just connected. Its first event is
    /// [`Event::Connect`].
    #[must_use]
    pub fn new(mode: Mode, settings: Arc<Settings>) -> Self {
        let input = Input::new(settings.max_line);
        Self {
            settings,
            mode,
            acquaintance: Acquaintance::Stranger,
            tls: Tls::Off,
            envelope: None,
            tally: Tally::default(),
            phase: Phase::Asked(Question::Connect),
            input,
            received: 0,
            output: Vec::new(),
            events: VecDeque::from([Event::Connect(ConnectPermit::new())]),
        }
    }

    /// Takes bytes that arrived, at most [`Session::room`] of them; returns
    /// how many. What is not taken is to be fed again after the next events.
    ///
    /// Bytes fed between [`Session::accept_tls`] and [`Session::secured`], or
    /// after the end, are taken and thrown away.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        match self.phase {
            Phase::Ended | Phase::Asked(Question::Handshake) => bytes.len(),
            _ => self.input.feed(bytes),
        }
    }

    /// How many bytes it takes at present. While [`Session::wants_input`] it
    /// is at least 32 KiB after [`Session::next_event`] gave `None`.
    #[must_use]
    pub fn room(&self) -> usize {
        self.input.room()
    }

    /// Whether more bytes from the peer are what is missing; otherwise it is a
    /// decision of the shell, or the session has ended.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        matches!(self.phase, Phase::Command | Phase::Data(_) | Phase::Chunk(_) | Phase::Skip(..))
    }

    /// Whether a message is being read, which has another time limit than a
    /// command (RFC 5321 §4.5.3.2).
    #[must_use]
    pub fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Data(_) | Phase::Chunk(_) | Phase::Skip(..))
    }

    /// How many octets of a message came so far, while one has begun and is not
    /// at its end; between two chunks of BDAT too. With it the shell measures
    /// how slow a message is as a whole, however it is cut.
    #[must_use]
    pub fn message_octets(&self) -> Option<u64> {
        (self.is_receiving() || self.stage() == Stage::Chunks).then_some(self.received)
    }

    /// The next event. `None` until bytes are fed, or a decision is made that
    /// the session waits for; then is the time to write the output.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if !self.read_on() {
                self.input.relax();
                return None;
            }
        }
    }

    /// What is to be written to the peer; leaves nothing behind.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Whether anything is to be written.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// How many bytes arrived that were not looked at yet. Before the banner
    /// these are those of a peer that talks first, which a mail server does
    /// not.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.input.rest().len()
    }

    /// How the peer introduced itself last.
    #[must_use]
    pub fn peer(&self) -> Option<&Hello> {
        match &self.acquaintance {
            Acquaintance::Introduced(hello) => Some(hello),
            _ => None,
        }
    }

    /// The protocol for the `Received` header of the open transaction, to be
    /// asked for before its end is answered.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        let utf8 = self.envelope.as_ref().is_some_and(|envelope| envelope.mail.smtputf8);
        let extended = self.peer().is_some_and(|hello| hello.greeting != Greeting::Helo);
        Protocol(match (self.mode, self.tls, utf8) {
            (Mode::Lmtp, Tls::Off, false) => "LMTP",
            (Mode::Lmtp, Tls::On, false) => "LMTPS",
            (Mode::Lmtp, Tls::Off, true) => "UTF8LMTP",
            (Mode::Lmtp, Tls::On, true) => "UTF8LMTPS",
            (Mode::Smtp, Tls::Off, false) if !extended => "SMTP",
            (Mode::Smtp, Tls::Off, false) => "ESMTP",
            (Mode::Smtp, Tls::On, false) => "ESMTPS",
            (Mode::Smtp, Tls::Off, true) => "UTF8SMTP",
            (Mode::Smtp, Tls::On, true) => "UTF8SMTPS",
        })
    }

    /// The peer is gone: its end of the connection is closed, or an error came
    /// from the socket. The session ends with [`Abort::PeerGone`].
    pub fn hang_up(&mut self) {
        self.end(Event::Abort(Abort::PeerGone));
    }

    /// Ends the session from outside with a last reply, such as
    /// [`reply::idle`] or [`reply::shutting_down`]; the event is
    /// [`Abort::Told`].
    pub fn shut(&mut self, refusal: &Refusal) {
        self.leave(refusal, Abort::Told);
    }

    /// Answers [`Event::Connect`]. A refusal with code 421 closes the
    /// connection; after any other one the peer may only QUIT
    /// (RFC 5321 §3.1).
    pub fn greet(&mut self, _permit: ConnectPermit, decision: Decision) {
        if !matches!(self.phase, Phase::Asked(Question::Connect)) {
            return;
        }
        self.phase = Phase::Command;
        match decision {
            Decision::Accept => {
                let protocol = if self.mode == Mode::Lmtp { "LMTP" } else { "ESMTP" };
                let text = format!("{} {protocol} Gatepost", self.settings.hostname);
                self.say(&Reply::plain(220, vec![Text::sanitized(&text)]));
            }
            Decision::Refuse(refusal) if refusal.closes() => self.leave(&refusal, Abort::Told),
            Decision::Refuse(refusal) => {
                self.acquaintance = Acquaintance::Unwelcome;
                self.say(refusal.reply());
            }
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match (&self.acquaintance, &self.envelope) {
            (Acquaintance::Unwelcome, _) => Stage::Unwelcome,
            (Acquaintance::Stranger, _) => Stage::Connected,
            (Acquaintance::Introduced(_), None) => Stage::Greeted,
            (_, Some(Envelope { chunks: Chunks::Open(_) | Chunks::Refused(_), .. })) => Stage::Chunks,
            (_, Some(Envelope { accepted: 0, .. })) => Stage::Sender,
            (_, Some(_)) => Stage::Recipients,
        }
    }

    pub(crate) fn say(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
    }

    /// Says what a message comes to: in LMTP once for each recipient
    /// (RFC 2033 §4.2).
    pub(crate) fn say_to_each(&mut self, reply: &Reply) {
        for _ in 0..self.replies() {
            self.say(reply);
        }
    }

    /// How many replies a message has.
    pub(crate) fn replies(&self) -> usize {
        match (self.mode, &self.envelope) {
            (Mode::Lmtp, Some(envelope)) => envelope.accepted.max(1),
            _ => 1,
        }
    }

    /// Refuses a command and counts it as an error.
    pub(crate) fn fault(&mut self, refusal: &Refusal) {
        if self.tally.errors >= self.settings.max_errors {
            return self.leave(&reply::too_many_errors(), Abort::TooManyErrors);
        }
        self.tally.errors += 1;
        self.say(refusal.reply());
    }

    /// Says the shell's no. It is an error of the peer when it is for good.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        match refusal {
            _ if refusal.closes() => self.leave(refusal, Abort::Told),
            _ if refusal.is_permanent() => self.fault(refusal),
            _ => self.put_off(refusal),
        }
    }

    /// Refuses a command for now, which is no error of the peer; but nobody has
    /// so many recipients that he may go on with it for ever.
    pub(crate) fn put_off(&mut self, refusal: &Refusal) {
        if self.tally.put_off >= self.settings.max_recipients.saturating_mul(PUT_OFF) {
            return self.leave(&reply::too_many_idle_commands(), Abort::TooManyIdleCommands);
        }
        self.tally.put_off += 1;
        self.say(refusal.reply());
    }

    /// Counts a command that moves no mail; whether it may be obeyed.
    pub(crate) fn idles(&mut self) -> bool {
        let may = self.tally.idle_commands < self.settings.max_idle_commands;
        self.tally.idle_commands += 1;
        if !may {
            self.leave(&reply::too_many_idle_commands(), Abort::TooManyIdleCommands);
        }
        may
    }

    /// Has the shell decide.
    pub(crate) fn ask(&mut self, question: Question, event: Event) {
        self.phase = Phase::Asked(question);
        self.events.push_back(event);
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Forgets the transaction, and has the shell forget it.
    pub(crate) fn reset(&mut self) {
        match self.envelope.take() {
            // The shell knows that this one is over.
            None | Some(Envelope { chunks: Chunks::Refused(_), .. }) => {}
            Some(_) => self.tell(Event::Reset),
        }
    }

    /// Says a last reply and ends.
    pub(crate) fn leave(&mut self, refusal: &Refusal, reason: Abort) {
        if !matches!(self.phase, Phase::Ended) {
            self.say(refusal.reply());
        }
        self.end(Event::Abort(reason));
    }

    /// Ends with the given event, and no other after it.
    pub(crate) fn end(&mut self, event: Event) {
        if matches!(self.phase, Phase::Ended) {
            return;
        }
        self.phase = Phase::Ended;
        self.envelope = None;
        self.input.drop_all();
        self.events.clear();
        self.events.push_back(event);
    }

    pub(crate) fn new_message(&self, framing: Framing) -> Message {
        Message::new(framing, self.settings.max_message, self.settings.bare_newline_in_bdat)
    }
}
