//! Other programs in the Maildir while a session has the folder open.

use std::fs;
use std::path::PathBuf;

use testkit::server::{Server, Setup};

use crate::house::{Imap, configured, ends_ok, eventually};
use crate::smtp::{Client, mail};

fn file_of(server: &Server, sub: &str, subject: &str) -> Option<PathBuf> {
    let folder = server.maildir("alice@example.org").join(sub);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let line = format!("Subject: {subject}\n");
    files.into_iter().find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(&line)))
}

#[test]
fn what_others_do_is_seen_by_an_open_session() {
    what_others_do(Setup::default());
}

/// What has to hold on every pair of databases.
pub fn what_others_do(setup: Setup) {
    let server = Server::start(setup);
    let mut client = Client::connect(server.smtp).unwrap();
    for subject in ["one", "two", "three"] {
        let said = client.message("s@client.example", &["alice@example.org"], &mail(subject, "x")).unwrap();
        assert!(said.starts_with("250"), "{said}");
    }
    let mut imap = Imap::login(&server, "alice");
    let said = imap.command("SELECT INBOX");
    assert!(said.contains("* 3 EXISTS") && ends_ok(&said), "{said}");
    let uids = imap.command("UID SEARCH ALL");

    // A message dropped into new/ by another delivery agent.
    let maildir = server.maildir("alice@example.org");
    fs::write(maildir.join("tmp/1795255200.M1P1.other"), mail("dropped", "by hand")).unwrap();
    fs::rename(maildir.join("tmp/1795255200.M1P1.other"), maildir.join("new/1795255200.M1P1.other")).unwrap();
    eventually("the dropped message is announced", || imap.command("NOOP").contains("* 4 EXISTS"));
    let said = imap.command("FETCH 4 (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
    assert!(said.contains("Subject: dropped") && said.contains("UID 4"), "{said}");

    // Flags by renaming, as a mail reader on the server does.
    let path = file_of(&server, "cur", "two").or_else(|| file_of(&server, "new", "two")).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let base = name.split(":2,").next().unwrap();
    fs::rename(&path, maildir.join("cur").join(format!("{base}:2,FS"))).unwrap();
    let mut seen = String::new();
    eventually("the flags are announced", || {
        seen.push_str(&imap.command("NOOP"));
        seen.contains("* 2 FETCH") && seen.contains("\\Flagged") && seen.contains("\\Seen")
    });

    // And taken back.
    let path = file_of(&server, "cur", "two").unwrap();
    fs::rename(path, maildir.join("cur").join(format!("{base}:2,S"))).unwrap();
    eventually("the flag is gone", || {
        imap.command("NOOP");
        !imap.command("FETCH 2 (FLAGS)").contains("\\Flagged")
    });

    // Removed by another program: gone for the session too, once it is sure.
    let path = file_of(&server, "cur", "one").or_else(|| file_of(&server, "new", "one")).unwrap();
    fs::remove_file(path).unwrap();
    eventually("the removal is announced", || imap.command("NOOP").contains("* 1 EXPUNGE"));
    let said = imap.command("UID SEARCH ALL");
    assert!(said.contains("* SEARCH 2 3 4\r\n"), "UIDs stay: {said}, before {uids}");
    let said = imap.command("FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)])");
    assert!(said.contains("Subject: two"), "{said}");
}

#[test]
fn hostile_entries_in_a_maildir_do_no_harm() {
    let server = Server::start(Setup::default());
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("good", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    let new = server.maildir("alice@example.org").join("new");
    fs::write(server.path("secret"), "From: a@b.example\nSubject: secret\n\nsecret\n").unwrap();
    std::os::unix::fs::symlink(server.path("secret"), new.join("1795255201.M1P1.link")).unwrap();
    fs::create_dir(new.join("1795255202.M1P1.folder")).unwrap();
    fs::write(new.join("no mail name \u{1}\n"), "x").unwrap();
    fs::write(new.join("1795255203.M1P1.empty"), "").unwrap();
    fs::write(new.join("1795255204.M1P1.nul"), "From: a@b.example\nSubject: nul\n\na\0b\n").unwrap();
    let mut imap = Imap::login(&server, "alice");
    let mut found = String::new();
    eventually("the file with NUL is there", || {
        imap.command("SELECT INBOX");
        found = imap.command("FETCH 1:* (BODY.PEEK[])");
        found.contains("Subject: nul")
    });
    assert!(ends_ok(&found) && found.contains("Subject: good"), "{found}");
    assert!(!found.contains("secret") && !found.contains('\0'), "{found}");
    assert!(ends_ok(&imap.command("FETCH 1:* (ENVELOPE BODYSTRUCTURE RFC822.SIZE)")));
}

/// Nobody looks by the clock here: what the client hears, the kernel told.
#[test]
fn an_idle_client_hears_at_once_what_others_do() {
    let server = configured("[imap]\nlook_every = \"6h\"\n");
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("one", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    let mut imap = Imap::login(&server, "alice");
    assert!(imap.command("SELECT INBOX").contains("* 1 EXISTS"));
    imap.send(b"i IDLE\r\n");
    let line = imap.until("+ ");
    assert!(line.starts_with("+ "), "{line}");

    let maildir = server.maildir("alice@example.org");
    let name = "1795255210.M1P1.other";
    fs::write(maildir.join("tmp").join(name), mail("dropped", "by hand")).unwrap();
    fs::rename(maildir.join("tmp").join(name), maildir.join("new").join(name)).unwrap();
    imap.until("* 2 EXISTS");
    fs::rename(maildir.join("new").join(name), maildir.join("cur").join(format!("{name}:2,FS"))).unwrap();
    let said = imap.until("* 2 FETCH");
    assert!(said.contains("\\Flagged") && said.contains("\\Seen"), "{said}");
    fs::remove_file(maildir.join("cur").join(format!("{name}:2,FS"))).unwrap();
    imap.until("* 2 EXPUNGE");
    // Many at once, as when a folder is copied.
    for n in 0..200 {
        let name = format!("1795255220.M{n}P1.other");
        fs::write(maildir.join("tmp").join(&name), mail("many", "x")).unwrap();
        fs::rename(maildir.join("tmp").join(&name), maildir.join("new").join(&name)).unwrap();
    }
    imap.until("* 201 EXISTS");
    imap.send(b"DONE\r\n");
    assert!(imap.until("i OK").starts_with("i OK"));
}
