//! Smaller languages: the administrator's conditions, POP3 commands, what
//! daemon and scanner say to each other.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use avscan_wire::{MAX_FRAME, Options, Report, Request};
use mail::{ForwardPath, ReversePath};
use pop3::{Command, Event, LoginFailure, Session, Settings, State, Update};
use rules::{Action, Condition, Facts, Rule, Rules};

use super::cuts;

/// Conditions: what is read is shown as a text that means the same; what is
/// not read is pointed at.
pub fn rules(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Condition::parse(text) {
        Ok(condition) => {
            let shown = condition.to_string();
            // The signs that make it a text again may make it longer than is read.
            if let Err(error) = Condition::parse(&shown) {
                assert!(shown.len() > text.len() && shown.len() > 1000, "{shown}: {error}");
                return;
            }
            assert_eq!(Condition::parse(&shown).unwrap().to_string(), shown);
            assert_eq!(holds(text), holds(&shown), "{text:?} and {shown:?} differ");
        }
        Err(error) => {
            assert!(error.offset <= text.len() && text.is_char_boundary(error.offset));
            assert_eq!(error.column, text[..error.offset].chars().count() + 1);
            assert!(!error.what.is_empty() && !error.expected.is_empty());
        }
    }
}

/// Whether it holds for one message with something in every place.
fn holds(condition: &str) -> bool {
    let rule = Rule::new("rule", condition, Action::Junk).unwrap();
    let facts = Facts {
        header:
            b"From: Alice <alice@example.org>\nSubject: =?utf-8?q?caf=C3=A9?=\n au lait\nTo: bob@example.net\nTo: a\n\n",
        sender: &ReversePath::Address("alice@example.org".parse().unwrap()),
        recipients: &[ForwardPath::Postmaster, ForwardPath::Address("bob@example.net".parse().unwrap())],
        helo: "client.example",
        peer: Some("192.0.2.7".parse().unwrap()),
        size: 12_345,
    };
    !Rules::new(vec![rule]).unwrap().evaluate(&facts).is_empty()
}

/// A POP3 session: the same events in whatever pieces, answers in lines of
/// their own, nothing behind the end.
pub fn pop3(data: &[u8]) {
    for may_log_in in [false, true] {
        let [whole, single, uneven] = cuts(data).map(|pieces| pop3_session(&pieces, may_log_in));
        assert_eq!(whole, single, "cut into octets");
        assert_eq!(whole, uneven, "cut unevenly");
    }
    let line: Vec<u8> = data.iter().copied().filter(|byte| *byte != b'\n').collect();
    for state in [State::Authorization, State::Named, State::Transaction] {
        match Command::read(&line, state) {
            Ok(Command::User(name)) => assert!(!name.as_str().contains(char::is_control)),
            Ok(Command::Pass(password)) => assert!(!password.expose().iter().any(u8::is_ascii_control)),
            _ => {}
        }
    }
}

fn pop3_session(pieces: &[&[u8]], may_log_in: bool) -> Vec<String> {
    let limits = Settings { octets_before_login: 300, max_errors: 4, max_failed_logins: 2, ..Settings::default() };
    let (mut session, greeting) = Session::new(limits);
    check_lines(&greeting);
    let mut log = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        while let Some(event) = session.next(&mut input) {
            let closes = matches!(event, Event::Close(_));
            log.push(pop3_event(&mut session, event, may_log_in));
            assert!(!closes || session.is_over());
        }
        assert!(input.is_empty(), "what is not asked for stays behind");
    }
    log
}

fn pop3_event(session: &mut Session, event: Event, may_log_in: bool) -> String {
    let mut reply = Vec::new();
    let language = session.language();
    let shown = match event {
        Event::Answer(bytes) | Event::Close(bytes) => {
            // What asks for the answer of AUTH has no status.
            if bytes != b"+ \r\n" {
                check_lines(&bytes);
            }
            return String::from_utf8(bytes).expect("answers are text");
        }
        Event::Login { name, password } if may_log_in => {
            session.logged_in((2, 100)).encode(language, &mut reply);
            format!("login {name} {}", password.expose().escape_ascii())
        }
        Event::Login { name, .. } => {
            session.login_failed(LoginFailure::Wrong).encode(language, &mut reply);
            format!("wrong {name}")
        }
        Event::Update => {
            session.updated(Update::Done).encode(language, &mut reply);
            "update".to_owned()
        }
        Event::Do(command) => {
            assert!(may_log_in, "{command:?} without a login");
            format!("{command:?}")
        }
    };
    check_lines(&reply);
    shown
}

/// Whole lines, the first with a status (RFC 1939 §3), none of them broken by
/// what came in.
fn check_lines(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("answers are text");
    assert!(text.is_empty() || text.ends_with("\r\n") && (text.starts_with("+OK") || text.starts_with("-ERR")));
    for line in text.split_terminator("\r\n") {
        assert!(!line.contains(char::is_control) && line.len() <= 510, "{line:?}");
    }
}

/// Frames and options of the scanner: read or refused, and what is read is
/// written as the same.
pub fn avscan_wire(data: &[u8]) {
    if let Ok(request) = Request::decode(data) {
        assert_eq!(request.encode(), data);
    }
    match Report::decode(data) {
        Ok(report) => {
            let frame = report.encode();
            assert!(frame.len() <= MAX_FRAME);
            // Octets that are no text were replaced, and what grew by that was cut.
            assert_eq!(Report::decode(&frame).map(|again| again.encode()), Ok(frame));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let words = data.split(|byte| *byte == b'\n').map(|word| OsString::from_vec(word.to_vec()));
    if let Ok(options) = Options::from_args(words) {
        assert!((1..=256).contains(&options.threads));
        assert_eq!(Options::from_args(options.to_args()), Ok(options));
    }
}
