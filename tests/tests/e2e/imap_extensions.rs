//! What newer clients ask for beyond IMAP4rev1, over the wire: MOVE, changes
//! since a number, folders with their counts, the quota.

use std::time::{Duration, Instant};

use testkit::command::{self, python};
use testkit::server::{Server, Setup};

use crate::house::{Imap, ends_ok};
use crate::smtp::{Client, mail};

const SCRIPT: &str = r#"
import imaplib, re, ssl, sys
def login():
    i = imaplib.IMAP4_SSL('127.0.0.1', int(sys.argv[1]), ssl_context=ssl.create_default_context(cafile=sys.argv[2]))
    i.login('alice@example.org', 'password of alice')
    return i
def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]
def highest(i):
    return int(i.response('HIGHESTMODSEQ')[1][0])
one, two = login(), login()
ok(one.enable('CONDSTORE'))
assert ok(one.select('INBOX')) == [b'3']
before = highest(one)
ok(two.select('INBOX'))
ok(two.uid('STORE', '2', '+FLAGS.SILENT', r'(\Flagged)'))
changed = ok(one.uid('FETCH', '1:*', '(FLAGS)', '(CHANGEDSINCE %d)' % before))
assert b'UID 2 ' in changed[-1] and b'MODSEQ' in changed[-1] and not any(b'UID 1' in x for x in changed), changed
refused = one.uid('STORE', '2', '(UNCHANGEDSINCE %d)' % before, '+FLAGS', r'(\Answered)')
assert one.response('MODIFIED')[1] == [b'2'], refused
ok(two.uid('MOVE', '1,3', 'Archive'))
assert re.match(rb'\d+ 1,3 1:2$', two.response('COPYUID')[1][0])
ok(one.noop())
assert ok(one.search(None, 'ALL')) == [b'1']
ok(two._simple_command('LIST', '""', '(INBOX Archive)', 'RETURN', '(STATUS (MESSAGES))'))
assert sorted(two.response('STATUS')[1]) == [b'Archive (MESSAGES 2)', b'INBOX (MESSAGES 1)']
assert ok(two.getquotaroot('INBOX'))[0] == [b'INBOX ""']
one.logout()
two.logout()
three = login()
assert ok(three.select('Archive')) == [b'2']
assert b'Subject: number1' in ok(three.fetch('1', '(BODY.PEEK[])'))[0][1]
three.logout()
print('done')
"#;

#[test]
fn a_newer_client_moves_counts_and_lists() {
    let server = Server::start(Setup::default());
    let mut client = Client::connect(server.smtp).unwrap();
    for number in 1..=3 {
        let text = mail(&format!("number{number}"), "text");
        let reply = client.message("s@client.example", &["alice@example.org"], &text).unwrap();
        assert!(reply.starts_with("250"), "{reply}");
    }
    let script = python(SCRIPT, &[&server.imaps.port().to_string(), &server.ca().display().to_string()]);
    assert!(script.ok().contains("done"));
}

/// What an operator does by hand counts for who says nothing too: for who waits
/// in IDLE, and for who just sits there.
#[test]
fn an_account_switched_off_in_the_database_ends_its_idle_sessions() {
    let server = Server::start(Setup::default());
    let (mut idle, mut quiet, mut bob) =
        (Imap::login(&server, "alice"), Imap::login(&server, "alice"), Imap::login(&server, "bob"));
    assert!(ends_ok(&idle.command("SELECT INBOX")));
    idle.send(b"i IDLE\r\n");
    let database = server.path("data/directory.db").display().to_string();
    let update = "UPDATE account SET active = 0 WHERE local = 'alice' AND domain = 'example.org'";
    let done = Instant::now();
    command::run("sqlite3", &["-cmd", ".timeout 10000", &database, update], b"").ok();
    for session in [&mut idle, &mut quiet] {
        let said = session.rest();
        assert!(said.contains("* BYE The account was switched off"), "{said}");
    }
    // Much less than the half hour of silence that ends any session.
    assert!(done.elapsed() < Duration::from_secs(60), "{:?}", done.elapsed());
    assert!(ends_ok(&bob.command("NOOP")));
}
