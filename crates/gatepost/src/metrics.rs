//! Figures for Prometheus on a loopback address: their names, and the page that
//! shows them.

use std::net::SocketAddr;

use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::output::Failure;

/// A figure: its name, kind and meaning.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// The name under which it is shown.
    pub name: &'static str,
    /// What kind it is.
    pub kind: FigureKind,
    /// What it says, and its labels.
    pub about: &'static str,
}

/// The kind of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution, in seconds.
    Seconds,
}

macro_rules! figures {
    ($($constant:ident = $name:literal, $kind:ident, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $constant: &str = $name;
        )*

        /// All figures.
        pub const FIGURES: &[Figure] =
            &[$(Figure { name: $name, kind: FigureKind::$kind, about: $about }),*];
    };
}

figures! {
    CONNECTIONS = "gatepost_connections_total", Counter, "Connections that were accepted, by protocol.";
    CONNECTIONS_OPEN = "gatepost_connections_open", Gauge, "Connections that are open, by protocol.";
    STRANGERS = "gatepost_connections_before_login", Gauge, "Connections of IMAP and POP3 on which nobody has logged in yet.";
    CONNECTIONS_REFUSED = "gatepost_connections_refused_total", Counter,
        "Connections that were turned away before the greeting, by protocol.";
    RECIPIENTS = "gatepost_recipients_total", Counter, "Recipients that were asked for, by result (accepted or a reply code).";
    MESSAGES = "gatepost_messages_total", Counter,
        "Messages that were judged, by verdict (accept, junk, reject, defer) and the class of its reason.";
    MESSAGE_BYTES = "gatepost_message_bytes_total", Counter, "Bytes of the messages that were judged.";
    FAILURES = "gatepost_failures_total", Counter, "What could not be done, by class (directory, index, disk, ...).";
    JUDGE_SECONDS = "gatepost_judge_seconds", Seconds, "From the final dot to the verdict.";
    DELIVER_SECONDS = "gatepost_deliver_seconds", Seconds, "From the verdict to the reply.";
    SCANNER_CRASHES = "gatepost_scanner_crashes_total", Counter, "Scanner workers that ended without having been asked to.";
    SCANNER_READY = "gatepost_scanner_ready", Gauge, "1 while messages can be scanned, else 0.";
    SIGNATURES = "gatepost_scanner_signatures", Gauge, "Signatures that are loaded.";
    SIGNATURES_REFUSED = "gatepost_scanner_signatures_refused", Gauge,
        "1 while the signature folder cannot be loaded and the last good set is in use, else 0.";
    LOGINS = "gatepost_logins_total", Counter, "Logins, by protocol and result (ok, refused, away).";
    LOGIN_SECONDS = "gatepost_login_seconds", Seconds,
        "How long it took to verify a password that was right, by protocol, without what was waited for before.";
    SESSIONS_OPEN = "gatepost_sessions_open", Gauge, "Sessions that are logged in, by protocol.";
    INCIDENTS = "gatepost_incidents_total", Counter, "Errors of our own that ended a connection.";
    CERTIFICATE_SECONDS = "gatepost_certificate_valid_seconds", Gauge,
        "How long the certificate is still valid that clients are shown who ask for a name, by name.";
    CERTIFICATES_BROKEN = "gatepost_certificates_broken", Gauge,
        "Pairs of certificate and key that cannot be used as they lie there; the ones before stay in use.";
    CERTIFICATE_ORDERS = "gatepost_certificate_orders_total", Counter,
        "Certificates that were ordered, by result (ok, failed, not_here).";
    BUILD = "gatepost_build_info", Gauge, "Always 1, by version.";
}

/// Where most answers should lie, in seconds: from a clean small message to the
/// budget of judging.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 60.0];

/// Collects the figures from now on; with an address, shows them there at
/// every path. Call it once, within the runtime.
///
/// # Errors
///
/// [`Failure`] where the address cannot be bound, or it was called before.
pub fn start(listen: Option<SocketAddr>) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::failed(format!("[listen] metrics: {error}"));
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
        .map_err(|error| failed(&error))?;
    if let Some(address) = listen {
        let (recorder, page) = builder.with_http_listener(address).build().map_err(|error| failed(&error))?;
        metrics::set_global_recorder(recorder).map_err(|error| failed(&error))?;
        tokio::spawn(async move {
            if page.await.is_err() {
                tracing::error!("the page of metrics has ended");
            }
        });
    }
    describe();
    Ok(())
}

fn describe() {
    for Figure { name, kind, about } in FIGURES {
        match kind {
            FigureKind::Counter => metrics::describe_counter!(*name, *about),
            FigureKind::Gauge => metrics::describe_gauge!(*name, *about),
            FigureKind::Seconds => metrics::describe_histogram!(*name, Unit::Seconds, *about),
        }
    }
    metrics::gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_custom() {
        for (at, figure) in FIGURES.iter().enumerate() {
            let Figure { name, kind, about } = figure;
            assert!(name.starts_with("gatepost_") && about.ends_with('.'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == FigureKind::Counter, "{name}");
            assert!(FIGURES[..at].iter().all(|earlier| earlier.name != *name), "{name}");
        }
    }

    #[tokio::test]
    async fn the_page_shows_them() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = probe.local_addr().unwrap();
        drop(probe);
        start(Some(address)).unwrap();
        metrics::counter!(MESSAGES, "verdict" => "junk", "class" => "form").increment(3);
        metrics::histogram!(JUDGE_SECONDS).record(0.004);
        let mut page = tokio::net::TcpStream::connect(address).await.unwrap();
        page.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        page.read_to_string(&mut text).await.unwrap();
        for line in [
            "gatepost_messages_total{verdict=\"junk\",class=\"form\"} 3",
            "gatepost_judge_seconds_bucket{le=\"0.005\"} 1",
            "# TYPE gatepost_messages_total counter",
            "gatepost_build_info{version=",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(start(Some(address)).is_err());
    }
}
