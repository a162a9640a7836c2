//! How programs come to trust our own authority, one paragraph for each.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::language::Speech;
use crate::missing;
use crate::page::Guide;
use crate::programs::filled;
use crate::services::Shared;

pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech) -> Response {
    match &shared.services.authority {
        Some(authority) => {
            let ways = filled(speech.programs().imports, &shared.services.place);
            Guide { speech, fingerprint: authority.fingerprint(), ways }.answer(StatusCode::OK)
        }
        None => missing::page(speech).await,
    }
}
