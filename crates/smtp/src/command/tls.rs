//! STARTTLS: from here on in secret, and everything before it forgotten.
//!
//! RFC 3207 §4.2: what was learned before the handshake may come from an
//! attacker, and so may what stands behind the command in the same packet.

use mail::Text;

use super::{Command, Stage, nothing};
use crate::event::{Event, Handshake, TlsPermit};
use crate::session::{Acquaintance, Phase, Question, Session, Tls};
use crate::{Refusal, Reply, reply};

pub(super) struct StartTls;

impl Command for StartTls {
    const NAME: &'static str = "STARTTLS";
    const LAWFUL: &'static [Stage] = &[Stage::Connected, Stage::Greeted];
    type Arguments = ();

    fn parse(arguments: &str) -> Result<(), Refusal> {
        nothing(arguments)
    }

    fn act(session: &mut Session, (): ()) {
        if session.tls == Tls::On {
            return session.fault(&reply::tls_already());
        }
        if !session.settings.starttls {
            return session.fault(&reply::not_implemented());
        }
        session.ask(Question::StartTls, Event::StartTls(TlsPermit::new()));
    }
}

impl Session {
    /// Answers [`Event::StartTls`]: promises the handshake and throws away
    /// what stood behind the command. The output is to be written, then the
    /// handshake is the shell's.
    pub fn accept_tls(&mut self, _permit: TlsPermit) -> Handshake {
        let Phase::Asked(Question::StartTls) = self.phase else { return Handshake::new(0) };
        self.phase = Phase::Asked(Question::Handshake);
        self.say(&Reply::line(220, (0, 0), Text::sanitized("Begin the handshake.")));
        Handshake::new(self.input.drop_all())
    }

    /// Answers [`Event::StartTls`] with no, usually
    /// [`reply::tls_not_available`].
    #[expect(clippy::needless_pass_by_value, reason = "all answers take what they say by value")]
    pub fn refuse_tls(&mut self, _permit: TlsPermit, refusal: Refusal) {
        let Phase::Asked(Question::StartTls) = self.phase else { return };
        self.phase = Phase::Command;
        self.refuse(&refusal);
    }

    /// The handshake succeeded: the dialogue begins anew, without a banner, in
    /// secret. Limits go on counting.
    pub fn secured(&mut self, _handshake: Handshake) {
        let Phase::Asked(Question::Handshake) = self.phase else { return };
        self.phase = Phase::Command;
        self.tls = Tls::On;
        self.acquaintance = Acquaintance::Stranger;
        self.envelope = None;
    }
}
