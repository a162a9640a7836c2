//! `gatepost check`: looks at configuration and environment, and says in plain
//! words what is wrong and what to do. Each check stands alone: one that fails
//! does not hide the others.

mod address;
mod certificate;
mod database;
mod folders;
mod maildirs;
mod passwords;
mod ports;
mod scanner;
mod system;

use std::time::SystemTime;

use clap::Args;
use mail::Address;
use serde::Serialize;

use crate::config::{Config, ConfigError, described_in};
use crate::output::{Exit, Failure, Format, Output};

/// Keys of `[listen]` for what does not exist yet.
const RESERVED: [&str; 2] = ["submission", "submissions"];

/// `gatepost check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Look up only this address: what each query or table returns for it, and
    /// where its mail goes
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Address>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, but should be looked at.
    Warn,
    /// It does not work.
    Fail,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub name: &'static str,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub message: String,
    /// What to do; empty where nothing is to be done.
    pub hint: String,
}

impl Finding {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, message: message.into(), hint: String::new() }
    }

    fn warn(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, status: Status::Warn, message: message.into(), hint: hint.into() }
    }

    fn fail(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, status: Status::Fail, message: message.into(), hint: hint.into() }
    }
}

/// Runs all checks. Without a configuration there is nothing else to look at.
///
/// # Errors
///
/// [`Failure`] where standard output takes nothing, or an address is asked
/// about and the directory does not answer.
pub async fn run(
    args: &CheckArgs,
    config: Result<Config, ConfigError>,
    now: SystemTime,
    out: Output,
) -> Result<Exit, Failure> {
    if let Some(address) = &args.address {
        return address::run(address, &config?, out).await;
    }
    let (findings, worst) = match config {
        Ok(config) => (all(&config, now).await, Exit::Failed),
        Err(error) => (vec![broken(&error)], Exit::Usage),
    };
    match out.format() {
        Format::Json => out.json(&findings)?,
        Format::Text => out.print(&text(&findings))?,
    }
    let failed = findings.iter().any(|finding| finding.status == Status::Fail);
    Ok(if failed { worst } else { Exit::Done })
}

async fn all(config: &Config, now: SystemTime) -> Vec<Finding> {
    let mut findings = vec![configuration(config)];
    findings.extend(database::directory(config).await);
    findings.push(database::index(config).await);
    findings.extend(folders::check(config));
    findings.extend(maildirs::mounted(config).await);
    let wanted = super::certificate::wanted_by(config).await;
    findings.extend(certificate::check(config, wanted.as_ref(), now));
    findings.extend(certificate::covered(config).await);
    findings.extend(certificate::orders(config, wanted.as_ref(), now));
    findings.extend(scanner::check(config, now).await);
    findings.extend(ports::check(config));
    findings.extend(system::check(config, now));
    findings
}

/// What a server that starts says about its own surroundings, in the words of
/// the check: it serves nevertheless, since mail that waits for somebody to
/// change a mode is worse.
pub(crate) fn at_start(config: &Config, now: SystemTime) -> Vec<Finding> {
    let mut findings = vec![configuration(config)];
    findings.extend(certificate::check(config, None, now));
    findings.extend(folders::check(config));
    findings.extend(system::check(config, now));
    findings.retain(|finding| finding.status != Status::Ok);
    findings
}

fn broken(error: &ConfigError) -> Finding {
    let hint = match error {
        ConfigError::NotFound => "gatepost init writes one; --config FILE names another",
        ConfigError::Unreadable { .. } => "name the right file with --config, or make it readable",
        ConfigError::Wrong { problems } => described_in(problems),
    };
    Finding::fail("configuration", error.to_string(), hint)
}

fn configuration(config: &Config) -> Finding {
    let file = config.file.display();
    let listeners = config.listen.all().count();
    if listeners == 0 {
        return Finding::fail(
            "configuration",
            format!("{file}: nothing is in [listen]"),
            "name a port, such as smtp = \"0.0.0.0:25\"",
        );
    }
    if let Some((key, _)) = config.listen.all().find(|(key, _)| RESERVED.contains(key)) {
        let message = format!("{file}: [listen] {key} is reserved; nothing listens there yet");
        return Finding::warn("configuration", message, format!("leave {key} out until it exists"));
    }
    if config.directory.url.sqlite_path().is_none() && folders::others_read(&config.file) {
        let message = format!("{file}: everybody on this machine can read the database's password");
        return Finding::warn("configuration", message, format!("chmod o-r {file}"));
    }
    Finding::ok(
        "configuration",
        format!("{file}: {}, {}", counted(listeners, "listener"), counted(config.rules.len(), "rule")),
    )
}

/// The first of many.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    format!("{shown}{more}")
}

/// A number with its noun.
fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// A line for each check, what to do below it, and a summary.
fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { name, status, message, hint } in findings {
        let word = match status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        let mut lines = message.lines().map(|line| mail::Text::sanitized(line).as_str().to_owned());
        text.push_str(&format!("{word}  {name:width$}  {}\n", lines.next().unwrap_or_default()));
        let hint = Some(hint).filter(|hint| !hint.is_empty()).map(|hint| format!("-> {hint}"));
        lines.chain(hint).for_each(|line| text.push_str(&format!("      {:width$}  {line}\n", "")));
    }
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let summary = match (count(Status::Fail), count(Status::Warn)) {
        (0, 0) => "everything is as it should be".to_owned(),
        (0, warned) => format!("it works; {warned} to look at"),
        (failed, warned) => format!("{failed} failed, {warned} to look at"),
    };
    text.push_str(&format!("\n{summary}\n"));
    text
}

#[cfg(test)]
mod tests;
