//! Reads on in whatever the session is in: a command line, the lines of DATA,
//! a chunk of BDAT.

use mail::Text;

use super::{Chunk, Chunks, Last, Phase, Question, Session};
use crate::body::Message;
use crate::event::{Abort, EndPermit, Event};
use crate::input::Line;
use crate::{Discarded, Facts, Flaw, Refusal, Reply, command, reply};

/// The first octet of a TLS handshake (RFC 8446 §5.1), which no command has.
const TLS_HANDSHAKE: u8 = 0x16;

impl Session {
    /// Does one step; whether there was one to do.
    pub(super) fn read_on(&mut self) -> bool {
        match self.phase {
            Phase::Asked(_) | Phase::Ended => false,
            Phase::Command => self.read_command(),
            Phase::Data(_) => self.read_data(),
            Phase::Chunk(_) => self.read_chunk(),
            Phase::Skip(..) => self.read_skip(),
        }
    }

    fn read_command(&mut self) -> bool {
        if self.input.first_of_line() == Some(TLS_HANDSHAKE) {
            self.leave(&reply::not_smtp(), Abort::NotSmtp);
            return true;
        }
        match self.input.line() {
            Line::Partial => return false,
            Line::Whole(line) => command::dispatch(self, &line),
            Line::TooLong => self.fault(&reply::line_too_long()),
            Line::Endless => self.leave(&reply::line_too_long(), Abort::EndlessLine),
            // Nothing behind it is obeyed: whoever sees no line end there has
            // let it pass as a part of this line.
            Line::Bare => self.leave(&reply::bare_line_end(), Abort::BareNewline),
        }
        true
    }

    fn read_data(&mut self) -> bool {
        let Phase::Data(message) = &mut self.phase else { return false };
        let wire = self.input.rest();
        if wire.is_empty() {
            return false;
        }
        // One octet more than is read patiently, so that it does not matter in
        // which blocks they come.
        let patience = self.settings.max_message.saturating_add(self.settings.max_skip);
        let wire = first(wire, (patience - message.octets().min(patience)).saturating_add(1));
        let mut kept = Vec::with_capacity(wire.len());
        let used = message.read_data(wire, &mut kept);
        let (ended, flaw, facts) = (message.is_ended(), message.flaw(), message.facts());
        let endless = message.octets() > patience;
        self.input.advance(used);
        self.received += used as u64;
        if !kept.is_empty() {
            self.tell(Event::Chunk(kept));
        }
        if ended {
            self.message_ended(flaw, facts);
        } else if endless {
            self.leave(&flaw.unwrap_or(Flaw::TooLarge).refusal(), Abort::TooMuchRefused);
        }
        true
    }

    fn read_chunk(&mut self) -> bool {
        let Phase::Chunk(chunk) = &mut self.phase else { return false };
        let Some(message) = self.envelope.as_mut().and_then(|envelope| envelope.chunks.open()) else { return false };
        let wire = chunk.of(self.input.rest());
        if wire.is_empty() && chunk.left > 0 {
            return false;
        }
        let mut kept = Vec::with_capacity(wire.len() + 1);
        message.read_bdat(wire, &mut kept);
        let used = wire.len();
        chunk.left -= used as u64;
        let chunk = *chunk;
        if chunk.left == 0 && chunk.last == Last::Yes {
            message.end_bdat(&mut kept);
        }
        let (flaw, facts) = (message.flaw(), message.facts());
        self.input.advance(used);
        self.received += used as u64;
        if !kept.is_empty() {
            self.tell(Event::Chunk(kept));
        }
        if chunk.left == 0 {
            self.chunk_ended(chunk, flaw, facts);
        }
        true
    }

    fn chunk_ended(&mut self, chunk: Chunk, flaw: Option<Flaw>, facts: Facts) {
        if chunk.last == Last::Yes {
            return self.message_ended(flaw, facts);
        }
        self.phase = Phase::Command;
        match flaw {
            Some(flaw) => {
                let refusal = self.discard_chunks(Discarded { flaw, facts });
                self.say(refusal.reply());
            }
            None => {
                let text = Text::sanitized(&format!("{} octets received", chunk.size));
                self.say(&Reply::line(250, (0, 0), text));
            }
        }
    }

    /// The message is complete: asks what comes of it, or says what is wrong
    /// with its form, so that no shell can forget to.
    fn message_ended(&mut self, flaw: Option<Flaw>, facts: Facts) {
        let Some(flaw) = flaw else {
            return self.ask(Question::End, Event::MessageEnd(facts, EndPermit::new()));
        };
        self.say_to_each(flaw.refusal().reply());
        self.tell(Event::MessageDiscarded(Discarded { flaw, facts }));
        self.envelope = None;
        self.phase = Phase::Command;
    }

    /// Lets nothing more of a message by BDAT in; gives the refusal that its
    /// chunks are answered with.
    pub(crate) fn discard_chunks(&mut self, discarded: Discarded) -> Refusal {
        let refusal = discarded.flaw.refusal();
        self.tell(Event::MessageDiscarded(discarded));
        if let Some(envelope) = &mut self.envelope {
            envelope.chunks = Chunks::Refused(refusal.clone());
        }
        refusal
    }

    fn read_skip(&mut self) -> bool {
        let Phase::Skip(chunk, refusal) = &mut self.phase else { return false };
        let used = chunk.of(self.input.rest()).len();
        if used == 0 && chunk.left > 0 {
            return false;
        }
        self.input.advance(used);
        self.received += used as u64;
        chunk.left -= used as u64;
        if chunk.left > 0 {
            return true;
        }
        let (refusal, last) = (refusal.clone(), chunk.last);
        self.phase = Phase::Command;
        let of_message = last == Last::Yes && self.envelope.as_ref().is_some_and(|envelope| envelope.chunks.refused());
        if of_message {
            self.say_to_each(refusal.reply());
            self.envelope = None;
        } else {
            self.fault(&refusal);
        }
        true
    }
}

impl Chunk {
    /// What of the wire belongs to the chunk.
    fn of(self, wire: &[u8]) -> &[u8] {
        first(wire, self.left)
    }
}

fn first(wire: &[u8], octets: u64) -> &[u8] {
    &wire[..usize::try_from(octets).unwrap_or(usize::MAX).min(wire.len())]
}

impl Chunks {
    fn open(&mut self) -> Option<&mut Message> {
        match self {
            Self::Open(message) => Some(message),
            _ => None,
        }
    }

    fn refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}
