//! Log lines on standard error: readable on a terminal, JSON otherwise, with
//! the session's id in every line of a connection.

use std::io::IsTerminal;

use mail::SessionId;
use tracing::Span;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::{Log, LogFormat};
use crate::output::Failure;

/// Goes before `[log] level`.
const VARIABLE: &str = "GATEPOST_LOG";

/// What libraries say is of interest only when they are asked for by name.
const QUIET: &str = "sqlx=warn,hyper=warn,rustls=warn";

/// The running log, for a change of its level.
#[derive(Debug, Clone)]
pub struct Logs(reload::Handle<EnvFilter, Registry>);

/// Begins to log, once for the process.
///
/// # Errors
///
/// [`Failure`] where the environment's filter cannot be read, or the log has
/// begun already.
pub fn start(log: &Log) -> Result<Logs, Failure> {
    let asked = std::env::var(VARIABLE).ok();
    let (filter, handle) = reload::Layer::new(filter(log, asked.as_deref())?);
    let lines = match is_json(log.format) {
        true => json().boxed(),
        false => fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(ansi()).boxed(),
    };
    let begun = tracing_subscriber::registry().with(filter).with(lines).try_init();
    begun.map_err(|error| Failure::failed(format!("the log cannot begin: {error}")))?;
    Ok(Logs(handle))
}

impl Logs {
    /// Takes a new level over, as after SIGHUP. The form stays as it is.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the environment's filter cannot be read.
    pub fn change(&self, log: &Log) -> Result<(), Failure> {
        let asked = std::env::var(VARIABLE).ok();
        let filter = filter(log, asked.as_deref())?;
        self.0.reload(filter).map_err(|error| Failure::failed(format!("the level cannot be changed: {error}")))
    }
}

/// The span of a connection: everything that is logged within it carries the
/// session's id. `peer` is `unix` for a socket in the file system.
#[must_use]
pub fn session(id: SessionId, protocol: &'static str, peer: Option<std::net::IpAddr>) -> Span {
    let peer = peer.map_or_else(|| "unix".to_owned(), |ip| ip.to_string());
    tracing::info_span!("session", %id, protocol, peer)
}

fn filter(log: &Log, asked: Option<&str>) -> Result<EnvFilter, Failure> {
    let directives = match asked.filter(|asked| !asked.trim().is_empty()) {
        Some(asked) => asked.to_owned(),
        None => format!("{},{QUIET}", log.level),
    };
    EnvFilter::try_new(&directives).map_err(|error| {
        let failure = Failure::usage(format!("{VARIABLE}={directives:?} is no filter: {error}"));
        failure.hint(format!("such as {VARIABLE}=debug or {VARIABLE}=info,sqlx=debug"))
    })
}

fn json<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let layer = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(true);
    layer.with_writer(std::io::stderr)
}

fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    }
}

/// Colours on a terminal, unless the environment asks for none
/// (<https://no-color.org>).
fn ansi() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn log(level: &str) -> Log {
        Log { level: level.to_owned(), format: LogFormat::Auto }
    }

    #[test]
    fn filters() {
        let cases = [
            (None, "info,sqlx=warn,hyper=warn,rustls=warn"),
            (Some(""), "info,sqlx=warn,hyper=warn,rustls=warn"),
            (Some("debug"), "debug"),
            (Some("info,sqlx=trace"), "info,sqlx=trace"),
        ];
        for (asked, shown) in cases {
            let mut got: Vec<String> =
                filter(&log("info"), asked).unwrap().to_string().split(',').map(str::to_owned).collect();
            let mut expected: Vec<String> = shown.split(',').map(str::to_owned).collect();
            got.sort();
            expected.sort();
            assert_eq!(got, expected, "{asked:?}");
        }
        assert!(filter(&log("info"), Some("info,=x=y")).unwrap_err().message().contains(VARIABLE));
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_of_a_connection_has_its_id() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(true);
        let subscriber = tracing_subscriber::registry().with(layer.with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            session(SessionId::new(0), "smtp", Some("192.0.2.7".parse().unwrap())).in_scope(|| {
                tracing::info!(size = 7, "message");
                tracing::info_span!("message", spool = "x").in_scope(|| tracing::warn!("late"));
            });
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let parsed: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(parsed.len(), 2);
        for line in parsed {
            assert_eq!(line["spans"][0]["id"], "aaaaaaaaaaaaa");
            assert_eq!(line["spans"][0]["peer"], "192.0.2.7");
        }
    }
}
