//! Drives an SMTP server over the network and prints what it did: messages
//! accepted and in the mailbox per second, latency, CPU and fsyncs per message.
//!
//! It knows nothing of Gatepost and can be pointed at any server on loopback.
#![forbid(unsafe_code)]

mod client;
mod message;
mod report;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use clap::Parser;
use tests::process;

/// Load for an SMTP server on this machine.
#[derive(Debug, Clone, Parser)]
#[command(name = "gatepost-bench")]
pub struct Options {
    /// Where the server listens for SMTP; loopback only.
    #[arg(long, default_value = "127.0.0.1:2525")]
    pub smtp: SocketAddr,
    /// Recipients, taken in turn.
    #[arg(long = "to", required = true)]
    pub recipients: Vec<String>,
    /// How many messages.
    #[arg(long, default_value_t = 2000)]
    pub messages: usize,
    /// How many connections at once.
    #[arg(long, default_value_t = 20)]
    pub connections: usize,
    /// About how long a message is, in bytes.
    #[arg(long, default_value_t = 9000)]
    pub size: usize,
    /// Maildir folders of the recipients: messages are counted in their `new`
    /// and `cur` until all have come.
    #[arg(long)]
    pub maildir: Vec<PathBuf>,
    /// Server processes; their children are counted too.
    #[arg(long)]
    pub pid: Vec<u32>,
    /// Counts fsyncs with strace during the run; slows the server down, so the
    /// other figures of such a run mean nothing.
    #[arg(long)]
    pub fsyncs: bool,
    /// A word for the row in the table.
    #[arg(long, default_value = "server")]
    pub name: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if !is_loopback(options.smtp.ip()) {
        return Err("the server must be on loopback".into());
    }
    let before_files = process::count_files(&options.maildir);
    let tracer = if options.fsyncs { Some(process::Tracer::attach(&options.pid)?) } else { None };
    let before_cpu = process::cpu(&options.pid);
    let start = Instant::now();

    let shared = Arc::new((options.clone(), AtomicUsize::new(0)));
    let mut tasks = Vec::new();
    for _ in 0..options.connections {
        tasks.push(tokio::spawn(client::send_all(Arc::clone(&shared))));
    }
    let mut outcome = client::Outcome::default();
    for task in tasks {
        outcome.add(task.await?);
    }
    let accepted_in = start.elapsed();
    let mailbox_in = wait_for_mailbox(&options, before_files, outcome.latencies.len(), start).await;
    let cpu = process::cpu(&options.pid).saturating_sub(before_cpu);
    let fsyncs = tracer.map(process::Tracer::finish).transpose()?;

    report::print(&options, &mut outcome, &report::Times { accepted_in, mailbox_in, cpu, fsyncs });
    if outcome.failed > 0 { Err(format!("{} messages were not accepted", outcome.failed).into()) } else { Ok(()) }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Until the last message is in its mailbox, a minute without progress at most.
async fn wait_for_mailbox(options: &Options, before: usize, sent: usize, start: Instant) -> Option<Duration> {
    if options.maildir.is_empty() {
        return None;
    }
    let (mut seen, mut progress) = (0, Instant::now());
    loop {
        let now = process::count_files(&options.maildir).saturating_sub(before);
        if now >= sent {
            return Some(start.elapsed());
        }
        if now > seen {
            (seen, progress) = (now, Instant::now());
        }
        if progress.elapsed() > Duration::from_secs(60) {
            eprintln!("only {now} of {sent} messages came into the mailbox");
            return None;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
