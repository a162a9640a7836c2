//! What is said where there is no page.

use axum::http::StatusCode;
use axum::response::Response;

use crate::language::Speech;
use crate::page::Notice;

/// There is nothing at this address.
pub(crate) async fn page(speech: Speech) -> Response {
    let texts = speech.texts();
    Notice::new(speech, texts.missing_title, texts.missing_text).answer(StatusCode::NOT_FOUND)
}

/// There is something, but not for this method.
pub(crate) async fn method(speech: Speech) -> Response {
    let texts = speech.texts();
    Notice::new(speech, texts.method_title, texts.missing_text).answer(StatusCode::METHOD_NOT_ALLOWED)
}
