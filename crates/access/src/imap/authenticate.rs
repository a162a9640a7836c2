//! AUTHENTICATE PLAIN (RFC 3501 §6.2.2, RFC 4616, RFC 4959).

use imap::Tag;
use imap::response::{Code, Reply, continuation};
use mail::{Plain, PlainError, Secret};

use super::failure::Failure;
use super::login;
use super::output::{Output, Sink};
use super::session::{Awaited, Session};

/// Nothing is returned where the client is asked for its answer first.
pub(super) async fn begin<S: Sink>(
    session: &mut Session,
    tag: &Tag,
    mechanism: &str,
    initial: Option<&Secret>,
    out: &mut Output<'_, S>,
) -> Result<Option<Reply>, Failure> {
    if mechanism != "PLAIN" {
        return Err(Reply::no("This mechanism is not offered").into());
    }
    if let Some(initial) = initial {
        return finish(session, Plain::read(initial.expose())).await.map(Some);
    }
    session.framer.expect_line();
    session.awaited = Awaited::Credentials(tag.clone());
    out.put(&continuation("")).await?;
    out.flush().await?;
    Ok(None)
}

/// The client's answer to `+`.
pub(super) async fn answer(session: &mut Session, line: &[u8]) -> Result<Reply, Failure> {
    finish(session, Plain::decode(line)).await
}

async fn finish(session: &mut Session, given: Result<Plain, PlainError>) -> Result<Reply, Failure> {
    match given {
        Ok(Plain { user, password }) => login::run(session, user.as_str(), password).await,
        Err(PlainError::Cancelled) => Err(Reply::bad("Cancelled").into()),
        Err(PlainError::Malformed) => Err(Reply::bad("That is no answer of the PLAIN mechanism").into()),
        Err(PlainError::OnBehalf) => {
            Err(Reply::no("Nobody can act for somebody else").with(Code::AuthenticationFailed).into())
        }
    }
}
