//! How many connections there may be: in all, and from one network.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
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
    by_network: HashMap<IpAddr, usize>,
}

/// A place among the open connections; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    connections: Connections,
    network: Option<IpAddr>,
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
    /// address or one IPv6 /64.
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
        let network = peer.map(network);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.open >= self.total {
            return Err(Full::Server);
        }
        if let Some(network) = network {
            let count = state.by_network.entry(network).or_default();
            if *count >= self.per_network {
                return Err(Full::Network);
            }
            *count += 1;
        }
        state.open += 1;
        Ok(Place { connections: self.clone(), network })
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
        let Some(network) = self.network else { return };
        let left = state.by_network.get(&network).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            state.by_network.remove(&network);
        } else {
            state.by_network.insert(network, left);
        }
    }
}

/// One household or server has one IPv4 address, or one IPv6 /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
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
}
