//! offlineimap, both ways. It writes some messages anew on its side, so that
//! octets are not compared.

use std::fs;
use std::path::PathBuf;

use testkit::command;
use testkit::server::{Server, have};

use super::{another_session, at_server, deliver, flags, in_maildir, letter, line, lived_in, same};
use crate::reading::uids;

fn configure(server: &Server) -> PathBuf {
    let home = server.path("client");
    fs::create_dir_all(&home).unwrap();
    let rc = format!(
        "[general]\naccounts = a\nmetadata = {home}/meta\nui = basic\nsocktimeout = 120\n\n[Account a]\n\
         localrepository = near\nremoterepository = far\n\n[Repository near]\ntype = Maildir\nlocalfolders = {home}/mail\n\
         sep = /\n\n[Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = {port}\n\
         remoteuser = alice@example.org\nremotepass = password of alice\nauth_mechanisms = PLAIN\nssl = yes\n\
         sslcacertfile = {ca}\n",
        home = home.display(),
        port = server.imaps.port(),
        ca = server.ca().display(),
    );
    fs::write(home.join("rc"), rc).unwrap();
    home
}

#[test]
fn changes_on_both_sides_meet() {
    if !have("offlineimap") {
        return;
    }
    let server = lived_in();
    let home = configure(&server);
    let (rc, mail) = (home.join("rc").display().to_string(), home.join("mail"));
    let in_step = || {
        command::run("offlineimap", &["-c", &rc, "-o"], b"").ok();
        let there = at_server(&server, &["--loosely"]);
        same(&in_maildir(&mail, &["--loosely"]), &there);
        there
    };
    in_step();

    deliver(&server, "came@later");
    another_session(
        &server,
        &[
            "SELECT INBOX",
            "UID STORE 8 +FLAGS.SILENT (\\Flagged)",
            "UID STORE 3 -FLAGS.SILENT (\\Seen \\Flagged)",
            "UID STORE 9 +FLAGS.SILENT (\\Deleted)",
            "EXPUNGE",
            "CREATE \"Made there\"",
            "UID COPY 1 \"Made there\"",
            "UID MOVE 2 Archive",
        ],
    );
    let rename = |folder: &str, text: &str, flags: Option<&str>| {
        let subs = ["new", "cur"].map(|sub| fs::read_dir(mail.join(folder).join(sub)).unwrap());
        let mut files = subs.into_iter().flatten().map(|file| file.unwrap().path());
        let file = files.find(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).contains(text)).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let base = name.split(":2,").next().unwrap();
        match flags {
            Some(flags) => fs::rename(&file, mail.join(folder).join("cur").join(format!("{base}:2,{flags}"))).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
    };
    rename("INBOX", "<utf8@", Some("S"));
    rename("INBOX", "<latin1@", Some("FRS"));
    rename("INBOX", "<report@", None);
    fs::write(mail.join("Sent/cur/1.own:2,S"), letter("sent@here")).unwrap();
    for sub in ["tmp", "new", "cur"] {
        fs::create_dir_all(mail.join("Made here").join(sub)).unwrap();
    }
    fs::write(mail.join("Made here/cur/2.own:2,S"), letter("filed@here")).unwrap();

    let state = in_step();
    for (folder, id, expected) in [
        ("INBOX", "came@later", ""),
        ("INBOX", "addresses@letters.example", "F"),
        ("INBOX", "nested@letters.example", ""),
        ("INBOX", "utf8@letters.example", "S"),
        ("INBOX", "latin1@letters.example", "FRS"),
        ("Archive", "attachment@letters.example", "S"),
        ("Made there", "plain@letters.example", ""),
        ("Made here", "filed@here", "S"),
        ("Sent", "sent@here", "S"),
    ] {
        assert_eq!(flags(&state, folder, id), expected, "{folder} {id}");
    }
    for id in ["empty@letters.example", "report@letters.example", "attachment@letters.example"] {
        assert_eq!(line(&state, "INBOX", id), None);
    }
    let numbers = uids(&server, "alice");
    same(&in_step(), &state);
    assert_eq!(uids(&server, "alice"), numbers, "nothing came or went");
}
