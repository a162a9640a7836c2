//! The pages: what stands in a template, and how it becomes an answer.

use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, VARY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::language::{Language, Speech};
use crate::programs::Filled;
use crate::services::Place;
use crate::texts::{Texts, fill};

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

/// A page with a title and a sentence or two.
#[derive(Template)]
#[template(path = "notice.html")]
pub(crate) struct Notice {
    speech: Speech,
    title: &'static str,
    sentences: Vec<String>,
}

/// The form of the password page.
#[derive(Template)]
#[template(path = "password.html")]
pub(crate) struct Form {
    pub(crate) speech: Speech,
    pub(crate) token: String,
    pub(crate) fields: Vec<Field>,
    /// What is wrong and belongs to no field, in the order of importance.
    pub(crate) general: Vec<String>,
}

/// One field of a form.
pub(crate) struct Field {
    /// Its name and its element's.
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) kind: &'static str,
    /// What a password manager puts there.
    pub(crate) autocomplete: &'static str,
    pub(crate) hint: Option<String>,
    pub(crate) problem: Option<String>,
    pub(crate) value: String,
}

impl Field {
    /// The elements that say more about it, for `aria-describedby`.
    fn described_by(&self) -> String {
        let hint = self.hint.is_some().then(|| format!("{}-hint", self.id));
        let problem = self.problem.is_some().then(|| format!("{}-problem", self.id));
        [problem, hint].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Form {
    fn is_wrong(&self) -> bool {
        !self.general.is_empty() || self.fields.iter().any(|field| field.problem.is_some())
    }

    /// Only those that have one.
    fn problems(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().filter_map(|field| Some((field.id, field.problem.as_deref()?)))
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
        Self { speech, title, sentences: vec![sentence.into()] }
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

/// The texts of the page, and the other languages that it is there in.
impl Speech {
    pub(crate) fn t(self) -> &'static Texts {
        self.texts()
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
