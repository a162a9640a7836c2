//! The state of one connection, and the way of a frame through it.

use std::net::IpAddr;
use std::sync::Arc;

use ::login::Logins;
use imap::response::{Code, Name, Reply, Status, continuation};
use imap::{Extra, Frame, Framer, Limits, State, Tag};
use mail::{IdSource, Text};
use mailbox::{Clock, FolderName, SEPARATOR, Watch};
use maildir::Blocking;
use mime::Understands;
use spool::Spool;

use super::failure::Failure;
use super::output::{Gone, Output, Sink};
use super::selected::{Expunges, ModSeqs, Selected};
use super::{append, authenticate, capability, dispatch, idle};
use crate::gate::{Gate, Opened};
use crate::seats::Ending;

/// Said to whoever was logged in.
const LOCKED_OUT: &str = "The account was switched off or has a new password, or this app password was revoked";

/// What sessions work with; one for the whole process.
pub struct Services {
    /// The way to mailboxes.
    pub gate: Gate,
    /// Verifies passwords.
    pub logins: Arc<Logins>,
    /// Where APPEND's messages arrive.
    pub spool: Spool,
    /// Where files are read.
    pub blocking: Blocking,
    /// Names what arrives.
    pub ids: Arc<IdSource>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

/// Limits of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Of what a client may send.
    pub limits: Limits,
    /// Commands that are not understood before the connection ends.
    pub max_errors: u32,
    /// Logins that fail, for whatever reason, before the connection ends.
    pub max_refused: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), max_errors: 50, max_refused: 5 }
    }
}

/// What the shell does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Read more from the client: before login within the budget of the time
    /// before it, else within half an hour (RFC 3501 §5.4).
    Read,
    /// Read more, and wait for [`Session::news`] at the same time; when news
    /// come first, call [`Session::announce`].
    Idle,
    /// Close the connection.
    Close,
}

/// What the next line of the client means, where it is no command.
pub(super) enum Awaited {
    Command,
    Credentials(Tag),
    Done(Tag),
}

/// One client's connection.
pub struct Session {
    pub(super) services: Arc<Services>,
    pub(super) settings: Settings,
    pub(super) peer: IpAddr,
    /// What the program calls itself.
    pub(super) client: Option<Text>,
    pub(super) framer: Framer,
    pub(super) state: State,
    pub(super) opened: Option<Opened>,
    pub(super) selected: Option<Selected>,
    pub(super) awaited: Awaited,
    pub(super) append: Option<append::Appending>,
    pub(super) watch: Option<Watch>,
    /// What the client said that it understands.
    pub(super) understands: Understands,
    /// Whether it wants to be told of MODSEQs.
    pub(super) modseqs: ModSeqs,
    pub(super) refused: u32,
    errors: u32,
}

impl Session {
    /// A client at this address. The caller sends [`Session::greeting`] first.
    #[must_use]
    pub fn new(services: Arc<Services>, settings: Settings, peer: IpAddr) -> Self {
        Self {
            services,
            settings,
            peer,
            client: None,
            framer: Framer::new(settings.limits),
            state: State::NotAuthenticated,
            opened: None,
            selected: None,
            awaited: Awaited::Command,
            append: None,
            watch: None,
            understands: Understands::Ascii,
            modseqs: ModSeqs::Kept,
            refused: 0,
            errors: 0,
        }
    }

    /// The line that the server begins with (RFC 3501 §7.1.1).
    #[must_use]
    pub fn greeting(&self) -> Vec<u8> {
        let code = Code::Capability(capability::list(self.state).to_owned());
        Reply::ok("Gatepost is ready").with(code).untagged()
    }

    /// Whether somebody is logged in: the budget of the time before ends then.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.opened.is_some()
    }

    /// Takes what was read, at most some ten thousand octets at a time, and
    /// nothing until [`Session::step`] is done with what came before.
    pub fn input(&mut self, bytes: &[u8]) {
        self.framer.input(bytes);
    }

    /// Does what the input asks for, and sends the answers.
    ///
    /// # Errors
    ///
    /// [`Gone`]: the connection is to be closed at once.
    pub async fn step<S: Sink>(&mut self, sink: &mut S) -> Result<Next, Gone> {
        let mut out = Output::new(sink);
        while let Some(frame) = self.framer.next_frame() {
            if self.still_holds().await {
                self.frame(frame, &mut out).await?;
            } else {
                self.farewell(LOCKED_OUT, &mut out).await?;
            }
            if self.state == State::Logout {
                out.flush().await?;
                return Ok(Next::Close);
            }
        }
        out.flush().await?;
        self.waits(out.sent());
        Ok(if self.watch.is_some() { Next::Idle } else { Next::Read })
    }

    /// Back to no folder.
    pub(super) fn close(&mut self) {
        self.selected = None;
        self.state = State::Authenticated;
        if let Some(opened) = &self.opened {
            opened.entry().folder(None);
        }
    }

    /// A command begins: for whoever asks who does what here.
    pub(super) fn begins(&self, command: &'static str) {
        if let Some(opened) = &self.opened {
            opened.entry().begins(command, self.services.clock.now());
        }
    }

    fn waits(&self, sent: u64) {
        if let Some(opened) = &self.opened {
            opened.entry().waits(sent);
        }
    }

    /// Says farewell because of something that the shell knows: it closes the
    /// connection then.
    #[must_use]
    pub fn bye(&mut self, text: &'static str) -> Vec<u8> {
        self.state = State::Logout;
        bye(text).untagged()
    }

    /// When the session has to end, where somebody is logged in.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.opened.as_ref().map(Opened::ending)
    }

    /// While idling: returns when something happened to the folder.
    pub async fn news(&mut self) {
        match &mut self.watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    }

    /// While idling: whether [`Session::news`] tells of other programs too. Where
    /// it does not, the folder is to be looked at by the clock.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.watch.as_ref().is_some_and(Watch::is_told)
    }

    /// While idling: tells the client what happened.
    ///
    /// # Errors
    ///
    /// [`Gone`].
    pub async fn announce<S: Sink>(&mut self, sink: &mut S) -> Result<Next, Gone> {
        let mut out = Output::new(sink);
        if !self.still_holds().await {
            self.farewell(LOCKED_OUT, &mut out).await?;
            out.flush().await?;
            return Ok(Next::Close);
        }
        match self.refresh(Expunges::Told, &mut out).await {
            Ok(()) => {}
            Err(Failure::Gone) => return Err(Gone),
            // The client hears of it when it asks for something.
            Err(Failure::Reply(_)) => {}
            Err(Failure::Bye(text)) => self.farewell(text, &mut out).await?,
        }
        out.flush().await?;
        self.waits(out.sent());
        Ok(if self.state == State::Logout { Next::Close } else { Next::Idle })
    }

    /// Every few seconds while nothing comes from the client: ends the session
    /// where its login does not hold any more.
    ///
    /// # Errors
    ///
    /// [`Gone`].
    pub async fn look<S: Sink>(&mut self, sink: &mut S) -> Result<Next, Gone> {
        let now = self.services.clock.now();
        let Some(opened) = &mut self.opened else { return Ok(Next::Read) };
        if opened.look(now).await {
            return Ok(if self.watch.is_some() { Next::Idle } else { Next::Read });
        }
        let mut out = Output::new(sink);
        self.farewell(LOCKED_OUT, &mut out).await?;
        out.flush().await?;
        Ok(Next::Close)
    }

    /// Whether the login, if there was one, still holds.
    async fn still_holds(&mut self) -> bool {
        let now = self.services.clock.now();
        match &mut self.opened {
            Some(opened) => opened.still_holds(now).await,
            None => true,
        }
    }

    async fn frame<S: Sink>(&mut self, frame: Frame, out: &mut Output<'_, S>) -> Result<(), Gone> {
        match frame {
            Frame::Command(bytes) => self.command(&bytes, out).await,
            Frame::Line(line) => self.line(&line, out).await,
            Frame::Continue => {
                out.put(&continuation("OK")).await?;
                out.flush().await
            }
            Frame::Append(start) => {
                self.begins("APPEND");
                Box::pin(append::begin(self, start, out)).await
            }
            Frame::AppendData(bytes) => append::data(self, &bytes).await,
            Frame::AppendEnd => Box::pin(append::end(self, append::Behind::Nothing, out)).await,
            Frame::AppendGarbage => Box::pin(append::end(self, append::Behind::Garbage, out)).await,
            Frame::Refused(tag, refusal) => self.misunderstood(tag.as_ref(), refusal.text(), out).await,
            Frame::Fatal(refusal) => self.farewell(refusal.text(), out).await,
        }
    }

    async fn command<S: Sink>(&mut self, bytes: &[u8], out: &mut Output<'_, S>) -> Result<(), Gone> {
        match imap::parse(bytes) {
            Ok(command) => Box::pin(dispatch::run(self, command, out)).await,
            Err(error @ imap::ParseError::TooDeep(_)) => {
                self.misunderstood(error.tag(), "The search is nested too deeply or has too many keys", out).await
            }
            Err(error) => self.misunderstood(error.tag(), "Unknown command or wrong arguments", out).await,
        }
    }

    async fn line<S: Sink>(&mut self, line: &[u8], out: &mut Output<'_, S>) -> Result<(), Gone> {
        match std::mem::replace(&mut self.awaited, Awaited::Command) {
            Awaited::Command => Ok(()),
            Awaited::Credentials(tag) => {
                let outcome = Box::pin(authenticate::answer(self, line)).await;
                self.answer(&tag, outcome, out).await
            }
            Awaited::Done(tag) => {
                let outcome = idle::done(self, line);
                self.answer(&tag, outcome, out).await
            }
        }
    }

    /// Sends the last line of a command.
    pub(super) async fn answer<S: Sink>(
        &mut self,
        tag: &Tag,
        outcome: Result<Reply, Failure>,
        out: &mut Output<'_, S>,
    ) -> Result<(), Gone> {
        match outcome {
            Ok(reply) | Err(Failure::Reply(reply)) => {
                out.put(&reply.tagged(tag)).await?;
                if reply.status == Status::Bad {
                    self.count_error(out).await?;
                }
                Ok(())
            }
            Err(Failure::Gone) => Err(Gone),
            Err(Failure::Bye(text)) => self.farewell(text, out).await,
        }
    }

    async fn misunderstood<S: Sink>(
        &mut self,
        tag: Option<&Tag>,
        text: &'static str,
        out: &mut Output<'_, S>,
    ) -> Result<(), Gone> {
        let reply = Reply::bad(text);
        out.put(&tag.map_or_else(|| reply.untagged(), |tag| reply.tagged(tag))).await?;
        self.count_error(out).await
    }

    async fn count_error<S: Sink>(&mut self, out: &mut Output<'_, S>) -> Result<(), Gone> {
        self.errors += 1;
        if self.errors < self.settings.max_errors {
            return Ok(());
        }
        self.farewell("Too many errors", out).await
    }

    pub(super) async fn farewell<S: Sink>(&mut self, text: &'static str, out: &mut Output<'_, S>) -> Result<(), Gone> {
        self.state = State::Logout;
        out.untagged(&bye(text)).await
    }

    /// Switches something on for the rest of the session.
    pub(super) fn enable(&mut self, extra: Extra) {
        match extra {
            Extra::Utf8Accept => {
                self.understands = Understands::Utf8;
                if let Some(selected) = &mut self.selected {
                    selected.shown_as_stored();
                }
            }
            Extra::CondStore => {
                self.modseqs = ModSeqs::Told;
                if let Some(selected) = &mut self.selected {
                    selected.modseqs = ModSeqs::Told;
                }
            }
        }
    }

    /// A folder's name as this client is told it.
    pub(super) fn name<'a>(&self, text: &'a FolderName) -> Name<'a> {
        Name { text: text.as_str(), separator: SEPARATOR, understands: self.understands }
    }

    /// The account; a command that needs it is not lawful before login.
    pub(super) fn opened(&self) -> Result<&Opened, Failure> {
        self.opened.as_ref().ok_or_else(|| Reply::bad("Log in first").into())
    }

    /// The folder; a command that needs it is not lawful before SELECT.
    pub(super) fn selected(&mut self) -> Result<(&Opened, &mut Selected), Failure> {
        match (&self.opened, &mut self.selected) {
            (Some(opened), Some(selected)) => Ok((opened, selected)),
            _ => Err(Reply::bad("Select a folder first").into()),
        }
    }

    /// Tells the client what happened to the folder.
    pub(super) async fn refresh<S: Sink>(
        &mut self,
        expunges: Expunges,
        out: &mut Output<'_, S>,
    ) -> Result<(), Failure> {
        let (Some(opened), Some(selected)) = (&self.opened, &mut self.selected) else { return Ok(()) };
        let changes = opened.store().changes(&selected.mailbox, selected.modseq).await?;
        if changes.deleted {
            self.selected = None;
            return Err(Failure::Bye("The folder was deleted"));
        }
        if selected.has_new(&changes) {
            let (mailbox, mode) = (&selected.mailbox, selected.mode());
            let first = opened.store().recent_from(mailbox, changes.uid_next, mode);
            selected.expect_recent(first, changes.uid_next);
        }
        for line in selected.take(changes, expunges) {
            out.put(&line).await?;
        }
        Ok(())
    }
}

fn bye(text: &'static str) -> Reply {
    Reply { status: Status::Bye, code: None, text: text.into() }
}
