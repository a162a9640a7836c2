//! One HTTPS connection: moves requests from the socket to the pages, within
//! the size and the time that each may take.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use access::gate::Gate;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use directory::Directory;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use login::{Logins, Policy};
use mail::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::Instrument;
use web::{Authority, Errand, Peer, Place, Services};

use super::stream::Stream;
use crate::config::Config;

/// From the last byte of an answer, or the handshake, to the last one of the
/// next request's header.
const HEADER: Duration = Duration::from_secs(20);
/// From then to the answer: a slowed login may wait for its turn and then for
/// its delay.
const REQUEST: Duration = Duration::from_secs(90);
/// One connection altogether: whoever reads our answers byte by byte is cut off.
const CONNECTION: Duration = Duration::from_secs(300);
/// The longest header of a request, in bytes.
const MAX_HEADER: usize = 16 << 10;
/// The most lines of it.
const MAX_LINES: usize = 64;

/// The pages, with what they need of the rest of the server.
pub fn pages(config: &Config, directory: &Arc<Directory>, logins: &Arc<Logins>, gate: Gate) -> Router {
    let authority = config.tls.cert.as_deref().and_then(|cert| own_authority(&cert.with_file_name("ca.pem")));
    web::router(Services {
        directory: Arc::clone(directory),
        logins: Arc::clone(logins),
        policy: Policy { least: config.web.min_password },
        ended: Box::new(move |account, opener| gate.end_sessions(account, opener)),
        finish,
        now: SystemTime::now,
        random: rand::random,
        key: Secret::new(rand::random::<[u8; 32]>().to_vec()),
        place: place(config),
        authority: authority.map(Authority::new),
    })
}

/// Gives an errand a task of its own, which the end of a connection does not end.
fn finish(errand: Errand) -> Errand {
    let begun = tokio::spawn(errand.in_current_span());
    Box::pin(async {
        begun.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a form was not dealt with to its end");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        })
    })
}

/// Where mail programs find us.
fn place(config: &Config) -> Place {
    let ports = config.public_ports();
    Place {
        hostname: config.server.hostname.clone(),
        imaps: ports.imaps,
        pop3s: ports.pop3s,
        outgoing: config.web.outgoing.clone(),
        pages: pages_base(config, ports.https),
    }
}

/// What the addresses of our pages begin with. Where the configuration does not
/// say it, it is our name, with the port where that is not the usual one.
fn pages_base(config: &Config, https: Option<u16>) -> String {
    let (base, usual) = (&config.judge.report_base, format!("https://{}", config.server.hostname));
    match https.filter(|port| *port != 443 && *base == usual) {
        Some(port) => format!("{base}:{port}"),
        None => base.clone(),
    }
}

/// The authority's certificate, which lies beside the server's where we made
/// both. Only the certificate: its key is for `gatepost ca` alone.
fn own_authority(file: &Path) -> Option<Vec<u8>> {
    let der = CertificateDer::from_pem_file(file).ok()?;
    Some(der.to_vec())
}

/// Serves one client over TLS until it or we leave.
pub async fn serve(stream: Stream, peer: IpAddr, router: Router, mut stopping: watch::Receiver<bool>) {
    let service = service_fn(move |request| answer(router.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_buf_size(MAX_HEADER)
        .max_headers(MAX_LINES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut over = pin!(sleep(CONNECTION));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = over.as_mut() => return,
        _ = stopping.changed() => {
            // The request under way is answered.
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = over.as_mut() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTPS connection ended");
    }
}

async fn answer(router: Router, peer: IpAddr, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(Peer(peer));
    let (method, path) = (request.method().clone(), request.uri().path().len());
    let answered = timeout(REQUEST, TowerToHyperService::new(router).call(request)).await;
    let response = answered.unwrap_or_else(|_| {
        let mut late = Response::new(Body::empty());
        *late.status_mut() = StatusCode::REQUEST_TIMEOUT;
        Ok(late)
    });
    if let Ok(response) = &response {
        tracing::debug!(%method, path_octets = path, status = response.status().as_u16(), "answered");
    }
    response
}
