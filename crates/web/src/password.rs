//! The page on which people change their own password.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use directory::DirectoryError;
use login::{ChangeError, Changed, NewPassword, Opener, Others, Weakness};
use mail::{Address, Class, Classified};

use crate::desk::{Desk, LATER, Refused, Said};
use crate::form::Fields;
use crate::language::Speech;
use crate::page::{Choice, Field, Frame, Notice};
use crate::services::{Peer, Shared};
use crate::texts::fill;

/// The empty form.
pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech, headers: HeaderMap) -> Response {
    Desk::new(&shared, speech, &headers).password(StatusCode::OK, ("", Others::Keep), Said::default())
}

/// Where password managers look for the page.
pub(crate) async fn well_known() -> Response {
    (StatusCode::FOUND, [(LOCATION, "/password")]).into_response()
}

/// The form, filled in.
pub(crate) async fn change(
    State(shared): State<Arc<Shared>>,
    Extension(Peer(from)): Extension<Peer>,
    speech: Speech,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    let fields = match desk.read(&headers, body) {
        Ok(fields) => fields,
        Err(Refused::Unread(response)) => return *response,
        Err(Refused::Again { status, why, fields }) => {
            return desk.password(status, (&fields.address(), others(&fields)), Said::general(why));
        }
    };
    let (address, others) = (fields.address(), others(&fields));
    let missing = desk.missing(&fields);
    if !missing.is_empty() {
        return desk.password(StatusCode::UNPROCESSABLE_ENTITY, (&address, others), missing);
    }
    let services = &shared.services;
    let (old, new) = (fields.secret("old"), fields.secret("new"));
    let wanted = NewPassword { old, code: fields.text("code"), new, others };
    match services.logins.change(&address, wanted, from, services.policy).await {
        Ok(changed) => {
            let apps = changed.revoked().iter().map(|key| Opener::App(*key));
            apps.chain([Opener::Password]).for_each(|opener| (services.ended)(changed.account(), opener));
            desk.done(&changed)
        }
        Err(error) => desk.refuse((&address, others), &error, services.logins.free_after(&address, from)),
    }
}

fn others(form: &Fields) -> Others {
    if form.text("revoke").is_empty() { Others::Keep } else { Others::Revoke }
}

impl Desk<'_> {
    /// What can be seen without asking anybody.
    fn missing(&self, form: &Fields) -> Said {
        let texts = self.texts;
        let bad_address = match form.address().as_str() {
            "" => Some(texts.no_address),
            address => Address::parse(address).is_err().then_some(texts.bad_address),
        };
        let (new, again) = (form.secret("new"), form.secret("again"));
        let no_old = form.secret("old").is_empty().then_some(texts.no_old);
        let no_new = new.is_empty().then_some(texts.no_new);
        let differ = (no_new.is_none() && new.expose() != again.expose()).then_some(texts.not_the_same);
        let all = [("address", bad_address), ("old", no_old), ("new", no_new), ("again", differ)];
        let fields = all.into_iter().filter_map(|(id, text)| Some((id, text?.to_owned()))).collect();
        Said { fields, ..Said::default() }
    }

    /// What a change that did not take place is answered with. `free_after`: see
    /// [`login::Logins::free_after`].
    fn refuse(&self, typed: (&str, Others), error: &ChangeError, free_after: Duration) -> Response {
        let texts = self.texts;
        let (status, said) = match error {
            ChangeError::Weak(weakness) => (StatusCode::UNPROCESSABLE_ENTITY, Said::field("new", self.weak(*weakness))),
            ChangeError::Login(error) => {
                let (status, mut said) = self.not_let_in(error, texts.refused, texts.away, free_after);
                self.hint_at_the_code(status, &mut said);
                (status, said)
            }
            ChangeError::ChangedMeanwhile => (StatusCode::CONFLICT, Said::general(texts.meanwhile)),
            ChangeError::NotStored(DirectoryError::NewPasswordRefused(_)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Said::field("new", texts.not_taken.to_owned()))
            }
            // Its place takes none: another program's tables without a query for
            // it, a file that must not be written.
            ChangeError::NotStored(elsewhere) if elsewhere.class() == Class::Invalid => {
                tracing::warn!(%error, "a password was not changed");
                (StatusCode::FORBIDDEN, Said::general(texts.elsewhere))
            }
            ChangeError::NotStored(_) => {
                tracing::warn!(%error, "a password could not be changed");
                (StatusCode::SERVICE_UNAVAILABLE, Said::general(texts.away).later(LATER))
            }
            ChangeError::NotRevoked(_) => {
                tracing::warn!(%error, "a password was changed, but");
                let notice = Notice::new(self.speech, texts.changed_title, texts.account.not_revoked).once();
                return notice.answer(StatusCode::SERVICE_UNAVAILABLE);
            }
        };
        self.password(status, typed, said)
    }

    fn weak(&self, weakness: Weakness) -> String {
        let texts = self.texts;
        match weakness {
            Weakness::TooShort { least } => fill(texts.too_short, &[("least", &least.to_string())]),
            Weakness::TooLong { most } => fill(texts.too_long, &[("most", &most.to_string())]),
            Weakness::Unprintable => texts.unprintable.to_owned(),
            Weakness::SpaceAround => texts.space_around.to_owned(),
            Weakness::Common => texts.common.to_owned(),
            Weakness::Personal => texts.personal.to_owned(),
            Weakness::Unchanged => texts.unchanged.to_owned(),
        }
    }

    fn done(&self, changed: &Changed) -> Response {
        let text = fill(self.texts.changed, &[("address", &changed.address().to_string())]);
        let notice = Notice::new(self.speech, self.texts.changed_title, text).and(self.texts.changed_next);
        let were_revoked = !changed.revoked().is_empty();
        let notice = if were_revoked { notice.and(self.texts.account.revoked_too) } else { notice };
        notice.once().answer(StatusCode::OK)
    }

    /// The form with what is wrong about it. Passwords are never sent back.
    fn password(&self, status: StatusCode, (address, others): (&str, Others), said: Said) -> Response {
        let (texts, account) = (self.texts, &self.texts.account);
        let least = self.shared.services.policy.least.to_string();
        let new_hint = fill(texts.new_hint, &[("least", &least)]);
        let has_factors = self.shared.services.logins.has_factors();
        let mut fields = vec![
            Field::new("address", texts.address, ("email", "username")).hint(texts.address_hint).value(address),
            Field::new("old", texts.old, ("password", "current-password")),
        ];
        if has_factors {
            fields.push(self.code_field());
        }
        fields.push(Field::new("new", texts.new, ("password", "new-password")).hint(new_hint));
        fields.push(Field::new("again", texts.again, ("password", "new-password")));
        let frame = Frame {
            title: texts.password_title,
            lead: None,
            summary: texts.summary,
            submit: texts.submit,
            action: "/password",
            choice: has_factors.then_some(Choice {
                label: account.revoke_too,
                hint: account.revoke_too_hint,
                is_ticked: others == Others::Revoke,
            }),
            back: None,
        };
        self.form(status, frame, fields, said)
    }
}
