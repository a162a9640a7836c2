//! A signature folder that holds a broken set: whatever else happens, mail is
//! scanned with the last set that could be loaded.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::server::{Server, Setup, signal};

use crate::house::eventually;
use crate::smtp::{Client, mail};
use crate::virus::{eicar, workers};

fn send(server: &Server, body: &str) -> String {
    let mut client = Client::connect(server.smtp).unwrap();
    client.message("s@client.example", &["alice@example.org"], &mail("x", body)).unwrap()
}

fn metrics(server: &Server) -> String {
    let mut page = String::new();
    let mut stream = TcpStream::connect(server.metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut page).unwrap();
    page
}

/// The old set scans: what it knows is refused, the rest comes.
fn still_scans(server: &Server) {
    eventually("messages are scanned", || send(server, "hello").starts_with("250"));
    let said = send(server, &eicar());
    assert!(said.starts_with("550 5.7.1"), "{said}");
}

#[test]
fn a_broken_set_and_a_killed_worker() {
    let mut server = Server::start(Setup { scan: true, ..Setup::default() });
    let (folder, good) = (server.path("signatures"), server.path("data/scanner/good"));
    still_scans(&server);
    eventually("the set is kept", || good.exists());
    // Rewritten in place, as some feeds are.
    let name = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_file()).unwrap();
    let whole = fs::read(&name).unwrap();
    fs::write(&name, "this is no signature\n").unwrap();
    let refused = "the signature set is refused; the old one stays in use";
    eventually("the broken set is reported", || server.log().contains(refused));
    for worker in workers(server.pid()) {
        signal(worker, "KILL");
    }
    still_scans(&server);
    assert!(!server.log().contains("the signature set is in use"), "nothing new was loaded");
    eventually("the metrics say it", || metrics(&server).contains("gatepost_scanner_signatures_refused 1"));
    let check = server.gatepost(&["check"], "");
    let said = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
    assert!(said.contains("the copy of the last good set is in use"), "{said}");

    server.stop();
    server.run();
    still_scans(&server);

    fs::write(&name, whole).unwrap();
    let hex: String = "quetzal sings".bytes().map(|byte| format!("{byte:02x}")).collect();
    fs::write(folder.join("new.ndb"), format!("Test.Quetzal:0:*:{hex}\n")).unwrap();
    eventually("the repaired set is taken over", || send(&server, "the quetzal sings").starts_with("550 5.7.1"));
    still_scans(&server);
    eventually("the metrics say it", || metrics(&server).contains("gatepost_scanner_signatures_refused 0"));
}
