//! The virus scanner inside the transaction: what it finds, and what happens
//! when it dies or its signatures change.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;

use testkit::command::python;
use testkit::server::{Server, Setup, signal};

use crate::delivery::messages;
use crate::house::eventually;
use crate::smtp::{Client, mail};

/// The test file that every scanner knows, put together here so that no
/// scanner takes this source for it.
pub fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-", "TEST-FILE!$H+H*"].concat()
}

/// A message with EICAR in a zip in a zip, made by Python's own library.
const ZIPPED: &str = r#"
import io, sys, zipfile
from email.message import EmailMessage
data = sys.argv[1].encode()
for level in range(int(sys.argv[2])):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
        z.writestr('level%d.com' % level, data)
    data = out.getvalue()
m = EmailMessage()
m['From'] = 'a@client.example'; m['To'] = 'alice@example.org'; m['Subject'] = 'zip'
m.set_content('see attachment\n')
m.add_attachment(data, maintype='application', subtype='zip', filename='a.zip')
sys.stdout.write(m.as_string())
"#;

fn scanning() -> Server {
    Server::start(Setup { scan: true, ..Setup::default() })
}

#[test]
fn a_virus_is_refused_kept_and_shown() {
    let server = scanning();
    let mut client = Client::connect(server.smtp).unwrap();
    for levels in ["1", "2"] {
        let text = python(ZIPPED, &[&eicar(), levels]).ok();
        let reply = client.message("s@client.example", &["alice@example.org"], &text).unwrap();
        assert!(reply.starts_with("550 5.7.1 ") && reply.contains("https://mx.example.org/report/"), "{reply}");
    }
    let reply = client.message("s@client.example", &["alice@example.org"], &mail("clean", "x")).unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
    let kept: serde_json::Value = serde_json::from_str(&server.ok(&["--json", "quarantine", "list"], "")).unwrap();
    assert_eq!(kept.as_array().map(Vec::len), Some(2), "{kept}");
    assert!(kept[0]["reason"].as_str().unwrap().starts_with("virus:"), "{kept}");
}

#[test]
fn postmaster_is_not_refused() {
    let server = scanning();
    let mut client = Client::connect(server.smtp).unwrap();
    let reply = client.message("s@client.example", &["postmaster@example.org"], &mail("v", &eicar())).unwrap();
    assert!(reply.starts_with("250"), "{reply}");
}

#[test]
fn scan_by_hand() {
    let mut server = scanning();
    let (virus, clean) = (server.path("virus.eml"), server.path("clean.eml"));
    fs::write(&virus, mail("v", &eicar())).unwrap();
    fs::write(&clean, mail("clean", "x")).unwrap();
    let scan = |server: &Server, file: &Path| {
        let output = server.gatepost(&["--json", "scan", &file.display().to_string()], "");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let said = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
        (output.status.code(), said("outcome"), said("detail").to_lowercase().contains("eicar"), said("by"))
    };
    let running = || "the running server".to_owned();
    assert_eq!(scan(&server, &virus), (Some(1), "virus".to_owned(), true, running()));
    assert_eq!(scan(&server, &clean), (Some(0), "clean".to_owned(), false, running()));
    // What is no question of ours costs nobody else anything.
    for nonsense in [&b"{}"[..], b"\0\xff", br#"{"scan":{"length":5,"sha256":[1]}}"#, &[b'['; 20_000]] {
        let mut socket = UnixStream::connect(server.path("data/control.sock")).unwrap();
        let _ = socket.write_all(nonsense);
    }
    assert_eq!(scan(&server, &clean).0, Some(0));
    server.stop();
    assert!(!server.path("data/control.sock").exists());
    assert_eq!(
        scan(&server, &virus),
        (Some(1), "virus".to_owned(), true, "a scanner of its own, as no server is running".to_owned())
    );
}

#[test]
fn a_killed_worker_costs_no_message() {
    let server = scanning();
    let mut client = Client::connect(server.smtp).unwrap();
    for round in 0..5 {
        for worker in workers(server.pid()) {
            signal(worker, "KILL");
        }
        let text = mail(&format!("round{round}"), "x");
        let reply = client.message("s@client.example", &["alice@example.org"], &text).unwrap();
        assert!(reply.starts_with("250") || reply.starts_with("451 4.7.0"), "{reply}");
    }
    eventually("messages are scanned again", || {
        client.message("s@client.example", &["bob@example.org"], &mail("after", "x")).unwrap().starts_with("250")
    });
}

#[test]
fn new_signatures_take_over_and_broken_ones_do_not() {
    let server = scanning();
    let folder = server.path("signatures");
    let send = || {
        let mut client = Client::connect(server.smtp).unwrap();
        // The very same message again would count as a retry.
        let phrase = mail("phrase", "the quetzal sings at dawn");
        client.message("s@client.example", &["alice@example.org"], &phrase).unwrap()
    };
    let said = send();
    assert!(said.starts_with("250"), "{said}");
    let hex: String = "quetzal sings".bytes().map(|b| format!("{b:02x}")).collect();
    put(&folder, "test.ndb", &format!("Test.Quetzal:0:*:{hex}\n"));
    eventually("the new signature works", || send().starts_with("550 5.7.1"));
    put(&folder, "broken.ndb", "this is no signature\n");
    let refused = "the signature set is refused; the old one stays in use";
    eventually("the broken set is reported", || server.log().contains(refused));
    let said = send();
    assert!(said.starts_with("550 5.7.1"), "{said}");
}

fn put(folder: &Path, name: &str, text: &str) {
    let temporary = folder.join(".new");
    fs::write(&temporary, text).unwrap();
    fs::rename(temporary, folder.join(name)).unwrap();
}

/// The scanner's workers: children of the server.
pub fn workers(server: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap_or_default();
    let mut found: Vec<u32> = children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    for task in fs::read_dir(format!("/proc/{server}/task")).unwrap().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(children.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found.sort_unstable();
    found.dedup();
    found
}
