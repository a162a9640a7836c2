//! The command line: which command, and in which form it speaks.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Parser, Subcommand};
use directory::Directory;

use crate::commands::{
    self, alias, ca, certificate, check, doctor, domain, hash, init, quarantine, scan, sessions, user,
};
use crate::config::Config;
use crate::output::{Exit, Failure, Format, Output};
use crate::privileges;
use crate::serve;

/// The mail server that judges a message while its sender is still connected.
#[derive(Debug, Parser)]
#[command(name = "gatepost", version, about, disable_help_subcommand = true)]
struct Cli {
    /// The configuration; ./gatepost.toml or /etc/gatepost/gatepost.toml if not given
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Speak JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first configuration, folders, certificates and test signatures
    Init(init::InitArgs),
    /// Serve, until SIGTERM or SIGINT
    Serve,
    /// Look whether configuration and environment are as they should be
    Check(check::CheckArgs),
    /// Print the hash of a password: one line on standard input, or it is asked for
    Hash,
    /// The installation's own certificate authority
    Ca {
        #[command(subcommand)]
        command: ca::CaCommand,
    },
    /// Certificates: which there are, which are ordered, and how that goes
    Certificate {
        #[command(subcommand)]
        command: certificate::CertificateCommand,
    },
    /// Scan a message for viruses by hand
    Scan(scan::ScanArgs),
    /// Refused mail, kept for review
    Quarantine {
        #[command(subcommand)]
        command: quarantine::QuarantineCommand,
    },
    /// Who is logged in, and what they do
    Sessions(sessions::SessionsArgs),
    /// Compare the DNS records of a hosted domain with what they should be
    Doctor(doctor::DoctorArgs),
    /// Hosted domains
    Domain {
        #[command(subcommand)]
        command: domain::DomainCommand,
    },
    /// Users and their mailboxes
    User {
        #[command(subcommand)]
        command: user::UserCommand,
    },
    /// Addresses that stand for others
    Alias {
        #[command(subcommand)]
        command: alias::AliasCommand,
    },
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> Exit {
    run(std::env::args_os().collect())
}

/// Runs the program with these arguments, the program's name first.
#[must_use]
pub fn run(args: Vec<OsString>) -> Exit {
    let json = args.iter().any(|arg| arg == "--json");
    let out = Output::new(if json { Format::Json } else { Format::Text });
    let done = match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli, out),
        Err(said) => usage(&said, out),
    };
    done.unwrap_or_else(|failure| out.fail(&failure))
}

fn dispatch(cli: Cli, out: Output) -> Result<Exit, Failure> {
    let named = cli.config.as_deref();
    let load = || Config::load(named).map_err(Failure::from);
    let now = SystemTime::now();
    match cli.command {
        Command::Init(args) => init::run(&args, now, out)?,
        Command::Serve => serve::run(load()?)?,
        Command::Check(args) => return wait(check::run(&args, Config::load(named), now, out))?,
        Command::Hash => wait(hash::run(out))??,
        Command::Ca { command } => ca::run(&command, &wait(commands::place(&load()?))??, now, out)?,
        Command::Certificate { command } => {
            let config = as_server(load()?)?;
            return wait(command.run(&config, out))?;
        }
        Command::Scan(args) => return wait(async { scan::run(&args, &load()?, out).await })?,
        Command::Quarantine { command } => {
            let config = as_server(load()?)?;
            wait(quarantine::run(&command, &config, out))??;
        }
        Command::Doctor(args) => {
            return with_directory(load()?, async |place, it| doctor::run(&args, place, it, out).await);
        }
        Command::Sessions(args) => wait(async { sessions::run(&args, &load()?, out).await })??,
        Command::Domain { command } => with_directory(load()?, async |place, it| command.run(place, it, out).await)?,
        Command::User { command } => with_directory(load()?, async |place, it| command.run(place, it, out).await)?,
        Command::Alias { command } => with_directory(load()?, async |_, it| command.run(it, out).await)?,
    }
    Ok(Exit::Done)
}

/// Root becomes the server's user for what works on the server's own files: a
/// database that root makes is one that the server cannot write.
fn as_server(config: Config) -> Result<Config, Failure> {
    privileges::drop_to(&config.server.user)?;
    Ok(config)
}

/// Runs a command that works on the directory.
fn with_directory<T>(
    config: Config,
    work: impl AsyncFnOnce(&Config, &Directory) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let config = as_server(config)?;
    wait(async {
        let directory = commands::open_directory(&config).await?;
        let done = work(&config, &directory).await;
        directory.close().await;
        done
    })?
}

/// Runs the asynchronous part of a command; the server has a runtime of its
/// own.
fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("the runtime does not start: {error}")))?;
    Ok(runtime.block_on(work))
}

/// `--help` and `--version` are no failure; anything else that the parser
/// says is.
fn usage(said: &clap::Error, out: Output) -> Result<Exit, Failure> {
    if !said.use_stderr() {
        return out.print(&said.to_string()).map(|()| Exit::Done);
    }
    if out.format() == Format::Text {
        // Its own form has colours and marks the place.
        let _ = said.print();
        return Ok(Exit::Usage);
    }
    let text = said.to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    Err(Failure::usage(first).hint("gatepost --help"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn status(args: &[&str]) -> Exit {
        run(std::iter::once("gatepost").chain(args.iter().copied()).map(OsString::from).collect())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn exit_status() {
        let cases: [(&[&str], Exit); 8] = [
            (&["--version"], Exit::Done),
            (&["--help"], Exit::Done),
            (&[], Exit::Usage),
            (&["--json"], Exit::Usage),
            (&["frobnicate"], Exit::Usage),
            (&["check", "--jsn"], Exit::Usage),
            (&["--config", "/no/such/file.toml", "ca", "show"], Exit::Usage),
            (&["--json", "--config", "/no/such/file.toml", "check"], Exit::Usage),
        ];
        for (args, exit) in cases {
            assert_eq!(status(args), exit, "{args:?}");
        }
    }
}
