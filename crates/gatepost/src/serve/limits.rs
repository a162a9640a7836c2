//! How many connections there may be: in all, and from one network. Those of
//! users are counted twice until somebody has logged in on them, so that
//! strangers cannot take the places of those who have.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the open connections of one kind of listener.
#[derive(Debug, Clone)]
pub struct Connections {
    state: Arc<Mutex<State>>,
    total: usize,
    per_network: usize,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    by_network: HashMap<Network, usize>,
}

/// An address range that belongs to one household, company or server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    /// One IPv4 address.
    V4(Ipv4Addr),
    /// What one network at one place has.
    V6Slash64(u64),
    /// What one customer is given at the most (RFC 6177): a single one has
    /// 65,536 of the above.
    V6Slash48(u64),
}

/// As many times the connections of one /64 may come from one /48.
const SLASH_48: usize = 4;

/// A place among the open connections; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    connections: Connections,
    networks: Vec<Network>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The server has as many as it may have.
    Server,
    /// This peer's network has.
    Network,
}

impl Connections {
    /// Room for `total` connections, of which `per_network` from one IPv4
    /// address or one IPv6 /64; four times as many from one /48.
    #[must_use]
    pub fn new(total: usize, per_network: usize) -> Self {
        Self { state: Arc::default(), total, per_network }
    }

    /// Takes a place for a peer; a Unix socket has no network.
    ///
    /// # Errors
    ///
    /// [`Full`] says which count is reached.
    pub fn enter(&self, peer: Option<IpAddr>) -> Result<Place, Full> {
        let networks = peer.map(networks).unwrap_or_default();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.open >= self.total {
            return Err(Full::Server);
        }
        let count = |network| state.by_network.get(network).copied().unwrap_or_default();
        if networks.iter().any(|network| count(network) >= network.most(self.per_network)) {
            return Err(Full::Network);
        }
        for network in &networks {
            *state.by_network.entry(*network).or_default() += 1;
        }
        state.open += 1;
        Ok(Place { connections: self.clone(), networks })
    }

    /// How many are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).open
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open = state.open.saturating_sub(1);
        for network in &self.networks {
            let left = state.by_network.get(network).copied().unwrap_or_default().saturating_sub(1);
            if left == 0 {
                state.by_network.remove(network);
            } else {
                state.by_network.insert(*network, left);
            }
        }
    }
}

impl Network {
    fn most(self, per_network: usize) -> usize {
        match self {
            Self::V4(_) | Self::V6Slash64(_) => per_network,
            Self::V6Slash48(_) => per_network.saturating_mul(SLASH_48),
        }
    }
}

/// The networks that an address counts for.
fn networks(peer: IpAddr) -> Vec<Network> {
    match peer.to_canonical() {
        IpAddr::V4(ip) => vec![Network::V4(ip)],
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments().map(u64::from);
            let slash_48 = a << 32 | b << 16 | c;
            vec![Network::V6Slash64(slash_48 << 16 | d), Network::V6Slash48(slash_48)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_network_and_given_back() {
        let connections = Connections::new(3, 2);
        let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let first = connections.enter(ip("2001:db8::1")).unwrap();
        let second = connections.enter(ip("2001:db8::2")).unwrap();
        assert_eq!(connections.enter(ip("2001:db8::3")).err(), Some(Full::Network));
        let _third = connections.enter(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(connections.enter(None).err(), Some(Full::Server));
        drop((first, second));
        assert_eq!(connections.open(), 1);
        let _fourth = connections.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(connections.enter(ip("192.0.2.1")).err(), Some(Full::Network));
    }

    #[test]
    fn a_customer_with_many_networks_is_still_one() {
        let connections = Connections::new(1000, 2);
        let enter = |text: String| connections.enter(Some(text.parse().unwrap()));
        let places: Vec<_> = (0..20).map_while(|n| enter(format!("2001:db8:0:{n:x}::1")).ok()).collect();
        assert_eq!(places.len(), 8, "four times as many as from one /64");
        assert_eq!(enter("2001:db8:0:ffff::1".to_owned()).err(), Some(Full::Network));
        assert!(enter("2001:db8:1::1".to_owned()).is_ok(), "the neighbour has places of his own");
        drop(places);
        assert!(connections.state.lock().unwrap().by_network.is_empty());
    }
}
