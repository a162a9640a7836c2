//! mbsync (isync), both ways.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::command::{self, Done};
use testkit::server::{Server, have};

use super::{another_session, at_server, deliver, flags, in_maildir, letter, letters, line, lived_in, same, start};
use crate::house::{Imap, eventually};
use crate::reading::uids;

/// It marks what it copies, to know it again.
const WITHOUT: [&str; 2] = ["--without", "X-TUID"];

struct Home {
    folder: PathBuf,
}

impl Home {
    fn new(server: &Server) -> Self {
        let folder = server.path("client");
        fs::create_dir_all(folder.join("mail")).unwrap();
        let rc = format!(
            "IMAPAccount a\nHost localhost\nPort {port}\nUser alice@example.org\nPass \"password of alice\"\n\
             SSLType IMAPS\nCertificateFile {ca}\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nPath {home}/mail/\n\
             Inbox {home}/mail/INBOX\nSubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\n\
             Remove Both\nExpunge Both\nSync All\nCopyArrivalDate yes\nSyncState *\n",
            port = server.imaps.port(),
            ca = server.ca().display(),
            home = folder.display(),
        );
        fs::write(folder.join("rc"), rc).unwrap();
        Self { folder }
    }

    fn args(&self) -> [String; 3] {
        ["-c".to_owned(), self.folder.join("rc").display().to_string(), "-a".to_owned()]
    }

    fn sync(&self) -> Done {
        command::run("mbsync", &self.args().each_ref().map(String::as_str), b"")
    }

    /// Begins, and is killed once it has done some of it. What it has sent
    /// before is then still carried out, while so many other sessions are open.
    fn sync_until(&self, server: &Server, others: usize, some: impl FnMut() -> bool) {
        let args = self.args();
        let mut child = start("mbsync", &args.each_ref().map(String::as_str), &self.folder.join("output"));
        eventually("something was synchronised", some);
        let _ = child.kill();
        child.wait().unwrap();
        let open = || serde_json::from_str::<Vec<Value>>(&server.ok(&["--json", "sessions"], "")).unwrap().len();
        eventually("its session has ended", || open() == others);
    }

    fn mail(&self, name: &str) -> PathBuf {
        self.folder.join("mail").join(name)
    }

    /// The files of a folder, which may not be there yet.
    fn files(&self, folder: &str) -> impl Iterator<Item = PathBuf> + use<> {
        let subs = ["new", "cur"].map(|sub| fs::read_dir(self.mail(folder).join(sub)));
        subs.into_iter().flatten().flatten().map(|file| file.unwrap().path())
    }

    /// The file of the message with this text in it.
    fn file(&self, folder: &str, text: &str) -> PathBuf {
        self.files(folder).find(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).contains(text)).unwrap()
    }

    /// Gives a message these flags, as a program at this end does.
    fn flag(&self, folder: &str, text: &str, flags: &str) {
        let file = self.file(folder, text);
        let name = file.file_name().unwrap().to_str().unwrap();
        let (base, _) = name.split_once(":2,").unwrap_or((name, ""));
        fs::rename(&file, self.mail(folder).join("cur").join(format!("{base}:2,{flags}"))).unwrap();
    }

    fn write(&self, folder: &str, name: &str, text: &str) {
        fs::write(self.mail(folder).join("cur").join(format!("{name}:2,S")), text).unwrap();
    }

    fn holds(&self) -> Vec<String> {
        in_maildir(&self.folder.join("mail"), &WITHOUT)
    }

    /// Both sides are equal, and stay so when it runs again.
    fn is_in_step(&self, server: &Server) -> Vec<String> {
        let done = self.sync();
        // It does not copy what has a header alone, without the empty line.
        let there: Vec<String> =
            at_server(server, &WITHOUT).into_iter().filter(|line| !line.contains("<header-only@")).collect();
        same(&self.holds(), &there);
        let numbers = uids(server, "alice");
        assert_eq!(done.code, Some(0), "{}", done.text);
        let again = self.sync();
        assert_eq!(again.code, Some(0), "{}", again.text);
        same(&self.holds(), &there);
        assert_eq!(uids(server, "alice"), numbers, "nothing came or went");
        there
    }
}

fn make_folder(at: &Path) {
    for sub in ["tmp", "new", "cur"] {
        fs::create_dir_all(at.join(sub)).unwrap();
    }
}

#[test]
fn changes_on_both_sides_meet() {
    if !have("mbsync") {
        return;
    }
    let server = lived_in();
    let home = Home::new(&server);
    home.is_in_step(&server);

    deliver(&server, "came@later");
    another_session(
        &server,
        &[
            "SELECT INBOX",
            "UID STORE 8 +FLAGS.SILENT (\\Flagged $Label1)",
            "UID STORE 3 -FLAGS.SILENT (\\Seen \\Flagged)",
            "UID STORE 9,14 +FLAGS.SILENT (\\Deleted)",
            "EXPUNGE",
            "CREATE \"Made there.Gr&APYA3w-e\"",
            "UID COPY 1 \"Made there.Gr&APYA3w-e\"",
            "UID MOVE 2 Archive",
        ],
    );
    home.flag("INBOX", "<utf8@", "S");
    home.flag("INBOX", "<latin1@", "FRS");
    home.flag("INBOX", "<report@", "T");
    home.flag("Work stuff", "<Work-stuff-1@", "T");
    home.write("Sent", "1.own", &letter("sent@here"));
    for folder in ["Made here", "Made here/below"] {
        make_folder(&home.mail(folder));
    }
    home.write("Made here/below", "2.own", &letter("filed@here"));

    let state = home.is_in_step(&server);
    for (folder, id, expected) in [
        ("INBOX", "came@later", ""),
        ("INBOX", "addresses@letters.example", "F"),
        ("INBOX", "nested@letters.example", ""),
        ("INBOX", "utf8@letters.example", "S"),
        ("INBOX", "latin1@letters.example", "FRS"),
        ("Archive", "attachment@letters.example", "S"),
        ("Made there/Gr&APYA3w-e", "plain@letters.example", ""),
        ("Made here/below", "filed@here", "S"),
        ("Sent", "sent@here", "S"),
    ] {
        assert_eq!(flags(&state, folder, id), expected, "{folder} {id}");
    }
    for (folder, id) in [
        ("INBOX", "empty@letters.example"),
        ("INBOX", "report@letters.example"),
        ("INBOX", "attachment@letters.example"),
        ("Work stuff", "Work-stuff-1@letters.example"),
    ] {
        assert_eq!(line(&state, folder, id), None, "{folder}");
    }
}

#[test]
fn who_is_interrupted_goes_on_and_doubles_nothing() {
    if !have("mbsync") {
        return;
    }
    let server = lived_in();
    let home = Home::new(&server);
    letters(&server, &["--many", "600"]);
    home.sync_until(&server, 0, || home.files("INBOX").count() > 20);
    home.is_in_step(&server);

    for number in 0..200 {
        home.write("Sent", &format!("{number}.own"), &letter(&format!("sent-{number}@here")));
    }
    let mut alice = Imap::login(&server, "alice");
    home.sync_until(&server, 1, || !alice.command("STATUS Sent (MESSAGES)").contains("(MESSAGES 1)"));
    let state = home.is_in_step(&server);
    assert_eq!(state.iter().filter(|line| line.starts_with("Sent\t<sent-")).count(), 200);
}
