//! Two-step login is set up and switched off by whoever is signed in.
//!
//! The secret that the page shows is kept with the session alone, until a code
//! shows that the app knows it.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use directory::DirectoryError;
use login::{Letters, Opener, Totp, TwoStepError};

use crate::desk::{Desk, Guest, Said};
use crate::language::Speech;
use crate::page::{Codes, Enrol, Field, Frame};
use crate::qr::Qr;
use crate::services::{Peer, Shared};

/// Makes a secret, and leads to the page that shows it.
pub(crate) async fn start(
    State(shared): State<Arc<Shared>>,
    speech: Speech,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    let guest = match desk.take(&headers, body).await {
        Ok((guest, _)) => guest,
        Err(response) => return response,
    };
    if !shared.services.logins.has_factors() {
        return desk.see("/account");
    }
    let mut random = [0; 32];
    random[..16].copy_from_slice(&(shared.services.random)());
    random[16..].copy_from_slice(&(shared.services.random)());
    shared.sessions.enrol(&guest.token, Some(Totp::new(random)));
    desk.see("/account/two-step")
}

/// Shows the secret, as a picture and as text.
pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech, headers: HeaderMap) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    match desk.guest(&headers).await {
        Ok(Some(guest)) => desk.enrol(&guest, StatusCode::OK, Said::default()),
        Ok(None) => desk.see("/sign-in"),
        Err(error) => desk.away(&error),
    }
}

/// Where those go on who ask for the address of the form with the first code.
pub(crate) async fn back(State(shared): State<Arc<Shared>>, speech: Speech, headers: HeaderMap) -> Response {
    Desk::new(&shared, speech, &headers).see("/account/two-step")
}

/// Switches it on, and shows the recovery codes once.
pub(crate) async fn switch_on(
    State(shared): State<Arc<Shared>>,
    speech: Speech,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    let (guest, fields) = match desk.take(&headers, body).await {
        Ok(taken) => taken,
        Err(response) => return response,
    };
    let Some(totp) = guest.session.enrolment.clone() else { return desk.see("/account") };
    let (services, login) = (&shared.services, guest.login());
    let code = fields.text("code");
    match services.logins.switch_two_step_on(login, (&totp, &code), services.random).await {
        Ok(codes) => {
            shared.sessions.enrol(&guest.token, None);
            // They were signed in without a code.
            shared.sessions.end_others(login.account(), &guest.token);
            (services.ended)(login.account(), Opener::Password);
            Codes { speech, codes: codes.iter().map(Letters::shown).collect() }.answer(StatusCode::OK)
        }
        Err(TwoStepError::Directory(DirectoryError::TwoStepAlreadyOn(_))) => desk.see("/account"),
        Err(TwoStepError::Directory(error)) => desk.away(&error),
        Err(TwoStepError::WrongCode | TwoStepError::Login(_)) => {
            let wrong = if code.trim().is_empty() { desk.texts.account.no_code } else { desk.texts.account.wrong_code };
            desk.enrol(&guest, StatusCode::UNPROCESSABLE_ENTITY, Said::field("code", wrong))
        }
    }
}

/// The form that switches it off.
pub(crate) async fn ask_off(State(shared): State<Arc<Shared>>, speech: Speech, headers: HeaderMap) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    match desk.guest(&headers).await {
        Ok(Some(_)) if !shared.services.logins.has_factors() => desk.see("/account"),
        Ok(Some(_)) => desk.off(StatusCode::OK, Said::default()),
        Ok(None) => desk.see("/sign-in"),
        Err(error) => desk.away(&error),
    }
}

/// Switches it off, with the password and a code.
pub(crate) async fn switch_off(
    State(shared): State<Arc<Shared>>,
    Extension(Peer(from)): Extension<Peer>,
    speech: Speech,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    let (guest, fields) = match desk.take(&headers, body).await {
        Ok(taken) => taken,
        Err(response) => return response,
    };
    if !shared.services.logins.has_factors() {
        return desk.see("/account");
    }
    let account = &desk.texts.account;
    let (password, code) = (fields.secret("password"), fields.text("code"));
    let mut missing = Said::default();
    if password.is_empty() {
        missing.fields.push(("password", account.no_password.to_owned()));
    }
    if code.trim().is_empty() {
        missing.fields.push(("code", account.no_code.to_owned()));
    }
    if !missing.is_empty() {
        return desk.off(StatusCode::UNPROCESSABLE_ENTITY, missing);
    }
    let (logins, login) = (&shared.services.logins, guest.login());
    match logins.switch_two_step_off(login, (password, &code), from).await {
        Ok(()) => desk.see("/account"),
        Err(TwoStepError::Directory(error)) => desk.away(&error),
        Err(TwoStepError::WrongCode) => desk.off(StatusCode::FORBIDDEN, Said::general(account.off_refused)),
        Err(TwoStepError::Login(error)) => {
            let free_after = logins.free_after(&login.address().to_string(), from);
            let (status, said) = desk.not_let_in(&error, account.off_refused, account.away, free_after);
            desk.off(status, said)
        }
    }
}

impl Desk<'_> {
    fn enrol(&self, guest: &Guest, status: StatusCode, said: Said) -> Response {
        let Some(totp) = &guest.session.enrolment else { return self.see("/account") };
        let account = &self.texts.account;
        let uri = totp.uri(&self.shared.services.place.hostname, guest.login().address());
        let problem = said.fields.into_iter().next().map(|(_, text)| text);
        let code = Field::new("code", account.confirm_code, ("text", "one-time-code")).hint(account.confirm_hint);
        let page = Enrol {
            speech: self.speech,
            token: self.token(),
            qr: Qr::of(&uri),
            secret: totp.shown(),
            uri,
            fields: vec![code.problem(problem)],
            general: said.general,
        };
        page.answer(status)
    }

    fn off(&self, status: StatusCode, said: Said) -> Response {
        let account = &self.texts.account;
        let fields = vec![
            Field::new("password", account.password, ("password", "current-password")),
            Field::new("code", account.off_code, ("text", "one-time-code")),
        ];
        let frame = Frame {
            title: account.off_title,
            lead: Some(account.off_lead),
            summary: account.off_summary,
            submit: account.off_submit,
            action: "/account/two-step/off",
            choice: None,
            back: Some(("/account", account.back)),
        };
        self.form(status, frame, fields, said)
    }
}
