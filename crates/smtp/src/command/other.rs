//! The commands that move no mail: NOOP, VRFY, EXPN, HELP, AUTH, QUIT.

use mail::Text;

use super::{ALWAYS, Command, Stage, Use, WELCOME, nothing};
use crate::event::Event;
use crate::session::Session;
use crate::{Refusal, Reply, reply};

pub(super) struct Noop;
pub(super) struct Vrfy;
pub(super) struct Expn;
pub(super) struct Help;
pub(super) struct Auth;
pub(super) struct Quit;

impl Command for Noop {
    const NAME: &'static str = "NOOP";
    const LAWFUL: &'static [Stage] = WELCOME;
    const USE: Use = Use::Idle;
    type Arguments = ();

    /// An argument is allowed and ignored (RFC 5321 §4.1.1.9).
    fn parse(_: &str) -> Result<(), Refusal> {
        Ok(())
    }

    fn act(session: &mut Session, (): ()) {
        session.say(&Reply::line(250, (0, 0), Text::sanitized("Done nothing.")));
    }
}

impl Command for Vrfy {
    const NAME: &'static str = "VRFY";
    const LAWFUL: &'static [Stage] = WELCOME;
    const USE: Use = Use::Idle;
    type Arguments = ();

    fn parse(arguments: &str) -> Result<(), Refusal> {
        if arguments.is_empty() { Err(reply::bad_arguments()) } else { Ok(()) }
    }

    /// Who has mail here is nobody's business; RCPT says what must be said
    /// (RFC 5321 §3.5.3, §7.3).
    fn act(session: &mut Session, (): ()) {
        let text = "Not verified; send the message and see.";
        session.say(&Reply::line(252, (0, 0), Text::sanitized(text)));
    }
}

impl Command for Expn {
    const NAME: &'static str = "EXPN";
    const LAWFUL: &'static [Stage] = WELCOME;
    const USE: Use = Use::Idle;
    type Arguments = ();

    fn parse(_: &str) -> Result<(), Refusal> {
        Ok(())
    }

    fn act(session: &mut Session, (): ()) {
        session.fault(&reply::not_implemented());
    }
}

impl Command for Help {
    const NAME: &'static str = "HELP";
    const LAWFUL: &'static [Stage] = WELCOME;
    const USE: Use = Use::Idle;
    type Arguments = ();

    fn parse(_: &str) -> Result<(), Refusal> {
        Ok(())
    }

    fn act(session: &mut Session, (): ()) {
        session.say(&Reply::line(214, (0, 0), Text::sanitized("See RFC 5321, or ask the postmaster.")));
    }
}

/// Between servers nobody logs in. Submission will put its mechanisms here.
impl Command for Auth {
    const NAME: &'static str = "AUTH";
    const LAWFUL: &'static [Stage] = WELCOME;
    type Arguments = ();

    fn parse(_: &str) -> Result<(), Refusal> {
        Ok(())
    }

    fn act(session: &mut Session, (): ()) {
        session.fault(&reply::not_implemented());
    }
}

impl Command for Quit {
    const NAME: &'static str = "QUIT";
    const LAWFUL: &'static [Stage] = ALWAYS;
    type Arguments = ();

    fn parse(arguments: &str) -> Result<(), Refusal> {
        nothing(arguments)
    }

    fn act(session: &mut Session, (): ()) {
        let text = format!("{} says goodbye.", session.settings.hostname);
        session.say(&Reply::line(221, (0, 0), Text::sanitized(&text)));
        session.end(Event::Quit);
    }
}
