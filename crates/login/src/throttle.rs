//! How long an attempt has to wait, by what failed before: for the account,
//! for the network, and for the two together. Pure: the time is an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// What the throttle allows.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Failures without any delay: people mistype.
    pub free: u32,
    /// The delay after the first one beyond; each further doubles it.
    pub first_delay: Duration,
    /// The most for one account from everywhere: what strangers do must not
    /// lock its owner out.
    pub max_account: Duration,
    /// The most for one network (an IPv4 address, an IPv6 /64), and for one
    /// account from one network.
    pub max_network: Duration,
    /// In this time a count falls by half.
    pub half_life: Duration,
    /// The most counts kept, some 100 bytes each.
    pub max_entries: usize,
    /// Addresses behind which many people are (the server of a webmail): a
    /// login from there does not make it a known network of the account.
    pub proxies: Vec<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            free: 3,
            first_delay: Duration::from_millis(500),
            max_account: Duration::from_secs(4),
            max_network: Duration::from_secs(20),
            half_life: Duration::from_secs(600),
            max_entries: 100_000,
            proxies: Vec::new(),
        }
    }
}

/// Where an attempt comes from: all addresses that one customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let prefix = u128::from(v6) & !u128::from(u64::MAX);
                Self(IpAddr::V6(Ipv6Addr::from(prefix)))
            }
            v4 => Self(v4),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Account(Box<str>),
    Network(Network),
    Both(Box<str>, Network),
}

/// A count that halves with time.
#[derive(Debug, Clone, Copy)]
struct Count {
    failures: f64,
    at: Duration,
    /// A login was good here lately (of `Key::Both` only).
    known: bool,
}

/// The counts. Each attempt is counted as failed when it begins, so that many
/// at once do not all see the count of before; one that was good is taken
/// back.
#[derive(Debug)]
pub(crate) struct Throttle {
    limits: Limits,
    counts: HashMap<Key, Count>,
}

impl Throttle {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, counts: HashMap::new() }
    }

    /// Counts an attempt; says how long it has to wait before it is looked at.
    pub(crate) fn begin(&mut self, account: &str, network: Network, now: Duration) -> Duration {
        let known = self.is_known(account, network);
        self.make_room(now);
        let both = self.count(Key::Both(account.into(), network), 1.0, now);
        let everywhere = self.count(Key::Account(account.into()), 1.0, now);
        let from_there = self.count(Key::Network(network), 1.0, now);
        let for_account = if known { Duration::ZERO } else { self.delay(everywhere, self.limits.max_account) };
        let most = self.limits.max_network;
        for_account.max(self.delay(both, most)).max(self.delay(from_there, most))
    }

    /// It was the right password: what this network did to this account is
    /// forgiven, and the attempt itself is not held against anybody.
    pub(crate) fn succeeded(&mut self, account: &str, network: Network, now: Duration) {
        self.undo(account, network, now);
        let is_proxy = self.limits.proxies.iter().any(|proxy| Network::of(*proxy) == network);
        let good = Count { failures: 0.0, at: now, known: !is_proxy };
        self.counts.insert(Key::Both(account.into(), network), good);
    }

    /// Nothing was learned from it (the directory was away).
    pub(crate) fn undo(&mut self, account: &str, network: Network, now: Duration) {
        for key in [Key::Both(account.into(), network), Key::Account(account.into()), Key::Network(network)] {
            if self.counts.contains_key(&key) {
                self.count(key, -1.0, now);
            }
        }
    }

    fn is_known(&self, account: &str, network: Network) -> bool {
        self.counts.get(&Key::Both(account.into(), network)).is_some_and(|count| count.known)
    }

    fn count(&mut self, key: Key, change: f64, now: Duration) -> f64 {
        let half_life = self.limits.half_life;
        let count = self.counts.entry(key).or_insert(Count { failures: 0.0, at: now, known: false });
        count.failures = (count.decayed(now, half_life) + change).max(0.0);
        count.at = now;
        count.failures
    }

    fn delay(&self, failures: f64, most: Duration) -> Duration {
        let beyond = failures - f64::from(self.limits.free);
        // The attempt itself is in the count.
        if beyond < 0.5 {
            return Duration::ZERO;
        }
        let factor = 2_f64.powf((beyond - 1.0).clamp(0.0, 30.0));
        self.limits.first_delay.mul_f64(factor).min(most)
    }

    /// Keeps the memory bounded under attack: what has decayed goes first, then
    /// the lowest counts, since high ones are what the throttle is for.
    fn make_room(&mut self, now: Duration) {
        if self.counts.len() + 3 <= self.limits.max_entries {
            return;
        }
        let half_life = self.limits.half_life;
        self.counts.retain(|_, count| count.decayed(now, half_life) >= 0.5);
        let target = self.limits.max_entries / 10 * 9;
        if self.counts.len() <= target {
            return;
        }
        let mut failures: Vec<f64> = self.counts.values().map(|count| count.decayed(now, half_life)).collect();
        failures.sort_by(f64::total_cmp);
        let mut to_go = self.counts.len() - target;
        let border = failures.get(to_go.saturating_sub(1)).copied().unwrap_or(f64::MAX);
        self.counts.retain(|_, count| {
            let goes = to_go > 0 && count.decayed(now, half_life) <= border;
            to_go -= usize::from(goes);
            !goes
        });
    }
}

impl Count {
    fn decayed(&self, now: Duration, half_life: Duration) -> f64 {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.failures * 0.5_f64.powf(passed / half_life.as_secs_f64().max(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "192.0.2.1";
    const THERE: &str = "198.51.100.7";

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    fn throttle() -> Throttle {
        Throttle::new(Limits::default())
    }

    fn millis(throttle: &mut Throttle, account: &str, from: &str, at: u64) -> u128 {
        throttle.begin(account, network(from), Duration::from_secs(at)).as_millis()
    }

    #[test]
    fn delays_double_and_end() {
        let mut throttle = throttle();
        let delays: Vec<_> = (0..12).map(|_| millis(&mut throttle, "a", HERE, 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000]);
    }

    #[test]
    fn a_count_falls_by_half() {
        let mut throttle = throttle();
        for _ in 0..6 {
            millis(&mut throttle, "a", HERE, 0);
        }
        assert_eq!(millis(&mut throttle, "a", HERE, 600), 500, "3 are left, and this one");
        assert_eq!(millis(&mut throttle, "a", HERE, 100_000), 0);
    }

    #[test]
    fn one_network_tries_many_accounts_and_many_networks_try_one() {
        let mut spray = throttle();
        let delays: Vec<_> = (0..6).map(|n| millis(&mut spray, &format!("a{n}"), HERE, 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1000, 2000]);
        let mut botnet = throttle();
        let delays: Vec<_> = (0..9).map(|n| millis(&mut botnet, "a", &format!("192.0.2.{n}"), 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1000, 2000, 4000, 4000, 4000], "the owner waits four seconds at most");
        let mut prefix = throttle();
        let delays: Vec<_> =
            (0..5).map(|n| millis(&mut prefix, &format!("a{n}"), &format!("2001:db8::{n}"), 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1000], "a /64 is one network");
        assert_eq!(network("::ffff:192.0.2.1"), network(HERE));
    }

    #[test]
    fn a_known_network_is_spared_what_strangers_did() {
        let mut throttle = throttle();
        millis(&mut throttle, "a", HERE, 0);
        throttle.succeeded("a", network(HERE), Duration::ZERO);
        for _ in 0..10 {
            millis(&mut throttle, "a", THERE, 0);
        }
        assert_eq!(millis(&mut throttle, "a", HERE, 0), 0);
        assert_eq!(millis(&mut throttle, "a", "203.0.113.9", 0), 4000);
        for _ in 0..2 {
            millis(&mut throttle, "a", HERE, 0);
        }
        assert_eq!(millis(&mut throttle, "a", HERE, 0), 500, "its own failures count");
    }

    #[test]
    fn a_proxy_is_never_known() {
        let mut throttle = Throttle::new(Limits { proxies: vec![HERE.parse().unwrap()], ..Limits::default() });
        millis(&mut throttle, "a", HERE, 0);
        throttle.succeeded("a", network(HERE), Duration::ZERO);
        for _ in 0..10 {
            millis(&mut throttle, "a", THERE, 0);
        }
        assert_eq!(millis(&mut throttle, "a", HERE, 0), 4000);
    }

    #[test]
    fn good_logins_cost_nothing() {
        let mut throttle = throttle();
        for _ in 0..50 {
            assert_eq!(millis(&mut throttle, "a", HERE, 0), 0);
            throttle.succeeded("a", network(HERE), Duration::ZERO);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_worst_stay() {
        let mut throttle = Throttle::new(Limits { max_entries: 300, ..Limits::default() });
        for _ in 0..8 {
            millis(&mut throttle, "victim", HERE, 0);
        }
        for n in 0..2000_u32 {
            let from = Network::of(IpAddr::from(n.to_be_bytes()));
            throttle.begin(&format!("a{n}"), from, Duration::ZERO);
            assert!(throttle.counts.len() <= 300);
        }
        assert!(millis(&mut throttle, "other", HERE, 0) >= 8000);
    }
}
