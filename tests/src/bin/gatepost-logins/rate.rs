//! Logins as fast as it goes.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use tests::process;

use crate::door::{Doors, Way};

/// Who logs in, and how often.
#[derive(Debug, Args)]
pub struct Options {
    /// Accounts, taken in turn.
    #[arg(long = "user", required = true)]
    users: Vec<String>,
    /// The password of them all.
    #[arg(long)]
    password: String,
    /// How many logins, each on a connection of its own.
    #[arg(long, default_value_t = 1000)]
    logins: usize,
    /// How many connections at once.
    #[arg(long, default_value_t = 10)]
    connections: usize,
    /// Server processes; their children are counted too.
    #[arg(long)]
    pid: Vec<u32>,
    /// A word for the row.
    #[arg(long, default_value = "server")]
    name: String,
}

/// Logs in, and prints the figures.
pub fn run(doors: &Doors, options: &Options) -> Result<(), Box<dyn Error>> {
    let (next, seen) = (AtomicUsize::new(0), Mutex::new((Vec::new(), Vec::new())));
    let (cpu, start) = (process::cpu(&options.pid), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..options.connections {
            scope.spawn(|| {
                while let Some(number) = take(&next, options.logins) {
                    let done = one(doors, options, number);
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    match done {
                        Ok(took) => seen.0.push(took),
                        Err(why) => seen.1.push(why),
                    }
                }
            });
        }
    });
    let (took, cpu) = (start.elapsed(), process::cpu(&options.pid).saturating_sub(cpu));
    let (mut latencies, failed) = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    latencies.sort();
    let count = latencies.len();
    let at = |share: f64| {
        let index = ((count as f64 * share) as usize).min(count.saturating_sub(1));
        latencies.get(index).map_or(0.0, |latency: &Duration| latency.as_secs_f64() * 1000.0)
    };
    println!("{}: {count} logins by IMAPS on {} connections at a time", options.name, options.connections);
    println!("  logins          {:>9.0} /s", count as f64 / took.as_secs_f64().max(1e-9));
    println!("  LOGIN p50       {:>9.2} ms", at(0.50));
    println!("  LOGIN p99       {:>9.2} ms", at(0.99));
    if !options.pid.is_empty() {
        println!("  server CPU      {:>9.3} ms per login", cpu.as_secs_f64() * 1000.0 / count.max(1) as f64);
    }
    match failed.first() {
        None => Ok(()),
        Some(why) => Err(format!("{} logins failed: {why}", failed.len()).into()),
    }
}

/// The next number below this one.
pub fn take(next: &AtomicUsize, end: usize) -> Option<usize> {
    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < end)
}

fn one(doors: &Doors, options: &Options, number: usize) -> Result<Duration, String> {
    let user = &options.users[number % options.users.len()];
    // Each from a network of its own, as users are.
    let from = IpAddr::V4(Ipv4Addr::new(127, 1, (number / 200 % 250) as u8, (number % 200) as u8 + 1));
    let answer =
        doors.try_in(Way::ImapLogin, from, user, &options.password).map_err(|error| format!("{user}: {error}"))?;
    if answer.opened { Ok(answer.took) } else { Err(format!("{user}: {}", answer.text)) }
}
