//! The page from which people set up their mail programs.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::language::Speech;
use crate::page;
use crate::programs::{Filled, filled};
use crate::services::{Place, Server, Shared};

#[derive(Template)]
#[template(path = "setup.html")]
struct Setup<'a> {
    speech: Speech,
    place: &'a Place,
    /// Of our own authority, where there is one.
    fingerprint: Option<String>,
    ways: Vec<Filled>,
}

impl Setup<'_> {
    fn servers(&self) -> Vec<(&'static str, Server<'_>)> {
        let incoming = self.place.incoming().map(|(kind, server)| (kind.name(), server));
        let outgoing = self.place.outgoing().map(|server| (self.speech.programs().sending, server));
        incoming.chain(outgoing).collect()
    }
}

pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech) -> Response {
    let place = &shared.services.place;
    let fingerprint = shared.services.authority.as_ref().map(crate::Authority::fingerprint);
    let ways = filled(speech.programs().ways, place);
    page::answer(&Setup { speech, place, fingerprint, ways }, speech, StatusCode::OK)
}
