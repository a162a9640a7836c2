//! The figures, as one table.

use std::time::Duration;

use crate::Options;
use crate::client::Outcome;

/// What was measured beside the latencies.
#[derive(Debug)]
pub struct Times {
    /// Until the last reply.
    pub accepted_in: Duration,
    /// Until the last message was in its mailbox.
    pub mailbox_in: Option<Duration>,
    /// CPU of the server.
    pub cpu: Duration,
    /// Calls of fsync and its kin.
    pub fsyncs: Option<u64>,
}

/// Prints one row per figure.
pub fn print(options: &Options, outcome: &mut Outcome, times: &Times) {
    outcome.latencies.sort();
    let count = outcome.latencies.len();
    let rate = |time: Duration| count as f64 / time.as_secs_f64().max(1e-9);
    let at = |share: f64| {
        let index = ((count as f64 * share) as usize).min(count.saturating_sub(1));
        outcome.latencies.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0
    };
    println!(
        "{}: {count} messages of about {} bytes on {} connections",
        options.name, options.size, options.connections
    );
    println!("  accepted        {:>9.0} /s", rate(times.accepted_in));
    if let Some(time) = times.mailbox_in {
        println!("  in the mailbox  {:>9.0} /s", rate(time));
    }
    println!("  latency p50     {:>9.2} ms", at(0.50));
    println!("  latency p99     {:>9.2} ms", at(0.99));
    if !options.pid.is_empty() {
        println!("  server CPU      {:>9.3} ms per message", times.cpu.as_secs_f64() * 1000.0 / count.max(1) as f64);
    }
    if let Some(fsyncs) = times.fsyncs {
        println!("  fsyncs          {:>9.2} per message", fsyncs as f64 / count.max(1) as f64);
    }
    if outcome.failed > 0 {
        println!("  not accepted    {:>9}  ({})", outcome.failed, outcome.example.as_deref().unwrap_or(""));
    }
}
