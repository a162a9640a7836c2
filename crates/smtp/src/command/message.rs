//! DATA and BDAT: the message itself, and what became of it.
//!
//! ```text
//! data = "DATA" CRLF
//! bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] CRLF
//! ```
//!
//! RFC 5321 §4.1.1.4, RFC 3030 §2, RFC 2033 §4.2.

use mail::Text;

use super::{ALWAYS, Command, Stage, nothing, out_of_order};
use crate::event::{DataPermit, DataStart, Decision, EndPermit, Event, Outcome};
use crate::session::{Chunk, Chunks, Envelope, Last, Phase, Question, Session, Tally};
use crate::{Abort, Discarded, Flaw, Framing, Refusal, Reply, reply};

pub(super) struct Data;
pub(super) struct Bdat;

impl Command for Data {
    const NAME: &'static str = "DATA";
    const LAWFUL: &'static [Stage] = &[Stage::Recipients];
    type Arguments = ();

    fn parse(arguments: &str) -> Result<(), Refusal> {
        nothing(arguments)
    }

    fn act(session: &mut Session, (): ()) {
        let declared = session.envelope.as_ref().and_then(|envelope| envelope.mail.size);
        let start = DataStart { framing: Framing::Data, declared };
        session.ask(Question::Data, Event::DataStart(start, DataPermit::new()));
    }
}

impl Command for Bdat {
    const NAME: &'static str = "BDAT";
    /// Lawful or not, its octets follow and must never be taken for commands.
    const LAWFUL: &'static [Stage] = ALWAYS;
    type Arguments = Option<Chunk>;

    fn parse(arguments: &str) -> Result<Self::Arguments, Refusal> {
        Ok(chunk(arguments))
    }

    fn act(session: &mut Session, chunk: Self::Arguments) {
        let Some(chunk) = chunk else {
            return session.leave(&reply::bad_arguments(), Abort::BadChunk);
        };
        // It brings nothing and costs a reply.
        if chunk.size == 0 && chunk.last == Last::No && !session.idles() {
            return;
        }
        match (session.stage(), &session.envelope) {
            (_, Some(Envelope { chunks: Chunks::Refused(refusal), .. })) => {
                let refusal = refusal.clone();
                session.skip(chunk, refusal);
            }
            (Stage::Chunks, _) => session.start_chunk(chunk),
            (Stage::Recipients, _) if chunk.size > session.settings.max_message => session.start_chunk(chunk),
            (Stage::Recipients, _) => {
                let start = DataStart { framing: Framing::Bdat, declared: Some(chunk.size) };
                session.ask(Question::Bdat(chunk), Event::DataStart(start, DataPermit::new()));
            }
            (stage, _) => session.skip(chunk, out_of_order(stage, Self::NAME)),
        }
    }
}

/// `chunk-size = 1*DIGIT`. What cannot be read cannot be skipped either.
fn chunk(arguments: &str) -> Option<Chunk> {
    let (digits, rest) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let last = match rest.trim_matches(' ') {
        "" => Last::No,
        word if word.eq_ignore_ascii_case("LAST") => Last::Yes,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().ok()?;
    Some(Chunk { size, left: size, last })
}

impl Session {
    /// Answers [`Event::DataStart`]. After a refusal the transaction is over.
    pub fn data(&mut self, _permit: DataPermit, decision: Decision) {
        let question = match &self.phase {
            Phase::Asked(Question::Data) => None,
            Phase::Asked(Question::Bdat(chunk)) => Some(*chunk),
            _ => return,
        };
        self.phase = Phase::Command;
        self.received = 0;
        match (question, decision) {
            (None, Decision::Accept) => {
                self.phase = Phase::Data(self.new_message(Framing::Data));
                self.say(&Reply::plain(354, vec![Text::sanitized("End the message with a dot alone on a line.")]));
            }
            (None, Decision::Refuse(refusal)) => {
                self.envelope = None;
                self.refuse(&refusal);
            }
            (Some(chunk), Decision::Accept) => self.start_chunk(chunk),
            (Some(_), Decision::Refuse(refusal)) if refusal.closes() => self.leave(&refusal, Abort::Told),
            (Some(chunk), Decision::Refuse(refusal)) => {
                self.refuse_chunks(refusal.clone());
                self.skip(chunk, refusal);
            }
        }
    }

    /// Answers [`Event::MessageEnd`]; the transaction is over.
    pub fn message(&mut self, _permit: EndPermit, outcome: Outcome) {
        let Phase::Asked(Question::End) = self.phase else { return };
        self.phase = Phase::Command;
        let outcomes = outcome.for_each(self.replies());
        self.envelope = None;
        for outcome in &outcomes {
            match outcome {
                Ok(text) => self.say(&Reply::line(250, (0, 0), text.clone())),
                Err(refusal) => self.say(refusal.reply()),
            }
        }
        if outcomes.iter().any(Result::is_ok) {
            self.tally = Tally { transactions: self.tally.transactions, ..Tally::default() };
        }
        if outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(Refusal::closes)) {
            self.end(Event::Abort(Abort::Told));
        }
    }

    /// Lets a chunk in, if the message may become so large.
    fn start_chunk(&mut self, chunk: Chunk) {
        let fresh = self.new_message(Framing::Bdat);
        let Some(envelope) = &mut self.envelope else { return };
        if matches!(envelope.chunks, Chunks::None) {
            envelope.chunks = Chunks::Open(fresh);
            self.received = 0;
        }
        let Chunks::Open(message) = &mut envelope.chunks else { return };
        message.declare(chunk.size);
        match (message.flaw(), message.facts()) {
            (None, _) => self.phase = Phase::Chunk(chunk),
            (Some(flaw), facts) => {
                let refusal = self.discard_chunks(Discarded { flaw, facts });
                self.skip(chunk, refusal);
            }
        }
    }

    fn refuse_chunks(&mut self, refusal: Refusal) {
        if let Some(envelope) = &mut self.envelope {
            envelope.chunks = Chunks::Refused(refusal);
        }
    }

    /// Throws a chunk away and refuses it then, unless it is so long that
    /// nobody can want to wait for its end.
    fn skip(&mut self, chunk: Chunk, refusal: Refusal) {
        if self.stage() != Stage::Chunks {
            self.received = 0;
        }
        if chunk.size > self.settings.max_skip {
            return self.leave(&Flaw::TooLarge.refusal(), Abort::TooMuchRefused);
        }
        self.phase = Phase::Skip(chunk, refusal);
    }
}

impl Outcome {
    /// The outcome for each of so many replies.
    fn for_each(self, replies: usize) -> Vec<Result<Text, Refusal>> {
        let mut outcomes = match self {
            Self::Accepted(text) => vec![Ok(text); replies],
            Self::Refused(refusal) => vec![Err(refusal); replies],
            Self::Each(outcomes) => outcomes,
        };
        if outcomes.len() > replies {
            // SMTP has one reply; a 250 in it would lose the message for whom
            // it was refused.
            let refused = outcomes.iter().position(Result::is_err).unwrap_or_default();
            outcomes.swap(0, refused);
        }
        outcomes.resize(replies, Err(reply::internal_error()));
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks() {
        let cases = [
            ("0", Some((0, Last::No))),
            ("12", Some((12, Last::No))),
            ("12 LAST", Some((12, Last::Yes))),
            ("12  last ", Some((12, Last::Yes))),
            ("18446744073709551615", Some((u64::MAX, Last::No))),
            ("18446744073709551616", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1x", None),
            ("LAST", None),
            ("1 FIRST", None),
            ("1 LAST LAST", None),
        ];
        for (line, expected) in cases {
            assert_eq!(chunk(line).map(|chunk| (chunk.left, chunk.last)), expected, "{line:?}");
        }
    }

    #[test]
    fn outcomes() {
        let (yes, no) = (|| Ok(Text::sanitized("y")), || Err(reply::over_quota()));
        let missing = || Err(reply::internal_error());
        let cases = [
            (Outcome::accepted("y"), 2, vec![yes(), yes()]),
            (Outcome::Refused(reply::over_quota()), 1, vec![no()]),
            (Outcome::Each(vec![yes(), no()]), 2, vec![yes(), no()]),
            (Outcome::Each(vec![yes(), no()]), 1, vec![no()]),
            (Outcome::Each(vec![yes(), yes()]), 1, vec![yes()]),
            (Outcome::Each(vec![yes()]), 2, vec![yes(), missing()]),
            (Outcome::Each(Vec::new()), 1, vec![missing()]),
        ];
        for (outcome, replies, expected) in cases {
            assert_eq!(outcome.clone().for_each(replies), expected, "{outcome:?}");
        }
    }
}
