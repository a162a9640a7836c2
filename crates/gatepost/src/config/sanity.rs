//! What must fit together across keys.

use std::net::IpAddr;

use super::reader::Document;
use super::{Config, Listen};

/// Notes what does not fit.
pub(super) fn check(document: &Document<'_>, config: &Config) {
    scan_limits(document, config);
    certificate(document, config);
    acme(document, config);
    listeners(document, config);
    if config.judge.budget.is_zero() {
        document.wrong_key("judge", "budget", "no message can be judged in no time".into(), "such as \"60s\"".into());
    }
    if config.smtp.max_message < 64 << 10 {
        let hint = "RFC 5321 §4.5.3.1.7 asks for at least \"64K\"".to_owned();
        document.wrong_key("smtp", "max_message", "max_message is too small".into(), hint);
    }
}

/// A message that is taken must be scanned as a whole.
fn scan_limits(document: &Document<'_>, config: &Config) {
    let (scan, largest) = (&config.scan.limits, config.smtp.max_message);
    if !config.scan.enabled {
        return;
    }
    for (key, limit) in [("max_file", scan.max_file), ("max_scan", scan.max_scan)] {
        if limit < largest {
            let what = format!("{key} is smaller than [smtp] max_message: larger messages would not be scanned");
            document.wrong_key("scan", key, what, format!("at least {largest} is expected"));
        }
    }
    if config.scan.hang_after.as_millis() <= 2 * u128::from(scan.max_time_ms) {
        let what = "hang_after must be more than twice timeout, which ends a scan in an orderly way";
        document.wrong_key("scan", "hang_after", what.to_owned(), "raise hang_after or lower timeout".to_owned());
    }
}

fn certificate(document: &Document<'_>, config: &Config) {
    let hint = "`gatepost ca` makes a certificate".to_owned();
    match (&config.tls.cert, &config.tls.key) {
        (Some(_), None) => document.wrong_key("tls", "key", "cert has no key beside it".into(), hint),
        (None, Some(_)) => document.wrong_key("tls", "cert", "key has no cert beside it".into(), hint),
        (Some(_), Some(_)) => {}
        (None, None) => {
            let needs =
                [("imaps", &config.listen.imaps), ("pop3s", &config.listen.pop3s), ("https", &config.listen.https)];
            for (key, _) in needs.into_iter().filter(|(_, listens)| !listens.is_empty()) {
                let what = format!("{key} needs [tls] cert and key");
                document.wrong_key("listen", key, what, hint.clone());
            }
        }
    }
}

/// An order needs a listener that answers the authority.
fn acme(document: &Document<'_>, config: &Config) {
    if !config.acme.agreed {
        return;
    }
    let (key, listens) = match config.acme.challenge {
        acme::Challenge::Http01 => ("http", &config.listen.http),
        acme::Challenge::TlsAlpn01 => ("https", &config.listen.https),
    };
    if listens.is_empty() {
        let what = format!("the authority asks at [listen] {key}, where nothing listens");
        document.wrong_key("acme", "challenge", what, format!("set [listen] {key}"));
    }
    if config.tls.cert.is_none() {
        let what = "[acme] needs [tls] cert and key, which are shown until the first certificate is there".to_owned();
        document.wrong_key("acme", "agree_to_terms", what, "`gatepost ca` makes a certificate".to_owned());
    }
}

fn listeners(document: &Document<'_>, config: &Config) {
    let all: Vec<(&'static str, &Listen)> = config.listen.all().collect();
    for (at, (key, listen)) in all.iter().enumerate() {
        let Some((other, _)) = all[..at].iter().find(|(_, earlier)| earlier == listen) else { continue };
        document.wrong_key("listen", key, format!("{key} and {other} have the same address {listen}"), String::new());
    }
    for listen in &config.listen.metrics {
        if matches!(listen, Listen::Tcp(address) if !is_loopback(address.ip())) {
            let what = format!("metrics would be readable by everybody at {listen}");
            document.wrong_key(
                "listen",
                "metrics",
                what,
                "a loopback address is expected, such as \"127.0.0.1:9980\"".into(),
            );
        }
        if matches!(listen, Listen::Unix(_)) {
            let hint = "an address and a port are expected".to_owned();
            document.wrong_key("listen", "metrics", "metrics cannot be a Unix socket".into(), hint);
        }
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
