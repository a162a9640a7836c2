//! CAPABILITY, ID and ENABLE: what this server is and can do
//! (RFC 3501 §6.1.1, RFC 2971, RFC 5161).

use imap::State;
use imap::response::{Reply, data, id as id_line};

use super::failure::Failure;
use super::output::{Output, Sink};
use super::session::Session;

/// What is announced: only what works.
pub(super) fn list(state: State) -> &'static str {
    match state {
        State::NotAuthenticated => "IMAP4rev1 LITERAL+ SASL-IR ID AUTH=PLAIN",
        _ => "IMAP4rev1 LITERAL+ ID ENABLE IDLE NAMESPACE UIDPLUS UNSELECT CHILDREN SPECIAL-USE",
    }
}

pub(super) async fn run<S: Sink>(session: &Session, out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    out.put(&data(&format!("CAPABILITY {}", list(session.state)))).await?;
    Ok(Reply::ok("That is all"))
}

/// Says the name and no version: ID is answered before login too.
pub(super) async fn id<S: Sink>(out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    out.put(&id_line(&[("name", "Gatepost")])).await?;
    Ok(Reply::ok("Pleased to meet you"))
}

/// There is nothing yet that a client must enable.
pub(super) async fn enable<S: Sink>(out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    out.put(&data("ENABLED")).await?;
    Ok(Reply::ok("Nothing to enable"))
}
