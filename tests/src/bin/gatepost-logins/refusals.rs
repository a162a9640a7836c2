//! How long each kind of failed login takes, and whether two kinds can be told
//! apart by it: whether their means differ by three standard errors.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};

use clap::Args;

use crate::door::{Doors, Way};
use crate::rate::take;

/// Who is tried.
#[derive(Debug, Args)]
pub struct Options {
    /// `NAME=ADDRESS=PASSWORD`; a `{}` in the address becomes a number, since an
    /// account may be slowed after some failures.
    #[arg(long = "case", required = true)]
    cases: Vec<Case>,
    /// How many tries of each kind and way.
    #[arg(long, default_value_t = 100)]
    tries: usize,
    /// Tries of one account, by all ways together.
    #[arg(long, default_value_t = 3)]
    of_each: usize,
    /// How many connections at once.
    #[arg(long, default_value_t = 4)]
    connections: usize,
}

#[derive(Debug, Clone)]
struct Case {
    name: String,
    address: String,
    password: String,
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut fields = text.splitn(3, '=').map(str::to_owned);
        match (fields.next(), fields.next(), fields.next()) {
            (Some(name), Some(address), Some(password)) => Ok(Self { name, address, password }),
            _ => Err("write NAME=ADDRESS=PASSWORD".to_owned()),
        }
    }
}

/// The times of one kind, in milliseconds, and what was said.
#[derive(Debug, Default)]
struct Seen {
    times: Vec<f64>,
    said: BTreeSet<String>,
}

impl Seen {
    fn mean(&self) -> f64 {
        self.times.iter().sum::<f64>() / self.times.len().max(1) as f64
    }

    /// The square of the standard error of the mean.
    fn error(&self) -> f64 {
        let (mean, count) = (self.mean(), self.times.len() as f64);
        let variance = self.times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        variance / count.max(1.0)
    }
}

/// Tries each in turn and prints a table; the first case is what the others are
/// compared with.
pub fn run(doors: &Doors, options: &Options) -> Result<(), Box<dyn Error>> {
    let ways: Vec<Way> = Way::ALL.into_iter().filter(|way| doors.has(*way)).collect();
    let tries = options.cases.len() * ways.len() * options.tries;
    let (next, seen) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let worker = || {
        while let Some(number) = take(&next, tries) {
            attempt(doors, options, &ways, number, &seen)?;
        }
        Ok::<(), String>(())
    };
    let ends: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.connections).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err("a worker broke".to_owned()))).collect()
    });
    print(options, &ways, &seen.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(ends.into_iter().collect::<Result<(), String>>()?)
}

/// The times by case and way.
type Table = BTreeMap<(usize, usize), Seen>;

/// The kinds take turns, so that what else the machine does meets all.
fn attempt(doors: &Doors, options: &Options, ways: &[Way], number: usize, seen: &Mutex<Table>) -> Result<(), String> {
    let kinds = options.cases.len() * ways.len();
    let (round, kind) = (number / kinds, number % kinds);
    let (case, way) = (kind % options.cases.len(), kind / options.cases.len());
    let account = (round * ways.len() + way) / options.of_each.max(1);
    let Case { address, password, .. } = &options.cases[case];
    let who = address.replace("{}", &account.to_string());
    let from = IpAddr::V4(Ipv4Addr::from([127, 2 + (number >> 16) as u8, (number >> 8) as u8, number as u8]));
    let answer = doors.try_in(ways[way], from, &who, password).map_err(|error| format!("{who}: {error}"))?;
    if answer.opened {
        return Err(format!("{who} was let in"));
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = seen.entry((case, way)).or_default();
    seen.times.push(answer.took.as_secs_f64() * 1000.0);
    seen.said.insert(answer.text);
    Ok(())
}

fn print(options: &Options, ways: &[Way], seen: &Table) {
    println!("{:<12} {:<16} {:>5} {:>10} {:>8} {:>8}", "way", "case", "tries", "mean ms", "error", "apart");
    for (way, name) in ways.iter().enumerate() {
        let Some(first) = seen.get(&(0, way)) else { continue };
        for (case, of) in options.cases.iter().enumerate() {
            let Some(found) = seen.get(&(case, way)) else { continue };
            let apart = (found.mean() - first.mean()) / (found.error() + first.error()).sqrt().max(1e-9);
            let differs = if found.said == first.said { "" } else { "  another answer" };
            println!(
                "{:<12} {:<16} {:>5} {:>10.3} {:>8.3} {:>8.2}{differs}",
                format!("{name:?}"),
                of.name,
                found.times.len(),
                found.mean(),
                found.error().sqrt(),
                if case == 0 { 0.0 } else { apart },
            );
        }
    }
    let said: BTreeSet<&String> = seen.values().flat_map(|seen| &seen.said).collect();
    println!("answers: {said:?}");
}
