//! NOOP and CHECK: the client hears what happened (RFC 3501 §6.1.2, §6.4.1).
//! Everything is durable when it is acknowledged, so CHECK has no more to do.

use imap::response::Reply;

use super::failure::Failure;
use super::output::{Output, Sink};
use super::selected::Expunges;
use super::session::Session;

pub(super) async fn run<S: Sink>(session: &mut Session, out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    session.refresh(Expunges::Told, out).await?;
    Ok(Reply::ok("Done"))
}
