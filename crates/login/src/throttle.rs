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
    /// When the last attempt was looked at: who has waited since then need not
    /// wait again.
    looked_at: Option<Duration>,
    /// A login was good here lately (of `Key::Both` only).
    known: bool,
}

/// The counts. Each attempt is counted as failed when it begins, so that many
/// at once do not all see the count of before; one that was good is taken
/// back.
#[derive(Debug, Clone)]
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
        let waits = keys(account, network).map(|key| self.free_in(&key, now).min(self.most(&key, network)));
        let wait = waits.into_iter().max().unwrap_or_default();
        self.make_room(now);
        for key in keys(account, network) {
            self.count(key, 1.0, now).looked_at = Some(now + wait);
        }
        wait
    }

    /// After what time an attempt would not have to wait, unless others come
    /// before it. Longer than the most that one has to wait, where several wait
    /// already.
    pub(crate) fn free_after(&self, account: &str, network: Network, now: Duration) -> Duration {
        let counted = keys(account, network).into_iter().filter(|key| !self.most(key, network).is_zero());
        counted.map(|key| self.free_in(&key, now)).max().unwrap_or_default()
    }

    /// The most that an attempt has to wait because of this count.
    fn most(&self, key: &Key, network: Network) -> Duration {
        match key {
            Key::Account(account) if self.is_known(account, network) => Duration::ZERO,
            Key::Account(_) => self.limits.max_account,
            Key::Network(_) | Key::Both(..) => self.limits.max_network,
        }
    }

    fn free_in(&self, key: &Key, now: Duration) -> Duration {
        let most = if matches!(key, Key::Account(_)) { self.limits.max_account } else { self.limits.max_network };
        let Some(count) = self.counts.get(key) else { return Duration::ZERO };
        let Some(last) = count.looked_at else { return Duration::ZERO };
        // The attempt itself is counted too.
        let delay = self.delay(count.decayed(now, self.limits.half_life) + 1.0, most);
        (last + delay).saturating_sub(now)
    }

    /// It was the right password: what this network did to this account is
    /// forgiven, and the attempt itself is not held against anybody.
    pub(crate) fn succeeded(&mut self, account: &str, network: Network, now: Duration) {
        self.undo(account, network, now);
        let is_proxy = self.limits.proxies.iter().any(|proxy| Network::of(*proxy) == network);
        let good = Count { failures: 0.0, at: now, looked_at: None, known: !is_proxy };
        self.counts.insert(Key::Both(account.into(), network), good);
    }

    /// Nothing was learned from it (the directory was away).
    pub(crate) fn undo(&mut self, account: &str, network: Network, now: Duration) {
        for key in keys(account, network) {
            if self.counts.contains_key(&key) {
                self.count(key, -1.0, now);
            }
        }
    }

    /// Whether the account has logged in from there lately.
    pub(crate) fn is_known(&self, account: &str, network: Network) -> bool {
        self.counts.get(&Key::Both(account.into(), network)).is_some_and(|count| count.known)
    }

    fn count(&mut self, key: Key, change: f64, now: Duration) -> &mut Count {
        let half_life = self.limits.half_life;
        let count = self.counts.entry(key).or_insert(Count { failures: 0.0, at: now, looked_at: None, known: false });
        count.failures = (count.decayed(now, half_life) + change).max(0.0);
        count.at = now;
        count
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

/// What an attempt counts for.
fn keys(account: &str, network: Network) -> [Key; 3] {
    [Key::Both(account.into(), network), Key::Account(account.into()), Key::Network(network)]
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
        assert_eq!(delays, [0, 0, 0, 500, 1500, 3500, 7500, 15500, 20000, 20000, 20000, 20000]);
    }

    #[test]
    fn a_count_falls_by_half() {
        let mut throttle = throttle();
        for _ in 0..6 {
            millis(&mut throttle, "a", HERE, 0);
        }
        assert_eq!(millis(&mut throttle, "a", HERE, 600), 0, "who has waited need not wait again");
        assert_eq!(millis(&mut throttle, "a", HERE, 600), 1000, "3 were left, and these two");
        millis(&mut throttle, "a", HERE, 100_000);
        assert_eq!(millis(&mut throttle, "a", HERE, 100_000), 0);
    }

    #[test]
    fn who_waits_as_long_as_told_need_not_wait() {
        let mut throttle = throttle();
        for n in 0..12 {
            let now = Duration::from_millis(n * 700);
            let told = throttle.free_after("a", network(HERE), now);
            assert_eq!(throttle.free_after("a", network(HERE), now), told, "asking costs nothing");
            let waited = throttle.begin("a", network(HERE), now);
            assert_eq!(waited, told.min(Duration::from_secs(20)));
        }
        let now = Duration::from_secs(8);
        let told = throttle.free_after("a", network(HERE), now);
        assert!(told > Duration::from_secs(20) && told < Duration::from_secs(40), "{told:?}");
        assert_eq!(throttle.begin("a", network(HERE), now + told), Duration::ZERO);
    }

    #[test]
    fn one_network_tries_many_accounts_and_many_networks_try_one() {
        let mut spray = throttle();
        let delays: Vec<_> = (0..6).map(|n| millis(&mut spray, &format!("a{n}"), HERE, 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1500, 3500]);
        let mut botnet = throttle();
        let delays: Vec<_> = (0..9).map(|n| millis(&mut botnet, "a", &format!("192.0.2.{n}"), 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1500, 3500, 4000, 4000, 4000], "the owner waits four seconds at most");
        let mut prefix = throttle();
        let delays: Vec<_> =
            (0..5).map(|n| millis(&mut prefix, &format!("a{n}"), &format!("2001:db8::{n}"), 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1500], "a /64 is one network");
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
