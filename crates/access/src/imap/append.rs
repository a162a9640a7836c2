//! APPEND (RFC 3501 §6.3.11): the message goes to the spool as it comes, and
//! from there into the folder. Bare CR and LF become line ends; NUL is refused.

use imap::response::{Code, Reply, continuation};
use imap::{AppendStart, Tag, table};
use mail::{Classified, SpoolId};
use mailbox::{AppendAs, InternalDate, Mailbox};
use spool::Incoming;

use super::failure::{Failure, target};
use super::output::{Gone, Output, Sink};
use super::selected::Expunges;
use super::session::Session;
use super::{flags, folder};

/// Octets gathered before they go to the disk.
const PIECE: usize = 256 << 10;

/// What stood behind the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    Nothing,
    Garbage,
}

/// An APPEND whose message is coming.
pub(super) struct Appending {
    tag: Tag,
    to: Mailbox,
    as_: AppendAs,
    repair: Repair,
    held: Vec<u8>,
    /// Where it goes; nothing any more once something failed.
    incoming: Result<Incoming, Reply>,
}

/// Makes LF line ends of everything that is one.
#[derive(Debug, Default)]
struct Repair {
    after_cr: bool,
    has_nul: bool,
}

pub(super) async fn begin<S: Sink>(
    session: &mut Session,
    start: AppendStart,
    out: &mut Output<'_, S>,
) -> Result<(), Gone> {
    let tag = start.tag.clone();
    match prepare(session, start).await {
        Ok(appending) => {
            session.append = Some(appending);
            if session.framer.accept_append() {
                out.put(&continuation("OK")).await?;
                out.flush().await?;
            }
            Ok(())
        }
        Err(failure) => {
            session.framer.refuse_append();
            session.answer(&tag, Err(failure), out).await
        }
    }
}

async fn prepare(session: &mut Session, start: AppendStart) -> Result<Appending, Failure> {
    if !table::is_lawful("APPEND", session.state) {
        return Err(Reply::bad("This command is not lawful now").into());
    }
    if start.size > session.settings.limits.append {
        return Err(Reply::no("The message is too large").with(Code::TooBig).into());
    }
    if start.size == 0 {
        return Err(Reply::no("There is no message").into());
    }
    let (flags, keywords) = flags::read(&start.flags)?;
    let to = session.opened()?.mailbox(&folder::name(session, &start.mailbox)?).await.map_err(target)?;
    let internal_date = start.date.map(|(secs, offset_minutes)| InternalDate { secs, offset_minutes });
    let services = &session.services;
    let now = services.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let id = SpoolId::new(services.ids.next(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)));
    let spool = services.spool.clone();
    let created = services.blocking.run(move || spool.create(id, b"")).await;
    Ok(Appending {
        tag: start.tag,
        to,
        as_: AppendAs { flags, keywords, internal_date },
        repair: Repair::default(),
        held: Vec::new(),
        incoming: Ok(created.map_err(|error| Failure::from(failed(&error)))?),
    })
}

/// A piece of the message. What goes wrong is said at its end: the client is
/// busy sending.
pub(super) async fn data(session: &mut Session, bytes: &[u8]) -> Result<(), Gone> {
    let Some(appending) = &mut session.append else { return Ok(()) };
    appending.repair.push(bytes, &mut appending.held);
    if appending.held.len() < PIECE {
        return Ok(());
    }
    let appending = session.append.take();
    if let Some(appending) = appending {
        session.append = Some(write(session, appending).await);
    }
    Ok(())
}

async fn write(session: &Session, mut appending: Appending) -> Appending {
    let held = std::mem::take(&mut appending.held);
    appending.incoming = match appending.incoming {
        Ok(mut incoming) => {
            let work = move || incoming.write(&held).map(|()| incoming);
            session.services.blocking.run(work).await.map_err(|error| failed(&error))
        }
        Err(reply) => Err(reply),
    };
    appending
}

pub(super) async fn end<S: Sink>(session: &mut Session, behind: Behind, out: &mut Output<'_, S>) -> Result<(), Gone> {
    let Some(mut appending) = session.append.take() else { return Ok(()) };
    let tag = appending.tag.clone();
    if behind == Behind::Garbage {
        let outcome = Err(Reply::bad("One message at a time can be appended").into());
        return session.answer(&tag, outcome, out).await;
    }
    appending.repair.end(&mut appending.held);
    let appending = write(session, appending).await;
    let outcome = finish(session, appending, out).await;
    session.answer(&tag, outcome, out).await
}

async fn finish<S: Sink>(
    session: &mut Session,
    appending: Appending,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let incoming = appending.incoming?;
    if appending.repair.has_nul {
        return Err(Reply::no("The message holds NUL, which no mail may").with(Code::Cannot).into());
    }
    let finished = session.services.blocking.run(move || incoming.finish()).await;
    let spooled = finished.map_err(|error| Failure::from(failed(&error)))?;
    let store = session.opened()?.store().clone();
    let appended = store.append_spooled(&appending.to, spooled, appending.as_).await.map_err(target)?;
    session.refresh(Expunges::Told, out).await?;
    let code = Code::AppendUid { validity: appended.uid_validity.0, uid: appended.uid.get() };
    Ok(Reply::ok("Appended").with(code))
}

fn failed(error: &spool::Error) -> Reply {
    tracing::warn!(%error, "a message to append could not be spooled");
    imap::reply_for(error.class())
}

impl Repair {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes.iter().copied() {
            if self.after_cr && byte != b'\n' {
                out.push(b'\n');
            }
            self.after_cr = byte == b'\r';
            self.has_nul |= byte == 0;
            if byte != b'\r' {
                out.push(byte);
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.after_cr) {
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_repaired() {
        for (given, expected) in [
            (&b"a\r\nb\r\n"[..], &b"a\nb\n"[..]),
            (b"a\rb\nc", b"a\nb\nc"),
            (b"\r\r\n\r", b"\n\n\n"),
            (b"\n\r", b"\n\n"),
        ] {
            for cut in 1..=given.len() {
                let (mut repair, mut out) = (Repair::default(), Vec::new());
                given.chunks(cut).for_each(|piece| repair.push(piece, &mut out));
                repair.end(&mut out);
                assert_eq!(out, expected, "{given:?} in pieces of {cut}");
            }
        }
    }

    #[test]
    fn nul_is_seen() {
        let mut repair = Repair::default();
        repair.push(b"a\0b", &mut Vec::new());
        assert!(repair.has_nul);
    }
}
