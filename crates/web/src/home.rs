//! The first page: what can be done here, and what mail programs have to know.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::language::Speech;
use crate::page::Home;
use crate::services::Shared;

pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech) -> Response {
    let services = &shared.services;
    Home { speech, place: &services.place, has_authority: services.authority.is_some() }.answer(StatusCode::OK)
}
