//! The pages: what stands in a template, and how it becomes an answer.

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, VARY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use directory::{Door, Scope};

use crate::language::{Language, Speech};
use crate::programs::Filled;
use crate::qr::Qr;
use crate::services::Place;
use crate::texts::{AccountTexts, Texts, fill};

const STYLE: &str = include_str!("../templates/style.css");
const ICON: &str = include_str!("../templates/icon.svg");

/// The first page.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct Home<'a> {
    pub(crate) speech: Speech,
    pub(crate) place: &'a Place,
    pub(crate) has_authority: bool,
}

/// How to import the certificate.
#[derive(Template)]
#[template(path = "guide.html")]
pub(crate) struct Guide {
    pub(crate) speech: Speech,
    pub(crate) fingerprint: String,
    /// How each program imports it.
    pub(crate) ways: Vec<Filled>,
}

/// Where the link of a refusal leads.
#[derive(Template)]
#[template(path = "report.html")]
pub(crate) struct Report<'a> {
    pub(crate) speech: Speech,
    pub(crate) hostname: &'a str,
    pub(crate) token: Option<&'a str>,
}

/// The account of whoever is signed in.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct Account {
    pub(crate) speech: Speech,
    pub(crate) token: String,
    pub(crate) address: String,
    pub(crate) general: Vec<String>,
    /// Whether there can be app passwords and two-step login.
    pub(crate) is_available: bool,
    pub(crate) apps: Vec<ShownApp>,
    pub(crate) is_full: bool,
    /// Of the form for a new app password.
    pub(crate) fields: Vec<Field>,
    pub(crate) scope: Scope,
    pub(crate) scope_problem: Option<String>,
    pub(crate) two_step: Option<ShownTwoStep>,
}

/// An app password of the list.
pub(crate) struct ShownApp {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) opens: String,
    pub(crate) made: String,
    pub(crate) used: String,
}

/// Two-step login that is on.
pub(crate) struct ShownTwoStep {
    pub(crate) since: String,
    pub(crate) left: String,
}

/// An app password, shown once.
#[derive(Template)]
#[template(path = "made.html")]
pub(crate) struct Made {
    pub(crate) speech: Speech,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) shown: String,
}

/// The secret of two-step login, and the form for its first code.
#[derive(Template)]
#[template(path = "enrol.html")]
pub(crate) struct Enrol {
    pub(crate) speech: Speech,
    pub(crate) token: String,
    pub(crate) qr: Option<Qr>,
    pub(crate) secret: String,
    pub(crate) uri: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) general: Vec<String>,
}

/// The recovery codes, shown once.
#[derive(Template)]
#[template(path = "codes.html")]
pub(crate) struct Codes {
    pub(crate) speech: Speech,
    pub(crate) codes: Vec<String>,
}

/// A page with a title and a sentence or two.
#[derive(Template)]
#[template(path = "notice.html")]
pub(crate) struct Notice {
    speech: Speech,
    title: &'static str,
    sentences: Vec<String>,
    stay: Stay,
}

/// Whether a page can be asked for again, in another language then.
#[derive(PartialEq, Eq)]
enum Stay {
    Stays,
    Once,
}

/// A page with one form.
#[derive(Template)]
#[template(path = "form.html")]
pub(crate) struct Form {
    pub(crate) speech: Speech,
    pub(crate) frame: Frame,
    pub(crate) token: String,
    pub(crate) fields: Vec<Field>,
    /// What is wrong and belongs to no field, in the order of importance.
    pub(crate) general: Vec<String>,
}

/// What stands around the fields of a form.
pub(crate) struct Frame {
    pub(crate) title: &'static str,
    pub(crate) lead: Option<&'static str>,
    /// What is said first where something is wrong.
    pub(crate) summary: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) action: &'static str,
    /// A box named `revoke` to be ticked.
    pub(crate) choice: Option<Choice>,
    /// Where those go who do not want to: path and text.
    pub(crate) back: Option<(&'static str, &'static str)>,
}

/// A box to be ticked.
pub(crate) struct Choice {
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) is_ticked: bool,
}

/// One field of a form.
pub(crate) struct Field {
    /// Its name and its element's.
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) kind: &'static str,
    /// What a password manager puts there.
    pub(crate) autocomplete: &'static str,
    need: Need,
    pub(crate) hint: Option<String>,
    pub(crate) problem: Option<String>,
    pub(crate) value: String,
}

#[derive(PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

impl Field {
    pub(crate) fn new(
        id: &'static str,
        label: &'static str,
        (kind, autocomplete): (&'static str, &'static str),
    ) -> Self {
        let value = String::new();
        Self { id, label, kind, autocomplete, need: Need::Required, hint: None, problem: None, value }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn value(self, value: &str) -> Self {
        Self { value: value.to_owned(), ..self }
    }

    pub(crate) fn problem(self, problem: Option<String>) -> Self {
        Self { problem, ..self }
    }

    pub(crate) fn optional(self) -> Self {
        Self { need: Need::Optional, ..self }
    }

    fn is_required(&self) -> bool {
        self.need == Need::Required
    }

    /// The elements that say more about it, for `aria-describedby`.
    fn described_by(&self) -> String {
        let hint = self.hint.is_some().then(|| format!("{}-hint", self.id));
        let problem = self.problem.is_some().then(|| format!("{}-problem", self.id));
        [problem, hint].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// Only those that have one.
fn problems(fields: &[Field]) -> impl Iterator<Item = (&'static str, &str)> {
    fields.iter().filter_map(|field| Some((field.id, field.problem.as_deref()?)))
}

impl Form {
    fn is_wrong(&self) -> bool {
        !self.general.is_empty() || self.problems().next().is_some()
    }

    fn problems(&self) -> impl Iterator<Item = (&'static str, &str)> {
        problems(&self.fields)
    }

    /// Puts what is wrong to the fields that it is wrong with.
    pub(crate) fn complain(&mut self, said: Vec<(&'static str, String)>) {
        for (id, text) in said {
            if let Some(field) = self.fields.iter_mut().find(|field| field.id == id) {
                field.problem = Some(text);
            }
        }
    }

    /// The answer; `cookie` where the visitor has none yet, `wait` in seconds
    /// where trying again makes sense later.
    pub(crate) fn answer(&self, status: StatusCode, cookie: Option<&str>, wait: Option<u64>) -> Response {
        let mut response = answer(self, self.speech, status);
        let cookie = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()).map(|cookie| (SET_COOKIE, cookie));
        let wait = wait.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds)));
        response.headers_mut().extend(cookie.into_iter().chain(wait));
        response
    }
}

impl Notice {
    pub(crate) fn new(speech: Speech, title: &'static str, sentence: impl Into<String>) -> Self {
        Self { speech, title, sentences: vec![sentence.into()], stay: Stay::Stays }
    }

    /// As what was done: it is said now and at no address again, so there is
    /// no link to another language.
    pub(crate) fn once(self) -> Self {
        Self { stay: Stay::Once, ..self }
    }

    fn is_shown_once(&self) -> bool {
        self.stay == Stay::Once
    }

    pub(crate) fn and(mut self, sentence: &str) -> Self {
        self.sentences.push(sentence.to_owned());
        self
    }

    pub(crate) fn answer(&self, status: StatusCode) -> Response {
        answer(self, self.speech, status)
    }
}

impl Home<'_> {
    pub(crate) fn answer(&self, status: StatusCode) -> Response {
        answer(self, self.speech, status)
    }

    /// What mail programs are told: kind and port.
    fn programs(&self) -> impl Iterator<Item = (&'static str, u16)> {
        [("IMAP", self.place.imaps), ("POP3", self.place.pop3s)]
            .into_iter()
            .filter_map(|(kind, port)| Some((kind, port?)))
    }
}

impl Guide {
    pub(crate) fn answer(&self, status: StatusCode) -> Response {
        answer(self, self.speech, status)
    }
}

impl Report<'_> {
    pub(crate) fn answer(&self, status: StatusCode) -> Response {
        answer(self, self.speech, status)
    }

    fn what(&self) -> String {
        fill(self.speech.texts().report_what, &[("hostname", self.hostname)])
    }
}

impl Account {
    fn is_wrong(&self) -> bool {
        !self.general.is_empty() || self.problems().next().is_some()
    }

    fn problems(&self) -> impl Iterator<Item = (&'static str, &str)> {
        problems(&self.fields).chain(self.scope_problem.as_deref().map(|text| ("scope", text)))
    }

    fn who(&self) -> String {
        fill(self.speech.a().signed_in, &[("address", &self.address)])
    }

    fn doors(&self) -> impl Iterator<Item = (Door, &'static str)> {
        Door::ALL.into_iter().map(|door| (door, self.speech.door(door)))
    }

    pub(crate) fn answer(&self, status: StatusCode) -> Response {
        answer(self, self.speech, status)
    }
}

impl Made {
    fn text(&self) -> String {
        fill(self.speech.a().made_for, &[("name", &self.name)])
    }

    fn user(&self) -> String {
        fill(self.speech.a().made_user, &[("address", &self.address)])
    }

    pub(crate) fn answer(&self, status: StatusCode) -> Response {
        answer(self, self.speech, status)
    }
}

impl Enrol {
    fn is_wrong(&self) -> bool {
        !self.general.is_empty() || self.problems().next().is_some()
    }

    fn problems(&self) -> impl Iterator<Item = (&'static str, &str)> {
        problems(&self.fields)
    }

    pub(crate) fn answer(&self, status: StatusCode) -> Response {
        answer(self, self.speech, status)
    }
}

impl Codes {
    pub(crate) fn answer(&self, status: StatusCode) -> Response {
        answer(self, self.speech, status)
    }
}

/// The texts of the page, and the other languages that it is there in.
impl Speech {
    pub(crate) fn t(self) -> &'static Texts {
        self.texts()
    }

    /// Those of the account's pages.
    pub(crate) fn a(self) -> &'static AccountTexts {
        &self.texts().account
    }

    pub(crate) fn door(self, door: Door) -> &'static str {
        match door {
            Door::Imap => self.a().imap,
            Door::Pop3 => self.a().pop3,
            Door::Submission => self.a().submission,
        }
    }

    pub(crate) fn others(self) -> impl Iterator<Item = Language> {
        Language::ALL.into_iter().filter(move |language| *language != self.language)
    }
}

pub(crate) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

pub(crate) async fn icon() -> Response {
    file("image/svg+xml", ICON)
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, content).into_response()
}

pub(crate) fn answer(page: &impl Template, speech: Speech, status: StatusCode) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_LANGUAGE, speech.language.tag()),
        (VARY, "Accept-Language, Cookie"),
    ];
    match page.render() {
        Ok(html) => (status, headers, html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
