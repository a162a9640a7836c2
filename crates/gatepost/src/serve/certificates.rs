//! The certificates while the server runs: opened at the start, read again on
//! SIGHUP and when their files have changed, and shown in the figures.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::gauge;
use tls::{CertificateInfo, Report, ServerTls};

use crate::config::Config;
use crate::metrics as names;
use crate::output::Failure;

/// How often the files are looked at: a changed pair is taken at the second
/// look.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// Reads the certificates; none where the configuration names none. One that
/// cannot be used beside the default keeps nobody from starting.
pub(super) fn open(config: &Config) -> Result<Option<Arc<ServerTls>>, Failure> {
    let Some(sources) = config.cert_sources() else { return Ok(None) };
    let tls = ServerTls::open(sources)?;
    for pair in tls.shown() {
        if let Some(error) = pair.trouble {
            tracing::error!(error, cert = %pair.files.cert.display(), "a certificate cannot be used");
        }
    }
    Ok(Some(Arc::new(tls)))
}

/// Reads all of them again, as SIGHUP asks for.
pub(super) fn reload(tls: &ServerTls, now: SystemTime) {
    log(&tls.reload(now), now);
}

/// Reads those that have changed, and tells how long each name is served.
pub(super) async fn look(tls: Arc<ServerTls>) {
    let looked = tokio::task::spawn_blocking(move || {
        let now = SystemTime::now();
        log(&tls.watch(now), now);
        show(&tls, now);
    });
    if let Err(error) = looked.await {
        tracing::error!(%error, "the certificates could not be looked at");
    }
}

pub(super) fn log(report: &Report, now: SystemTime) {
    for info in &report.taken {
        let days_left = info.remaining(now).as_secs() / 86_400;
        tracing::info!(
            names = named(info).join(", "),
            issuer = info.issuer,
            days_left,
            sha256 = %info.fingerprint,
            "the certificate was read"
        );
    }
    for error in &report.broken {
        tracing::error!(%error, hint = error.hint(), "a certificate was not taken; the one before stays in use");
    }
}

fn named(info: &CertificateInfo) -> Vec<String> {
    info.names.iter().map(ToString::to_string).chain(info.other_names.iter().cloned()).collect()
}

fn show(tls: &ServerTls, now: SystemTime) {
    let pairs = tls.shown();
    let hosts: BTreeSet<String> =
        pairs.iter().filter_map(|pair| pair.info.as_ref()).flat_map(|info| named(info)).collect();
    for name in hosts {
        // Another certificate may go before the one that the name was found in.
        let info = name.parse().ok().and_then(|host| tls.info_for(&host));
        let info = info.or_else(|| {
            let holding = pairs.iter().filter_map(|pair| pair.info.clone()).filter(|info| named(info).contains(&name));
            holding.max_by_key(|info| info.not_after)
        });
        let left = info.map(|info| info.remaining(now)).unwrap_or_default();
        gauge!(names::CERTIFICATE_SECONDS, "name" => name).set(left.as_secs_f64());
    }
    let broken = pairs.iter().filter(|pair| pair.trouble.is_some()).count();
    gauge!(names::CERTIFICATES_BROKEN).set(f64::from(u32::try_from(broken).unwrap_or(u32::MAX)));
}
