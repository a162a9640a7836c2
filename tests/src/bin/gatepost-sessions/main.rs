//! Opens IMAP sessions on a server on loopback and prints what they cost: the
//! memory of those that idle, or a large message that is fetched in pieces.
//!
//! It knows nothing of Gatepost and can be pointed at any server on loopback.
#![forbid(unsafe_code)]

mod memory;
mod session;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use session::Session;
use tests::process;

/// Sessions of a server on this machine.
#[derive(Debug, Parser)]
#[command(name = "gatepost-sessions")]
struct Options {
    #[command(flatten)]
    server: ServerOptions,
    #[command(subcommand)]
    what: What,
}

/// Where the server is, and who logs in.
#[derive(Debug, Clone, Args)]
struct ServerOptions {
    /// Where it listens for IMAPS; loopback only.
    #[arg(long, default_value = "127.0.0.1:2993")]
    imaps: SocketAddr,
    /// The authority that made its certificate, PEM.
    #[arg(long)]
    ca: PathBuf,
    /// The name in its certificate.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// People, taken in turn: `ADDRESS:PASSWORD`.
    #[arg(long = "user", required = true)]
    users: Vec<String>,
    /// Server processes; their children are counted too.
    #[arg(long, required = true)]
    pid: Vec<u32>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Opens so many sessions, which select INBOX and idle, and tells what
    /// memory each has.
    Idle { sessions: usize },
    /// Fetches the last message of INBOX in pieces of so many bytes.
    Pieces { size: usize },
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let server = &options.server;
    if !server.imaps.ip().to_canonical().is_loopback() {
        return Err("the server must be on loopback".into());
    }
    match options.what {
        What::Idle { sessions } => idle(server, sessions),
        What::Pieces { size } => pieces(server, size),
    }
}

fn idle(server: &ServerOptions, sessions: usize) -> Result<(), Box<dyn Error>> {
    // What the first sessions make for good belongs to no session.
    let mut open: Vec<Session> = (0..8).map(|n| Session::idling(server, n)).collect::<Result<_, _>>()?;
    let settled = Duration::from_secs(12);
    std::thread::sleep(settled);
    let (before, start) = (memory::of(&server.pid), Instant::now());
    for n in 0..sessions {
        open.push(Session::idling(server, n)?);
    }
    let opened_in = start.elapsed();
    std::thread::sleep(settled);
    let after = memory::of(&server.pid);
    let each = |before: u64, after: u64| (after as f64 - before as f64) / sessions as f64;
    println!("{sessions} sessions that idle, opened in {:.1} s", opened_in.as_secs_f64());
    println!("  processes  {:>9} before, {} after", before.processes, after.processes);
    println!("  resident   {:>9.1} KiB a session", each(before.resident, after.resident));
    println!("  PSS        {:>9.1} KiB a session", each(before.proportional, after.proportional));
    println!("  PSS        {:>9} KiB before, {} KiB after", before.proportional, after.proportional);
    drop(open);
    Ok(())
}

fn pieces(server: &ServerOptions, size: usize) -> Result<(), Box<dyn Error>> {
    let mut session = Session::selected(server, 0)?;
    let (start, cpu, read) = (Instant::now(), process::cpu(&server.pid), memory::read(&server.pid));
    let (mut got, mut count) = (0, 0);
    loop {
        let octets = session.octets(&format!("FETCH * (BODY.PEEK[]<{got}.{size}>)"))?;
        (got, count) = (got + octets, count + 1);
        if octets < size {
            break;
        }
    }
    println!("a message of {got} bytes in {count} pieces of {size}");
    println!("  time         {:>9.2} s", start.elapsed().as_secs_f64());
    println!("  server CPU   {:>9.2} s", process::cpu(&server.pid).saturating_sub(cpu).as_secs_f64());
    println!("  server read  {:>9.1} MB", memory::read(&server.pid).saturating_sub(read) as f64 / 1e6);
    Ok(())
}
