//! Started as root: the low port is bound, everything else is done as a user
//! who cannot come back.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use testkit::command;
use testkit::server::{Server, Setup};

use crate::delivery::messages;
use crate::house::{Imap, ends_ok};
use crate::smtp::{Client, mail};

const USER: &str = "nobody";

fn id(args: &[&str]) -> String {
    command::run("id", args, b"").text.trim().to_owned()
}

fn low_port() -> Option<SocketAddr> {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (600..1024).rev().find(free).map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
}

/// Whether every task of the server is this user and group, with no further
/// groups and no capability left.
fn is_unprivileged(pid: u32, uid: &str, gid: &str) {
    let mut tasks = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let Ok(status) = fs::read_to_string(task.unwrap().path().join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_ascii_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(field("Uid:"), [uid; 4], "{status}");
        assert_eq!(field("Gid:"), [gid; 4], "{status}");
        assert!(field("Groups:").iter().all(|group| group == gid), "{status}");
        for set in ["CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(set), ["0000000000000000"], "{status}");
        }
        assert_eq!(field("NoNewPrivs:"), ["1"], "{status}");
        tasks += 1;
    }
    assert!(tasks > 1, "the runtime has threads");
}

fn may_read(user: &str, file: &Path) -> bool {
    let (uid, gid) = (id(&["-u", user]), id(&["-g", user]));
    let args = ["--reuid", &uid, "--regid", &gid, "--clear-groups", "cat", &file.display().to_string()];
    command::run("setpriv", &args, b"").code == Some(0)
}

#[test]
fn root_is_given_up_once_the_ports_are_bound() {
    let (uid, gid) = (id(&["-u", USER]), id(&["-g", USER]));
    if id(&["-u"]) != "0" || uid.parse::<u32>().is_err() {
        eprintln!("skipped: not root, or there is no user {USER}");
        return;
    }
    let Some(port) = low_port() else {
        eprintln!("skipped: no low port can be bound here");
        return;
    };
    let mut server = Server::prepare(Setup::default());
    server.smtp = port;
    server.configure("");
    let text = fs::read_to_string(server.config()).unwrap();
    fs::write(server.config(), text.replace("user = \"\"", &format!("user = \"{USER}\""))).unwrap();
    // What `init --system` does for the server's own user.
    let home = server.path("");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(server.path("mail")).unwrap();
    for mine in ["data", "mail", "certs/server.key"] {
        let path = server.path(mine).display().to_string();
        assert_eq!(command::run("chown", &["-R", &format!("{uid}:{gid}"), &path], b"").code, Some(0));
    }
    server.ok(&["domain", "add", "example.org"], "");
    server.ok(&["user", "add", "alice@example.org"], "password of alice\n");
    server.run();

    is_unprivileged(server.pid(), &uid, &gid);
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("low", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
    let mut imap = Imap::login(&server, "alice");
    assert!(ends_ok(&imap.command("SELECT INBOX")));
    is_unprivileged(server.pid(), &uid, &gid);

    assert!(may_read(USER, &server.path("certs/server.pem")), "the folder itself can be entered");
    let ca_key = server.path("certs/ca/ca.key");
    assert!(ca_key.exists() && !may_read(USER, &ca_key), "the authority's key can be read");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_user_that_does_not_exist_is_told() {
    let server = Server::prepare(Setup::default());
    let text = fs::read_to_string(server.config()).unwrap();
    fs::write(server.config(), text.replace("user = \"\"", "user = \"no-such-user\"")).unwrap();
    let said = server.gatepost(&["serve"], "");
    assert!(!said.status.success());
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(text.contains("no-such-user") && text.contains("useradd"), "{text}");
}
