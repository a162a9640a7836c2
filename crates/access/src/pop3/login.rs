//! USER with PASS, and AUTH: verifies, takes the maildrop for this session
//! alone, and numbers its messages (RFC 1939 §4).

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use ::login::{LoginError, Service};
use mail::{Classified, Secret, Text};
use mailbox::{Message, Mode, StoreError, Uid, View};
use pop3::{Entry, Form, LoginFailure, Maildrop, UniqueId};

use super::place::Place;
use super::{Open, Services};
use crate::gate::GateError;

pub(super) async fn run(
    name: &Text,
    password: Secret,
    peer: IpAddr,
    services: &Services,
) -> Result<Open, LoginFailure> {
    let place = Place::find(name, services).await?;
    let verified = services.logins.verify(&place.account, password, peer, Service::Pop3).await;
    let login = verified.map_err(|error| match error {
        LoginError::Refused => match services.logins.free_after(&place.account, peer) {
            Duration::ZERO => LoginFailure::Wrong,
            wait => LoginFailure::Slowed(wait),
        },
        other => LoginFailure::Unavailable(other.class()),
    })?;
    let opened = services.gate.open(&login, peer, services.now()).await.map_err(|error| not_opened(&error))?;
    let folder = place.folder()?;
    let mailbox = opened.mailbox(&folder).await.map_err(|error| no_folder(&error))?;
    let lease = services.leases.take(mailbox.id(), services.now()).ok_or(LoginFailure::InUse)?;
    // Only now, so that no session before this one removes anything of it;
    // and without taking the \Recent flags away from IMAP.
    let view = opened.select(&folder, Mode::ReadOnly).await.map_err(|error| unavailable(&error))?;
    if view.mailbox != mailbox {
        // Somebody put another folder in its place, whose lease this is not.
        return Err(LoginFailure::NoSuchFolder);
    }
    let adopted = opened.store().adopted_uidls(&mailbox).await.map_err(|error| unavailable(&error))?;
    opened.entry().folder(Some(folder.as_str()));
    let uids = view.messages.iter().map(|message| message.uid).collect();
    Ok(Open { maildrop: Maildrop::new(entries(&view, &adopted)), opened, mailbox, lease, uids, form: Form::Ascii })
}

/// By what another server called them, or else by their numbers: those of the
/// former that could be taken for another message's name do not count.
fn entries(view: &View, adopted: &HashMap<Uid, Box<str>>) -> Vec<Entry> {
    let validity = view.uid_validity.0;
    let ours = format!("{validity:08X}");
    let mut seen = HashSet::new();
    let mut name = |uid: Uid| {
        let name = adopted.get(&uid).filter(|name| name.len() != 16 || !name.ends_with(&ours))?;
        UniqueId::adopted(name).filter(|_| seen.insert(name))
    };
    let numbers = |uid: Uid| UniqueId::Numbers { uid: uid.get(), validity };
    let entry =
        |message: &Message| Entry::new(message.wsize, name(message.uid).unwrap_or_else(|| numbers(message.uid)));
    view.messages.iter().map(entry).collect()
}

fn not_opened(error: &GateError) -> LoginFailure {
    match error {
        GateError::TooManySessions => LoginFailure::TooManySessions,
        other => unavailable(other),
    }
}

fn no_folder(error: &StoreError) -> LoginFailure {
    match error {
        StoreError::NoSuchFolder => LoginFailure::NoSuchFolder,
        other => unavailable(other),
    }
}

fn unavailable(error: &dyn Classified) -> LoginFailure {
    tracing::warn!(%error, class = %error.class(), "a maildrop could not be opened");
    LoginFailure::Unavailable(error.class())
}
