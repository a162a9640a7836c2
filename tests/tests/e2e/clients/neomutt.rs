//! neomutt at a terminal, by its keys.

use std::fs;
use std::path::PathBuf;

use testkit::command;
use testkit::server::{Server, have};

use super::{another_session, at, at_server, deliver, flags, in_maildir, line, lived_in};

struct Home(PathBuf);

impl Home {
    fn new(server: &Server) -> Self {
        let home = server.path("client");
        for folder in ["headers", "bodies", "tmp"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        let rc = format!(
            "set imap_user = \"alice@example.org\"\nset imap_pass = \"password of alice\"\n\
             set folder = \"imaps://localhost:{port}/\"\nset spool_file = \"+INBOX\"\nset record = \"+Sent\"\n\
             set postponed = \"+Drafts\"\nset header_cache = \"{home}/headers/\"\nset message_cachedir = \"{home}/bodies\"\n\
             set tmpdir = \"{home}/tmp\"\nset certificate_file = \"{ca}\"\nset ssl_ca_certificates_file = \"{ca}\"\n\
             set ssl_force_tls = yes\nset imap_condstore = yes\nset imap_qresync = yes\nset sendmail = \"true\"\n\
             set from = \"alice@example.org\"\nset sort = mailbox-order\nset quit = yes\nset delete = yes\n\
             set confirm_append = no\nset confirm_create = no\nset move = no\nset mark_old = no\nset sleep_time = 0\n\
             set wait_key = no\nset mbox_type = Maildir\nset charset = utf-8\nset abort_unmodified = no\n\
             set editor = \"true\"\n",
            port = server.imaps.port(),
            ca = server.ca().display(),
            home = home.display(),
        );
        fs::write(home.join("rc"), rc).unwrap();
        Self(home)
    }

    /// Presses these keys, the last of which must end it.
    fn press(&self, keys: &str) {
        let (rc, push) = (self.0.join("rc").display().to_string(), format!("push \"{keys}\""));
        command::run("python3", &[&at("neomutt.py"), "120", "-n", "-F", &rc, "-e", &push], b"").ok();
    }

    /// Saves all of a folder as it sees it; what that is.
    fn sees(&self, keys: &str) -> Vec<String> {
        let copy = self.0.join("copy");
        let _ = fs::remove_dir_all(&copy);
        self.press(&format!("{keys}<tag-pattern>~A<enter><tag-prefix><copy-message>{}<enter><quit>", copy.display()));
        in_maildir(&copy, &["--loosely"])
    }
}

#[test]
fn a_day_with_it() {
    if !have("neomutt") {
        return;
    }
    let mut server = lived_in();
    let home = Home::new(&server);
    // With an empty cache, and with a full one.
    for _ in 0..2 {
        let seen = home.sees("");
        let inbox: Vec<String> = at_server(&server, &["--loosely"])
            .iter()
            .filter_map(|line| line.strip_prefix("INBOX"))
            // It has no flag for drafts in a Maildir.
            .map(|line| format!(".{}", line.replace("\tDS", "\tS")))
            .collect();
        assert_eq!(seen, inbox);
    }

    home.press(
        "<search>~i plain@letters<enter><display-message><exit><search>~i utf8@<enter><flag-message>\
         <search>~i attachment@<enter><save-message>=Archive<enter><search>~i empty@<enter><delete-message>\
         <search>~i report@<enter><set-flag>r<search>~i nested@<enter><save-message>=New.place<enter><sync-mailbox>\
         <mail>bob@example.org<enter>Gr\u{fc}\u{df}e<enter><send-message><quit>",
    );
    home.press(
        "<change-folder>=Work\\Cv stuff<enter><search>~i stuff-1@<enter><copy-message>=Entw\u{fc}rfe<enter>\
         <change-folder>=Entw\u{fc}rfe<enter><search>~i stuff-1@<enter><flag-message><sync-mailbox>\
         <change-folder>=deep.er.and.deep\u{e4}r.still<enter><delete-pattern>~A<enter><sync-mailbox><quit>",
    );
    let state = at_server(&server, &[]);
    for (folder, id, expected) in [
        ("INBOX", "plain@letters.example", "S"),
        ("INBOX", "utf8@letters.example", "F"),
        ("INBOX", "report@letters.example", "FRS"),
        ("Archive", "attachment@letters.example", "S"),
        ("New/place", "nested@letters.example", "FS"),
        ("Work stuff", "Work-stuff-1@letters.example", "S"),
        ("Entw&APw-rfe", "Work-stuff-1@letters.example", "FS"),
    ] {
        assert_eq!(flags(&state, folder, id), expected, "{folder} {id}");
    }
    for id in ["attachment@letters.example", "empty@letters.example", "nested@letters.example"] {
        assert_eq!(line(&state, "INBOX", id), None);
    }
    assert!(!state.iter().any(|line| line.starts_with("deep/er/and/deep&AOQ-r/still\t")), "{state:#?}");
    let sent: Vec<_> = state.iter().filter(|line| line.starts_with("Sent\t")).collect();
    assert!(sent.len() == 2 && sent.iter().all(|line| line.ends_with("\tS")), "{sent:?}");

    // It comes back with its cache of headers, to another life of the server
    // and to what others did meanwhile.
    deliver(&server, "came@later");
    another_session(
        &server,
        &["SELECT INBOX", "UID STORE 8 +FLAGS (\\Answered)", "UID STORE 10 +FLAGS (\\Deleted)", "EXPUNGE"],
    );
    assert_eq!(server.stop(), Some(0));
    server.run();
    let seen = home.sees("");
    assert_eq!(flags(&seen, ".", "came@later"), "");
    // For it, what was answered was read.
    assert_eq!(flags(&seen, ".", "addresses@letters.example"), "RS");
    assert_eq!(line(&seen, ".", "header-only@letters.example"), None);
    assert_eq!(flags(&seen, ".", "plain@letters.example"), "S");
}
