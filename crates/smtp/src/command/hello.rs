//! EHLO, HELO and LHLO: the peer introduces itself and hears what we offer.
//!
//! ```text
//! ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
//! ```
//!
//! RFC 5321 §4.1.1.1, RFC 2033 §4.1.

use mail::Text;

use super::{Command, Stage, Use, WELCOME};
use crate::event::{Decision, Event, Greeting, Hello, HelloPermit};
use crate::session::{Acquaintance, Phase, Question, Session, Tls};
use crate::{Mode, Refusal, Reply, reply};

pub(super) struct Ehlo;
pub(super) struct Helo;
pub(super) struct Lhlo;

macro_rules! introduction {
    ($name:ident, $verb:literal, $mode:expr) => {
        impl Command for $name {
            const NAME: &'static str = $verb;
            const MODES: &'static [Mode] = &[$mode];
            const LAWFUL: &'static [Stage] = WELCOME;
            const USE: Use = Use::Idle;
            type Arguments = Hello;

            fn parse(arguments: &str) -> Result<Hello, Refusal> {
                Hello::new(Greeting::$name, arguments).ok_or_else(reply::bad_arguments)
            }

            fn act(session: &mut Session, hello: Hello) {
                session.reset();
                session.ask(Question::Hello(hello.clone()), Event::Hello(hello, HelloPermit::new()));
            }
        }
    };
}

introduction!(Ehlo, "EHLO", Mode::Smtp);
introduction!(Helo, "HELO", Mode::Smtp);
introduction!(Lhlo, "LHLO", Mode::Lmtp);

impl Session {
    /// Answers [`Event::Hello`].
    pub fn hello(&mut self, _permit: HelloPermit, decision: Decision) {
        let Phase::Asked(Question::Hello(hello)) = &self.phase else { return };
        let hello = hello.clone();
        self.phase = Phase::Command;
        match decision {
            Decision::Accept => {
                let lines = self.offer(hello.greeting);
                self.acquaintance = Acquaintance::Introduced(hello);
                self.say(&Reply::plain(250, lines));
            }
            Decision::Refuse(refusal) => self.refuse(&refusal),
        }
    }

    /// Our name, and for all but HELO what we can do.
    fn offer(&self, greeting: Greeting) -> Vec<Text> {
        let settings = &self.settings;
        let mut lines = vec![settings.hostname.to_string()];
        if greeting != Greeting::Helo {
            lines.extend(["PIPELINING", "8BITMIME", "CHUNKING", "ENHANCEDSTATUSCODES"].map(str::to_owned));
            lines.push(format!("SIZE {}", settings.max_message));
            lines.push(format!("LIMITS MAILMAX={} RCPTMAX={}", settings.max_transactions, settings.max_recipients));
            lines.extend(settings.smtputf8.then(|| "SMTPUTF8".to_owned()));
            lines.extend((settings.starttls && self.tls == Tls::Off).then(|| "STARTTLS".to_owned()));
        }
        lines.iter().map(|line| Text::sanitized(line)).collect()
    }
}
