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
        return Ok(Finding::warn(NAME, message, format!("chmod 600 {}", key.display())));
    }
    if left < RENEW {
        return Ok(Finding::warn(NAME, format!("it expires in {days} days"), renewal));
    }
    Ok(Finding::ok(NAME, format!("valid for {names}, {days} days left")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::time::UNIX_EPOCH;
    use tls::{Authority, CertFolder, HostName, KeyChoice, Scope};

    const MADE: u64 = 1_790_000_000;

    fn day(day: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(MADE + day * DAY)
    }

    fn config(dir: &Path, host: &str) -> Config {
        let text = format!(
            "[server]\nhostname = \"{host}\"\n[tls]\ncert = \"certs/server.pem\"\nkey = \"certs/server.key\"\n"
        );
        Config::parse(&text, &dir.join("gatepost.toml")).unwrap()
    }

    #[test]
    fn from_made_to_expired() {
        let dir = tempfile::tempdir().unwrap();
        let here = config(dir.path(), "mail.example.org");
        assert_eq!(check(&here, day(0)).status, Status::Fail);

        let folder = CertFolder::new(dir.path().join("certs"));
        fs::create_dir(folder.path()).unwrap();
        let host: HostName = "mail.example.org".parse().unwrap();
        let authority = Authority::create(&folder, &host, &Scope::new([host.clone()]), day(0)).unwrap();
        authority.issue(&folder, &[host], (day(0), 90), KeyChoice::New, None).unwrap();
        let cases = [
            (0, Status::Ok, "90 days left"),
            (75, Status::Ok, "15 days left"),
            (77, Status::Warn, "expires in 13 days"),
            (91, Status::Fail, "has expired"),
        ];
        for (at, status, said) in cases {
            let finding = check(&here, day(at));
            assert!(finding.status == status && finding.message.contains(said), "{at}: {finding:?}");
        }
        let early = check(&here, UNIX_EPOCH + Duration::from_secs(MADE - 40 * DAY));
        assert!(early.message.contains("not valid yet"), "{early:?}");
        let elsewhere = check(&config(dir.path(), "mx.example.net"), day(0));
        assert!(elsewhere.message.contains("not valid for mx.example.net"), "{elsewhere:?}");

        fs::set_permissions(folder.server_key(), Permissions::from_mode(0o644)).unwrap();
        let readable = check(&here, day(0));
        assert!(readable.status == Status::Warn && readable.hint.starts_with("chmod 600"), "{readable:?}");
        fs::copy(folder.ca_key(), folder.server_key()).unwrap();
        assert_eq!(check(&here, day(0)).status, Status::Fail);
    }

    #[test]
    fn none_is_only_a_warning() {
        let config = Config::parse("[server]\nhostname = \"a.example\"\n", Path::new("x.toml")).unwrap();
        assert_eq!(check(&config, day(0)).status, Status::Warn);
    }
}
