//! Disks that are full or refuse: a 4xx, nothing half-written, and the next
//! message works without a restart.

use std::fs;

use testkit::server::{Server, Setup};

use crate::delivery::messages;
use crate::house::{Imap, Mount, ends_ok, eventually, may_mount, prepared, unfinished};
use crate::smtp::{Client, mail};

fn large() -> String {
    mail("large", &"0123456789abcdef0123456789abcdef0123456789abcdef\n".repeat(6_000))
}

fn send(client: &mut Client, to: &[&str], text: &str) -> String {
    client.message("s@client.example", to, text).unwrap()
}

/// Nobody sees anything, and nothing is left behind once the server has tidied
/// up, which it does after its answer.
fn nothing_of(server: &Server, users: &[&str]) {
    for user in users {
        let maildir = server.maildir(&format!("{user}@example.org"));
        assert!(messages(&maildir).is_empty(), "{user} sees a message");
        eventually("nothing is half-written", || unfinished(&maildir).is_empty());
    }
    eventually("the spool is empty", || {
        let spool = fs::read_dir(server.path("data/spool")).unwrap().flatten();
        let spool = spool.filter(|entry| entry.file_name() != "filler");
        !spool.into_iter().any(|entry| entry.metadata().is_ok_and(|m| m.is_file() && m.len() > 200))
    });
}

#[test]
fn a_full_mail_disk() {
    if !may_mount() {
        return;
    }
    let mut server = prepared(Setup::default());
    fs::create_dir_all(server.path("mail")).unwrap();
    // Declared behind the server, so unmounted before its folder is removed.
    let disk = Mount::tmpfs(&server.path("mail"), "4m").expect("it was possible before");
    server.run();
    let mut client = Client::connect(server.smtp).unwrap();
    // The folders are made while there is room.
    let both = ["alice@example.org", "bob@example.org"];
    assert!(send(&mut client, &both, &mail("before", "x")).starts_with("250"));
    for user in ["alice", "bob"] {
        for file in fs::read_dir(server.maildir(&format!("{user}@example.org")).join("new")).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
    let filler = disk.fill();
    for _ in 0..3 {
        let said = send(&mut client, &both, &large());
        assert!(said.starts_with("452 4.3.1"), "{said}");
        nothing_of(&server, &["alice", "bob"]);
    }
    // Room for one of the two copies is not enough for either.
    let almost = fs::File::options().write(true).open(&filler).unwrap();
    almost.set_len(filler.metadata().unwrap().len() - (400 << 10)).unwrap();
    let said = send(&mut client, &both, &large());
    assert!(said.starts_with("452 4.3.1"), "{said}");
    nothing_of(&server, &["alice", "bob"]);

    drop(almost);
    fs::remove_file(&filler).unwrap();
    let said = send(&mut client, &both, &large());
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(messages(&server.maildir("bob@example.org")).len(), 1);
}

#[test]
fn a_full_spool() {
    if !may_mount() {
        return;
    }
    let mut server = prepared(Setup::default());
    fs::create_dir_all(server.path("data/spool")).unwrap();
    let disk = Mount::tmpfs(&server.path("data/spool"), "200k").expect("it was possible before");
    server.run();
    let mut client = Client::connect(server.smtp).unwrap();
    for _ in 0..3 {
        let said = send(&mut client, &["alice@example.org"], &large());
        assert!(said.starts_with("452 4.3.1"), "{said}");
        nothing_of(&server, &["alice"]);
    }
    let said = send(&mut client, &["alice@example.org"], &mail("small", "x"));
    assert!(said.starts_with("250"), "{said}");
    let filler = disk.fill();
    let said = send(&mut client, &["bob@example.org"], &mail("small", "x"));
    assert!(said.starts_with("452 4.3.1"), "{said}");
    nothing_of(&server, &["bob"]);
    fs::remove_file(filler).unwrap();
    let said = send(&mut client, &["bob@example.org"], &mail("small", "x"));
    assert!(said.starts_with("250"), "{said}");
}

#[test]
fn a_full_disk_under_spool_and_databases() {
    if !may_mount() {
        return;
    }
    let mut server = Server::prepare(Setup::default());
    let disk = Mount::tmpfs(&server.path("data"), "12m").expect("it was possible before");
    server.ok(&["domain", "add", "example.org"], "");
    server.ok(&["user", "add", "alice@example.org"], "password of alice\n");
    server.run();
    let mut client = Client::connect(server.smtp).unwrap();
    assert!(send(&mut client, &["alice@example.org"], &mail("before", "x")).starts_with("250"));
    let filler = disk.fill();
    for number in 0..3 {
        let said = send(&mut client, &["alice@example.org"], &mail(&format!("full{number}"), "x"));
        assert!(said.starts_with("452 4.3.1") || said.starts_with("451 4.3.0"), "{said}");
    }
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
    fs::remove_file(filler).unwrap();
    let said = send(&mut client, &["alice@example.org"], &mail("after", "x"));
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 2);
}

/// Another program fills the disk to its last byte. Its users still read, and
/// what they delete is room again, without a restart.
#[test]
fn a_full_disk_is_emptied_by_its_users() {
    if !may_mount() {
        return;
    }
    let mut server = Server::prepare(Setup::default());
    let disk = Mount::tmpfs(&server.path("data"), "24m").expect("it was possible before");
    // Mail, spool and databases have one file system.
    fs::create_dir(server.path("data/mail")).unwrap();
    let _ = fs::remove_dir(server.path("mail"));
    std::os::unix::fs::symlink(server.path("data/mail"), server.path("mail")).unwrap();
    server.ok(&["domain", "add", "example.org"], "");
    server.ok(&["user", "add", "alice@example.org"], "password of alice\n");
    server.run();
    let mut client = Client::connect(server.smtp).unwrap();
    let to = ["alice@example.org"];
    let megabyte = mail("large", &"0123456789abcdef0123456789abcdef0123456789abcdef\n".repeat(20_000));
    for _ in 0..5 {
        assert!(send(&mut client, &to, &megabyte).starts_with("250"));
    }
    eventually("room is kept for those who delete", || server.path("data/.gatepost-reserve").exists());
    let _filler = disk.fill();
    for _ in 0..2 {
        let said = send(&mut client, &to, &mail("refused", "x"));
        assert!(said.starts_with("452 4.3.1"), "{said}");
    }
    let mut imap = Imap::login(&server, "alice");
    let said = imap.command("SELECT INBOX");
    assert!(ends_ok(&said) && said.contains("* 5 EXISTS"), "{said}");
    let said = imap.command("FETCH 1 (FLAGS BODY[])");
    assert!(ends_ok(&said) && said.contains("Subject: large"), "{}", said.lines().last().unwrap_or_default());
    let said = imap.command("STORE 1:4 +FLAGS (\\Deleted)");
    assert!(ends_ok(&said), "{said}");
    let said = imap.command("EXPUNGE");
    assert!(ends_ok(&said) && said.matches(" EXPUNGE").count() == 4, "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
    eventually("mail is taken again", || send(&mut client, &to, &mail("again", "x")).starts_with("250"));
    let said = imap.command("NOOP");
    assert!(ends_ok(&said) && said.contains("* 2 EXISTS"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written() {
    if !may_mount() {
        return;
    }
    let server = Server::start(Setup::default());
    let mut client = Client::connect(server.smtp).unwrap();
    let both = ["bob@example.org", "alice@example.org"];
    for user in both {
        assert!(send(&mut client, &[user], &mail("before", "x")).starts_with("250"));
        for file in fs::read_dir(server.maildir(user).join("new")).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
    let read_only = Mount::read_only(&server.maildir("alice@example.org")).expect("it was possible before");
    let said = send(&mut client, &both, &mail("refused", "x"));
    assert!(said.starts_with("452 4.3.1"), "{said}");
    nothing_of(&server, &["alice", "bob"]);
    let said = send(&mut client, &["bob@example.org"], &mail("others", "x"));
    assert!(said.starts_with("250"), "others go on: {said}");
    drop(read_only);
    let said = send(&mut client, &both, &mail("after", "x"));
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
}
