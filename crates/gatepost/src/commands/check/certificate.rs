//! Whether the certificates are valid, for this server and its hosted domains,
//! and fit their keys.

use std::time::{Duration, SystemTime};

use acme::Listed;
use mail::Domain;
use tls::{CertFiles, CertificateInfo, HostName, Maker, ServerTls, Sources, TlsError, others_can_read};

use super::Finding;
use crate::config::Config;
use crate::serve::orders::{MAX_NAMES, Wanted};

const NAME: &str = "certificate";
/// Of those beside the one in `[tls]`.
const NAMES: &str = "certificates";
/// Of those that we order.
const ORDERS: &str = "orders";
const DAY: u64 = 86_400;
/// From so many days before the end on it should be renewed.
const RENEW: Duration = Duration::from_secs(14 * DAY);

/// The findings: about the certificate of `[tls]`, and about those beside it;
/// of ordered ones only about the names that are wanted, where these are known.
pub(super) fn check(config: &Config, wanted: Option<&Wanted>, now: SystemTime) -> Vec<Finding> {
    let Some(sources) = config.cert_sources() else {
        let message = "there is none: no STARTTLS, no IMAP, no POP3";
        return vec![Finding::warn(NAME, message, "make one with gatepost ca, and name it in [tls]")];
    };
    let default = look(config, &sources, now);
    let mut findings = vec![default.unwrap_or_else(|error| Finding::fail(NAME, error.to_string(), error.hint()))];
    findings.extend(further(&sources, wanted, now));
    findings
}

/// How orders of certificates go; none where nothing is ordered.
pub(super) fn orders(config: &Config, wanted: Option<&Wanted>, now: SystemTime) -> Vec<Finding> {
    if !config.acme.agreed {
        return Vec::new();
    }
    if let Some(file) = config.acme.ca_file.as_ref().filter(|file| !file.is_file()) {
        let message = format!("{}: there is no such file, so nothing is ordered", file.display());
        return vec![Finding::fail(ORDERS, message, "correct [acme] ca_file, or leave it out")];
    }
    let mut findings: Vec<Finding> = wanted.and_then(too_many).into_iter().collect();
    findings.push(match super::super::certificate::ordered(config, wanted, now) {
        Ok(listed) => ordered(&listed, now),
        Err(error) => Finding::warn(ORDERS, error.to_string(), "run it as the server's user, or as root"),
    });
    findings
}

fn too_many(Wanted { left_out, .. }: &Wanted) -> Option<Finding> {
    let message = format!("{} beyond {MAX_NAMES} get no certificate", super::counted(*left_out, "name"));
    (*left_out > 0).then(|| Finding::warn(ORDERS, message, "leave out some of [tls] prefixes or [acme] names"))
}

fn ordered(listed: &[Listed], now: SystemTime) -> Finding {
    let failing: Vec<&Listed> = listed.iter().filter(|it| it.last_error.is_some()).collect();
    let Some(first) = failing.first() else {
        return Finding::ok(ORDERS, format!("{} kept up by [acme]", super::counted(listed.len(), "name")));
    };
    let why = first.last_error.clone().unwrap_or_default();
    let message = format!("{}: {}: {why}", super::counted(failing.len(), "name"), first.name);
    let hint = "gatepost certificate list shows all; gatepost certificate renew NAME tries at once";
    let urgent = |it: &&Listed| it.expires.is_some_and(|expires| expires < now + RENEW / 2);
    if failing.iter().any(urgent) { Finding::fail(ORDERS, message, hint) } else { Finding::warn(ORDERS, message, hint) }
}

/// Whether each host of a hosted domain that is to have a certificate has one.
pub(super) async fn covered(config: &Config) -> Option<Finding> {
    let sources = config.cert_sources().filter(|_| !config.tls.prefixes.is_empty())?;
    let domains = super::super::hosted(config).await;
    let tls = ServerTls::open(sources).ok()?;
    Some(missing(config, &tls, &domains))
}

fn missing(config: &Config, tls: &ServerTls, domains: &[HostName]) -> Finding {
    let hosts = domains
        .iter()
        .filter_map(HostName::domain)
        .flat_map(|domain| config.tls.prefixes.iter().filter_map(|prefix| prefix.of(domain)));
    let missing: Vec<String> = hosts
        .filter(|host| tls.info_for(&HostName::Dns(host.clone())).is_none())
        .map(|host| host.to_string())
        .collect();
    if missing.is_empty() {
        let message = format!("each host of {} has one", super::counted(domains.len(), "domain"));
        return Finding::ok(NAMES, message);
    }
    let hint = match config.acme.agreed {
        true => "gatepost certificate list tells why they were not ordered yet".to_owned(),
        false => format!("gatepost ca issue --beside {}, put one into [tls] folder, or see [acme]", missing[0]),
    };
    Finding::warn(NAMES, format!("no certificate is for {}", super::some(&missing)), hint)
}

fn look(config: &Config, sources: &Sources, now: SystemTime) -> Result<Finding, TlsError> {
    let CertFiles { cert, key } = &sources.default;
    let authority = cert.parent().map(|folder| folder.join("ca.pem")).filter(|file| file.exists());
    let info = CertificateInfo::read(cert, authority.as_deref())?;
    // Reads both, and fails unless they belong together.
    let tls = ServerTls::open(sources.clone())?;
    let renewal = match info.maker {
        Maker::OwnAuthority => "gatepost ca issue",
        _ => "renew it where it was made",
    };
    // Another one may be for the server's name, and is then the one that counts.
    let replaced = tls.info().fingerprint != info.fingerprint;
    if replaced && (info.not_before > now || info.remaining(now) < RENEW) {
        let message = "it has expired or will soon; another one is shown in its place for the server's name";
        return Ok(Finding::warn(NAME, message, renewal));
    }
    if info.not_before > now {
        return Ok(Finding::fail(NAME, "it is not valid yet", "is this machine's clock right?"));
    }
    let (left, days) = (info.remaining(now), info.remaining(now).as_secs() / DAY);
    if left.is_zero() {
        return Ok(Finding::fail(NAME, "it has expired", renewal));
    }
    let host = &config.server.hostname;
    let names = info.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if super::super::host(host).is_ok_and(|host| !info.is_for(&host) && tls.info_for(&host).is_none()) {
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

/// One finding for each further pair with which something is wrong, or one for
/// all.
fn further(sources: &Sources, wanted: Option<&Wanted>, now: SystemTime) -> Vec<Finding> {
    let pairs = match sources.pairs() {
        Ok(pairs) => pairs,
        Err(error) => return vec![Finding::fail(NAMES, error.to_string(), error.hint())],
    };
    let further = pairs.into_iter().filter(|files| *files != sources.default);
    let further: Vec<_> = further.filter(|files| !wanted.is_some_and(|it| left_behind(files, sources, it))).collect();
    let wrong: Vec<Finding> = further.iter().filter_map(|files| wrong_with(files, now)).collect();
    match (wrong.is_empty(), further.len()) {
        (true, 0) => Vec::new(),
        (true, count) => vec![Finding::ok(NAMES, super::counted(count, "further certificate"))],
        _ => wrong,
    }
}

/// Whether it was ordered for a name that nobody wants any more.
fn left_behind(files: &CertFiles, sources: &Sources, wanted: &Wanted) -> bool {
    let within = sources.ordered.as_ref().is_some_and(|folder| files.cert.starts_with(folder));
    let name = files.cert.file_stem().and_then(|name| name.to_str()).and_then(|name| Domain::parse(name).ok());
    within && name.is_some_and(|name| !wanted.names.contains(&name))
}

fn wrong_with(files: &CertFiles, now: SystemTime) -> Option<Finding> {
    let cert = files.cert.display();
    let (info, readable) =
        match ServerTls::open(files.clone()).and_then(|tls| Ok((tls.info(), others_can_read(&files.key)?))) {
            Ok(read) => read,
            Err(error) => return Some(Finding::fail(NAMES, error.to_string(), error.hint())),
        };
    let left = info.remaining(now);
    let renewal = "renew it where it was made";
    match () {
        () if info.not_before > now => {
            Some(Finding::fail(NAMES, format!("{cert}: it is not valid yet"), "is this machine's clock right?"))
        }
        () if left.is_zero() => Some(Finding::fail(NAMES, format!("{cert}: it has expired"), renewal)),
        () if readable => {
            let (message, key) = (format!("{} can be read by others", files.key.display()), files.key.display());
            Some(Finding::warn(NAMES, message, format!("chmod 600 {key}")))
        }
        () if left < RENEW => {
            Some(Finding::warn(NAMES, format!("{cert}: it expires in {} days", left.as_secs() / DAY), renewal))
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::UNIX_EPOCH;
    use tls::{Authority, CertFolder, KeyChoice, Scope};

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

    /// What is found where there is only the certificate of `[tls]`.
    fn only(config: &Config, now: SystemTime) -> Finding {
        let mut findings = check(config, None, now);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    #[test]
    fn from_made_to_expired() {
        let dir = tempfile::tempdir().unwrap();
        let here = config(dir.path(), "mail.example.org");
        assert_eq!(only(&here, day(0)).status, Status::Fail);

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
            let finding = only(&here, day(at));
            assert!(finding.status == status && finding.message.contains(said), "{at}: {finding:?}");
        }
        let early = only(&here, UNIX_EPOCH + Duration::from_secs(MADE - 40 * DAY));
        assert!(early.message.contains("not valid yet"), "{early:?}");
        let elsewhere = only(&config(dir.path(), "mx.example.net"), day(0));
        assert!(elsewhere.message.contains("not valid for mx.example.net"), "{elsewhere:?}");

        fs::set_permissions(folder.server_key(), Permissions::from_mode(0o644)).unwrap();
        let readable = only(&here, day(0));
        assert!(readable.status == Status::Warn && readable.hint.starts_with("chmod 600"), "{readable:?}");
        fs::copy(folder.ca_key(), folder.server_key()).unwrap();
        assert_eq!(only(&here, day(0)).status, Status::Fail);
    }

    #[test]
    fn none_is_only_a_warning() {
        let config = Config::parse("[server]\nhostname = \"a.example\"\n", Path::new("x.toml")).unwrap();
        assert_eq!(only(&config, day(0)).status, Status::Warn);
    }

    #[test]
    fn orders_that_fail_are_told() {
        let listed = |error: Option<&str>, days: Option<u64>| Listed {
            name: Domain::parse("mail.example.org").unwrap(),
            file: "x".into(),
            issuer: None,
            expires: days.map(day),
            next: day(0),
            failures: 0,
            last_error: error.map(str::to_owned),
        };
        let cases = [
            (listed(None, Some(3)), Status::Ok, "1 name kept up"),
            (listed(Some("no answer"), None), Status::Warn, "mail.example.org: no answer"),
            (listed(Some("no answer"), Some(20)), Status::Warn, "no answer"),
            (listed(Some("no answer"), Some(5)), Status::Fail, "no answer"),
        ];
        for (listed, status, said) in cases {
            let finding = ordered(&[listed], day(0));
            assert!(finding.status == status && finding.message.contains(said), "{finding:?}");
        }
    }

    #[test]
    fn names_that_are_left_out_are_told() {
        let said = |left_out| too_many(&Wanted { names: Vec::new(), left_out });
        assert!(said(0).is_none());
        let said = said(3).unwrap();
        assert!(said.status == Status::Warn && said.message.starts_with("3 names beyond 5000"), "{said:?}");
    }

    #[test]
    fn those_of_hosted_domains() {
        let dir = tempfile::tempdir().unwrap();
        let folder = CertFolder::new(dir.path().join("certs"));
        fs::create_dir(folder.path()).unwrap();
        let host = |name: &str| name.parse::<HostName>().unwrap();
        let scope = Scope::new([host("example.org"), host("example.net")]);
        let authority = Authority::create(&folder, &host("mail.example.org"), &scope, day(0)).unwrap();
        let issue = |name: &str, days: u16| {
            let place = CertFolder::new(folder.path().join("names").join(name));
            fs::create_dir_all(place.path()).unwrap();
            authority.issue(&place, &[host(name)], (day(0), days), KeyChoice::New, None).unwrap();
            place
        };
        authority.issue(&folder, &[host("mail.example.org")], (day(0), 90), KeyChoice::New, None).unwrap();
        let text = "[server]\nhostname = \"mail.example.org\"\n[tls]\ncert = \"certs/server.pem\"\n\
             key = \"certs/server.key\"\nprefixes = [\"mail\", \"imap\"]\n";
        let config = Config::parse(text, &dir.path().join("gatepost.toml")).unwrap();
        let domains = [host("example.org"), host("example.net")];
        let covered = || missing(&config, &ServerTls::open(config.cert_sources().unwrap()).unwrap(), &domains);
        let said = covered();
        assert!(
            said.status == Status::Warn
                && said.message.ends_with("imap.example.org, mail.example.net, imap.example.net")
                && said.hint.contains("--beside imap.example.org"),
            "{said:?}"
        );
        for name in ["imap.example.org", "mail.example.net", "imap.example.net"] {
            issue(name, 60);
        }
        assert_eq!(covered().status, Status::Ok);
        let second = |at: u64| {
            let mut findings = check(&config, None, day(at));
            assert_eq!(findings.remove(0).status, Status::Ok);
            findings.into_iter().map(|finding| (finding.status, finding.message)).collect::<Vec<_>>()
        };
        assert_eq!(second(0), [(Status::Ok, "3 further certificates".to_owned())]);
        assert_eq!(
            second(50).iter().filter(|(status, text)| *status == Status::Warn && text.ends_with("in 10 days")).count(),
            3
        );
        assert_eq!(second(61).iter().filter(|(status, _)| *status == Status::Fail).count(), 3);

        let open = issue("imap.example.net", 80);
        fs::set_permissions(open.server_key(), Permissions::from_mode(0o640)).unwrap();
        let wrong = issue("mail.example.net", 80);
        fs::copy(open.server_key(), wrong.server_key()).unwrap();
        let said = second(0);
        assert!(said.len() == 2 && said[0].1.contains("can be read by others"), "{said:?}");
        assert!(said[1].0 == Status::Fail && said[1].1.contains("does not belong"), "{said:?}");
    }

    #[test]
    fn ordered_ones_count_while_they_are_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = CertFolder::new(dir.path().join("certs"));
        fs::create_dir(folder.path()).unwrap();
        let host: HostName = "mail.example.org".parse().unwrap();
        let old: HostName = "old.example.org".parse().unwrap();
        let authority = Authority::create(&folder, &host, &Scope::new([host.clone(), old.clone()]), day(0)).unwrap();
        authority.issue(&folder, &[host], (day(0), 90), KeyChoice::New, None).unwrap();
        let text = "[server]\nhostname = \"mail.example.org\"\ndata = \"data\"\n[listen]\n\
             http = \"127.0.0.1:80\"\n[tls]\ncert = \"certs/server.pem\"\n\
             key = \"certs/server.key\"\n[acme]\nagree_to_terms = true\nnames = [\"new.example.org\"]\n";
        let config = Config::parse(text, &dir.path().join("gatepost.toml")).unwrap();
        let ordered = config.acme_folder().join("certs");
        fs::create_dir_all(&ordered).unwrap();
        let place = CertFolder::new(dir.path().join("other"));
        fs::create_dir(place.path()).unwrap();
        authority.issue(&place, &[old], (day(0), 20), KeyChoice::New, None).unwrap();
        let pair = fs::read_to_string(place.server_key()).unwrap() + &fs::read_to_string(place.server_cert()).unwrap();
        let file = ordered.join("old.example.org.pem");
        fs::write(&file, pair).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();

        let wanted = |names: &[&str]| Wanted {
            names: names.iter().map(|name| Domain::parse(name).unwrap()).collect(),
            left_out: 0,
        };
        let cases = [
            (Some(wanted(&["new.example.org"])), Status::Ok, "1 name kept up"),
            (Some(wanted(&["new.example.org", "old.example.org"])), Status::Fail, "2 names kept up"),
            // Nobody knows.
            (None, Status::Fail, "2 names kept up"),
        ];
        for (wanted, worst, count) in cases {
            let mut findings = check(&config, wanted.as_ref(), day(30));
            let failed = findings.iter().any(|finding| finding.status == Status::Fail);
            assert_eq!(failed, worst == Status::Fail, "{findings:?}");
            findings = orders(&config, wanted.as_ref(), day(30));
            assert!(findings.len() == 1 && findings[0].message.starts_with(count), "{findings:?}");
        }
    }
}
