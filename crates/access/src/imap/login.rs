//! LOGIN: address and password (RFC 3501 §6.2.3).

use ::login::{LoginError, Service};
use imap::State;
use imap::response::{Code, Reply};
use mail::{Classified, Secret};

use super::capability;
use super::failure::Failure;
use super::session::Session;

pub(super) async fn run(session: &mut Session, user: &str, password: Secret) -> Result<Reply, Failure> {
    let verified = session.services.logins.verify(user, password, session.peer, Service::Imap).await;
    let login = match verified {
        Ok(login) => login,
        Err(LoginError::Refused) => return refused(session),
        Err(error) => return Err(unavailable(&error)),
    };
    let opened = session.services.gate.open(&login).await.map_err(|error| {
        tracing::warn!(%error, "an account could not be opened");
        unavailable(&error)
    })?;
    session.opened = Some(opened);
    session.state = State::Authenticated;
    session.framer.authenticated();
    Ok(Reply::ok("Logged in").with(Code::Capability(capability::list(session.state).to_owned())))
}

fn refused(session: &mut Session) -> Result<Reply, Failure> {
    session.refused += 1;
    if session.refused >= session.settings.max_refused {
        return Err(Failure::Bye("Too many refused logins"));
    }
    Ok(Reply::no("Address or password is wrong").with(Code::AuthenticationFailed))
}

fn unavailable(error: &dyn Classified) -> Failure {
    let mut reply = imap::reply_for(error.class());
    // "Unavailable" tells the client not to ask the user for a new password.
    reply.code = Some(Code::Unavailable);
    reply.into()
}
