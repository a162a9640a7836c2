//! LOGIN: address and password (RFC 3501 §6.2.3).

use std::borrow::Cow;
use std::time::Duration;

use ::login::{LoginError, Service};
use imap::State;
use imap::response::{Code, Reply};
use mail::{Classified, Secret};

use super::capability;
use super::failure::Failure;
use super::session::Session;
use crate::gate::GateError;

pub(super) async fn run(session: &mut Session, user: &str, password: Secret) -> Result<Reply, Failure> {
    let verified = session.services.logins.verify(user, password, session.peer, Service::Imap).await;
    let login = match verified {
        Ok(login) => login,
        Err(LoginError::Refused) => {
            let wait = session.services.logins.free_after(user, session.peer);
            return Err(failed(session, refused(wait)));
        }
        Err(LoginError::Busy) => {
            let reply = Reply::no("Too many logins at once; try again in a minute").with(Code::Unavailable);
            return Err(failed(session, reply));
        }
        Err(error) => return Err(failed(session, unavailable(&error))),
    };
    let opened = match session.services.gate.open(&login, session.peer, session.services.clock.now()).await {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(%error, "an account could not be opened");
            return Err(failed(session, not_opened(&error)));
        }
    };
    if let Some(client) = &session.client {
        opened.entry().client(client.clone());
    }
    session.opened = Some(opened);
    session.state = State::Authenticated;
    session.framer.authenticated();
    Ok(Reply::ok("Logged in").with(Code::Capability(capability::list(session.state).to_owned())))
}

/// The same of everybody, whether there is such an account or not. Programs that
/// show the sentence tell their user how long to leave it.
fn refused(wait: Duration) -> Reply {
    let sentence: Cow<'static, str> = match wait.as_secs() + u64::from(wait.subsec_nanos() > 0) {
        0 => "Address or password is wrong".into(),
        seconds => format!("Address or password is wrong, and the next try has to wait {seconds} s").into(),
    };
    Reply::no(sentence).with(Code::AuthenticationFailed)
}

/// Whatever the reason, an attempt costs us time and the client none: so many,
/// and the connection ends.
fn failed(session: &mut Session, reply: Reply) -> Failure {
    session.refused += 1;
    if session.refused >= session.settings.max_refused {
        return Failure::Bye("Too many refused logins");
    }
    reply.into()
}

fn not_opened(error: &GateError) -> Reply {
    match error {
        GateError::TooManySessions => Reply::no("The account has too many connections").with(Code::Limit),
        other => unavailable(other),
    }
}

/// "Unavailable" tells the client not to ask the user for a new password.
fn unavailable(error: &dyn Classified) -> Reply {
    Reply { code: Some(Code::Unavailable), ..imap::reply_for(error.class()) }
}
