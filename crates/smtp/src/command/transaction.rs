//! MAIL, RCPT and RSET: a transaction is opened, gets recipients, is given up.
//!
//! RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.1.5; the lines themselves are read in
//! `envelope.rs`.

use mail::Text;

use super::{Command, Stage, Use, WELCOME, nothing};
use crate::event::{Decision, Event, MailPermit, RcptPermit};
use crate::session::{Chunks, Envelope, Phase, Question, Session};
use crate::{Abort, LineError, Mail, Rcpt, Refusal, Reply, reply};

pub(super) struct MailFrom;
pub(super) struct RcptTo;
pub(super) struct Rset;

/// Which octets a line has. The types hold domains as A-labels, so this is
/// known only from the line itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Octets {
    Ascii,
    Utf8,
}

impl Octets {
    fn of(arguments: &str) -> Self {
        if arguments.is_ascii() { Self::Ascii } else { Self::Utf8 }
    }
}

impl Command for MailFrom {
    const NAME: &'static str = "MAIL";
    const LAWFUL: &'static [Stage] = &[Stage::Greeted];
    type Arguments = (Mail, Octets);

    fn parse(arguments: &str) -> Result<Self::Arguments, Refusal> {
        let mail = Mail::parse(arguments).map_err(LineError::refusal)?;
        Ok((mail, Octets::of(arguments)))
    }

    fn act(session: &mut Session, (mail, octets): Self::Arguments) {
        let settings = &session.settings;
        if session.tally.transactions >= settings.max_transactions {
            return session.leave(&reply::too_many_transactions(), Abort::TooManyTransactions);
        }
        if mail.smtputf8 && !settings.smtputf8 {
            return session.fault(&reply::unknown_parameter());
        }
        if octets == Octets::Utf8 && !mail.smtputf8 {
            return session.fault(&reply::needs_smtputf8());
        }
        if mail.size.is_some_and(|size| size > settings.max_message) {
            return session.fault(&reply::message_too_large());
        }
        session.ask(Question::Mail(mail.clone()), Event::Mail(mail, MailPermit::new()));
    }
}

impl Command for RcptTo {
    const NAME: &'static str = "RCPT";
    const LAWFUL: &'static [Stage] = &[Stage::Sender, Stage::Recipients];
    type Arguments = (Rcpt, Octets);

    fn parse(arguments: &str) -> Result<Self::Arguments, Refusal> {
        let rcpt = Rcpt::parse(arguments).map_err(LineError::refusal)?;
        Ok((rcpt, Octets::of(arguments)))
    }

    fn act(session: &mut Session, (rcpt, octets): Self::Arguments) {
        let Some(envelope) = &session.envelope else { return };
        if octets == Octets::Utf8 && !envelope.mail.smtputf8 {
            return session.fault(&reply::needs_smtputf8());
        }
        // Not counted as an error: large lists send on and come again with the
        // rest.
        if envelope.accepted >= session.settings.max_recipients {
            return session.put_off(&reply::too_many_recipients());
        }
        session.ask(Question::Rcpt, Event::Rcpt(rcpt, RcptPermit::new()));
    }
}

impl Command for Rset {
    const NAME: &'static str = "RSET";
    const LAWFUL: &'static [Stage] = WELCOME;
    const USE: Use = Use::Idle;
    type Arguments = ();

    fn parse(arguments: &str) -> Result<(), Refusal> {
        nothing(arguments)
    }

    fn act(session: &mut Session, (): ()) {
        session.reset();
        session.say(&Reply::line(250, (0, 0), Text::sanitized("Forgotten.")));
    }
}

impl Session {
    /// Answers [`Event::Mail`].
    pub fn mail(&mut self, _permit: MailPermit, decision: Decision) {
        let Phase::Asked(Question::Mail(mail)) = &self.phase else { return };
        let mail = mail.clone();
        self.phase = Phase::Command;
        match decision {
            Decision::Accept => {
                self.tally.transactions += 1;
                self.envelope = Some(Envelope { mail, accepted: 0, chunks: Chunks::None });
                self.say(&Reply::line(250, (1, 0), Text::sanitized("Sender noted.")));
            }
            Decision::Refuse(refusal) => self.refuse(&refusal),
        }
    }

    /// Answers [`Event::Rcpt`].
    pub fn rcpt(&mut self, _permit: RcptPermit, decision: Decision) {
        let Phase::Asked(Question::Rcpt) = self.phase else { return };
        self.phase = Phase::Command;
        match (decision, &mut self.envelope) {
            (Decision::Accept, Some(envelope)) => {
                envelope.accepted += 1;
                self.say(&Reply::line(250, (1, 5), Text::sanitized("Recipient accepted.")));
            }
            (Decision::Accept, None) => self.say(reply::internal_error().reply()),
            (Decision::Refuse(refusal), _) => self.refuse(&refusal),
        }
    }
}
