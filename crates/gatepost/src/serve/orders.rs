//! Certificates that we order: which names, when they are looked at, and what
//! the log, the figures and the listeners hear of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use acme::{AcmeError, Answers, Keeper, Outcome};
use directory::Directory;
use mail::Domain;
use metrics::counter;
use time::OffsetDateTime;
use tls::ServerTls;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::housekeeping::rounds;
use crate::config::{Config, Prefix};
use crate::metrics as names;

/// How often what is due is looked for; one order is made each time.
const ROUND: Duration = Duration::from_secs(60);
/// The most names that are kept.
pub(crate) const MAX_NAMES: usize = 5000;

/// Everything that an order needs of the server.
pub struct Orders {
    keeper: Keeper,
    names: Vec<Domain>,
    prefixes: Vec<Prefix>,
    directory: Arc<Directory>,
    tls: Arc<ServerTls>,
    /// How many names were left out in the round before, which is told once.
    left_out: AtomicUsize,
}

/// The names that are to have a certificate, each once.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// So many as are kept up.
    pub(crate) names: Vec<Domain>,
    /// How many there are beyond that.
    pub(crate) left_out: usize,
}

impl Orders {
    /// Opens the folder of orders; none where nothing is ordered, or where
    /// something keeps us from it, which is logged.
    #[must_use]
    pub fn open(config: &Config, directory: &Arc<Directory>, tls: Option<&Arc<ServerTls>>) -> Option<Arc<Self>> {
        let (settings, tls) = config.acme_settings().zip(tls)?;
        // The certificates that are there go on to be shown: that mail is taken matters more.
        let keeper = match Keeper::open(settings, Answers::default()) {
            Ok(keeper) => keeper,
            Err(error) => {
                tracing::error!(%error, "no certificates are ordered");
                return None;
            }
        };
        let (names, prefixes) = (config.acme.names.clone(), config.tls.prefixes.clone());
        let (directory, tls) = (Arc::clone(directory), Arc::clone(tls));
        Some(Arc::new(Self { keeper, names, prefixes, directory, tls, left_out: AtomicUsize::new(0) }))
    }

    /// What the listeners are to answer.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        self.keeper.answers()
    }

    /// Orders what is due until the server stops. An order under way is left
    /// then; it is noted as one that has failed.
    pub fn keep(self: &Arc<Self>, stopping: watch::Receiver<bool>) -> JoinHandle<()> {
        let orders = Arc::clone(self);
        rounds(ROUND, stopping, move || {
            let orders = Arc::clone(&orders);
            async move { orders.round().await }
        })
    }

    async fn round(&self) {
        let hosted = self.hosted().await;
        let Wanted { names, left_out } = self.of(hosted.as_deref());
        if hosted.is_some() {
            if left_out > self.left_out.swap(left_out, Ordering::Relaxed) {
                tracing::warn!(left_out, most = MAX_NAMES, "there are more names than certificates are ordered for");
            }
            self.put_aside(&names).await;
        }
        for outcome in self.keeper.round(&names, &SystemTime::now).await {
            self.settle(&outcome, SystemTime::now()).await;
        }
    }

    /// Orders this name now.
    pub async fn order(&self, name: &Domain) -> Outcome {
        let outcome = self.keeper.order(name, &SystemTime::now).await;
        self.settle(&outcome, SystemTime::now()).await;
        outcome
    }

    /// Whoever left has certificates here until they expire. Only who knows all
    /// names that stay can tell.
    async fn put_aside(&self, wanted: &[Domain]) {
        match self.keeper.put_aside(wanted, SystemTime::now()).await {
            Ok(put) => put.iter().for_each(|name| {
                tracing::info!(%name, "its certificate has expired and is not wanted any more: it was put aside");
            }),
            Err(error) => tracing::warn!(%error, "certificates that have expired cannot be put aside"),
        }
    }

    /// The names that are to have a certificate.
    pub async fn wanted(&self) -> Vec<Domain> {
        self.of(self.hosted().await.as_deref()).names
    }

    /// The domains whose names count; none where they cannot be read.
    async fn hosted(&self) -> Option<Vec<Domain>> {
        if self.prefixes.is_empty() {
            return Some(Vec::new());
        }
        let read = Arc::clone(&self.directory).active_domains().await;
        read.inspect_err(|error| tracing::warn!(%error, "the domains cannot be read; their certificates wait")).ok()
    }

    fn of(&self, hosted: Option<&[Domain]>) -> Wanted {
        wanted(&self.names, &self.prefixes, hosted.unwrap_or_default())
    }

    async fn settle(&self, outcome: &Outcome, now: SystemTime) {
        let (name, next) = (&outcome.listed.name, date(outcome.listed.next));
        let result = match &outcome.result {
            Ok(info) => {
                let days = info.remaining(now).as_secs() / 86_400;
                tracing::info!(%name, issuer = info.issuer, days, renewal = next, "a certificate was received");
                self.show_new().await;
                "ok"
            }
            Err(error) => {
                match outcome.listed.expires {
                    Some(expires) => {
                        let expires = date(expires);
                        tracing::warn!(%name, %error, expires, next, "a certificate was not renewed; the old one stays");
                    }
                    None => tracing::warn!(%name, %error, next, "no certificate was received"),
                }
                if matches!(error, AcmeError::NotHere { .. }) { "not_here" } else { "failed" }
            }
        };
        counter!(names::CERTIFICATE_ORDERS, "result" => result).increment(1);
    }

    /// The listeners show what has come from now on. Its file was put in place
    /// as a whole, so the second look need not wait.
    async fn show_new(&self) {
        let tls = Arc::clone(&self.tls);
        let looked = tokio::task::spawn_blocking(move || {
            // The order took its time.
            let now = SystemTime::now();
            tls.watch(now);
            (tls.watch(now), now)
        });
        match looked.await {
            Ok((report, now)) => super::certificates::log(&report, now),
            Err(error) => tracing::error!(%error, "the certificates could not be looked at"),
        }
    }
}

/// The configured names, and those of each hosted domain.
pub(crate) fn wanted(names: &[Domain], prefixes: &[Prefix], domains: &[Domain]) -> Wanted {
    let hosted = domains.iter().flat_map(|domain| prefixes.iter().filter_map(|prefix| prefix.of(domain)));
    let mut wanted = Wanted::default();
    let mut seen = HashSet::new();
    for name in names.iter().cloned().chain(hosted) {
        if !seen.insert(name.clone()) {
            continue;
        }
        match wanted.names.len() < MAX_NAMES {
            true => wanted.names.push(name),
            false => wanted.left_out += 1,
        }
    }
    wanted
}

/// The day, for people.
fn date(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let (date, hour, minute) = (time.date(), time.hour(), time.minute());
    format!("{date} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_wanted_once() {
        let config = crate::config::Config::parse(
            "[server]\nhostname = \"mail.example.org\"\n[tls]\nprefixes = [\"mail\", \"mta-sts\"]\n",
            std::path::Path::new("x.toml"),
        );
        let config = config.unwrap();
        let domain = |name: &str| Domain::parse(name).unwrap();
        let domains = [domain("example.org"), domain("example.net")];
        let names = wanted(&config.acme.names, &config.tls.prefixes, &domains);
        let names: Vec<_> = names.names.iter().map(Domain::as_str).collect();
        assert_eq!(names, ["mail.example.org", "mta-sts.example.org", "mail.example.net", "mta-sts.example.net"]);
    }

    #[test]
    fn what_is_too_much_is_counted_without_duplicates() {
        let number = |number: usize| Domain::parse(&format!("n{number}.example")).unwrap();
        let twice: Vec<Domain> = (0..MAX_NAMES * 2).map(|at| number(at / 2)).collect();
        let all = wanted(&twice, &[], &[]);
        assert_eq!((all.names.len(), all.left_out), (MAX_NAMES, 0));
        assert_eq!(all.names.last(), Some(&number(MAX_NAMES - 1)));
        let more: Vec<Domain> = (0..MAX_NAMES + 2).chain(0..MAX_NAMES + 2).map(number).collect();
        let all = wanted(&more, &[], &[]);
        assert_eq!((all.names.len(), all.left_out), (MAX_NAMES, 2));
    }

    #[test]
    fn dates_are_readable() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        assert_eq!(date(time), "2026-09-21 14:13 UTC");
    }
}
