//! The account of whoever is signed in: what there is, and its app passwords.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use directory::{AppPassword, AppPasswordKey, DirectoryError, Door, MAX_APP_PASSWORDS, Scope};
use login::Opener;

use crate::desk::{Desk, Guest, LATER, Refused, Said};
use crate::form::Fields;
use crate::language::Speech;
use crate::page::{Account, Field, Made, ShownApp, ShownTwoStep};
use crate::services::Shared;
use crate::texts::fill;

/// The page.
pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech, headers: HeaderMap) -> Response {
    let desk = Desk::new(&shared, speech, &headers);
    match desk.guest(&headers).await {
        Ok(Some(guest)) => desk.account(&guest, StatusCode::OK, Typed::default(), Said::default()).await,
        Ok(None) => desk.see("/sign-in"),
        Err(error) => desk.away(&error),
    }
}

/// Where those go on who ask for the address of one of its forms: a link to
/// another language, or a reload, on the page that answered the form.
pub(crate) async fn back(State(shared): State<Arc<Shared>>, speech: Speech, headers: HeaderMap) -> Response {
    Desk::new(&shared, speech, &headers).see("/account")
}

/// Makes an app password, and shows it once.
pub(crate) async fn make(
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
    let words: Vec<String> = fields.all("scope").take(Door::ALL.len()).collect();
    let scope = words.join(",").parse::<Scope>().unwrap_or_default();
    let typed = Typed { name: fields.text("name").trim().to_owned(), scope };
    if scope.is_empty() {
        let said = Said::field("scope", desk.texts.account.no_scope);
        return desk.account(&guest, StatusCode::UNPROCESSABLE_ENTITY, typed, said).await;
    }
    let services = &shared.services;
    let made = services.logins.make_app_password(guest.login(), (&typed.name, scope), (services.random)()).await;
    match made {
        Ok((made, letters)) => {
            let address = guest.login().address().to_string();
            Made { speech, name: made.name, address, shown: letters.shown() }.answer(StatusCode::OK)
        }
        Err(error) => desk.not_made(&guest, typed, &error).await,
    }
}

/// Revokes one app password, or all, and ends what was opened with it.
pub(crate) async fn revoke(
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
    let (services, login) = (&shared.services, guest.login());
    if !services.logins.has_factors() {
        return desk.see("/account");
    }
    let which = fields.text("which");
    let revoked = match which.parse().map(AppPasswordKey::new) {
        _ if which == "all" => services.logins.revoke_app_passwords(login).await,
        Ok(key) => {
            services.logins.revoke_app_password(login, key).await.map(|was| if was { vec![key] } else { vec![] })
        }
        Err(_) => Ok(Vec::new()),
    };
    match revoked {
        Ok(keys) if keys.is_empty() => {
            let said = Said::general(desk.texts.account.gone);
            desk.account(&guest, StatusCode::CONFLICT, Typed::default(), said).await
        }
        Ok(keys) => {
            keys.into_iter().for_each(|key| (services.ended)(login.account(), Opener::App(key)));
            desk.see("/account")
        }
        Err(error) => desk.away(&error),
    }
}

/// What was typed into the form for a new app password.
pub(crate) struct Typed {
    name: String,
    scope: Scope,
}

impl Default for Typed {
    /// Reading and sending as most programs do.
    fn default() -> Self {
        Self { name: String::new(), scope: Scope::of([Door::Imap, Door::Submission]) }
    }
}

impl Desk<'_> {
    /// Takes in a form of somebody who is signed in.
    pub(crate) async fn take(
        &self,
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
    ) -> Result<(Guest, Fields), Response> {
        let read = self.read(headers, body);
        if let Err(Refused::Unread(response)) = read {
            return Err(*response);
        }
        let guest = self.guest(headers).await.map_err(|error| self.away(&error))?;
        let guest = guest.ok_or_else(|| self.see("/sign-in"))?;
        match read {
            Ok(fields) => Ok((guest, fields)),
            Err(Refused::Unread(response)) => Err(*response),
            Err(Refused::Again { status, why, .. }) => {
                Err(self.account(&guest, status, Typed::default(), Said::general(why)).await)
            }
        }
    }

    /// The page of the account, with what is wrong about a form of it.
    pub(crate) async fn account(&self, guest: &Guest, status: StatusCode, typed: Typed, said: Said) -> Response {
        let logins = &self.shared.services.logins;
        let asked = async {
            let apps = logins.app_passwords(guest.login()).await?;
            Ok::<_, DirectoryError>((apps, logins.two_step(guest.login()).await?))
        };
        let (apps, two_step) = match asked.await {
            Ok(known) => known,
            Err(error) => return self.away(&error),
        };
        let texts = &self.texts.account;
        let scope_problem = said.fields.iter().find(|(id, _)| *id == "scope").map(|(_, text)| text.clone());
        let name_problem = said.fields.iter().find(|(id, _)| *id == "name").map(|(_, text)| text.clone());
        let name = Field::new("name", texts.name, ("text", "off")).hint(texts.name_hint).value(&typed.name);
        let page = Account {
            speech: self.speech,
            token: self.token(),
            address: guest.login().address().to_string(),
            general: said.general,
            is_available: logins.has_factors(),
            is_full: apps.len() >= MAX_APP_PASSWORDS,
            apps: apps.into_iter().map(|app| self.shown(app)).collect(),
            fields: vec![name.problem(name_problem)],
            scope: typed.scope,
            scope_problem,
            two_step: two_step.map(|on| ShownTwoStep {
                since: fill(texts.two_on, &[("day", day(&on.since))]),
                left: fill(texts.two_left, &[("n", &on.recovery_codes.to_string())]),
            }),
        };
        page.answer(status)
    }

    /// What is said where the directory does not answer.
    pub(crate) fn away(&self, error: &DirectoryError) -> Response {
        tracing::warn!(%error, "a page of an account cannot be made");
        let notice = crate::page::Notice::new(self.speech, self.texts.account.title, self.texts.account.away);
        let mut response = notice.answer(StatusCode::SERVICE_UNAVAILABLE);
        response.headers_mut().insert(axum::http::header::RETRY_AFTER, LATER.into());
        response
    }

    async fn not_made(&self, guest: &Guest, typed: Typed, error: &DirectoryError) -> Response {
        let texts = &self.texts.account;
        let said = match error {
            DirectoryError::BadName { .. } => Said::field("name", texts.bad_name),
            DirectoryError::AppPasswordAlreadyThere(_) => Said::field("name", texts.taken),
            DirectoryError::TooManyAppPasswords { .. } => Said::general(texts.apps_full),
            DirectoryError::ForeignTables => Said::general(texts.not_here),
            error => return self.away(error),
        };
        self.account(guest, StatusCode::UNPROCESSABLE_ENTITY, typed, said).await
    }

    fn shown(&self, app: AppPassword) -> ShownApp {
        let texts = &self.texts.account;
        let opens: Vec<&str> = app.scope.doors().map(|door| self.speech.door(door)).collect();
        let used = app.used.as_ref().map(|used| fill(texts.used, &[("day", day(used))]));
        ShownApp {
            id: app.key.as_i64(),
            name: app.name,
            opens: opens.join(" · "),
            made: fill(texts.made, &[("day", day(&app.created))]),
            used: used.unwrap_or_else(|| texts.never_used.to_owned()),
        }
    }
}

/// The day of a time, `2026-01-31`.
fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}
