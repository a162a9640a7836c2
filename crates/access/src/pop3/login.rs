//! USER and PASS: verifies, takes the maildrop for this session alone, and
//! numbers its messages (RFC 1939 §4).

use std::net::IpAddr;

use ::login::{LoginError, Service};
use mail::{Classified, Secret, Text};
use mailbox::{FolderName, Message, Mode, StoreError, View};
use pop3::{Entry, LoginFailure, Maildrop, UniqueId};

use super::{Open, Services};
use crate::gate::GateError;

pub(super) async fn run(
    name: &Text,
    password: Secret,
    peer: IpAddr,
    services: &Services,
) -> Result<Open, LoginFailure> {
    let verified = services.logins.verify(name.as_str(), password, peer, Service::Pop3).await;
    let login = verified.map_err(|error| match error {
        LoginError::Refused => LoginFailure::Wrong,
        other => LoginFailure::Unavailable(other.class()),
    })?;
    let opened = services.gate.open(&login).await.map_err(|error| not_opened(&error))?;
    let inbox = FolderName::parse("INBOX").map_err(|error| unavailable(&StoreError::from(error)))?;
    let mailbox = opened.mailbox(&inbox).await.map_err(|error| unavailable(&error))?;
    let lease = services.leases.take(mailbox.id(), services.now()).ok_or(LoginFailure::InUse)?;
    // Only now, so that no session before this one removes anything of it;
    // and without taking the \Recent flags away from IMAP.
    let view = opened.select(&inbox, Mode::ReadOnly).await.map_err(|error| unavailable(&error))?;
    let uids = view.messages.iter().map(|message| message.uid).collect();
    Ok(Open { maildrop: maildrop(&view), opened, mailbox, lease, uids })
}

fn maildrop(view: &View) -> Maildrop {
    let validity = view.uid_validity.0;
    let entry = |message: &Message| Entry::new(message.wsize, UniqueId::Numbers { uid: message.uid.get(), validity });
    Maildrop::new(view.messages.iter().map(entry).collect())
}

fn not_opened(error: &GateError) -> LoginFailure {
    match error {
        GateError::TooManySessions => LoginFailure::TooManySessions,
        other => unavailable(other),
    }
}

fn unavailable(error: &dyn Classified) -> LoginFailure {
    tracing::warn!(%error, class = %error.class(), "a maildrop could not be opened");
    LoginFailure::Unavailable(error.class())
}
