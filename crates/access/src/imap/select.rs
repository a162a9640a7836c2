//! SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2).

use imap::response::{Code, Reply, data};
use imap::{Extra, Extras, MailboxName, State};
use mailbox::Flags;
pub(super) use mailbox::Mode;

use super::failure::Failure;
use super::folder;
use super::output::{Output, Sink};
use super::selected::{Access, Selected};
use super::session::Session;

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    mailbox: &MailboxName,
    mode: Mode,
    extras: &Extras,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    if extras.has(Extra::CondStore) {
        session.enable(Extra::CondStore);
    }
    // What was selected before is closed, whether or not this works.
    session.close();
    let name = folder::name(session, mailbox)?;
    let view = session.opened()?.select(&name, mode).await?;
    let validity = view.uid_validity.0;
    let access = match mode {
        Mode::ReadWrite => Access::ReadWrite,
        Mode::ReadOnly => Access::ReadOnly,
    };
    let selected = Selected::new(view, access, session.modseqs);
    for line in selected.flag_lines() {
        out.put(&line).await?;
    }
    out.put(&data(&format!("{} EXISTS", selected.exists()))).await?;
    out.put(&data(&format!("{} RECENT", selected.recent()))).await?;
    if let Some(unseen) = selected.messages.iter().position(|message| !message.flags.has(Flags::SEEN)) {
        let first = selected.numbered(unseen).number;
        out.untagged(&Reply::ok("The first one without \\Seen").with(Code::Unseen(first))).await?;
    }
    out.untagged(&Reply::ok("UIDs are valid").with(Code::UidValidity(validity))).await?;
    out.untagged(&Reply::ok("The next UID").with(Code::UidNext(selected.uid_next))).await?;
    out.untagged(&selected.highest_modseq()).await?;
    session.selected = Some(selected);
    session.state = State::Selected;
    session.opened()?.entry().folder(Some(name.as_str()));
    Ok(match access {
        Access::ReadWrite => Reply::ok("Selected").with(Code::ReadWrite),
        Access::ReadOnly => Reply::ok("Selected").with(Code::ReadOnly),
    })
}
