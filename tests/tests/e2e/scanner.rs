//! A scanner that is killed, stopped or too slow: the message is scanned
//! again, or deferred, and the server lives.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use testkit::command::python;
use testkit::server::{Server, Setup, halt, signal};

use crate::delivery::messages;
use crate::house::eventually;
use crate::smtp::{Client, mail};
use crate::virus::workers;

/// A clean message that takes the scanner a second or more for each 2 files of
/// markup in its zip.
const SLOW: &str = r#"
import io, sys, zipfile
from email.message import EmailMessage
page = b'<html><body>' + b'<a href="http://example.org/?x">link</a><script>var a="x"+1;</script>\n' * 20000
out = io.BytesIO()
with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as z:
    for i in range(int(sys.argv[1])):
        z.writestr('f%d.html' % i, page + str(i).encode())
m = EmailMessage()
m['From'] = 'a@client.example'; m['To'] = 'alice@example.org'; m['Subject'] = 'slow'
m.set_content('see attachment\n')
m.add_attachment(out.getvalue(), maintype='application', subtype='zip', filename='a.zip')
sys.stdout.write(m.as_string())
"#;

fn slow(files: usize) -> String {
    python(SLOW, &[&files.to_string()]).ok()
}

/// Seconds of processor time in hundredths (proc(5), `utime` and `stime`).
fn busy(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Waits for a worker that is in the middle of the slow message, and kills it.
fn kill_in_mid_scan(server: &Server, killed: &mut Vec<u32>) {
    let mut idle: Vec<(u32, u64)> = workers(server.pid()).into_iter().map(|pid| (pid, busy(pid))).collect();
    eventually("a worker is busy", || {
        let now = workers(server.pid());
        for pid in &now {
            if !idle.iter().any(|(known, _)| known == pid) {
                idle.push((*pid, 0));
            }
        }
        let worker = idle.iter().find(|(pid, before)| !killed.contains(pid) && busy(*pid) > before + 25);
        let Some((worker, _)) = worker else { return false };
        signal(*worker, "KILL");
        killed.push(*worker);
        true
    });
}

#[test]
fn killed_in_mid_scan() {
    let server = Server::start(Setup { scan: true, more: "budget = \"300s\"\n".to_owned(), ..Setup::default() });
    let send = |text: &str| {
        let mut client = Client::connect(server.smtp).unwrap();
        client.message("s@client.example", &["alice@example.org"], text).unwrap()
    };
    let quick = AtomicBool::new(true);
    let text = slow(6);
    std::thread::scope(|scope| {
        // Load beside it: other messages may be deferred, never refused.
        scope.spawn(|| {
            let mut client = Client::connect(server.smtp).unwrap();
            let mut number = 0;
            while quick.load(Ordering::SeqCst) && number < 90 {
                let text = mail(&format!("beside{number}"), "x");
                let said = client.message("s@client.example", &["bob@example.org"], &text).unwrap();
                assert!(said.starts_with("250") || said.starts_with("451 4.7.0"), "{said}");
                number += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let mut killed = Vec::new();
        let once = scope.spawn(|| send(&text));
        kill_in_mid_scan(&server, &mut killed);
        let said = once.join().unwrap();
        assert!(said.starts_with("250"), "it is scanned again: {said}");

        let twice = scope.spawn(|| send(&text.replace("slow", "slower")));
        kill_in_mid_scan(&server, &mut killed);
        kill_in_mid_scan(&server, &mut killed);
        let said = twice.join().unwrap();
        quick.store(false, Ordering::SeqCst);
        assert!(said.starts_with("451 4.7.0"), "{said}");
    });
    eventually("messages are scanned again", || send(&mail("after", "x")).starts_with("250"));
    assert!(messages(&server.maildir("alice@example.org")).iter().all(|text| !text.contains("Subject: slower")));
}

#[test]
fn killed_again_and_again() {
    let server = Server::start(Setup { scan: true, ..Setup::default() });
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                workers(server.pid()).into_iter().for_each(|pid| signal(pid, "KILL"));
            }
        });
        let mut client = Client::connect(server.smtp).unwrap();
        for number in 0..3 {
            let text = mail(&format!("never{number}"), "x");
            let said = client.message("s@client.example", &["alice@example.org"], &text);
            let said = said.unwrap_or_else(|error| format!("none: {error}"));
            assert!(said.starts_with("451 4.7.0") || said.starts_with("250"), "{said}");
        }
        stop.store(true, Ordering::SeqCst);
    });
    let mut client = Client::connect(server.smtp).unwrap();
    eventually("messages are scanned again", || {
        client.message("s@client.example", &["alice@example.org"], &mail("after", "x")).unwrap().starts_with("250")
    });
}

#[test]
fn what_takes_longer_than_the_budget_is_deferred() {
    let server = Server::start(Setup { scan: true, more: "budget = \"1s\"\n".to_owned(), ..Setup::default() });
    let send = |text: &str| {
        let mut client = Client::connect(server.smtp).unwrap();
        client.message("s@client.example", &["alice@example.org"], text).unwrap()
    };
    eventually("the scanner is ready", || send(&mail("before", "x")).starts_with("250"));
    let before = messages(&server.maildir("alice@example.org")).len();
    let said = send(&slow(24));
    assert!(said.starts_with("451 4.7.0"), "{said}");
    // A worker that does nothing at all.
    eventually("the scanner is ready", || send(&mail("between", "x")).starts_with("250"));
    for worker in workers(server.pid()) {
        halt(worker);
    }
    let said = send(&mail("stopped", "x"));
    assert!(said.starts_with("451 4.7.0"), "{said}");
    for worker in workers(server.pid()) {
        signal(worker, "CONT");
    }
    eventually("the scanner is ready", || send(&mail("after", "x")).starts_with("250"));
    let found = messages(&server.maildir("alice@example.org"));
    assert_eq!(found.len(), before + 2, "what was deferred is nowhere");
}

#[test]
fn a_worker_that_never_starts_defers() {
    let server = crate::house::prepared(Setup { scan: true, ..Setup::default() });
    let worker = server.path("worker");
    fs::write(&worker, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&worker, fs::Permissions::from_mode(0o755)).unwrap();
    let text = fs::read_to_string(server.config()).unwrap();
    let line = format!("[scan]\nworker = \"{}\"", worker.display());
    fs::write(server.config(), text.replace("[scan]", &line).replace("[judge]\n", "[judge]\nbudget = \"2s\"\n"))
        .unwrap();
    let mut server = server;
    server.run();
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("x", "x")).unwrap();
    assert!(said.starts_with("451 4.7.0"), "{said}");
    assert!(messages(&server.maildir("alice@example.org")).is_empty());
    assert!(client.say("NOOP").unwrap().starts_with("250"));
}
