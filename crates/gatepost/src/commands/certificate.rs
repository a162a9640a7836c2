//! `gatepost certificate …`: which certificates there are, which are ordered,
//! how that goes, and ordering one at once.

use std::time::{Duration, SystemTime};

use acme::{AcmeError, Listed};
use clap::Subcommand;
use mail::Domain;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tls::CertificateInfo;

use crate::config::Config;
use crate::control::{self, Answer, Question};
use crate::output::{Exit, Failure, Format, Output, Row};
use crate::serve::orders::{Wanted, wanted};

/// What to do with certificates.
#[derive(Debug, Clone, Subcommand)]
pub enum CertificateCommand {
    /// List all certificates, and names that have none yet
    List,
    /// Order certificates now; the running server does it
    #[command(visible_alias = "order")]
    Renew {
        /// The names; those that have no certificate, or whose last order has
        /// failed, if none is given
        names: Vec<Domain>,
    },
}

/// The server's own limit of an order, and a little more.
const PATIENCE: Duration = Duration::from_secs(6 * 60);

impl CertificateCommand {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a certificate was not received, or no server runs.
    pub async fn run(&self, config: &Config, out: Output) -> Result<Exit, Failure> {
        match self {
            Self::List => list(config, out).await.map(|()| Exit::Done),
            Self::Renew { names } => renew(config, names, out).await,
        }
    }
}

/// One certificate, or a name that is to have one.
#[derive(Debug, Serialize)]
struct Shown {
    names: Vec<String>,
    ordered: bool,
    issuer: Option<String>,
    expires: Option<String>,
    next_order: Option<String>,
    failures: u32,
    last_error: Option<String>,
    file: String,
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &["names", "issuer", "expires", "next order", "last error"];

    fn cells(&self) -> Vec<String> {
        let names = match self.names.as_slice() {
            [] => self.file.clone(),
            [first, rest @ ..] if rest.len() > 2 => format!("{first} and {} more", rest.len()),
            names => names.join(", "),
        };
        // The day is enough for people.
        let day = |time: &Option<String>| time.as_deref().map(|time| time[..time.len().min(10)].to_owned());
        vec![
            names,
            self.issuer.clone().unwrap_or_default(),
            day(&self.expires).unwrap_or_default(),
            day(&self.next_order).unwrap_or_default(),
            self.last_error.clone().unwrap_or_default(),
        ]
    }
}

async fn list(config: &Config, out: Output) -> Result<(), Failure> {
    let mut rows = installed(config)?;
    rows.extend(listed(config).await?.iter().map(Shown::ordered));
    out.list(&rows)
}

/// Those that somebody else looks after.
fn installed(config: &Config) -> Result<Vec<Shown>, Failure> {
    let Some(sources) = config.cert_sources() else { return Ok(Vec::new()) };
    let ordered = sources.ordered.clone();
    let pairs = sources.pairs()?.into_iter();
    let pairs = pairs.filter(|files| !ordered.as_ref().is_some_and(|folder| files.cert.starts_with(folder)));
    Ok(pairs
        .map(|files| {
            let read = CertificateInfo::read(&files.cert, None);
            let names = read.as_ref().map(|info| {
                info.names.iter().map(ToString::to_string).chain(info.other_names.iter().cloned()).collect()
            });
            Shown {
                names: names.unwrap_or_default(),
                ordered: false,
                issuer: read.as_ref().ok().map(|info| info.issuer.clone()),
                expires: read.as_ref().ok().map(|info| rfc3339(info.not_after)),
                next_order: None,
                failures: 0,
                last_error: read.as_ref().err().map(ToString::to_string),
                file: files.cert.display().to_string(),
            }
        })
        .collect())
}

/// Those that we order, and those that are left of names that went.
async fn listed(config: &Config) -> Result<Vec<Listed>, Failure> {
    if !config.acme.agreed {
        return Ok(Vec::new());
    }
    let names = wanted_by(config).await.map_or_else(|| config.acme.names.clone(), |wanted| wanted.names);
    Ok(acme::list(&config.acme_folder(), &names, &config.acme.directory, SystemTime::now())?)
}

/// The names that are to have a certificate; none where nobody knows the hosted
/// domains just now.
pub(super) async fn wanted_by(config: &Config) -> Option<Wanted> {
    let hosts = match config.tls.prefixes.is_empty() {
        true => Vec::new(),
        false => super::hosted_if_known(config).await?,
    };
    let domains: Vec<Domain> = hosts.iter().filter_map(|host| host.domain().cloned()).collect();
    Some(wanted(&config.acme.names, &config.tls.prefixes, &domains))
}

/// How those stand that are wanted; all that are there where nobody knows.
///
/// # Errors
///
/// [`AcmeError`] where the folder cannot be read.
pub(super) fn ordered(config: &Config, wanted: Option<&Wanted>, now: SystemTime) -> Result<Vec<Listed>, AcmeError> {
    let names = wanted.map_or(&config.acme.names, |wanted| &wanted.names);
    let mut listed = acme::list(&config.acme_folder(), names, &config.acme.directory, now)?;
    if wanted.is_some() {
        // Those come after the names that were given.
        listed.truncate(names.len());
    }
    Ok(listed)
}

impl Shown {
    fn ordered(it: &Listed) -> Self {
        // What is due already is ordered in the next round.
        let next = it.next.max(SystemTime::now());
        Self {
            names: vec![it.name.to_string()],
            ordered: true,
            issuer: it.issuer.clone(),
            expires: it.expires.map(rfc3339),
            next_order: Some(rfc3339(next)),
            failures: it.failures,
            last_error: it.last_error.clone(),
            file: it.file.display().to_string(),
        }
    }
}

/// What came of an order.
#[derive(Debug, Serialize)]
struct Ordered {
    name: String,
    error: Option<String>,
    issuer: Option<String>,
    expires: Option<String>,
}

async fn renew(config: &Config, names: &[Domain], out: Output) -> Result<Exit, Failure> {
    if !config.acme.agreed {
        let hint = "set agree_to_terms = true in [acme]";
        return Err(Failure::usage("no certificates are ordered here").hint(hint));
    }
    let names = match names {
        [] => {
            let listed = ordered(config, wanted_by(config).await.as_ref(), SystemTime::now())?;
            let wanting = listed.into_iter().filter(|it| it.expires.is_none() || it.last_error.is_some());
            wanting.map(|it| it.name).collect()
        }
        names => names.to_vec(),
    };
    let mut done = Vec::new();
    for name in &names {
        done.push(order(config, name).await?);
        if let (Format::Text, Some(ordered)) = (out.format(), done.last()) {
            out.print(&ordered.line())?;
        }
    }
    match out.format() {
        Format::Json => out.json(&done)?,
        Format::Text if done.is_empty() => out.done("each name has its certificate")?,
        Format::Text => {}
    }
    Ok(if done.iter().any(|ordered| ordered.error.is_some()) { Exit::Failed } else { Exit::Done })
}

async fn order(config: &Config, name: &Domain) -> Result<Ordered, Failure> {
    let question = Question::Order { name: name.to_string() };
    let asked = control::ask(&config.server.data, &question, None, PATIENCE).await;
    let answer = asked.map_err(|error| Failure::failed(format!("the running server did not answer: {error}")))?;
    Ordered::of(name, answer)
}

impl Ordered {
    /// What the server refuses for one name keeps no other one from its order.
    fn of(name: &Domain, answer: Option<Answer>) -> Result<Self, Failure> {
        let name = name.to_string();
        match answer {
            Some(Answer::Ordered(control::Ordered { error, issuer, expires })) => {
                let expires = expires.map(|seconds| rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)));
                Ok(Self { name, error, issuer, expires })
            }
            Some(Answer::Failed(why)) => Ok(Self { name, error: Some(why), issuer: None, expires: None }),
            Some(_) => Err(Failure::failed("the running server is of another version")),
            None => {
                Err(Failure::failed("no server is running that could be asked from outside").hint("start it first"))
            }
        }
    }

    fn line(&self) -> String {
        match (&self.error, &self.expires) {
            (Some(error), Some(expires)) => format!("{}: {error}; the old one is valid until {expires}\n", self.name),
            (Some(error), None) => format!("{}: {error}\n", self.name),
            (None, _) => {
                let (issuer, expires) =
                    (self.issuer.as_deref().unwrap_or_default(), self.expires.as_deref().unwrap_or_default());
                format!("{}: received from {issuer}, valid until {expires}\n", self.name)
            }
        }
    }
}

fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_that_names_alone() {
        let name = Domain::parse("gone.example.org").unwrap();
        let of = |answer| Ordered::of(&name, answer);
        let refused = of(Some(Answer::Failed("it is not wanted".to_owned()))).unwrap();
        assert_eq!(refused.line(), "gone.example.org: it is not wanted\n");
        let got = control::Ordered { error: None, issuer: Some("CA".to_owned()), expires: Some(1_790_000_000) };
        let got = of(Some(Answer::Ordered(got))).unwrap();
        assert_eq!(got.line(), "gone.example.org: received from CA, valid until 2026-09-21T14:13:20Z\n");
        assert!(of(None).is_err());
    }
}
