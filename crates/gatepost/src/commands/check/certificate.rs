//! Whether the certificate is valid, for this server, and fits its key.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tls::{CertFiles, CertificateInfo, Maker, ServerTls, TlsError, others_can_read};

use super::Finding;
use crate::config::Config;

const NAME: &str = "certificate";
const DAY: u64 = 86_400;
/// From so many days before the end on it should be renewed.
const RENEW: Duration = Duration::from_secs(14 * DAY);

/// The finding.
pub(super) fn check(config: &Config, now: SystemTime) -> Finding {
    let Some((cert, key)) = config.cert_files() else {
        let message = "there is none: no STARTTLS, no IMAP, no POP3";
        return Finding::warn(NAME, message, "make one with gatepost ca, and name it in [tls]");
    };
    look(config, (&cert, &key), now).unwrap_or_else(|error| Finding::fail(NAME, error.to_string(), error.hint()))
}

fn look(config: &Config, (cert, key): (&Path, &Path), now: SystemTime) -> Result<Finding, TlsError> {
    let authority = cert.parent().map(|folder| folder.join("ca.pem")).filter(|file| file.exists());
    let info = CertificateInfo::read(cert, authority.as_deref())?;
    // Reads both, and fails unless they belong together.
    ServerTls::open(CertFiles { cert: cert.to_owned(), key: key.to_owned() })?;
    let renewal = match info.maker {
        Maker::OwnAuthority => "gatepost ca issue, then send the server SIGHUP",
        _ => "renew it where it was made, then send the server SIGHUP",
    };
    if info.not_before > now {
        return Ok(Finding::fail(NAME, "it is not valid yet", "is this machine's clock right?"));
    }
    let (left, days) = (info.remaining(now), info.remaining(now).as_secs() / DAY);
    if left.is_zero() {
        return Ok(Finding::fail(NAME, "it has expired", renewal));
    }
    let host = &config.server.hostname;
    let names = info.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if super::super::host(host).is_ok_and(|host| !info.is_for(&host)) {
        let message = format!("it is not valid for {host}, but for {names}");
        return Ok(Finding::fail(NAME, message, format!("gatepost ca issue {host}, or change [server] hostname")));
    }
    if others_can_read(key)? {
        let message = format!("{} can be read by others", key.display());
        return Ok(Finding::fail(NAME, message, format!("chmod 600 {}", key.display())));
    }
    if left < RENEW {
        return Ok(Finding::warn(NAME, format!("it expires in {days} days"), renewal));
    }
    Ok(Finding::ok(NAME, format!("valid for {names}, {days} days left")))
}
