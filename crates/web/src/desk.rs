//! Where one visitor's form is taken in: whether it is one of ours, and what is
//! said about it.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use directory::DirectoryError;
use login::{Ground, Login, LoginError};
use time::OffsetDateTime;

use crate::MAX_BODY;
use crate::forgery::{Visit, is_from_here};
use crate::form::{Fields, is_form};
use crate::language::Speech;
use crate::page::Notice;
use crate::services::Shared;
use crate::sessions::{Session, Token};
use crate::texts::{Texts, fill};

/// After what time those are asked to come back whom we could not serve.
pub(crate) const LATER: u64 = 60;

/// Where one visitor is served.
pub(crate) struct Desk<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) speech: Speech,
    pub(crate) texts: &'static Texts,
    pub(crate) visit: Visit,
    /// Whether the visitor has no cookie yet.
    pub(crate) is_new: bool,
}

/// A form that is not looked at, and why.
pub(crate) enum Refused {
    /// It is none, or not all of it came.
    Unread(Box<Response>),
    /// The visitor is asked to fill it in again.
    Again { status: StatusCode, why: &'static str, fields: Fields },
}

/// What is said about a form.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) general: Vec<String>,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) wait: Option<u64>,
}

impl Said {
    pub(crate) fn general(text: &str) -> Self {
        Self { general: vec![text.to_owned()], ..Self::default() }
    }

    pub(crate) fn field(id: &'static str, text: impl Into<String>) -> Self {
        Self { fields: vec![(id, text.into())], ..Self::default() }
    }

    pub(crate) fn later(self, seconds: u64) -> Self {
        Self { wait: Some(seconds), ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.general.is_empty() && self.fields.is_empty()
    }
}

/// Somebody who is signed in.
pub(crate) struct Guest {
    pub(crate) token: Token,
    pub(crate) session: Session,
}

impl Guest {
    pub(crate) fn login(&self) -> &Login {
        &self.session.login
    }
}

impl<'a> Desk<'a> {
    pub(crate) fn new(shared: &'a Shared, speech: Speech, headers: &HeaderMap) -> Self {
        let known = Visit::of(headers);
        let is_new = known.is_none();
        let visit = known.unwrap_or_else(|| Visit::new((shared.services.random)()));
        Self { shared, speech, texts: speech.texts(), visit, is_new }
    }

    /// Takes a form in.
    pub(crate) fn read(&self, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Fields, Refused> {
        let Some(body) = body.ok().filter(|body| body.len() <= MAX_BODY) else {
            let notice = Notice::new(self.speech, self.texts.too_large, self.texts.missing_text);
            return Err(Refused::Unread(Box::new(notice.answer(StatusCode::PAYLOAD_TOO_LARGE))));
        };
        if !is_form(headers) {
            let notice = Notice::new(self.speech, self.texts.method_title, self.texts.missing_text);
            return Err(Refused::Unread(Box::new(notice.answer(StatusCode::UNSUPPORTED_MEDIA_TYPE))));
        }
        let fields = Fields::new(body);
        let why = if !is_from_here(headers) {
            self.texts.not_from_here
        } else if self.is_new || !self.shared.guard.accepts(&self.visit, &fields.text("token")) {
            self.texts.expired
        } else {
            return Ok(fields);
        };
        Err(Refused::Again { status: StatusCode::FORBIDDEN, why, fields })
    }

    /// Who is signed in here, if what the login rests on is still there.
    pub(crate) async fn guest(&self, headers: &HeaderMap) -> Result<Option<Guest>, DirectoryError> {
        let Some(token) = Token::of(headers) else { return Ok(None) };
        let services = &self.shared.services;
        let Some(session) = self.shared.sessions.of(&token, (services.now)()) else { return Ok(None) };
        if services.logins.ground(&session.login).await? == Ground::Holds {
            return Ok(Some(Guest { token, session }));
        }
        self.shared.sessions.end(&token);
        Ok(None)
    }

    /// The token of this visitor's forms.
    pub(crate) fn token(&self) -> String {
        self.shared.guard.token(&self.visit)
    }

    /// The header that sets the cookie, where the visitor has none yet.
    pub(crate) fn cookie(&self) -> Option<String> {
        self.is_new.then(|| self.visit.cookie())
    }

    /// Another page of ours, to be asked for with GET.
    pub(crate) fn see(&self, path: &str) -> Response {
        let suffix = self.speech.suffix();
        (StatusCode::SEE_OTHER, [(LOCATION, format!("{path}{suffix}"))]).into_response()
    }

    /// What is said to those whose login could not be verified or is wrong.
    /// `free_after`: see [`login::Logins::free_after`].
    pub(crate) fn not_let_in(
        &self,
        error: &LoginError,
        wrong: &str,
        away: &str,
        free_after: Duration,
    ) -> (StatusCode, Said) {
        match error {
            LoginError::Refused => self.wrong(wrong, free_after),
            LoginError::Busy => (StatusCode::SERVICE_UNAVAILABLE, Said::general(self.texts.busy).later(LATER)),
            LoginError::Away(_) => (StatusCode::SERVICE_UNAVAILABLE, Said::general(away).later(LATER)),
        }
    }

    fn wrong(&self, wrong: &str, free_after: Duration) -> (StatusCode, Said) {
        let mut said = Said::general(wrong);
        // Whoever is to wait for less has waited when he has typed it again.
        if free_after < Duration::from_secs(1) {
            return (StatusCode::FORBIDDEN, said);
        }
        let seconds = free_after.as_secs() + u64::from(free_after.subsec_nanos() > 0);
        said.general.push(self.slowed(seconds));
        (StatusCode::TOO_MANY_REQUESTS, said.later(seconds))
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
}

/// The answer with one more cookie.
pub(crate) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
