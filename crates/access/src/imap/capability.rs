//! CAPABILITY, ID and ENABLE: what this server is and can do
//! (RFC 3501 §6.1.1, RFC 2971, RFC 5161).

use imap::response::{Reply, data, id as id_line};
use imap::{Extra, Extras, State};
use mail::Text;

use super::failure::Failure;
use super::output::{Output, Sink};
use super::session::Session;

/// What is announced: only what works. ENABLE and IDLE stand there before login
/// too, for programs that never ask again (Python's imaplib).
pub(super) fn list(state: State) -> &'static str {
    match state {
        State::NotAuthenticated => "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE AUTH=PLAIN",
        _ => {
            "IMAP4rev1 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN SPECIAL-USE MOVE CONDSTORE ESEARCH \
             LIST-EXTENDED LIST-STATUS STATUS=SIZE QUOTA QUOTA=RES-STORAGE UTF8=ACCEPT"
        }
    }
}

pub(super) async fn run<S: Sink>(session: &Session, out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    out.put(&data(&format!("CAPABILITY {}", list(session.state)))).await?;
    Ok(Reply::ok("That is all"))
}

/// Says the name and no version: ID is answered before login too.
pub(super) async fn id<S: Sink>(
    session: &mut Session,
    client: Option<Text>,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    if let Some(client) = client {
        if let Some(opened) = &session.opened {
            opened.entry().client(client.clone());
        }
        session.client = Some(client);
    }
    out.put(&id_line(&[("name", "Gatepost")])).await?;
    Ok(Reply::ok("Pleased to meet you"))
}

/// Says what is on now that was not before (RFC 5161 §3.1).
pub(super) async fn enable<S: Sink>(
    session: &mut Session,
    extras: &Extras,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let mut line = "ENABLED".to_owned();
    for (extra, name) in [(Extra::Utf8Accept, " UTF8=ACCEPT"), (Extra::CondStore, " CONDSTORE")] {
        if extras.has(extra) {
            session.enable(extra);
            line.push_str(name);
        }
    }
    out.put(&data(&line)).await?;
    // The client begins to count from here (RFC 7162 §3.1).
    if let Some(selected) = session.selected.as_ref().filter(|_| extras.has(Extra::CondStore)) {
        out.untagged(&selected.highest_modseq()).await?;
    }
    Ok(Reply::ok("Enabled"))
}
