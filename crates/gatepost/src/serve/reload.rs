//! What SIGHUP renews: rules, policy and limits for the transactions to come,
//! certificates for the connections to come, the level of the log. Ports,
//! databases and folders need a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use ::smtp::Settings;
use avscan_client::Scanner;
use tls::{CertFiles, Protocol, ServerTls};
use transaction::{Deliverer, Judge, Quarantine, Recipients};

use super::open::Parts;
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
    scanner: Option<Scanner>,
}

impl Reloadable {
    /// Starts the scanner and reads the certificates.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a setting cannot work.
    pub fn start(config: &Config, parts: &Parts) -> Result<Self, Failure> {
        let tls = match config.cert_files() {
            Some((cert, key)) => Some(Arc::new(ServerTls::open(CertFiles { cert, key })?)),
            None => None,
        };
        let scanner = match config.scanner_settings(worker_beside()) {
            Some(settings) => Some(Scanner::start(settings)?),
            None => None,
        };
        let site = site(config, parts, tls.as_deref(), scanner.as_ref())?;
        Ok(Self { sites: Sites::new(site), parts: parts.clone(), tls, scanner })
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
            let info = tls.reload(SystemTime::now())?;
            tracing::info!(?info, "the certificate was read");
        }
        logs.change(&config.log)?;
        self.sites.replace(new);
        Ok(())
    }

    /// Stops the scanner.
    pub async fn stop(&self) {
        if let Some(scanner) = &self.scanner {
            scanner.stop().await;
        }
    }
}

fn site(config: &Config, parts: &Parts, tls: Option<&ServerTls>, scanner: Option<&Scanner>) -> Result<Site, Failure> {
    let hostname = config.server.hostname.clone();
    let quarantine = Quarantine::new(parts.store.clone(), parts.home.clone(), hostname.clone());
    let smtp = config.smtp_settings();
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
        judge: Judge { scanner: scanner.cloned(), rules: Arc::new(config.rules.clone()), policy: config.policy() },
        deliverer: Deliverer::new(parts.store.clone(), quarantine, hostname.clone(), config.judge.report_base.clone()),
        spool: parts.spool.clone(),
        blocking: parts.blocking.clone(),
        ids: Arc::clone(&parts.ids),
        hostname,
    })
}
