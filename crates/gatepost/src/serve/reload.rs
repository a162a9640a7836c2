//! What SIGHUP renews: rules, policy and limits for the transactions to come,
//! certificates for the connections to come (each pair that can be used), the
//! level of the log. Ports, databases and folders need a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ::smtp::Settings;
use avscan_client::Scanner;
use tls::{Protocol, ServerTls};
use transaction::{Deliverer, Ending, Examiner, Judge, Quarantine, Recipients};

use super::certificates;
use super::open::Parts;
use super::orders::Orders;
use super::site::{Site, Sites};
use super::smtp::Times;
use crate::commands::worker_beside;
use crate::config::Config;
use crate::logging::Logs;
use crate::output::Failure;

/// What a reload changes, and what it keeps.
pub struct Reloadable {
    sites: Sites,
    parts: Parts,
    tls: Option<Arc<ServerTls>>,
    orders: Option<Arc<Orders>>,
    scanner: Option<Scanner>,
    /// What was read at the start, and holds until the next one.
    started: Config,
}

impl Reloadable {
    /// Starts the scanner and reads the certificates.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a setting cannot work.
    pub fn start(config: &Config, parts: &Parts) -> Result<Self, Failure> {
        let tls = certificates::open(config)?;
        let orders = Orders::open(config, &parts.directory, tls.as_ref());
        let scanner = match config.scanner_settings(worker_beside()) {
            Some(settings) => Some(Scanner::start(settings.keeping())?),
            None => None,
        };
        let site = site(config, parts, tls.as_deref(), scanner.as_ref())?;
        Ok(Self { sites: Sites::new(site), parts: parts.clone(), tls, orders, scanner, started: config.clone() })
    }

    /// The configuration at each moment.
    #[must_use]
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    /// The certificates; none where the configuration names none.
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<ServerTls>> {
        self.tls.as_ref()
    }

    /// Certificates that are ordered; none where the configuration orders none.
    #[must_use]
    pub fn orders(&self) -> Option<&Arc<Orders>> {
        self.orders.as_ref()
    }

    /// The scanner; none where scanning is off.
    #[must_use]
    pub fn scanner(&self) -> Option<&Scanner> {
        self.scanner.as_ref()
    }

    /// Reads the configuration anew. One that is wrong changes nothing.
    pub fn reload(&self, file: &Path, logs: &Logs) {
        match self.try_reload(file, logs) {
            Ok(()) => tracing::info!("the configuration was reloaded"),
            Err(failure) => {
                tracing::error!(error = failure.message(), "the configuration was not reloaded; the old one holds");
            }
        }
    }

    fn try_reload(&self, file: &Path, logs: &Logs) -> Result<(), Failure> {
        let config = Config::load(Some(file)).map_err(|error| Failure::usage(error.to_string()))?;
        let new = site(&config, &self.parts, self.tls.as_deref(), self.scanner.as_ref())?;
        if let Some(tls) = &self.tls {
            certificates::reload(tls, SystemTime::now());
        }
        logs.change(&config.log)?;
        self.sites.replace(new);
        let waiting = waiting_for_a_restart(&self.started, &config);
        if !waiting.is_empty() {
            tracing::warn!(changed = waiting.join(", "), "some changes need a restart and do not hold yet");
        }
        Ok(())
    }

    /// Stops the scanner.
    pub async fn stop(&self) {
        if let Some(scanner) = &self.scanner {
            scanner.stop().await;
        }
    }
}

/// Which sections differ from those that the server was started with, and are
/// read at the start only. Without a word an administrator would take them for
/// working.
fn waiting_for_a_restart(started: &Config, now: &Config) -> Vec<&'static str> {
    let connections = |config: &Config| (config.smtp.connections, config.smtp.connections_per_network);
    let sections = [
        ("[server]", started.server != now.server),
        ("[listen]", started.listen != now.listen),
        ("[directory]", started.directory != now.directory),
        ("[index]", started.index != now.index),
        ("[mail]", started.mail != now.mail),
        ("[tls]", started.tls != now.tls),
        ("[acme]", started.acme != now.acme),
        ("[scan]", started.scan != now.scan),
        ("[smtp] connections", connections(started) != connections(now)),
        ("[imap]", started.imap != now.imap),
        ("[pop3]", started.pop3 != now.pop3),
        ("[login]", started.login != now.login),
        ("[web]", started.web != now.web),
        ("[limits]", started.limits != now.limits),
    ];
    sections.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect()
}

fn site(config: &Config, parts: &Parts, tls: Option<&ServerTls>, scanner: Option<&Scanner>) -> Result<Site, Failure> {
    let hostname = config.server.hostname.clone();
    let quarantine = Quarantine::new(parts.store.clone(), parts.home.clone(), hostname.clone());
    let smtp = config.smtp_settings();
    let report_base = config.judge.report_base.clone();
    let lmtp = Settings { starttls: false, ..smtp.clone() };
    Ok(Site {
        smtp: Arc::new(smtp),
        lmtp: Arc::new(lmtp),
        times: Times {
            command: config.smtp.command_timeout,
            data: config.smtp.data_timeout,
            least_rate: config.smtp.min_rate,
        },
        budget: config.judge.budget,
        starttls: tls.map(|tls| tls.config(Protocol::Smtp)).transpose()?,
        trusted: config.judge.trusted_relays.clone(),
        recipients: Recipients::new(Arc::clone(&parts.directory), parts.store.clone(), parts.home.clone()),
        ending: Ending {
            judge: Judge {
                scanner: scanner.map(|scanner| Arc::new(scanner.clone()) as Arc<dyn Examiner>),
                rules: Arc::new(config.rules.clone()),
                policy: config.policy(),
                blocking: parts.blocking.clone(),
            },
            deliverer: Deliverer::new(parts.store.clone(), quarantine, hostname.clone(), report_base),
            suspects: parts.suspects.clone(),
            retries: parts.retries.clone(),
        },
        spool: parts.spool.clone(),
        blocking: parts.blocking.clone(),
        ids: Arc::clone(&parts.ids),
        hostname,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reload_cannot_change_is_named() {
        let base = "[server]\nhostname = \"mail.example.org\"\n";
        let cases: [(&str, &[&str]); 8] = [
            ("", &[]),
            ("[judge]\nbudget = \"50s\"\n", &[]),
            ("[smtp]\nmax_recipients = 200\n", &[]),
            ("[smtp]\nconnections = 20\nconnections_per_network = 10\n", &["[smtp] connections"]),
            ("[listen]\nsmtp = \"127.0.0.1:2526\"\n", &["[listen]"]),
            ("[directory]\nurl = \"mysql://a:b@127.0.0.1/mail\"\n", &["[directory]"]),
            ("[tls]\ncert = \"a.pem\"\nkey = \"b.pem\"\n[scan]\nthreads = 3\n", &["[tls]", "[scan]"]),
            ("[directory]\nurl = \"mysql://a:c@127.0.0.1/mail\"\n[mail]\npath = \"/m\"\n", &["[directory]", "[mail]"]),
        ];
        let read = |text: &str| Config::parse(text, Path::new("/etc/gatepost/gatepost.toml")).unwrap();
        for (more, expected) in cases {
            assert_eq!(waiting_for_a_restart(&read(base), &read(&format!("{base}{more}"))), expected, "{more}");
        }
        let password = |word: &str| read(&format!("{base}[directory]\nurl = \"mysql://a:{word}@127.0.0.1/mail\"\n"));
        assert_eq!(waiting_for_a_restart(&password("one"), &password("two")), ["[directory]"]);
    }
}
