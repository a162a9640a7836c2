//! A whole system: `init --system` as root, and what systemd makes of the unit.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::command;
use testkit::server::{self, Server, Setup};

use crate::house::may_mount;

fn unit() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config/gatepost.service")
}

#[test]
fn the_unit_is_understood_and_gives_few_rights() {
    if !server::have("systemd-analyze") {
        eprintln!("skipped: there is no systemd-analyze");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("gatepost.service");
    // The program must be there for the unit to be right.
    let text = std::fs::read_to_string(unit()).unwrap().replace("/usr/local/bin/gatepost", "/bin/true");
    std::fs::write(&copy, text).unwrap();
    let copy = copy.display().to_string();
    let verified = command::run("systemd-analyze", &["verify", &copy], b"");
    assert_eq!(verified.code, Some(0), "{}", verified.text);
    // In tenths: what is left is the network, root until the ports are bound,
    // and the rights for that.
    let judged = command::run("systemd-analyze", &["security", "--offline=true", "--threshold=30", &copy], b"");
    assert_eq!(judged.code, Some(0), "{}", judged.text);
}

#[test]
fn a_system_is_set_up_and_serves_with_the_rights_of_the_unit() {
    if !may_mount() || ["unshare", "setpriv", "ip", "useradd"].iter().any(|program| !server::have(program)) {
        eprintln!("skipped: a program for namespaces is missing, or they are not allowed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/system.sh");
    let (bin, unit, dir) = (server::programs(), unit(), dir.path().to_owned());
    let paths = [&script, &bin, &unit, &dir].map(|path| path.display().to_string());
    let mut args = vec!["-m", "-n", "--propagation", "private", "sh"];
    args.extend(paths.iter().map(String::as_str));
    let done = command::run("unshare", &args, b"");
    assert_eq!(done.code, Some(0), "{}", done.text);
    let expected = [
        "Delivered-To: alice@example.org",
        "gatepost_scanner_ready 1",
        "CapEff:\t0000000000000000",
        "root gatepost 640 /etc/gatepost/gatepost.toml",
        "gatepost gatepost 600 /etc/gatepost/certs/server.key",
        "root root 600 /etc/gatepost/certs/ca/ca.key",
        "gatepost gatepost 700 /var/lib/gatepost/mail",
        "gatepost gatepost 660 /run/gatepost/lmtp.sock",
        "stopped: 0",
    ];
    for part in expected {
        assert!(done.text.contains(part), "{part}: {}", done.text);
    }
}

#[test]
fn systemd_is_told_and_the_socket_is_taken_away() {
    let server = Server::prepare(Setup::default());
    let at = server.path("notify");
    let socket = UnixDatagram::bind(&at).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut child = Command::new(server::programs().join("gatepost"))
        .args(["--config", &server.config().display().to_string(), "serve"])
        .env("NOTIFY_SOCKET", &at)
        .env("WATCHDOG_USEC", "200000")
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Others may come in between: the watchdog's.
    let until = |wanted: &str| loop {
        let mut text = [0; 512];
        let length = socket.recv(&mut text).unwrap_or_else(|error| panic!("{wanted}: {error}"));
        let said = String::from_utf8_lossy(&text[..length]).into_owned();
        if said.lines().any(|line| line == wanted) {
            return said;
        }
    };
    until("READY=1");
    until("WATCHDOG=1");
    assert!(server.lmtp().exists());
    server::signal(child.id(), "HUP");
    assert!(until("RELOADING=1").contains("MONOTONIC_USEC="));
    until("READY=1");
    server::signal(child.id(), "TERM");
    until("STOPPING=1");
    assert!(child.wait().unwrap().success());
    assert!(!server.lmtp().exists(), "the socket is taken away");
}
