//! `gatepost sessions`: who is logged in at the running server, and what they
//! do. Nothing is looked up anywhere else, so that it also answers while a
//! database is away.

use std::time::Duration;

use clap::{Args, Subcommand};
use mail::Address;
use serde::Serialize;

use super::table::shown_bytes;
use crate::config::Config;
use crate::control::{self, Answer, Question, Session, Sessions};
use crate::output::{Exit, Failure, Format, Output, Row};

/// How long the server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whose sessions.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SessionsArgs {
    #[command(subcommand)]
    command: Option<SessionsCommand>,
    /// Only those of this account
    address: Option<Address>,
}

/// What to do with sessions.
#[derive(Debug, Clone, Subcommand)]
enum SessionsCommand {
    /// End all sessions of an account; its programs may log in again
    End {
        /// The account
        address: Address,
    },
}

/// Lists sessions, or ends them.
///
/// # Errors
///
/// [`Failure`] where no server is running here, or it does not answer.
pub async fn run(args: &SessionsArgs, config: &Config, out: Output) -> Result<(), Failure> {
    match &args.command {
        Some(SessionsCommand::End { address }) => end(address, config, out).await,
        None => {
            let found = of(args.address.as_ref(), config).await?.ok_or_else(not_running)?;
            show(&found, out)
        }
    }
}

/// The sessions of the running server; none where no server is running.
///
/// # Errors
///
/// [`Failure`] where it does not answer.
pub async fn of(address: Option<&Address>, config: &Config) -> Result<Option<Sessions>, Failure> {
    let question = Question::Sessions { address: address.map(Address::normal) };
    match ask(&question, config).await? {
        Some(Answer::Sessions(found)) => Ok(Some(found)),
        Some(_) => Err(Failure::failed("the running server said something else")),
        None => Ok(None),
    }
}

async fn end(address: &Address, config: &Config, out: Output) -> Result<(), Failure> {
    let question = Question::End { address: address.normal() };
    match ask(&question, config).await?.ok_or_else(not_running)? {
        Answer::Ended(0) => Err(Failure::missing(format!("nobody is logged in as {address}"))),
        Answer::Ended(count) => match out.format() {
            Format::Json => out.json(&Ended { address: address.to_string(), ended: count }),
            Format::Text => out.done(&format!("{count} of {address} ended")),
        },
        _ => Err(Failure::failed("the running server said something else")),
    }
}

async fn ask(question: &Question, config: &Config) -> Result<Option<Answer>, Failure> {
    match control::ask(&config.server.data, question, None, PATIENCE).await {
        Ok(Some(Answer::Failed(why))) => Err(Failure::failed(why)),
        Ok(answer) => Ok(answer),
        Err(error) => Err(Failure::failed(format!("the running server did not answer: {error}"))),
    }
}

fn not_running() -> Failure {
    Failure::new(Exit::Failed, "not_running", "no server is running with this configuration, or it is not yours")
        .hint("try it as root, or as the server's user")
}

fn show(found: &Sessions, out: Output) -> Result<(), Failure> {
    out.list(&found.sessions.iter().map(Line).collect::<Vec<_>>())?;
    let more = found.total.saturating_sub(found.sessions.len());
    if more > 0 && out.format() == Format::Text {
        out.done(&format!("and {more} more: name an account, or look at gatepost_sessions_open in the figures"))?;
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct Ended {
    address: String,
    ended: usize,
}

/// A session as a line of the table.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Line<'a>(pub &'a Session);

impl Row for Line<'_> {
    const COLUMNS: &'static [&'static str] = &["address", "by", "from", "for", "does", "folder", "sent", "program"];

    fn cells(&self) -> Vec<String> {
        let Session { address, protocol, from, folder, client, bytes_sent, .. } = self.0;
        vec![
            cut(address, 32),
            protocol.clone(),
            from.clone(),
            self.0.logged_in_for(),
            self.0.does(),
            cut(folder.as_deref().unwrap_or("-"), 16),
            shown_bytes(*bytes_sent),
            cut(client.as_deref().unwrap_or("-"), 32),
        ]
    }
}

impl Session {
    /// How long it has been logged in.
    fn logged_in_for(&self) -> String {
        let parse = |text: &str| {
            time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
                .map_or(0, time::OffsetDateTime::unix_timestamp)
        };
        let before = u64::try_from(parse(&self.heard).saturating_sub(parse(&self.since))).unwrap_or(0);
        shown_seconds(before.saturating_add(self.quiet_seconds))
    }

    /// `FETCH` while it is carried out, else for how long nothing came.
    fn does(&self) -> String {
        let quiet = shown_seconds(self.quiet_seconds);
        match self.command.as_str() {
            command if self.busy => command.to_owned(),
            "IDLE" => format!("IDLE {quiet}"),
            _ => format!("quiet {quiet}"),
        }
    }
}

/// `45s`, `12m`, `3h`, `2d`: what is told at a glance.
pub(super) fn shown_seconds(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// So that one name does not take the place of all other columns.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        args: SessionsArgs,
    }

    fn session() -> Session {
        Session {
            address: "alice@example.org".to_owned(),
            protocol: "imap".to_owned(),
            login: "password".to_owned(),
            from: "192.0.2.1".to_owned(),
            since: "2026-01-31T12:00:00Z".to_owned(),
            heard: "2026-01-31T12:10:00Z".to_owned(),
            quiet_seconds: 65,
            busy: false,
            command: "IDLE".to_owned(),
            folder: Some("Lists.Everything about Rust".to_owned()),
            client: None,
            bytes_sent: 2048,
        }
    }

    #[test]
    fn words() {
        let parse = |line: &str| Words::try_parse_from(std::iter::once("x").chain(line.split_whitespace()));
        assert!(parse("").unwrap().args.address.is_none());
        assert!(parse("alice@example.org").unwrap().args.address.is_some());
        assert!(parse("end alice@example.org").unwrap().args.command.is_some());
        for wrong in ["end", "alice", "alice@example.org end bob@example.org", "end alice"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines() {
        let quiet = session();
        let expected = ["alice@example.org", "imap", "192.0.2.1", "11m", "IDLE 65s", "Lists.Everythin…", "2K", "-"];
        assert_eq!(Line(&quiet).cells(), expected);
        let busy = Session { busy: true, command: "FETCH".to_owned(), quiet_seconds: 200_000, ..quiet };
        assert_eq!(Line(&busy).cells()[3..5], ["2d", "FETCH"]);
        let waiting = Session { busy: false, ..busy };
        assert_eq!(Line(&waiting).cells()[4], "quiet 2d");
        assert_eq!(Line::COLUMNS.len(), Line(&waiting).cells().len());
        let json = serde_json::to_value(Line(&waiting)).unwrap();
        assert_eq!((&json["bytes_sent"], &json["protocol"]), (&2048.into(), &"imap".into()));
    }

    #[tokio::test]
    async fn without_a_server() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[server]\nhostname = \"a.example\"\ndata = \".\"\n";
        let config = Config::parse(text, &folder.path().join("gatepost.toml")).unwrap();
        let args = parse_args("");
        let failure = run(&args, &config, Output::new(Format::Json)).await.unwrap_err();
        assert_eq!((failure.code(), failure.exit()), ("not_running", Exit::Failed));
    }

    fn parse_args(line: &str) -> SessionsArgs {
        Words::try_parse_from(std::iter::once("x").chain(line.split_whitespace())).unwrap().args
    }
}
