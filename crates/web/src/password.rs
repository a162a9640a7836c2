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
use login::{ChangeError, Changed, LoginError, NewPassword, Opener, Others, Weakness};
use mail::Address;
use time::OffsetDateTime;

use crate::MAX_BODY;
use crate::forgery::{Visit, is_from_here};
use crate::form::{PasswordForm, is_form};
use crate::language::Speech;
use crate::page::{Field, Form, Notice};
use crate::services::{Peer, Shared};
use crate::texts::{Texts, fill};

/// After what time those are asked to come back whom we could not serve.
const LATER: u64 = 60;

/// The empty form.
pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech, headers: HeaderMap) -> Response {
    Desk::new(&shared, speech, &headers).form(StatusCode::OK, "", Said::default())
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
    let Some(body) = body.ok().filter(|body| body.len() <= MAX_BODY) else {
        return Notice::new(speech, desk.texts.too_large, desk.texts.missing_text)
            .answer(StatusCode::PAYLOAD_TOO_LARGE);
    };
    if !is_form(&headers) {
        return desk.form(StatusCode::UNSUPPORTED_MEDIA_TYPE, "", Said::default());
    }
    let form = PasswordForm::read(&body);
    if !is_from_here(&headers) {
        return desk.form(StatusCode::FORBIDDEN, &form.address, Said::general(desk.texts.not_from_here));
    }
    if desk.is_new || !shared.guard.accepts(&desk.visit, &form.token) {
        return desk.form(StatusCode::FORBIDDEN, &form.address, Said::general(desk.texts.expired));
    }
    let missing = desk.missing(&form);
    if !missing.fields.is_empty() {
        return desk.form(StatusCode::UNPROCESSABLE_ENTITY, &form.address, missing);
    }
    let services = &shared.services;
    let PasswordForm { address, old, new, .. } = form;
    let wanted = NewPassword { old, code: String::new(), new, others: Others::Keep };
    match services.logins.change(&address, wanted, from, services.policy).await {
        Ok(changed) => {
            (services.ended)(changed.account(), Opener::Password);
            desk.done(&changed)
        }
        Err(error) => desk.refuse(&address, &error, services.logins.free_after(&address, from)),
    }
}

/// Where one visitor is served.
struct Desk<'a> {
    shared: &'a Shared,
    speech: Speech,
    texts: &'static Texts,
    visit: Visit,
    /// Whether the visitor has no cookie yet.
    is_new: bool,
}

/// What is said about a form.
#[derive(Default)]
struct Said {
    general: Vec<String>,
    fields: Vec<(&'static str, String)>,
    wait: Option<u64>,
}

impl Said {
    fn general(text: &str) -> Self {
        Self { general: vec![text.to_owned()], ..Self::default() }
    }

    fn field(id: &'static str, text: impl Into<String>) -> Self {
        Self { fields: vec![(id, text.into())], ..Self::default() }
    }

    fn later(self, seconds: u64) -> Self {
        Self { wait: Some(seconds), ..self }
    }
}

impl<'a> Desk<'a> {
    fn new(shared: &'a Shared, speech: Speech, headers: &HeaderMap) -> Self {
        let known = Visit::of(headers);
        let is_new = known.is_none();
        let visit = known.unwrap_or_else(|| Visit::new((shared.services.random)()));
        Self { shared, speech, texts: speech.texts(), visit, is_new }
    }

    /// What can be seen without asking anybody.
    fn missing(&self, form: &PasswordForm) -> Said {
        let texts = self.texts;
        let bad_address = match form.address.as_str() {
            "" => Some(texts.no_address),
            address => Address::parse(address).is_err().then_some(texts.bad_address),
        };
        let no_old = form.old.is_empty().then_some(texts.no_old);
        let no_new = form.new.is_empty().then_some(texts.no_new);
        let differ = (no_new.is_none() && form.new.expose() != form.again.expose()).then_some(texts.not_the_same);
        let all = [("address", bad_address), ("old", no_old), ("new", no_new), ("again", differ)];
        let fields = all.into_iter().filter_map(|(id, text)| Some((id, text?.to_owned()))).collect();
        Said { fields, ..Said::default() }
    }

    /// What a change that did not take place is answered with. `free_after`: see
    /// [`login::Logins::free_after`].
    fn refuse(&self, address: &str, error: &ChangeError, free_after: Duration) -> Response {
        let texts = self.texts;
        let (status, said) = match error {
            ChangeError::Weak(weakness) => (StatusCode::UNPROCESSABLE_ENTITY, Said::field("new", self.weak(*weakness))),
            ChangeError::Login(LoginError::Refused) => return self.refuse_login(address, free_after),
            ChangeError::Login(LoginError::Busy) => {
                (StatusCode::SERVICE_UNAVAILABLE, Said::general(texts.busy).later(LATER))
            }
            ChangeError::ChangedMeanwhile => (StatusCode::CONFLICT, Said::general(texts.meanwhile)),
            ChangeError::NotStored(DirectoryError::NoQuery(_) | DirectoryError::ForeignTables) => {
                (StatusCode::FORBIDDEN, Said::general(texts.elsewhere))
            }
            ChangeError::Login(LoginError::Away(_)) | ChangeError::NotStored(_) | ChangeError::NotRevoked(_) => {
                tracing::warn!(%error, "a password could not be changed");
                (StatusCode::SERVICE_UNAVAILABLE, Said::general(texts.away).later(LATER))
            }
        };
        self.form(status, address, said)
    }

    fn refuse_login(&self, address: &str, free_after: Duration) -> Response {
        let mut said = Said::general(self.texts.refused);
        // Whoever is to wait for less has waited when he has typed it again.
        if free_after < Duration::from_secs(1) {
            return self.form(StatusCode::FORBIDDEN, address, said);
        }
        let seconds = free_after.as_secs() + u64::from(free_after.subsec_nanos() > 0);
        said.general.push(self.slowed(seconds));
        self.form(StatusCode::TOO_MANY_REQUESTS, address, said.later(seconds))
    }

    fn slowed(&self, seconds: u64) -> String {
        let duration = match seconds {
            1 => self.texts.one_second.to_owned(),
            n => fill(self.texts.seconds, &[("n", &n.to_string())]),
        };
        let at = OffsetDateTime::from((self.shared.services.now)() + Duration::from_secs(seconds));
        let at = format!("{:02}:{:02}:{:02} UTC", at.hour(), at.minute(), at.second());
        fill(self.texts.slowed, &[("seconds", &duration), ("time", &at)])
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
        Notice::new(self.speech, self.texts.changed_title, text).and(self.texts.changed_next).answer(StatusCode::OK)
    }

    /// The form with what is wrong about it. Passwords are never sent back.
    fn form(&self, status: StatusCode, address: &str, said: Said) -> Response {
        let texts = self.texts;
        let least = self.shared.services.policy.least.to_string();
        let mut problems = said.fields;
        let mut field = |id: &'static str, label, (kind, autocomplete), hint: Option<String>| {
            let at = problems.iter().position(|(wrong, _)| *wrong == id);
            let problem = at.map(|at| problems.swap_remove(at).1);
            Field { id, label, kind, autocomplete, hint, problem, value: String::new() }
        };
        let new_hint = fill(texts.new_hint, &[("least", &least)]);
        let mut fields = vec![
            field("address", texts.address, ("email", "username"), Some(texts.address_hint.to_owned())),
            field("old", texts.old, ("password", "current-password"), None),
            field("new", texts.new, ("password", "new-password"), Some(new_hint)),
            field("again", texts.again, ("password", "new-password"), None),
        ];
        if let Some(first) = fields.first_mut() {
            address.clone_into(&mut first.value);
        }
        let token = self.shared.guard.token(&self.visit);
        let form = Form { speech: self.speech, token, fields, general: said.general };
        let cookie = self.is_new.then(|| self.visit.cookie());
        form.answer(status, cookie.as_deref(), said.wait)
    }
}
