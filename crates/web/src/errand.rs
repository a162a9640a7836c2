//! What a form changes is done to its end, whether or not the visitor waits for
//! the answer.
//!
//! Who hangs up takes the request with him, and what follows a change in the
//! directory with it: his app passwords would still be good beside the new
//! password, and what was opened with the old one would stay open.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::services::Shared;

/// A form being dealt with, up to its answer.
pub type Errand = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Stands before whatever changes something. Nobody piles errands up by hanging
/// up: one that proves a password keeps its turn among the network's logins to
/// the end, and one whose form does not come ends with its connection.
pub(crate) async fn to_its_end(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    (shared.services.finish)(Box::pin(next.run(request))).await
}
