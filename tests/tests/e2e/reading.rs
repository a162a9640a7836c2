//! Mail that came in is read with the clients people have.

use std::fs;

use testkit::command::{self, python};
use testkit::server::{Server, Setup, have};

use crate::smtp::{Client, mail};

/// What has to hold on every pair of databases.
pub const CORE: [fn(Setup); 2] = [imaplib, poplib];

fn with_mail(count: usize) -> Server {
    with_mail_on(Setup::default(), count)
}

fn with_mail_on(setup: Setup, count: usize) -> Server {
    let server = Server::start(setup);
    let mut client = Client::connect(server.smtp).unwrap();
    for number in 1..=count {
        let text = mail(&format!("number{number}"), &format!("line one of {number}\n.\n..two dots\nend"));
        let reply = client.message("s@client.example", &["alice@example.org"], &text).unwrap();
        assert!(reply.starts_with("250"), "{reply}");
    }
    server
}

#[test]
fn curl_reads_over_imaps_and_pop3s() {
    let server = with_mail(2);
    let ca = server.ca().display().to_string();
    let common = ["-sS", "--cacert", ca.as_str(), "-u", "alice@example.org:password of alice"];
    let fetch = |url: String| {
        let mut args = common.to_vec();
        args.push(&url);
        command::run("curl", &args, b"").ok()
    };
    let text = fetch(format!("imaps://127.0.0.1:{}/INBOX;MAILINDEX=1", server.imaps.port()));
    assert!(text.contains("Subject: number1\r\n") && text.contains("\r\n.\r\n..two dots\r\nend\r\n"), "{text}");
    let text = fetch(format!("pop3s://127.0.0.1:{}/2", server.pop3s.port()));
    assert!(text.contains("Subject: number2\r\n") && text.contains("\r\n.\r\n..two dots\r\nend\r\n"), "{text}");
    let wrong = command::run(
        "curl",
        &[
            "-sS",
            "--cacert",
            &ca,
            "-u",
            "alice@example.org:wrong",
            &format!("imaps://127.0.0.1:{}/", server.imaps.port()),
        ],
        b"",
    );
    assert_ne!(wrong.code, Some(0), "{}", wrong.text);
}

const IMAPLIB: &str = r#"
import imaplib, ssl, sys
port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
def login():
    i = imaplib.IMAP4_SSL('127.0.0.1', port, ssl_context=context)
    i.login('alice@example.org', 'password of alice')
    return i
def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]
i = login()
assert ok(i.select('INBOX')) == [b'3']
uids = ok(i.uid('search', None, 'ALL'))[0].split()
assert len(uids) == 3, uids
assert ok(i.search(None, 'SUBJECT', 'number2')) == [b'2']
assert ok(i.search(None, 'BODY', '"line one of 3"')) == [b'3']
data = ok(i.fetch('1', '(FLAGS RFC822.SIZE BODY.PEEK[] ENVELOPE BODYSTRUCTURE INTERNALDATE)'))
size = int(data[0][0].split(b'RFC822.SIZE ')[1].split()[0])
assert size == len(data[0][1]), (size, len(data[0][1]))
assert ok(i.store('1', '+FLAGS', r'(\Seen \Flagged $Label1)'))
ok(i.create('Work.Projects'))
ok(i.subscribe('Work.Projects'))
code = i.copy('1:2', 'Work.Projects')
ok(code)
assert ok(i.status('Work.Projects', '(MESSAGES UNSEEN UIDNEXT)'))[0].endswith(b'(MESSAGES 2 UNSEEN 1 UIDNEXT 3)')
ok(i.append('Sent', r'(\Seen)', imaplib.Time2Internaldate(1795255200), b'From: a@b.example\r\nSubject: sent\r\n\r\nbody\r\n'))
ok(i.select('Sent'))
assert b'Subject: sent' in ok(i.fetch('1', '(RFC822)'))[0][1]
ok(i.rename('Work.Projects', 'Archive.Projects'))
names = b'\n'.join(x for x in ok(i.list()) if x)
for name in (b'INBOX', b'Junk', b'Sent', b'Trash', b'Drafts', b'Archive.Projects'):
    assert name in names, (name, names)
ok(i.select('INBOX'))
ok(i.store('2', '+FLAGS', r'(\Deleted)'))
assert ok(i.expunge()) == [b'2']
i.logout()
i = login()
assert ok(i.select('INBOX')) == [b'2']
again = ok(i.uid('search', None, 'ALL'))[0].split()
assert again == [uids[0], uids[2]], (again, uids)
flags = ok(i.fetch('1', '(FLAGS)'))[0]
assert b'\\Seen' in flags and b'\\Flagged' in flags and b'$Label1' in flags, flags
ok(i.select('Archive.Projects'))
ok(i.delete('Archive.Projects'))
i.logout()
print('done')
"#;

#[test]
fn imaplib_does_a_days_work_and_uids_survive_a_restart() {
    imaplib(Setup::default());
}

fn imaplib(setup: Setup) {
    let mut server = with_mail_on(setup, 3);
    let (port, ca) = (server.imaps.port().to_string(), server.ca().display().to_string());
    assert!(python(IMAPLIB, &[&port, &ca]).ok().contains("done"));
    let before = uids(&server, "alice");
    assert_eq!(server.stop(), Some(0));
    server.run();
    assert_eq!(uids(&server, "alice"), before);
    assert_eq!(before.len(), 2);
}

const UIDS: &str = r#"
import imaplib, re, ssl, sys
i = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=ssl.create_default_context(cafile=sys.argv[2]))
i.login(sys.argv[3], sys.argv[4])
i.select('INBOX', readonly=True)
print('V', i.response('UIDVALIDITY')[1][0].decode())
code, data = i.uid('fetch', '1:*', '(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])')
for item in data:
    if isinstance(item, tuple):
        print(re.search(rb'UID (\d+)', item[0]).group(1).decode(), item[1].split(b':', 1)[1].strip().decode())
i.logout()
"#;

/// UID and Message-ID of all messages in the INBOX of `NAME@example.org`, with
/// UIDVALIDITY in front of each.
pub fn uids(server: &Server, name: &str) -> Vec<(String, String)> {
    let args = [
        server.imaps.port().to_string(),
        server.ca().display().to_string(),
        format!("{name}@example.org"),
        format!("password of {name}"),
    ];
    let text = python(UIDS, &args.each_ref().map(String::as_str)).ok();
    let mut validity = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let (left, right) = line.split_once(' ').unwrap();
        if left == "V" {
            validity = right.to_owned();
        } else {
            found.push((format!("{validity}/{left}"), right.to_owned()));
        }
    }
    found
}

const POPLIB: &str = r#"
import poplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
def login():
    p = poplib.POP3_SSL('127.0.0.1', int(sys.argv[1]), context=context)
    p.user('alice@example.org'); p.pass_('password of alice')
    return p
p = login()
count, size = p.stat()
assert count == 3, count
listed = [int(x.split()[1]) for x in p.list()[1]]
assert sum(listed) == size
lines = p.retr(1)[1]
assert sum(len(l) + 2 for l in lines) == listed[0], (listed, lines)
assert b'.' in lines and b'..two dots' in lines, lines
assert p.top(2, 1)[1][-1].startswith(b'line one of 2')
uidls = p.uidl()[1]
assert len(set(uidls)) == 3
try:
    login()
    raise SystemExit('a second session was let in')
except poplib.error_proto as error:
    assert b'IN-USE' in error.args[0], error
p.dele(1); p.rset(); p.dele(2)
p.quit()
p = login()
again = [x.split()[1] for x in p.uidl()[1]]
assert again == [uidls[0].split()[1], uidls[2].split()[1]], (again, uidls)
p.quit()
print('done')
"#;

#[test]
fn poplib_fetches_and_deletes() {
    poplib(Setup::default());
}

fn poplib(setup: Setup) {
    let server = with_mail_on(setup, 3);
    let script = python(POPLIB, &[&server.pop3s.port().to_string(), &server.ca().display().to_string()]);
    assert!(script.ok().contains("done"));
}

#[test]
fn mbsync_makes_a_copy() {
    if !have("mbsync") {
        return;
    }
    let server = with_mail(5);
    let home = server.path("client");
    fs::create_dir(&home).unwrap();
    fs::create_dir(home.join("mail")).unwrap();
    let rc = format!(
        "IMAPAccount a\nHost localhost\nPort {}\nUser alice@example.org\nPass \"password of alice\"\nSSLType IMAPS\n\
         CertificateFile {}\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nPath {home}/mail/\nInbox {home}/mail/INBOX\n\
         SubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSync Pull\nSyncState *\n",
        server.imaps.port(),
        server.ca().display(),
        home = home.display(),
    );
    fs::write(home.join("rc"), rc).unwrap();
    command::run("mbsync", &["-c", &home.join("rc").display().to_string(), "-a"], b"").ok();
    assert_eq!(crate::delivery::messages(&home.join("mail/INBOX")).len(), 5);
}
