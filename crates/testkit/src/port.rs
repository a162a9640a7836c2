//! Free ports on loopback, each given once.

use std::hash::{BuildHasher, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Below the ports that the system gives to clients, since a connection of any
/// other test could take one of those between our look and the server's start.
const FIRST: u64 = 10_000;
const COUNT: u64 = 20_000;

/// A port of 127.0.0.1 that nobody listens on, and that this process gives to
/// nobody else before it has been through all of them. Processes begin in
/// different places.
///
/// # Panics
///
/// Where none is free.
#[must_use]
pub fn free() -> SocketAddr {
    // Not by the process's number, which is 1 for more than one where they have
    // worlds of their own.
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(())));
    let candidates = (0..COUNT).map(|_| {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).expect("it is below 30,000")))
    });
    candidates.into_iter().find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_is_given_once() {
        let taken = TcpListener::bind(free()).unwrap();
        let ports: BTreeSet<_> = (0..200).map(|_| free()).collect();
        assert_eq!(ports.len(), 200);
        assert!(!ports.contains(&taken.local_addr().unwrap()));
    }
}
