//! Signing in to the pages and out again.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mail::Address;

use crate::desk::{Desk, Refused, Said, with_cookie};
use crate::form::Fields;
use crate::language::Speech;
use crate::page::{Field, Form, Frame};
use crate::services::{Peer, Shared};
use crate::sessions::{Token, no_cookie};

/// The empty form; the account for those who are signed in.
pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech, headers: HeaderMap) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    match desk.guest(&headers).await {
        Ok(Some(_)) => desk.see("/account"),
        Ok(None) | Err(_) => desk.sign_in(StatusCode::OK, "", Said::default()),
    }
}

/// The form, filled in.
pub(crate) async fn sign_in(
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
            return desk.sign_in(status, &fields.address(), Said::general(why));
        }
    };
    let address = fields.address();
    let missing = desk.not_filled_in(&fields);
    if !missing.is_empty() {
        return desk.sign_in(StatusCode::UNPROCESSABLE_ENTITY, &address, missing);
    }
    let services = &shared.services;
    let given = (fields.secret("password"), fields.text("code"));
    match services.logins.sign_in(&address, (given.0, &given.1), from).await {
        Ok(login) => {
            // Never one that was there before: somebody else may know it.
            let token = Token::new((services.random)());
            shared.sessions.begin(token.clone(), login, (services.now)());
            with_cookie(desk.see("/account"), &token.cookie())
        }
        Err(error) => {
            let account = &desk.texts.account;
            let free_after = services.logins.free_after(&address, from);
            let (status, mut said) = desk.not_let_in(&error, account.refused, account.away, free_after);
            desk.hint_at_the_code(status, &mut said);
            desk.sign_in(status, &address, said)
        }
    }
}

/// Signs out; whoever is not signed in is not told so.
pub(crate) async fn sign_out(
    State(shared): State<Arc<Shared>>,
    speech: Speech,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    match desk.read(&headers, body) {
        Ok(_) => {}
        Err(Refused::Unread(response)) => return *response,
        Err(Refused::Again { .. }) => return desk.see("/account"),
    }
    if let Some(token) = Token::of(&headers) {
        shared.sessions.end(&token);
    }
    with_cookie(desk.see("/"), &no_cookie())
}

impl Desk<'_> {
    /// Where accounts may have codes, a refusal reminds of them: all accounts'
    /// alike.
    pub(crate) fn hint_at_the_code(&self, status: StatusCode, said: &mut Said) {
        let is_refusal = status != StatusCode::SERVICE_UNAVAILABLE && !said.general.is_empty();
        if is_refusal && self.shared.services.logins.has_factors() {
            said.general.insert(1, self.texts.account.refused_code.to_owned());
        }
    }

    /// What can be seen without asking anybody.
    fn not_filled_in(&self, fields: &Fields) -> Said {
        let mut said = Said::default();
        match fields.address().as_str() {
            "" => said.fields.push(("address", self.texts.no_address.to_owned())),
            address if Address::parse(address).is_err() => {
                said.fields.push(("address", self.texts.bad_address.to_owned()));
            }
            _ => {}
        }
        if fields.secret("password").is_empty() {
            said.fields.push(("password", self.texts.account.no_password.to_owned()));
        }
        said
    }

    fn sign_in(&self, status: StatusCode, address: &str, said: Said) -> Response {
        let (texts, account) = (self.texts, &self.texts.account);
        let mut fields = vec![
            Field::new("address", texts.address, ("email", "username")).hint(texts.address_hint).value(address),
            Field::new("password", account.password, ("password", "current-password")),
        ];
        if self.shared.services.logins.has_factors() {
            fields.push(self.code_field());
        }
        let frame = Frame {
            title: account.sign_in_title,
            lead: Some(account.sign_in_lead),
            summary: account.sign_in_summary,
            submit: account.sign_in_submit,
            action: "/sign-in",
            choice: None,
            back: None,
        };
        self.form(status, frame, fields, said)
    }

    /// The code that those have who use two-step login.
    pub(crate) fn code_field(&self) -> Field {
        let account = &self.texts.account;
        Field::new("code", account.code, ("text", "one-time-code")).hint(account.code_hint).optional()
    }

    /// A form with what is wrong about it. Passwords are never sent back.
    pub(crate) fn form(&self, status: StatusCode, frame: Frame, fields: Vec<Field>, said: Said) -> Response {
        let mut form = Form { speech: self.speech, frame, token: self.token(), fields, general: said.general };
        form.complain(said.fields);
        form.answer(status, self.cookie().as_deref(), said.wait)
    }
}
