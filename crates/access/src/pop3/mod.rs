//! A POP3 session: the maildrop is a folder as it was at login, INBOX where the
//! name at login says no other.
//!
//! [`Connection`] is a step machine: the shell reads octets, hands them to
//! [`Connection::step`] with the [`Services`] and a [`Sink`], and waits as long
//! as [`Next`] says. One file for each command; which of them is lawful when
//! stands in [`pop3::COMMANDS`].

mod body;
mod dele;
mod lease;
mod list;
mod listing;
mod login;
mod out;
mod place;
mod quit;
mod retr;
mod rset;
mod services;
mod stat;
mod surrogate;
mod top;
mod uidl;

use std::net::IpAddr;

use mailbox::{Mailbox, MailboxId, Uid};
use pop3::{Code, Command, Event, Form, Maildrop, Patience, Phrase, Reply, Session, Settings};

use crate::gate::Opened;
use crate::imap::Sink;
use crate::seats::Ending;

use lease::Lease;
pub use out::Ended;
use out::Out;
pub use services::Services;

/// One client's connection.
pub struct Connection {
    session: Session,
    peer: IpAddr,
    open: Option<Open>,
}

/// What the shell does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Read more from the client, for no longer than this; when it is over,
    /// close without a word.
    Read(Patience),
    /// Close the connection.
    Close,
}

/// A maildrop in use.
struct Open {
    opened: Opened,
    mailbox: Mailbox,
    lease: Lease<MailboxId>,
    /// The UIDs behind the message numbers.
    uids: Vec<Uid>,
    maildrop: Maildrop,
    /// Said before the login, and so for all of it.
    form: Form,
}

impl Connection {
    /// A client at this address, and the greeting to send.
    #[must_use]
    pub fn new(settings: Settings, peer: IpAddr) -> (Self, Vec<u8>) {
        let (session, greeting) = Session::new(settings);
        (Self { session, peer, open: None }, greeting)
    }

    /// Does what these octets ask for, and sends the answers.
    ///
    /// # Errors
    ///
    /// [`Ended`]: the connection is to be closed at once. Nothing is removed.
    pub async fn step(&mut self, octets: &[u8], services: &Services, sink: &mut impl Sink) -> Result<Next, Ended> {
        let mut input = octets;
        let mut out = Out::new(sink);
        while let Some(event) = self.session.next(&mut input) {
            out.speak(self.session.language());
            if self.was_taken_over(services) {
                self.open = None;
                out.reply(&Reply::coded(Code::InUse, Phrase::TakenOver));
                out.flush().await?;
                return Ok(Next::Close);
            }
            if !self.still_holds(services).await {
                self.open = None;
                out.reply(&Reply::coded(Code::Auth, Phrase::LoginEnded));
                out.flush().await?;
                return Ok(Next::Close);
            }
            self.answer(event, services, &mut out).await?;
            out.pause().await?;
        }
        out.flush().await?;
        if let Some(open) = &self.open {
            open.opened.entry().waits(out.sent());
        }
        Ok(if self.session.is_over() { Next::Close } else { Next::Read(self.session.patience()) })
    }

    /// When the session has to end, where somebody is logged in.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.open.as_ref().map(|open| open.opened.ending())
    }

    /// Each command that comes renews the hold on the maildrop.
    fn was_taken_over(&self, services: &Services) -> bool {
        self.open.as_ref().is_some_and(|open| !open.lease.renew(services.now()))
    }

    /// Whether the login, if there was one, still holds.
    async fn still_holds(&mut self, services: &Services) -> bool {
        match &mut self.open {
            Some(open) => open.opened.still_holds(services.now()).await,
            None => true,
        }
    }

    async fn answer<S: Sink>(&mut self, event: Event, services: &Services, out: &mut Out<'_, S>) -> Result<(), Ended> {
        match event {
            Event::Answer(octets) | Event::Close(octets) => {
                out.octets().extend_from_slice(&octets);
                Ok(())
            }
            Event::Login { name, password } => {
                let reply = match login::run(&name, password, self.peer, services).await {
                    Ok(open) => {
                        let stat = open.maildrop.stat();
                        self.open = Some(Open { form: self.session.form(), ..open });
                        self.session.logged_in(stat)
                    }
                    Err(failure) => self.session.login_failed(failure),
                };
                out.reply(&reply);
                Ok(())
            }
            Event::Update => {
                // Commands may come in one piece with QUIT: a message is not
                // removed before it was sent.
                out.flush().await?;
                let reply = match self.open.take() {
                    Some(open) => self.session.updated(quit::run(open).await),
                    None => self.session.updated(pop3::Update::Done),
                };
                out.reply(&reply);
                Ok(())
            }
            Event::Do(command) => match &mut self.open {
                Some(open) => {
                    open.opened.entry().begins(command.verb(), services.now());
                    run(command, open, services, out).await
                }
                None => {
                    out.reply(&Reply::failed(mail::Class::Internal));
                    Ok(())
                }
            },
        }
    }
}

async fn run<S: Sink>(
    command: Command,
    open: &mut Open,
    services: &Services,
    out: &mut Out<'_, S>,
) -> Result<(), Ended> {
    match command {
        Command::Stat => out.reply(&stat::run(&open.maildrop)),
        Command::Dele(number) => out.reply(&dele::run(&mut open.maildrop, number)),
        Command::Rset => out.reply(&rset::run(&mut open.maildrop)),
        Command::List(which) => list::run(&open.maildrop, which, out).await?,
        Command::Uidl(which) => uidl::run(&open.maildrop, which, out).await?,
        Command::Retr(number) => retr::run(open, number, services, out).await?,
        Command::Top(number, lines) => top::run(open, number, lines, services, out).await?,
        // The session answers these, or makes other events of them.
        Command::Capa
        | Command::User(_)
        | Command::Pass(_)
        | Command::Auth(_)
        | Command::Utf8
        | Command::Lang(_)
        | Command::Noop
        | Command::Quit => {
            out.reply(&Reply::failed(mail::Class::Internal));
        }
    }
    Ok(())
}
