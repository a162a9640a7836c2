//! What Thunderbird and others ask before they set up an account: which servers
//! a domain has. <https://www.ietf.org/archive/id/draft-ietf-mailmaint-autoconfig>
//! describes the file, and that it is found at `autoconfig.DOMAIN` and below
//! `DOMAIN/.well-known`.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use mail::{Address, Domain};

use crate::hosted::{Hosted, field, host, hosted};
use crate::services::{Place, Server, Shared};

#[derive(Template)]
#[template(path = "autoconfig.xml", escape = "html")]
struct Answer<'a> {
    domain: &'a Domain,
    place: &'a Place,
}

impl Answer<'_> {
    fn incoming(&self) -> Vec<(&'static str, Server<'_>)> {
        self.place.incoming().map(|(kind, server)| (kind.autoconfig(), server)).collect()
    }
}

pub(crate) async fn show(State(shared): State<Arc<Shared>>, headers: HeaderMap, uri: Uri) -> Response {
    let Some(domain) = asked(&headers, &uri) else { return StatusCode::NOT_FOUND.into_response() };
    match hosted(&shared.services.directory, &domain).await {
        Hosted::Here => answer(&domain, &shared.services.place),
        Hosted::Elsewhere => StatusCode::NOT_FOUND.into_response(),
        Hosted::Unknown => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// The domain of the address, else that of the host. An address counts more: a
/// program that followed the MX asks at a name of ours about somebody's domain.
fn asked(headers: &HeaderMap, uri: &Uri) -> Option<Domain> {
    if let Some(address) = field(uri, "emailaddress") {
        return Address::parse(&address).ok().map(|address| address.domain().clone());
    }
    let host = host(headers, uri)?;
    match host.as_str().strip_prefix("autoconfig.") {
        Some(domain) => Domain::parse(domain).ok(),
        None => Some(host),
    }
}

fn answer(domain: &Domain, place: &Place) -> Response {
    match (Answer { domain, place }).render() {
        Ok(text) => ([(CONTENT_TYPE, "application/xml; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a mail program's settings cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::HOST;

    #[test]
    fn whose_domain_it_is() {
        let cases = [
            ("autoconfig.example.org", "/", Some("example.org")),
            ("example.org:443", "/", Some("example.org")),
            ("AUTOCONFIG.example.org", "/?emailaddress=", None),
            ("autoconfig.example.org", "/?emailaddress=a@example.net", Some("example.net")),
            ("autoconfig.example.org", "/?emailaddress=%25EMAILADDRESS%25", None),
            ("autoconfig.", "/", Some("autoconfig")),
            ("x y", "/", None),
        ];
        for (host, uri, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            let found = asked(&headers, &Uri::from_static(uri));
            assert_eq!(found.as_ref().map(Domain::as_str), expected, "{host} {uri}");
        }
    }
}
