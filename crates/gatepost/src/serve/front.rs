//! One plain HTTP connection: an authority is answered that asks whether a name
//! is ours (RFC 8555 §8.3), and a browser is led to the pages over TLS, under
//! the name that it asked for if that is one of ours, and never elsewhere.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use acme::Tokens;
use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HOST, LOCATION};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use mail::Domain;
use tls::{HostName, ServerTls};
use tokio::time::timeout;

use super::limits::Connections;
use super::stream::Stream;
use crate::config::Config;

/// From the connection to the last byte of the request's header.
const HEADER: Duration = Duration::from_secs(10);
/// One connection altogether; it has one request.
const CONNECTION: Duration = Duration::from_secs(30);
/// The longest header of a request, in bytes.
const MAX_HEADER: usize = 16 << 10;
/// The most lines of it.
const MAX_LINES: usize = 64;

/// What is known at the front.
#[derive(Clone)]
pub(super) struct Front {
    /// Its own count, so that nobody who fills the pages keeps an authority out.
    pub(super) connections: Connections,
    inner: Arc<Inner>,
}

struct Inner {
    tokens: Option<Tokens>,
    tls: Option<Arc<ServerTls>>,
    hostname: Domain,
    /// Where browsers find the pages.
    https: Option<u16>,
}

impl Front {
    pub(super) fn new(config: &Config, tls: Option<&Arc<ServerTls>>, tokens: Option<Tokens>) -> Self {
        let (tls, hostname) = (tls.cloned(), config.server.hostname.clone());
        let https = config.public_ports().https;
        Self {
            connections: Connections::new(config.web.connections, config.web.connections_per_network),
            inner: Arc::new(Inner { tokens, tls, hostname, https }),
        }
    }

    /// Answers one request.
    pub(super) async fn serve(self, stream: Stream) {
        let inner = Arc::clone(&self.inner);
        let service = service_fn(move |request: Request<Incoming>| {
            let response = inner.answer(request.method(), request.uri(), request.headers().get(HOST));
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER)
            .max_buf_size(MAX_HEADER)
            .max_headers(MAX_LINES)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        if let Ok(Err(error)) = timeout(CONNECTION, pin!(connection)).await {
            tracing::debug!(%error, "an HTTP connection ended");
        }
    }
}

impl Inner {
    fn answer(&self, method: &Method, uri: &axum::http::Uri, host: Option<&HeaderValue>) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        if uri.path().starts_with(Tokens::PATH) {
            let answer = self.tokens.as_ref().and_then(|tokens| tokens.answer(uri.path()));
            return answer.map_or_else(|| status(StatusCode::NOT_FOUND), told);
        }
        let leads = self.location(uri, host).and_then(|to| HeaderValue::from_str(&to).ok());
        let Some(to) = leads else { return status(StatusCode::NOT_FOUND) };
        let mut response = status(StatusCode::MOVED_PERMANENTLY);
        response.headers_mut().insert(LOCATION, to);
        response
    }

    /// The same page over TLS; none for a host that is not ours.
    fn location(&self, uri: &axum::http::Uri, host: Option<&HeaderValue>) -> Option<String> {
        let host: Authority = host?.to_str().ok()?.parse().ok()?;
        let host = Domain::parse(host.host()).ok().filter(|host| self.is_ours(host))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path } else { "/" };
        match self.https? {
            443 => Some(format!("https://{host}{path}")),
            port => Some(format!("https://{host}:{port}{path}")),
        }
    }

    fn is_ours(&self, host: &Domain) -> bool {
        let certified = |tls: &Arc<ServerTls>| tls.info_for(&HostName::Dns(host.clone())).is_some();
        *host == self.hostname || self.tls.as_ref().is_some_and(certified)
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn told(answer: String) -> Response<Body> {
    let mut response = Response::new(Body::from(answer));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_away() {
        let hostname = Domain::parse("mail.example.org").unwrap();
        let inner = |https| Inner { tokens: None, tls: None, hostname: hostname.clone(), https };
        let ask = |inner: &Inner, method: Method, uri: &str, host: Option<&str>| {
            let host = host.map(|host| HeaderValue::from_bytes(host.as_bytes()).unwrap());
            let response = inner.answer(&method, &uri.parse().unwrap(), host.as_ref());
            let to = response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
            (response.status().as_u16(), to.unwrap_or_default())
        };
        let cases = [
            ("/password?a=b", Some("mail.example.org"), (301, "https://mail.example.org/password?a=b")),
            ("/", Some("MAIL.example.org:80"), (301, "https://mail.example.org/")),
            ("//evil.example/", Some("mail.example.org"), (301, "https://mail.example.org//evil.example/")),
            ("http://evil.example/x", Some("mail.example.org"), (301, "https://mail.example.org/x")),
            ("/", Some("evil.example"), (404, "")),
            ("/", Some("evil.example@mail.example.org"), (301, "https://mail.example.org/")),
            ("/", Some("mail.example.org@evil.example"), (404, "")),
            ("/", Some("mail.example.org.evil.example"), (404, "")),
            ("/", Some("192.0.2.1"), (404, "")),
            ("/", Some("[::1]:80"), (404, "")),
            ("/", Some("\u{fc}"), (404, "")),
            ("/", Some(""), (404, "")),
            ("/", None, (404, "")),
            ("/.well-known/acme-challenge/x", Some("mail.example.org"), (404, "")),
        ];
        for (uri, host, (code, to)) in cases {
            assert_eq!(ask(&inner(Some(443)), Method::GET, uri, host), (code, to.to_owned()), "{uri} {host:?}");
        }
        let other = ask(&inner(Some(2443)), Method::HEAD, "/x", Some("mail.example.org"));
        assert_eq!(other, (301, "https://mail.example.org:2443/x".to_owned()));
        assert_eq!(ask(&inner(None), Method::GET, "/", Some("mail.example.org")).0, 404, "there are no pages");
        assert_eq!(ask(&inner(Some(443)), Method::POST, "/", Some("mail.example.org")).0, 405);
    }
}
