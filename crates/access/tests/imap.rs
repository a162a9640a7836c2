//! IMAP sessions on a real store: the dialogues, and what a dialogue cannot
//! show.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end at what it did not expect")]

mod house;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use access::imap::{Gone, Next, Session, Settings, Sink};
use directory::AccountChange;
use login::{Cost, hash_password};
use mail::{Address, Secret};
use mailbox::{Flags, FolderName, Mode};
use testkit::dialogue::{Stage, Wire, speak_all};

use house::{House, SESSIONS, THIRD, here};

const INTERNATIONAL: &str = "From: J\u{f6}rg <j@b.example>\nSubject: Gr\u{fc}\u{df}e\nTo: \u{fc}@xn--bcher-kva.example\n\
    Content-Type: text/plain; charset=utf-8; name=\u{e4}\n\ngr\u{fc}n\n";

/// What one client was sent.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    largest: usize,
    leaves_after: Option<usize>,
}

impl Sink for Heard {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        if let Some(left) = &mut self.leaves_after {
            *left = left.checked_sub(1).ok_or(Gone)?;
        }
        self.largest = self.largest.max(bytes.len());
        self.bytes.extend(bytes);
        Ok(())
    }
}

struct Guest {
    runtime: Rc<tokio::runtime::Runtime>,
    session: Session,
    heard: Heard,
    next: Next,
}

fn guest(house: &House) -> Guest {
    guest_with(house, Settings::default())
}

fn guest_with(house: &House, settings: Settings) -> Guest {
    let session = Session::new(Arc::clone(&house.services), settings, here());
    let heard = Heard { bytes: session.greeting(), ..Heard::default() };
    Guest { runtime: Rc::clone(&house.runtime), session, heard, next: Next::Read }
}

impl Guest {
    fn say(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        if self.next == Next::Close {
            return Ok(());
        }
        for piece in bytes.chunks(16 << 10) {
            self.session.input(piece);
            self.next = self.runtime.block_on(assert_send(self.session.step(&mut self.heard)))?;
        }
        Ok(())
    }

    fn hear(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.heard.bytes)).into_owned()
    }

    fn logged_in(mut self, who: &str) -> Self {
        self.say(format!("l LOGIN {who} secret\r\n").as_bytes()).unwrap();
        assert!(self.hear().contains("l OK"), "a login");
        self
    }

    /// A section of message 4.
    fn fetched(&mut self, section: &str) -> String {
        literal_of(&self.ask(&format!("FETCH 4 (BODY.PEEK[{section}])")))
    }

    /// One command, and what came.
    fn ask(&mut self, command: &str) -> String {
        self.say(format!("t {command}\r\n").as_bytes()).unwrap();
        self.hear()
    }
}

/// The shell runs sessions as tasks that move between threads.
fn assert_send<T: Send>(future: T) -> T {
    future
}

struct GuestWire(Rc<RefCell<Guest>>);

impl Wire for GuestWire {
    fn send(&mut self, octets: &[u8]) {
        self.0.borrow_mut().say(octets).unwrap();
    }

    fn line(&mut self) -> Vec<u8> {
        let mut guest = self.0.borrow_mut();
        if guest.heard.bytes.is_empty() && guest.next == Next::Idle {
            let Guest { runtime, session, heard, next } = &mut *guest;
            runtime.block_on(async {
                tokio::time::timeout(Duration::from_secs(10), session.news()).await.unwrap();
                *next = session.announce(heard).await.unwrap();
            });
        }
        let bytes = &mut guest.heard.bytes;
        let end = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.drain(..end).collect()
    }
}

impl Stage for House {
    fn connect(&mut self) -> Box<dyn Wire> {
        Box::new(GuestWire(Rc::new(RefCell::new(guest(self)))))
    }

    fn act(&mut self, what: &str) {
        match what {
            "put a message" => self.put(THIRD, Flags::NONE, 9),
            "put an international message" => self.put(INTERNATIONAL.as_bytes(), Flags::NONE, 9),
            _ => panic!("nobody knows how to {what}"),
        }
    }
}

fn dialogues() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogues/imap")
}

#[test]
fn dialogues_are_spoken() {
    speak_all(&dialogues(), House::new);
}

#[test]
fn a_large_message_goes_in_pieces_with_the_length_that_was_announced() {
    let house = House::new();
    let body: String = (0..20_000).map(|n| format!("line {n}\n")).collect();
    house.put(format!("Subject: large\n\n{body}").as_bytes(), Flags::NONE, 3);
    let mut guest = guest(&house).logged_in("alice@example.org");
    guest.ask("SELECT INBOX");
    let heard = guest.ask("FETCH 4 BODY.PEEK[]");
    let (head, rest) = heard.split_once("\r\n").unwrap();
    let length: usize = head.rsplit_once('{').unwrap().1.trim_end_matches('}').parse().unwrap();
    let expected = format!("Subject: large\r\n\r\n{}", body.replace('\n', "\r\n"));
    assert_eq!((&rest[..length], &rest[length..]), (expected.as_str(), ")\r\nt OK Fetched\r\n"));
    assert!(guest.heard.largest <= 128 << 10, "{} octets at once", guest.heard.largest);
    // A window in the middle, too long to be held, that begins within a line.
    let partial = guest.ask("FETCH 4 BODY.PEEK[TEXT]<7.150001>");
    let (head, rest) = partial.split_once("\r\n").unwrap();
    assert_eq!(head, "* 4 FETCH (BODY[TEXT]<7> {150001}");
    assert_eq!(&rest[..150_001], &body.replace('\n', "\r\n")[7..150_008]);
    let size = guest.ask("FETCH 4 RFC822.SIZE");
    assert!(size.contains(&format!("RFC822.SIZE {length})")), "{size}");
}

#[test]
fn a_message_fetched_in_pieces_is_the_message() {
    let house = House::new();
    let long = |word: &str| -> String { (0..30_000).map(|n| format!("{word} {n}\n")).collect() };
    let (text, other) = (long("line"), long("zeile"));
    let message = format!(
        "Subject: gr\u{fc}n\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n{text}\n--b\n\n{other}\n--b--\n"
    );
    house.put(message.as_bytes(), Flags::NONE, 3);
    for accept in ["NOOP", "ENABLE UTF8=ACCEPT"] {
        let mut guest = guest(&house).logged_in("alice@example.org");
        guest.ask(accept);
        guest.ask("SELECT INBOX");
        let whole = guest.fetched("");
        let mut pieces = [String::new(), String::new(), String::new()];
        for from in (0..whole.len()).step_by(50_000) {
            // Two sections in turn, as clients that show one part and save another do.
            for (part, got) in ["", "1", "2"].into_iter().zip(&mut pieces) {
                let command = format!("FETCH 4 (UID BODY.PEEK[{part}]<{from}.50000>)");
                let heard = guest.ask(&command);
                let name = format!("BODY[{part}]<{from}> ");
                assert!(heard.contains(&name) && heard.contains("UID 4"), "{command}: {heard:.200}");
                got.push_str(&literal_of(&heard));
            }
        }
        assert!(pieces[0] == whole, "all of it, after {accept}");
        assert!(pieces[1] == text.replace('\n', "\r\n") && pieces[1] == guest.fetched("1"));
        assert!(pieces[2] == other.replace('\n', "\r\n"));
        // Back to the beginning, and behind the end.
        let first = guest.ask("FETCH 4 (BODY.PEEK[2]<3.5>)");
        assert_eq!(literal_of(&first), "le 0\r", "{first}");
        assert_eq!(literal_of(&guest.ask("FETCH 4 (BODY.PEEK[2]<9999999.5>)")), "");
        // Another message has other parts.
        assert!(guest.ask("FETCH 3 (BODY.PEEK[2]<0.5>)").contains("BODY[2]<0> NIL"));
    }
}

/// The octets of the one literal of an answer.
fn literal_of(heard: &str) -> String {
    let (head, rest) = heard.split_once("}\r\n").unwrap_or_else(|| panic!("{heard:.200}"));
    let length: usize = head.rsplit_once('{').unwrap().1.parse().unwrap();
    rest[..length].to_owned()
}

#[test]
fn an_appended_message_arrives_in_pieces_and_is_repaired() {
    let house = House::new();
    let mut guest = guest(&house).logged_in("alice@example.org");
    let message = format!("Subject: big\r\n\r\n{}bare\rcr\nlf\r\n", "0123456789abcde\r\n".repeat(30_000));
    let command = format!("t APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len());
    guest.say(command.as_bytes()).unwrap();
    let heard = guest.hear();
    assert!(heard.starts_with("t OK [APPENDUID "), "{heard}");
    guest.ask("SELECT INBOX");
    let heard = guest.ask("FETCH 4 BODY.PEEK[TEXT]<509990.100>");
    assert!(heard.contains("bare\r\ncr\r\nlf\r\n)"), "{heard}");
}

#[test]
fn what_one_login_can_name_another_cannot() {
    let house = House::new();
    let mut alice = guest(&house).logged_in("alice@example.org");
    alice.ask("CREATE private");
    let mut bob = guest(&house).logged_in("bob@example.org");
    for command in ["SELECT private", "STATUS private (MESSAGES)", "DELETE private", "RENAME private mine"] {
        assert!(bob.ask(command).contains("t NO [NONEXISTENT]"), "{command}");
    }
    for name in ["../alice/Maildir", "..", "alice@example.org.private", "/etc/passwd"] {
        assert!(bob.ask(&format!("SELECT \"{name}\"")).contains("t NO ["), "{name}");
    }
    assert!(bob.ask("SELECT INBOX").contains("* 0 EXISTS"));
    assert!(!bob.ask("LIST \"\" *").contains("private"));
    assert!(alice.ask("SELECT INBOX").contains("* 3 EXISTS"));
}

#[test]
fn errors_and_refused_logins_end_the_connection() {
    let house = House::new();
    let mut guest = guest_with(&house, Settings { max_errors: 3, ..Settings::default() });
    for _ in 0..3 {
        guest.ask("NONSENSE");
    }
    assert_eq!(guest.next, Next::Close);
    let mut guest = guest_with(&house, Settings { max_refused: 2, ..Settings::default() });
    assert!(guest.ask("LOGIN alice@example.org wrong").contains("[AUTHENTICATIONFAILED]"));
    assert!(guest.ask("LOGIN nobody@example.org wrong").contains("* BYE"));
    assert_eq!(guest.next, Next::Close);
}

#[test]
fn before_login_a_flood_ends_the_connection() {
    let house = House::new();
    let mut guest = guest(&house);
    guest.say(&b"a NOOP\r\n".repeat(9000)).unwrap();
    assert_eq!(guest.next, Next::Close);
    assert!(guest.hear().ends_with("* BYE Too much was sent before logging in\r\n"));
}

#[test]
fn a_client_that_leaves_ends_the_session() {
    let house = House::new();
    let mut guest = guest(&house).logged_in("alice@example.org");
    guest.ask("SELECT INBOX");
    guest.heard.leaves_after = Some(0);
    assert_eq!(guest.say(b"t FETCH 1:* BODY[]\r\n"), Err(Gone));
}

#[test]
fn numbers_do_not_move_while_they_are_used() {
    let house = House::new();
    let mut one = guest(&house).logged_in("alice@example.org");
    let mut two = guest(&house).logged_in("alice@example.org");
    one.ask("SELECT INBOX");
    two.ask("SELECT INBOX");
    one.ask("STORE 1 +FLAGS.SILENT (\\Deleted)");
    assert_eq!(one.ask("EXPUNGE"), "* 1 EXPUNGE\r\nt OK Expunged\r\n");
    // Commands with numbers: nothing is told, and the numbers mean the same.
    let heard = two.ask("STORE 2 +FLAGS (\\Flagged)");
    assert!(heard.contains("* 2 FETCH (FLAGS (\\Flagged") && !heard.contains("EXPUNGE"), "{heard}");
    assert!(two.ask("FETCH 1 (UID BODY.PEEK[])").contains("t NO [EXPUNGEISSUED]"));
    assert!(two.ask("FETCH 3 UID").contains("* 3 FETCH (UID 3)"));
    assert!(!two.ask("SEARCH ALL").contains("EXPUNGE"));
    assert!(two.ask("NOOP").contains("* 1 EXPUNGE\r\n"));
    assert!(two.ask("FETCH 2 UID").contains("* 2 FETCH (UID 3)"));
    assert_eq!(
        house
            .runtime
            .block_on(house.opened("alice@example.org").select(&FolderName::inbox(), Mode::ReadOnly))
            .unwrap()
            .messages
            .len(),
        2
    );
}

/// The same with names that are made to lead elsewhere.
#[test]
fn no_name_leads_to_another_account() {
    let house = House::new();
    let alice = RefCell::new(guest(&house).logged_in("alice@example.org"));
    let bob = RefCell::new(guest(&house).logged_in("bob@example.org"));
    let pieces = ["..", "/", ".", "alice", "@example.org", "Maildir", "&AC4-", "&AC8-", "INBOX.", "~", "cur", " ", "%"];
    let strategy = proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 1..5);
    let config = proptest::test_runner::Config::with_cases(40);
    let rng = proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let outcome = proptest::test_runner::TestRunner::new_with_rng(config, rng).run(&strategy, |pieces| {
        let given = pieces.concat();
        // CREATE leaves out a separator at the end.
        let name = given.strip_suffix('.').unwrap_or(&given);
        let made = alice.borrow_mut().ask(&format!("CREATE \"{given}\"")).contains("t OK");
        let status = bob.borrow_mut().ask(&format!("STATUS \"{name}\" (MESSAGES)"));
        // His own INBOX is empty, hers is not.
        let is_his = status.starts_with("* STATUS INBOX (MESSAGES 0)");
        assert!(is_his || status.starts_with("t NO ["), "{name}: {status}");
        if made {
            let again = alice.borrow_mut().ask(&format!("STATUS \"{name}\" (MESSAGES)"));
            assert!(again.contains("t OK"), "{name}: {again}");
        }
        Ok(())
    });
    outcome.unwrap();
    assert_eq!(bob.borrow_mut().ask("LIST \"\" *").lines().count(), 7, "six folders of his own");
}

/// Whatever comes: no panic, and one tagged answer for each command.
#[test]
fn every_command_gets_one_answer() {
    let house = House::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let words = [
        "FETCH ",
        "UID ",
        "SEARCH ",
        "STORE ",
        "COPY ",
        "1:* ",
        "2 ",
        "(FLAGS BODY[1.MIME])",
        "ALL",
        "+FLAGS (\\Seen)",
        "BODY[]",
        "SELECT INBOX",
        "EXPUNGE",
        "NOOP",
        "STATUS INBOX (MESSAGES)",
        "LIST \"\" *",
        "TEXT a",
        "NOT ",
        "INBOX",
        "CREATE ",
        "x.y",
        "CLOSE",
        "{3+}\r\nabc",
        "ENVELOPE",
        "CHECK",
        "DELETE ",
        "RENAME ",
    ];
    let strategy = proptest::collection::vec(proptest::sample::select(words.to_vec()), 1..5);
    let guest = RefCell::new(guest_with(&house, Settings { max_errors: 10_000, ..Settings::default() }));
    guest.borrow_mut().say(b"l LOGIN alice@example.org secret\r\n").unwrap();
    guest.borrow_mut().ask("SELECT INBOX");
    let outcome = runner.run(&strategy, |words| {
        let heard = guest.borrow_mut().ask(&words.concat());
        let answers = heard.lines().filter(|line| line.starts_with("t ")).count();
        assert_eq!(answers, 1, "{words:?}: {heard}");
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn an_account_has_so_many_sessions_over_all_protocols() {
    let house = House::new();
    let mut guests: Vec<Guest> = (0..SESSIONS).map(|_| guest(&house).logged_in("alice@example.org")).collect();
    let mut late = guest(&house);
    for _ in 1..Settings::default().max_refused {
        assert!(late.ask("LOGIN alice@example.org secret").contains("t NO [LIMIT] "));
    }
    // Each attempt costs a hash, so they have an end.
    assert!(late.ask("LOGIN alice@example.org secret").contains("* BYE "));
    let pop3 = || {
        let (mut connection, _) = access::pop3::Connection::new(::pop3::Settings::default(), here());
        let mut heard = Heard::default();
        let login = b"USER alice@example.org\r\nPASS secret\r\n";
        house.runtime.block_on(connection.step(login, &house.pop3(), &mut heard)).unwrap();
        String::from_utf8(heard.bytes).unwrap()
    };
    assert!(pop3().contains("-ERR [IN-USE] "));
    guest(&house).logged_in("bob@example.org");
    guests.pop();
    assert!(!pop3().contains("-ERR"));
    guest(&house).logged_in("alice@example.org");
}

#[test]
fn what_is_made_up_of_one_message_has_an_end_and_others_are_shown() {
    let house = House::new();
    let header = "X-Long: ".to_owned() + &"a".repeat(60) + "\n";
    house.put((header.repeat(10_000) + "\nbody\n").as_bytes(), Flags::NONE, 1);
    house.put(THIRD, Flags::NONE, 1);
    let mut alice = guest(&house).logged_in("alice@example.org");
    alice.ask("SELECT INBOX");
    let items: Vec<String> = (0..8).map(|n| format!("BODY.PEEK[HEADER.FIELDS.NOT (a{n})]")).collect();
    let heard = alice.ask(&format!("FETCH 3:5 ({})", items.join(" ")));
    assert!(heard.contains("* 3 FETCH (") && heard.contains("* 5 FETCH ("), "{}", heard.len());
    assert!(!heard.contains("* 4 FETCH (") && heard.ends_with("at once\r\n"), "{}", heard.len());
    assert!(heard.contains("\r\nt NO [LIMIT] "));
    let heard = alice.ask(&format!("FETCH 4 ({})", items[..2].join(" ")));
    assert!(heard.contains("* 4 FETCH (") && heard.contains("\r\nt OK "));
}

fn change(house: &House, change: &AccountChange) {
    let alice = Address::parse("alice@example.org").unwrap();
    house.runtime.block_on(house.directory.change_account(&alice, change)).unwrap();
}

#[test]
fn a_lock_or_a_new_password_ends_what_was_logged_in() {
    let active = |yes| AccountChange { active: Some(yes), ..AccountChange::default() };
    let hash = hash_password(&Secret::from("another"), Cost::CHEAP).unwrap();
    for what in [active(false), AccountChange { password: Some(hash), ..AccountChange::default() }] {
        let house = House::new();
        let mut alice = guest(&house).logged_in("alice@example.org");
        let mut bob = guest(&house).logged_in("bob@example.org");
        let mut idle = guest(&house).logged_in("alice@example.org");
        idle.ask("SELECT INBOX");
        idle.ask("IDLE");
        assert!(alice.ask("NOOP").contains("t OK"));
        change(&house, &what);
        house.clock.pass(5);
        assert_eq!(
            alice.ask("NOOP"),
            "* BYE The account was switched off or has a new password, or this app password was revoked\r\n"
        );
        assert_eq!(alice.next, Next::Close);
        assert!(bob.ask("NOOP").contains("t OK"));
        let next = house.runtime.block_on(idle.session.announce(&mut idle.heard)).unwrap();
        assert_eq!((next, idle.hear().starts_with("* BYE ")), (Next::Close, true));
    }
}

#[test]
fn a_look_by_the_clock_sees_what_changed_since_the_last_command() {
    let house = House::new();
    let mut alice = guest(&house).logged_in("alice@example.org");
    let look = |alice: &mut Guest| {
        let next = house.runtime.block_on(alice.session.look(&mut alice.heard)).unwrap();
        (next, alice.hear())
    };
    assert!(alice.ask("NOOP").contains("t OK"));
    assert_eq!(look(&mut alice), (Next::Read, String::new()));
    change(&house, &AccountChange { active: Some(false), ..AccountChange::default() });
    assert!(alice.ask("NOOP").contains("t OK"), "the row was read just now");
    let (next, heard) = look(&mut alice);
    assert_eq!((next, heard.starts_with("* BYE ")), (Next::Close, true), "{heard}");
    let mut stranger = guest(&house);
    stranger.hear();
    assert_eq!(look(&mut stranger), (Next::Read, String::new()));
}

#[test]
fn without_the_directory_reading_goes_on() {
    let house = House::new();
    let mut alice = guest(&house).logged_in("alice@example.org");
    change(&house, &AccountChange { active: Some(false), ..AccountChange::default() });
    house.runtime.block_on(house.directory.close());
    house.clock.pass(5);
    assert!(alice.ask("SELECT INBOX").contains("t OK"));
}
