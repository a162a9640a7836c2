//! The clock, the limits of open files and of watched folders, and the user to
//! become.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::config::Config;
use crate::privileges;

/// 2026-01-01: our ids begin there, so no clock of ours can be before it.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);
/// What the server has open besides its connections.
const BESIDES: u64 = 200;

/// The findings.
pub(super) fn check(config: &Config, now: SystemTime) -> Vec<Finding> {
    let changed = std::fs::metadata(&config.file).and_then(|meta| meta.modified()).ok();
    let limit = getrlimit(Resource::Nofile).maximum;
    let watches = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok();
    let watches = watches.and_then(|text| text.trim().parse().ok());
    let findings = [
        Some(clock(now, changed)),
        Some(open_files(config, limit)),
        watches.map(|limit| watched_folders(config, limit)),
        user(config),
    ];
    findings.into_iter().flatten().collect()
}

fn clock(now: SystemTime, changed: Option<SystemTime>) -> Finding {
    let name = "clock";
    let hint = "set the clock, and let chrony or systemd-timesyncd keep it";
    if now < UNIX_EPOCH + EARLIEST {
        return Finding::fail(name, "this machine's clock is before 2026", hint);
    }
    let ahead = changed.and_then(|changed| changed.duration_since(now).ok()).unwrap_or_default();
    if ahead > Duration::from_secs(86_400) {
        return Finding::warn(name, "the configuration was changed in the future: the clock may be wrong", hint);
    }
    Finding::ok(name, "plausible")
}

/// Each connection needs one, and while it delivers two more.
fn open_files(config: &Config, limit: Option<u64>) -> Finding {
    let name = "open files";
    let connections = config.smtp.connections + config.imap.connections + config.pop3.connections;
    let wanted = (connections as u64).saturating_mul(3).saturating_add(BESIDES);
    match limit {
        Some(limit) if limit < wanted => {
            let message = format!("at most {limit} may be open; all configured connections would need {wanted}");
            Finding::warn(
                name,
                message,
                "raise it (LimitNOFILE= in systemd), or lower `connections` in [smtp], [imap], [pop3]",
            )
        }
        Some(limit) => Finding::ok(name, format!("at most {limit} may be open, which is enough")),
        None => Finding::ok(name, "no limit"),
    }
}

/// Two for the folder of each session that idles (inotify(7)).
fn watched_folders(config: &Config, limit: u64) -> Finding {
    let name = "watched folders";
    let wanted = (config.imap.connections as u64).saturating_mul(2);
    if limit >= wanted {
        return Finding::ok(name, "the kernel tells idle sessions of other programs in their folders");
    }
    let message = format!(
        "of other programs the kernel tells in {} folders at a time; in others idle clients hear of them later",
        limit / 2
    );
    Finding::warn(name, message, format!("sysctl fs.inotify.max_user_watches={wanted}"))
}

fn user(config: &Config) -> Option<Finding> {
    let name = "user";
    let Some(wanted) = config.server.user.get() else {
        let hint = "write user = \"gatepost\" in [server]";
        let root = rustix::process::geteuid().is_root();
        return root.then(|| Finding::warn(name, "started as root, the server would stay root", hint));
    };
    Some(match privileges::find(wanted) {
        Ok(_) => Finding::ok(name, format!("{wanted} is there")),
        Err(error) => Finding::fail(
            name,
            error.to_string(),
            format!("useradd --system --home-dir /var/lib/gatepost --shell /usr/sbin/nologin {wanted}"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;
    use std::path::Path;

    #[test]
    fn clocks() {
        let at = |secs| UNIX_EPOCH + Duration::from_secs(secs);
        let cases = [
            (at(0), None, Status::Fail),
            (at(1_790_000_000), None, Status::Ok),
            (at(1_790_000_000), Some(at(1_790_000_000)), Status::Ok),
            (at(1_790_000_000), Some(at(1_790_200_000)), Status::Warn),
        ];
        for (now, changed, status) in cases {
            assert_eq!(clock(now, changed).status, status, "{now:?}");
        }
    }

    #[test]
    fn files() {
        let text = "[server]\nhostname = \"a.example\"\n[smtp]\nconnections = 100\n[imap]\nconnections = 100\n\
            [pop3]\nconnections = 100\n";
        let config = Config::parse(text, Path::new("x.toml")).unwrap();
        for (limit, status) in [(Some(1099), Status::Warn), (Some(1100), Status::Ok), (None, Status::Ok)] {
            assert_eq!(open_files(&config, limit).status, status, "{limit:?}");
        }
        for (limit, status) in [(199, Status::Warn), (200, Status::Ok)] {
            assert_eq!(watched_folders(&config, limit).status, status, "{limit}");
        }
    }
}
