//! Logs in to an IMAP server on loopback and prints what it cost: logins per
//! second, latency and CPU; or how long refusals take, and whether the times
//! tell anything.
//!
//! It knows nothing of Gatepost and can be pointed at any server on loopback.
#![forbid(unsafe_code)]

mod door;
mod rate;
mod refusals;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Logins to a server on this machine.
#[derive(Debug, Parser)]
#[command(name = "gatepost-logins")]
struct Options {
    #[command(flatten)]
    server: ServerOptions,
    #[command(subcommand)]
    what: What,
}

/// Where the server is.
#[derive(Debug, Clone, Args)]
struct ServerOptions {
    /// Where it listens for IMAPS; loopback only.
    #[arg(long, default_value = "127.0.0.1:2993")]
    imaps: SocketAddr,
    /// Where it listens for POP3S.
    #[arg(long)]
    pop3s: Option<SocketAddr>,
    /// The authority that made its certificate, PEM.
    #[arg(long)]
    ca: PathBuf,
    /// The name in its certificate.
    #[arg(long, default_value = "localhost")]
    host: String,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Logs in and out on new connections, as fast as it goes.
    Rate(rate::Options),
    /// Fails to log in, and compares how long each kind of failure takes.
    Refusals(refusals::Options),
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let server = &options.server;
    let places = [Some(server.imaps), server.pop3s];
    if places.iter().flatten().any(|place| !place.ip().to_canonical().is_loopback()) {
        return Err("the server must be on loopback".into());
    }
    let doors = door::Doors::new(server)?;
    match &options.what {
        What::Rate(options) => rate::run(&doors, options),
        What::Refusals(options) => refusals::run(&doors, options),
    }
}
