//! Guessing in earnest, on the throttle alone: how many of ten thousand guesses
//! are looked at in what time, and what the owner notices of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::throttle::{Begun, Limits, Network, Throttle};

const GUESSES: usize = 10_000;
/// Of one network at a time, as many as there are turns.
const LINES: usize = 4;
/// The floor of an answer.
const ANSWER: Duration = Duration::from_millis(300);
const HOUR: Duration = Duration::from_secs(3600);
/// The address of a household that the owner has logged in from.
const HOME: &str = "192.0.2.1";
/// Where the owner was never before.
const HOTEL: &str = "203.0.113.9";

/// What came of it.
#[derive(Debug)]
struct Outcome {
    in_an_hour: usize,
    all_in: Duration,
    /// The longest that the owner has waited at home, and elsewhere.
    owner: [Duration; 2],
}

fn network(text: &str) -> Network {
    Network::of(text.parse().unwrap())
}

/// From each address so many lines guess, each as soon as it has its answer.
/// The owner looks in every minute, at home and in a hotel.
fn besiege(addresses: u32, accounts: usize) -> Outcome {
    let mut throttle = Throttle::new(Limits::default());
    let begun = throttle.begin("alice", network(HOME), Duration::ZERO);
    throttle.succeeded("alice", network(HOME), begun, Duration::ZERO);
    let lines = addresses as usize * LINES;
    let mut ready: BinaryHeap<Reverse<(Duration, usize)>> =
        (0..lines).map(|line| Reverse((Duration::ZERO, line))).collect();
    // What each line has tried last.
    let mut tried: Vec<Option<(String, Begun)>> = vec![None; lines];
    let mut looked_at = Vec::new();
    let (mut owner, mut next_login) = ([Duration::ZERO; 2], Duration::from_secs(5));
    while let Some(Reverse((now, line))) = ready.pop() {
        let from = Network::of(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + (line / LINES) as u32)));
        if let Some((name, begun)) = tried[line].take() {
            throttle.failed(&name, from, begun, now);
        }
        if now >= next_login {
            for (longest, from) in owner.iter_mut().zip([HOME, HOTEL]) {
                // A login from the hotel makes it known, so she looks only.
                let waits = throttle.clone().begin("alice", network(from), now).wait;
                *longest = waits.max(*longest);
            }
            next_login += Duration::from_secs(60);
        }
        let name = match accounts {
            1 => "alice".to_owned(),
            _ => format!("alice{}", looked_at.len() % accounts),
        };
        let begun = throttle.begin(&name, from, now);
        let answered = now + begun.wait;
        tried[line] = Some((name, begun));
        looked_at.push(answered);
        if looked_at.len() == GUESSES {
            break;
        }
        ready.push(Reverse((answered + ANSWER, line)));
    }
    let in_an_hour = looked_at.iter().filter(|at| **at <= HOUR).count();
    Outcome { in_an_hour, all_in: looked_at.into_iter().max().unwrap_or_default(), owner }
}

#[test]
fn ten_thousand_guesses() {
    // From a thousand networks the first guesses are free in each: what holds
    // then is that the owner is not locked out, and that passwords that are
    // tried first are not taken.
    for (addresses, accounts) in [(1, 1), (1, 1000), (1000, 1)] {
        let outcome = besiege(addresses, accounts);
        println!("{addresses} addresses, {accounts} accounts: {outcome:?}");
        assert_eq!(outcome.owner[0], Duration::ZERO, "nothing is noticed at home");
        assert!(outcome.owner[1] <= Limits::default().max_account, "{outcome:?}");
        if addresses == 1 {
            assert!(outcome.in_an_hour <= 800 && outcome.all_in > 10 * HOUR, "{outcome:?}");
        } else {
            assert!(outcome.owner[1] > Duration::ZERO, "the owner looked in meanwhile: {outcome:?}");
        }
    }
}
