//! Where the link of a refusal leads: whom to ask.
//!
//! The page is the same for every token and looks nothing up, so it tells
//! nobody which ones there are; and nothing changes by looking at it, since
//! mail programs and their scanners open links by themselves.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::sync::Arc;

use crate::language::Speech;
use crate::page::Report;
use crate::services::Shared;

pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech, Path(token): Path<String>) -> Response {
    let hostname = shared.services.place.hostname.as_str();
    Report { speech, hostname, token: written_like_one(&token) }.answer(StatusCode::OK)
}

/// The text where it looks like a token: 26 characters of base32. Anything else
/// would be a stranger's text on our page.
fn written_like_one(text: &str) -> Option<&str> {
    let looks = text.len() == 26 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    looks.then_some(text)
}
