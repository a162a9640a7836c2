//! Whether the ports are free, or taken by a running server of ours.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::Finding;
use crate::config::{Config, Listen};

const NAME: &str = "port";

/// One finding for each listener.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    config.listen.all().map(|(key, listen)| look(key, listen)).collect()
}

fn look(key: &str, listen: &Listen) -> Finding {
    match listen {
        Listen::Tcp(address) => tcp(key, *address),
        Listen::Unix(path) => unix(key, path),
    }
}

fn tcp(key: &str, address: SocketAddr) -> Finding {
    let error = match TcpListener::bind(address) {
        Ok(_) => return Finding::ok(NAME, format!("{key} {address}: free")),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse => taken(&format!("{key} {address}"), holder(address.port())),
        ErrorKind::PermissionDenied => {
            let message = format!("{key} {address}: only root may open it");
            Finding::warn(NAME, message, "run this check as root, and start the server as root or by systemd")
        }
        ErrorKind::AddrNotAvailable => {
            let hint = "name an address of this machine, or 0.0.0.0 for all";
            Finding::fail(NAME, format!("{key} {address}: this machine does not have this address"), hint)
        }
        _ => Finding::fail(NAME, format!("{key} {address}: {error}"), "choose another address in [listen]"),
    }
}

fn unix(key: &str, path: &Path) -> Finding {
    let shown = format!("{key} {}", path.display());
    if UnixStream::connect(path).is_ok() {
        return Finding::ok(NAME, format!("{shown}: somebody answers there"));
    }
    match path.parent() {
        Some(folder) if folder.is_dir() => Finding::ok(NAME, format!("{shown}: free")),
        _ => Finding::warn(
            NAME,
            format!("{shown}: its folder is not there"),
            "it is made when the server starts, if the user may",
        ),
    }
}

/// Which program listens on a port, and its process.
type Holder = Option<(String, u32)>;

fn taken(shown: &str, holder: Holder) -> Finding {
    match holder {
        Some((program, pid)) if program == "gatepost" => {
            Finding::ok(NAME, format!("{shown}: used by the running server (process {pid})"))
        }
        Some((program, pid)) => {
            let hint = format!("stop {program}, or choose another port in [listen]");
            Finding::fail(NAME, format!("{shown}: taken by {program} (process {pid})"), hint)
        }
        None => {
            let hint = "`ss -ltnp` as root shows by which; stop it, or choose another port in [listen]";
            Finding::fail(NAME, format!("{shown}: taken by another program"), hint)
        }
    }
}

/// Looks for the process that has the listening socket open. Without root only
/// processes of one's own can be seen.
fn holder(port: u16) -> Holder {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
    let wanted: Vec<String> =
        tables.iter().flat_map(|table| inodes(table, port)).map(|n| format!("socket:[{n}]")).collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| has_open(*pid, &wanted))?;
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some((program.trim().to_owned(), pid))
}

fn has_open(pid: u32, wanted: &[String]) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.into_iter().any(|link| wanted.iter().any(|name| link.as_os_str() == name.as_str()))
}

/// Inodes of the sockets that listen on a port (proc_net_tcp: address, port and
/// state in hex; state 0A is LISTEN; the tenth column is the inode).
fn inodes(table: &str, port: u16) -> Vec<u64> {
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let local = columns.get(1)?.rsplit_once(':')?.1;
        let listens = *columns.get(3)? == "0A" && u16::from_str_radix(local, 16).ok()? == port;
        columns.get(9)?.parse().ok().filter(|_| listens)
    };
    table.lines().skip(1).filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;

    #[test]
    fn a_taken_port_is_seen_with_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (_, pid) = holder(address.port()).unwrap();
        assert_eq!(pid, std::process::id());
        // The test's own program is not called gatepost.
        let finding = tcp("smtp", address);
        assert_eq!(finding.status, Status::Fail, "{finding:?}");
        drop(listener);
        assert_eq!(tcp("smtp", address).status, Status::Ok);
        assert_eq!(tcp("smtp", "192.0.2.1:25".parse().unwrap()).status, Status::Fail);
    }

    #[test]
    fn what_is_said_of_a_holder() {
        let cases = [
            (Some(("gatepost".to_owned(), 7)), Status::Ok),
            (Some(("master".to_owned(), 7)), Status::Fail),
            (None, Status::Fail),
        ];
        for (holder, status) in cases {
            assert_eq!(taken("smtp", holder).status, status);
        }
    }

    #[test]
    fn tables() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:09DD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n\
            1: 0100007F:09DD 0100007F:0001 01 00000000:00000000 00:00000000 00000000     0        0 4343 1\n\
            2: short\n";
        assert_eq!(inodes(table, 0x09DD), [4242]);
        assert_eq!(inodes(table, 25), [0_u64; 0]);
    }

    #[test]
    fn sockets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lmtp.sock");
        assert_eq!(unix("lmtp", &path).status, Status::Ok);
        assert_eq!(unix("lmtp", &dir.path().join("none/lmtp.sock")).status, Status::Warn);
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(unix("lmtp", &path).message.contains("answers"));
    }
}
