//! NAMESPACE: all folders are the user's own (RFC 2342).

use imap::response::{Reply, data};
use mailbox::SEPARATOR;

use super::failure::Failure;
use super::output::{Output, Sink};

pub(super) async fn run<S: Sink>(out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    out.put(&data(&format!("NAMESPACE ((\"\" \"{SEPARATOR}\")) NIL NIL"))).await?;
    Ok(Reply::ok("Done"))
}
