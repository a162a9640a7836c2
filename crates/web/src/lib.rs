//! Pages and forms for people: requests in, answers out. Who speaks TLS and
//! HTTP with whom is the shell's business.
//!
//! Nothing here runs in the visitor's browser: pages are plain HTML with one
//! style sheet, from here alone, and everything works without JavaScript.
#![forbid(unsafe_code)]
// A future holds those it waits for, down to the database's driver; an optimized
// build looks through all of them at once.
#![recursion_limit = "256"]

mod account;
mod apple;
mod asked;
mod authority;
mod autoconfig;
mod autodiscover;
mod desk;
mod errand;
mod forgery;
mod form;
mod guide;
mod headers;
mod home;
mod hosted;
mod language;
mod missing;
mod page;
mod password;
mod programs;
mod qr;
mod report;
mod services;
mod sessions;
mod setup;
mod sign_in;
mod texts;
mod two_step;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

pub use authority::Authority;
pub use errand::Errand;
pub use services::{Peer, Place, Services};

/// The most bytes of a form: five fields, of which the longest password is
/// some hundred.
const MAX_BODY: usize = 8 << 10;
/// The most that is read of one that is too large, so that the visitor hears
/// why it is refused: a connection that is closed before it was read is lost to
/// him with the answer.
const MAX_READ: usize = 256 << 10;

/// All pages. Each request needs a [`Peer`] among its extensions.
pub fn router(services: Services) -> Router {
    let shared = services.shared();
    let changes = Router::new()
        .route("/password", post(password::change))
        .route("/account/app-password", post(account::make))
        .route("/account/revoke", post(account::revoke))
        .route("/account/two-step/on", post(two_step::switch_on))
        .route("/account/two-step/off", post(two_step::switch_off))
        .route_layer(from_fn_with_state(Arc::clone(&shared), errand::to_its_end));
    Router::new()
        .route("/", get(home::show))
        .route("/password", get(password::show))
        .route("/.well-known/change-password", get(password::well_known))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/account", get(account::show))
        .route("/account/app-password", get(account::back))
        .route("/account/revoke", get(account::back))
        .route("/account/two-step", get(two_step::show).post(two_step::start))
        .route("/account/two-step/on", get(two_step::back))
        .route("/account/two-step/off", get(two_step::ask_off))
        .route("/setup", get(setup::show))
        .route("/mail/config-v1.1.xml", get(autoconfig::show))
        .route("/.well-known/autoconfig/mail/config-v1.1.xml", get(autoconfig::show))
        .route("/mobileconfig", get(apple::show))
        .route("/certificate", get(guide::show))
        .route("/ca.pem", get(authority::pem))
        .route("/ca.der", get(authority::der))
        .route("/ca.mobileconfig", get(authority::profile))
        .route("/report/{token}", get(report::show))
        .route("/style.css", get(page::style))
        .route("/icon.svg", get(page::icon))
        .merge(changes)
        .fallback(autodiscover::otherwise)
        .method_not_allowed_fallback(missing::method)
        .layer(DefaultBodyLimit::max(MAX_READ))
        .layer(from_fn_with_state(Arc::clone(&shared), headers::add))
        .with_state(shared)
}
