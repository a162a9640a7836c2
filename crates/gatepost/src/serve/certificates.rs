//! The certificates while the server runs: opened at the start, read again on
//! SIGHUP and when their files have changed, and shown in the figures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
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
    let left = hosts.into_iter().map(|name| {
        // Another certificate may go before the one that the name was found in.
        let info = name.parse().ok().and_then(|host| tls.info_for(&host));
        let info = info.or_else(|| {
            let holding = pairs.iter().filter_map(|pair| pair.info.clone()).filter(|info| named(info).contains(&name));
            holding.max_by_key(|info| info.not_after)
        });
        (name, info.map(|info| info.remaining(now)).unwrap_or_default())
    });
    tell(&TOLD, left.collect());
    let broken = pairs.iter().filter(|pair| pair.trouble.is_some()).count();
    gauge!(names::CERTIFICATES_BROKEN).set(f64::from(u32::try_from(broken).unwrap_or(u32::MAX)));
}

/// The names of which a figure was told; it cannot be taken back.
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// A name whose certificate is gone has no number any more: its last one would
/// look like a certificate that nobody renews.
fn tell(told: &Mutex<BTreeSet<String>>, left: BTreeMap<String, Duration>) {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    for gone in told.iter().filter(|name| !left.contains_key(*name)) {
        gauge!(names::CERTIFICATE_SECONDS, "name" => gone.clone()).set(f64::NAN);
    }
    *told = left.keys().cloned().collect();
    for (name, left) in left {
        gauge!(names::CERTIFICATE_SECONDS, "name" => name).set(left.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn a_name_that_is_gone_has_no_number() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let told = Mutex::default();
        let page = |names: &[&str]| {
            let left = names.iter().map(|name| ((*name).to_owned(), Duration::from_secs(60))).collect();
            metrics::with_local_recorder(&recorder, || tell(&told, left));
            recorder.handle().render()
        };
        let line =
            |name: &str, number: &str| format!("gatepost_certificate_valid_seconds{{name=\"{name}\"}} {number}\n");
        let (stays, goes) = ("mail.example.org", "old.example.org");
        let cases: [(&[&str], &str); 3] = [(&[stays, goes], "60"), (&[stays], "NaN"), (&[goes, stays], "60")];
        for (names, number) in cases {
            let page = page(names);
            assert!(page.contains(&line(stays, "60")) && page.contains(&line(goes, number)), "{page}");
        }
    }
}
