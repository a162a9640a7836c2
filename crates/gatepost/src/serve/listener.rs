//! Ports and sockets: bound while we may be root, accepted from later.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::Path;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use thiserror::Error;
use tokio::net::{TcpListener, UnixListener};

use super::stream::Stream;
use crate::config::Listen;

/// A bound port or socket.
#[derive(Debug)]
pub enum Bound {
    /// A TCP port.
    Tcp(StdTcpListener),
    /// A socket in the file system.
    Unix(StdUnixListener),
}

/// It could not be bound.
#[derive(Debug, Error)]
#[error("[listen] {key}: {at} cannot be bound: {error}")]
pub struct BindError {
    /// The key in the configuration.
    pub key: &'static str,
    /// The address.
    pub at: String,
    /// Why.
    pub error: io::Error,
}

impl Bound {
    /// Binds.
    ///
    /// # Errors
    ///
    /// [`BindError`] with the key of the configuration.
    pub fn bind(key: &'static str, listen: &Listen) -> Result<Self, BindError> {
        let failed = |error| BindError { key, at: listen.to_string(), error };
        match listen {
            Listen::Tcp(address) => Ok(Self::Tcp(bind_tcp(*address).map_err(failed)?)),
            Listen::Unix(path) => Ok(Self::Unix(bind_unix(path).map_err(failed)?)),
        }
    }

    /// Hands it to the runtime.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn listen(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(listener) => Listener::Tcp(TcpListener::from_std(listener)?),
            Self::Unix(listener) => Listener::Unix(UnixListener::from_std(listener)?),
        })
    }
}

/// `0.0.0.0` and `[::]` are two listeners side by side, so an IPv6 socket takes
/// no IPv4 connections.
fn bind_tcp(address: SocketAddr) -> io::Result<StdTcpListener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    sockopt::set_socket_reuseaddr(&socket, true)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(StdTcpListener::from(socket))
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A socket that a server left behind when it was killed is in the way, one
/// that somebody listens on is not ours to take.
fn bind_unix(path: &Path) -> io::Result<StdUnixListener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if let Ok(there) = fs::symlink_metadata(path) {
        // A wrong path must not cost a file.
        if !there.file_type().is_socket() || !is_left_behind(path) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    let listener = StdUnixListener::bind(path)?;
    // Whoever may write to the socket may inject mail; the group decides.
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Whether nobody listens there: only a refused connection says so. Whoever
/// may not connect, such as a root that may not override permissions, asks the
/// kernel's list of sockets.
fn is_left_behind(path: &Path) -> bool {
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => true,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => match fs::read("/proc/net/unix") {
            Ok(list) => !is_listed(&String::from_utf8_lossy(&list), path),
            Err(_) => false,
        },
        _ => false,
    }
}

/// Whether a socket is bound to this path (proc(5): the path is the last of
/// eight fields, as it was given to `bind`, which may have been below some
/// working folder).
fn is_listed(list: &str, path: &Path) -> bool {
    let Ok(path) = std::path::absolute(path) else { return true };
    list.lines().skip(1).filter_map(bound_to).any(|bound| path.ends_with(bound.trim_start_matches("./")))
}

fn bound_to(line: &str) -> Option<&str> {
    let mut rest = line;
    for _ in 0..7 {
        (_, rest) = rest.trim_start().split_once(' ')?;
    }
    Some(rest.trim_start()).filter(|path| !path.is_empty())
}

/// Accepts connections.
#[derive(Debug)]
pub enum Listener {
    /// On a TCP port.
    Tcp(TcpListener),
    /// On a socket in the file system.
    Unix(UnixListener),
}

impl Listener {
    /// The next connection, with the peer's address where it has one.
    ///
    /// # Errors
    ///
    /// As the operating system says, such as too many open files.
    pub async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // A connection that is broken already shows that when it is read.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), Some(peer.ip().to_canonical())))
            }
            Self::Unix(listener) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_share_a_port() {
        let v6 = Bound::bind("smtp", &Listen::Tcp("[::]:0".parse().unwrap())).unwrap();
        let Bound::Tcp(listener) = &v6 else { panic!("a TCP port") };
        let port = listener.local_addr().unwrap().port();
        let v4 = Listen::Tcp(SocketAddr::from(([0, 0, 0, 0], port)));
        assert!(Bound::bind("smtp", &v4).is_ok());
    }

    #[test]
    fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let listen = Listen::Unix(dir.path().join("run/lmtp.sock"));
        drop(Bound::bind("lmtp", &listen).unwrap());
        let held = Bound::bind("lmtp", &listen).unwrap();
        let error = Bound::bind("lmtp", &listen).unwrap_err();
        assert!(error.to_string().contains("lmtp"), "{error}");
        drop(held);
        // What is no socket is somebody's.
        let file = dir.path().join("mail.txt");
        fs::write(&file, "mine").unwrap();
        assert!(Bound::bind("lmtp", &Listen::Unix(file.clone())).is_err());
        assert_eq!(fs::read(&file).unwrap(), b"mine");
    }

    /// As root is that may not override permissions; of this thread alone.
    fn drop_override() {
        use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::DAC_OVERRIDE);
        set_capabilities(None, sets).unwrap();
    }

    #[test]
    fn a_socket_that_we_may_not_connect_to_is_not_taken_for_one_left_behind() {
        let alone = std::thread::spawn(|| {
            drop_override();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("lmtp.sock");
            let listen = Listen::Unix(path.clone());
            let held = Bound::bind("lmtp", &listen).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
            let denied = StdUnixStream::connect(&path).unwrap_err();
            assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
            assert_eq!(Bound::bind("lmtp", &listen).unwrap_err().error.kind(), io::ErrorKind::AddrInUse);
            drop(held);
            assert!(Bound::bind("lmtp", &listen).is_ok(), "nobody has it any more");
        });
        alone.join().unwrap();
    }

    #[test]
    fn the_kernels_list_of_sockets() {
        let list = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            00000000894522cf: 00000003 00000000 00000000 0005 03 2407876\n\
            00000000894522cf: 00000002 00000000 00010000 0001 01   876 /run/a b.sock\n\
            00000000894522cf: 00000002 00000000 00010000 0001 01 24078 ./var/run/c.sock\n\
            00000000894522cf: 00000002 00000000 00010000 0001 01 24079 @/run/d.sock\n";
        for (path, listed) in [
            ("/run/a b.sock", true),
            ("/run/b.sock", false),
            ("/home/me/var/run/c.sock", true),
            ("/run/c.sock", false),
            ("/run/d.sock", false),
        ] {
            assert_eq!(is_listed(list, Path::new(path)), listed, "{path}");
        }
    }
}
