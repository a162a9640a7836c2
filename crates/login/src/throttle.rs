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

/// An attempt that was begun; it ends as failed, as succeeded or as neither.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    /// How long it has to wait.
    pub(crate) wait: Duration,
    /// Whether it is counted as failed already.
    counted: bool,
}

/// The counts. An attempt from where the account was never seen is counted as
/// failed when it begins, so that many at once do not all see the count of
/// before; one that was good is taken back.
#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    limits: Limits,
    counts: HashMap<Key, Count>,
}

impl Throttle {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, counts: HashMap::new() }
    }

    /// Says how long an attempt has to wait before it is looked at. One of an
    /// account from where it was never seen is counted as failed meanwhile.
    pub(crate) fn begin(&mut self, account: &str, network: Network, now: Duration) -> Begun {
        let wait = |key: &Key| self.free_in(key, now).min(self.most(key, account, network));
        let wait = keys(account, network).iter().map(wait).max().unwrap_or_default();
        let counted = !self.is_known(account, network);
        self.make_room(now);
        if counted {
            for key in own_keys(account, network) {
                self.count(key, 1.0, now).looked_at = Some(now + wait);
            }
        }
        Begun { wait, counted }
    }

    /// It was the wrong password.
    pub(crate) fn failed(&mut self, account: &str, network: Network, begun: Begun, now: Duration) {
        self.make_room(now);
        self.look(Key::Network(network), now);
        if !begun.counted {
            own_keys(account, network).into_iter().for_each(|key| self.look(key, now));
        }
    }

    /// Nobody could say whether it was the right password; guessing on is slowed
    /// for the account from there, and nobody else is.
    pub(crate) fn unasked(&mut self, account: &str, network: Network, begun: Begun, now: Duration) {
        if !begun.counted {
            self.look(Key::Both(account.into(), network), now);
        }
    }

    fn look(&mut self, key: Key, now: Duration) {
        let count = self.count(key, 1.0, now);
        count.looked_at = count.looked_at.max(Some(now));
    }

    /// After what time an attempt would not have to wait, unless others come
    /// before it. Longer than the most that one has to wait, where several wait
    /// already.
    pub(crate) fn free_after(&self, account: &str, network: Network, now: Duration) -> Duration {
        let counted = keys(account, network).into_iter().filter(|key| !self.most(key, account, network).is_zero());
        counted.map(|key| self.free_in(&key, now)).max().unwrap_or_default()
    }

    /// The most that an attempt has to wait because of this count.
    fn most(&self, key: &Key, account: &str, network: Network) -> Duration {
        match key {
            Key::Account(_) if self.is_known(account, network) => Duration::ZERO,
            // One telephone with an old password must not keep an office waiting.
            Key::Network(_) if self.is_known(account, network) => self.limits.max_account,
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
    pub(crate) fn succeeded(&mut self, account: &str, network: Network, begun: Begun, now: Duration) {
        self.undo(account, network, begun, now);
        let is_proxy = self.limits.proxies.iter().any(|proxy| Network::of(*proxy) == network);
        let good = Count { failures: 0.0, at: now, looked_at: None, known: !is_proxy };
        self.counts.insert(Key::Both(account.into(), network), good);
    }

    /// Nothing was learned from it (the directory was away).
    pub(crate) fn undo(&mut self, account: &str, network: Network, begun: Begun, now: Duration) {
        for key in own_keys(account, network) {
            if begun.counted && self.counts.contains_key(&key) {
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

/// What a failure counts for.
fn keys(account: &str, network: Network) -> [Key; 3] {
    let [both, account] = own_keys(account, network);
    [both, account, Key::Network(network)]
}

/// What an attempt under way counts for. Of a network so many are under way at
/// a time and no more, and most of them are right: people come to work.
fn own_keys(account: &str, network: Network) -> [Key; 2] {
    [Key::Both(account.into(), network), Key::Account(account.into())]
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

    /// A wrong password, and how long it had to wait.
    fn millis(throttle: &mut Throttle, account: &str, from: &str, at: u64) -> u128 {
        fails(throttle, account, network(from), Duration::from_secs(at)).as_millis()
    }

    fn fails(throttle: &mut Throttle, account: &str, from: Network, now: Duration) -> Duration {
        let begun = throttle.begin(account, from, now);
        throttle.failed(account, from, begun, now);
        begun.wait
    }

    fn succeeds(throttle: &mut Throttle, account: &str, from: &str) -> u128 {
        let begun = throttle.begin(account, network(from), Duration::ZERO);
        throttle.succeeded(account, network(from), begun, Duration::ZERO);
        begun.wait.as_millis()
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
            let waited = fails(&mut throttle, "a", network(HERE), now);
            assert_eq!(waited, told.min(Duration::from_secs(20)));
        }
        let now = Duration::from_secs(8);
        let told = throttle.free_after("a", network(HERE), now);
        assert!(told > Duration::from_secs(20) && told < Duration::from_secs(40), "{told:?}");
        assert_eq!(throttle.begin("a", network(HERE), now + told).wait, Duration::ZERO);
    }

    #[test]
    fn one_network_tries_many_accounts_and_many_networks_try_one() {
        let mut spray = throttle();
        let delays: Vec<_> = (0..6).map(|n| millis(&mut spray, &format!("a{n}"), HERE, 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1000, 2000]);
        let mut botnet = throttle();
        let delays: Vec<_> = (0..9).map(|n| millis(&mut botnet, "a", &format!("192.0.2.{n}"), 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1500, 3500, 4000, 4000, 4000], "the owner waits four seconds at most");
        let mut prefix = throttle();
        let delays: Vec<_> =
            (0..5).map(|n| millis(&mut prefix, &format!("a{n}"), &format!("2001:db8::{n}"), 0)).collect();
        assert_eq!(delays, [0, 0, 0, 500, 1000], "a /64 is one network");
        assert_eq!(network("::ffff:192.0.2.1"), network(HERE));
    }

    #[test]
    fn a_known_network_is_spared_what_strangers_did() {
        let mut throttle = throttle();
        succeeds(&mut throttle, "a", HERE);
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
        succeeds(&mut throttle, "a", HERE);
        for _ in 0..10 {
            millis(&mut throttle, "a", THERE, 0);
        }
        assert_eq!(millis(&mut throttle, "a", HERE, 0), 4000);
    }

    #[test]
    fn good_logins_cost_nothing() {
        let mut throttle = throttle();
        for _ in 0..50 {
            assert_eq!(succeeds(&mut throttle, "a", HERE), 0);
        }
    }

    /// A house in the morning, or after a restart of the server: all at once, and
    /// one telephone among them has an old password.
    #[test]
    fn many_right_passwords_of_one_network_wait_for_nothing() {
        let mut throttle = throttle();
        let begun: Vec<_> =
            (0..50).map(|n| (n, throttle.begin(&format!("a{n}"), network(HERE), Duration::ZERO))).collect();
        for (n, begun) in begun {
            assert_eq!(begun.wait, Duration::ZERO, "{n}");
            throttle.succeeded(&format!("a{n}"), network(HERE), begun, Duration::ZERO);
        }
        let again: Vec<_> = (0..20).map(|_| throttle.begin("a1", network(HERE), Duration::ZERO)).collect();
        assert!(again.iter().all(|begun| begun.wait.is_zero()), "all programs of one person");
        again.into_iter().for_each(|begun| throttle.succeeded("a1", network(HERE), begun, Duration::ZERO));
        for _ in 0..20 {
            millis(&mut throttle, "telephone", HERE, 0);
        }
        assert!(throttle.begin("new", network(HERE), Duration::ZERO).wait > Duration::from_secs(10));
        assert_eq!(throttle.begin("a2", network(HERE), Duration::ZERO).wait, Duration::from_secs(4));
    }

    #[test]
    fn memory_is_bounded_and_the_worst_stay() {
        let mut throttle = Throttle::new(Limits { max_entries: 300, ..Limits::default() });
        for _ in 0..8 {
            millis(&mut throttle, "victim", HERE, 0);
        }
        for n in 0..2000_u32 {
            let from = Network::of(IpAddr::from(n.to_be_bytes()));
            fails(&mut throttle, &format!("a{n}"), from, Duration::ZERO);
            assert!(throttle.counts.len() <= 300);
        }
        assert!(millis(&mut throttle, "other", HERE, 0) >= 8000);
    }
}
