//! Whole sessions against the machine alone: a login `alice`/`secret` with
//! two messages succeeds, names of failures fail in their way.

use proptest::prelude::*;

use super::*;

/// Plays the part of the caller.
fn answer(session: &mut Session, event: Event) -> String {
    match event {
        Event::Answer(bytes) | Event::Close(bytes) => String::from_utf8(bytes).unwrap(),
        Event::Login { name, password } => {
            let reply = match (name.as_str(), password.expose()) {
                ("alice", b"secret") => session.logged_in((2, 320)),
                ("slow", _) => session.login_failed(LoginFailure::Slowed(Duration::from_millis(19_001))),
                ("alice+Nix", _) => session.login_failed(LoginFailure::NoSuchFolder),
                ("busy", _) => session.login_failed(LoginFailure::InUse),
                ("crowd", _) => session.login_failed(LoginFailure::TooManySessions),
                ("away", _) => session.login_failed(LoginFailure::Unavailable(Class::Directory)),
                _ => session.login_failed(LoginFailure::Wrong),
            };
            String::from_utf8(session.encoded(&reply)).unwrap()
        }
        Event::Do(command) => format!("{command:?}\r\n"),
        Event::Update => {
            let reply = session.updated(Update::Done);
            String::from_utf8(session.encoded(&reply)).unwrap()
        }
    }
}

/// All that is answered to these octets, and the session after it.
fn talk(settings: Settings, chunks: &[&[u8]]) -> (String, Session) {
    let (mut session, greeting) = Session::new(settings);
    let mut heard = String::from_utf8(greeting).unwrap();
    for chunk in chunks {
        let mut input = *chunk;
        while let Some(event) = session.next(&mut input) {
            heard += &answer(&mut session, event);
        }
        assert!(input.is_empty());
    }
    (heard, session)
}

fn heard(client: &str) -> Vec<String> {
    let (heard, _) = talk(Settings::default(), &[client.as_bytes()]);
    heard.lines().skip(1).map(str::to_owned).collect()
}

const LOGIN: &str = "USER alice\r\nPASS secret\r\n";

#[test]
fn replies() {
    let cases: [(&str, &[&str]); 13] = [
        ("USER crowd\r\nPASS x\r\n", &["+OK now the password", "-ERR [IN-USE] the account has too many sessions"]),
        (LOGIN, &["+OK now the password", "+OK 2 messages, 320 octets"]),
        (
            "USER slow\r\nPASS x\r\n",
            &["+OK now the password", "-ERR [AUTH] name or password is wrong, and the next try has to wait 20 s"],
        ),
        (
            "USER alice+Nix\r\nPASS x\r\n",
            &["+OK now the password", "-ERR [SYS/PERM] the account has no folder of that name"],
        ),
        ("PASS secret\r\n", &["-ERR that command is not allowed now"]),
        (
            "USER bob\r\nPASS x\r\nPASS y\r\n",
            &["+OK now the password", "-ERR [AUTH] name or password is wrong", "-ERR that command is not allowed now"],
        ),
        (
            "USER bob\r\nUSER alice\r\nPASS secret\r\n",
            &["+OK now the password", "+OK now the password", "+OK 2 messages, 320 octets"],
        ),
        ("USER busy\r\nPASS x\r\n", &["+OK now the password", "-ERR [IN-USE] another session reads this mailbox"]),
        (
            "USER away\r\nPASS x\r\n",
            &["+OK now the password", "-ERR [SYS/TEMP] the mailbox is not available, try again later"],
        ),
        ("STAT\r\nQUIT\r\nNOOP\r\n", &["-ERR that command is not allowed now", "+OK goodbye"]),
        ("XYZ\r\n\r\nUSER\r\n", &["-ERR unknown command", "-ERR unknown command", "-ERR an argument is missing"]),
        ("NOOP\nQUIT\n", &["-ERR that command is not allowed now", "+OK goodbye"]),
        ("STLS\r\n", &["-ERR unknown command"]),
    ];
    for (client, expected) in cases {
        assert_eq!(heard(client), expected, "{client:?}");
    }
    let after = heard(&format!("{LOGIN}STAT\r\nTOP 1 5\r\nNOOP\r\nUSER x\r\nRETR 0\r\nQUIT\r\nSTAT\r\n"));
    assert_eq!(
        after[2..],
        [
            "Stat",
            "Top(MessageNumber(1), 5)",
            "+OK nothing done",
            "-ERR that command is not allowed now",
            "-ERR that is not a message number",
            "+OK goodbye",
        ]
    );
}

/// `alice`/`secret`, with alice acting for nobody, for alice, for bob.
const PLAIN: &str = "AGFsaWNlAHNlY3JldA==";
const FOR_ALICE: &str = "YWxpY2UAYWxpY2UAc2VjcmV0";
const FOR_BOB: &str = "Ym9iAGFsaWNlAHNlY3JldA==";

#[test]
fn plain() {
    let not_plain = "-ERR that is no answer of the PLAIN mechanism";
    let cases: [(String, &[&str]); 12] = [
        (format!("AUTH PLAIN {PLAIN}\r\n"), &["+OK 2 messages, 320 octets"]),
        (format!("auth plain\r\n{PLAIN}\r\n"), &["+ ", "+OK 2 messages, 320 octets"]),
        (format!("AUTH PLAIN {FOR_ALICE}\r\n"), &["+OK 2 messages, 320 octets"]),
        (format!("AUTH PLAIN {FOR_BOB}\r\n"), &["-ERR [AUTH] nobody can act for somebody else"]),
        ("AUTH PLAIN =\r\n".into(), &[not_plain]),
        ("AUTH PLAIN\r\n\r\nCAPA x\r\n".into(), &["+ ", not_plain, "-ERR too many arguments"]),
        ("AUTH PLAIN\r\n*\r\nCAPA x\r\n".into(), &["+ ", "-ERR cancelled", "-ERR too many arguments"]),
        // A command in the place of the answer is an answer, and a bad one.
        ("AUTH PLAIN\r\nQUIT\r\n".into(), &["+ ", not_plain]),
        ("AUTH PLAIN AGJvYgB4\r\n".into(), &["-ERR [AUTH] name or password is wrong"]),
        ("AUTH\r\n".into(), &["+OK ways to log in", "PLAIN", "."]),
        ("AUTH LOGIN\r\n".into(), &["-ERR this mechanism is not offered"]),
        (
            format!("USER bob\r\nAUTH PLAIN {PLAIN}\r\nAUTH PLAIN {PLAIN}\r\n"),
            &["+OK now the password", "+OK 2 messages, 320 octets", "-ERR that command is not allowed now"],
        ),
    ];
    for (client, expected) in cases {
        assert_eq!(heard(&client), expected, "{client:?}");
    }
    assert_eq!(
        heard("USER alice\r\nAUTH PLAIN\r\n*\r\nPASS secret\r\n")[2..],
        ["-ERR cancelled", "-ERR that command is not allowed now"],
        "AUTH forgets the name"
    );
    let long = format!("AUTH PLAIN\r\n{}\r\nCAPA\r\n", "A".repeat(2048));
    assert_eq!(heard(&long)[1..3], ["-ERR the line is too long", "+OK what works"]);
    let longest = format!("AUTH PLAIN\r\n{}\r\nCAPA\r\n", "A".repeat(2044));
    assert_eq!(heard(&longest)[1..3], [not_plain, "+OK what works"]);
}

#[test]
fn exchanges_without_end_are_bounded() {
    let (said, session) = talk(Settings::default(), &["AUTH PLAIN\r\n*\r\n".repeat(12).as_bytes()]);
    assert_eq!(said.matches("-ERR").count(), 10);
    assert!(session.is_over());
    let few = Settings { octets_before_login: 3000, ..Settings::default() };
    let (said, session) = talk(few, &[b"AUTH PLAIN\r\n", "A".repeat(4000).as_bytes()]);
    assert!(said.ends_with("-ERR too much before a login\r\n") && session.is_over());
}

#[test]
fn languages() {
    let german = heard("LANG\r\nLANG de-DE\r\nUSER x\r\nPASS x\r\nLANG fr\r\nLANG *\r\nCAPA x\r\n");
    assert_eq!(
        german,
        [
            "+OK languages",
            "en English",
            "de Deutsch",
            ".",
            "+OK de die Sprache ist Deutsch",
            "+OK jetzt das Passwort",
            "-ERR [AUTH] Name oder Passwort ist falsch",
            "-ERR diese Sprache gibt es hier nicht",
            "+OK en the language is English",
            "-ERR too many arguments",
        ]
    );
    let (_, session) = talk(Settings::default(), &[LOGIN.as_bytes(), b"LANG de\r\n"]);
    assert_eq!(session.language(), Language::German);
}

#[test]
fn messages_are_ascii_until_utf8_is_said() {
    let form = |client: &str| talk(Settings::default(), &[client.as_bytes()]).1.form();
    assert_eq!((form(""), form("UTF8 x\r\n"), form("UTF8\r\n")), (Form::Ascii, Form::Ascii, Form::Utf8));
    assert_eq!(form(&format!("UTF8\r\n{LOGIN}")), Form::Utf8);
    assert_eq!(form(&format!("{LOGIN}UTF8\r\n")), Form::Ascii, "it is too late then");
}

#[test]
fn capabilities_are_the_same_in_both_states() {
    let before = heard("CAPA\r\n");
    assert_eq!((before[0].as_str(), before.last().unwrap().as_str()), ("+OK what works", "."));
    assert!(before.contains(&"EXPIRE NEVER".to_owned()) && !before.contains(&"STLS".to_owned()));
    assert_eq!(heard(&format!("{LOGIN}CAPA\r\n"))[2..], before);
}

#[test]
fn an_update_that_fails_says_so() {
    let (_, mut session) = talk(Settings::default(), &[LOGIN.as_bytes()]);
    assert!(!session.is_over());
    let reply = session.updated(Update::Failed(Class::Disk));
    assert_eq!(session.encoded(&reply), b"-ERR [SYS/TEMP] some deleted messages are not removed\r\n");
    assert!(session.is_over());
}

#[test]
fn limits() {
    let before_login = |octets| Settings { octets_before_login: octets, ..Settings::default() };
    let (said, session) = talk(before_login(20), &[b"CAPA\r\n", b"USER 012345678901234567", b"89\r\nSTAT\r\n"]);
    assert!(said.ends_with("-ERR too much before a login\r\n") && session.is_over());
    // Pipelined commands behind the login count as after it.
    let long = format!("{LOGIN}{}", "NOOP\r\n".repeat(20));
    let (said, session) = talk(before_login(LOGIN.len()), &[long.as_bytes()]);
    assert!(said.ends_with("+OK nothing done\r\n") && !session.is_over());

    let (said, session) = talk(Settings::default(), &["X\r\n".repeat(12).as_bytes()]);
    assert_eq!(said.matches("-ERR").count(), 10);
    assert!(session.is_over());

    let (said, session) = talk(Settings::default(), &["USER bob\r\nPASS x\r\n".repeat(5).as_bytes()]);
    assert_eq!(said.matches("[AUTH]").count(), 3);
    assert!(session.is_over());
}

#[test]
fn long_lines() {
    let user = format!("USER {}\r\n", "a".repeat(505));
    assert_eq!(heard(&user), ["+OK now the password"]);
    let user = format!("USER {}\r\nCAPA\r\n", "a".repeat(506));
    assert_eq!(heard(&user)[..2], ["-ERR the line is too long", "+OK what works"]);
    let noop = format!("{LOGIN}NOOP {}\r\nNOOP\r\n", " ".repeat(249));
    assert_eq!(heard(&noop)[2..], ["-ERR the line is too long", "+OK nothing done"]);
    let noop = format!("{LOGIN}NOOP {}\r\n", " ".repeat(248));
    assert_eq!(heard(&noop)[2..], ["+OK nothing done"]);
}

#[test]
fn waiting() {
    let (mut session, _) = Session::new(Settings::default());
    assert_eq!(session.patience(), Patience::SinceConnect(Duration::from_secs(60)));
    session.logged_in((0, 0));
    assert_eq!(session.patience(), Patience::Idle(Duration::from_secs(600)));
    session.timed_out();
    assert!(session.is_over() && session.next(&mut &b"QUIT\r\n"[..]).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn however_it_is_cut_it_is_answered_alike(
        words in prop::collection::vec(prop_oneof![
            Just("USER alice\r\n".to_owned()), Just("PASS secret\r\n".to_owned()), Just("STAT\r\n".to_owned()),
            Just("QUIT\r\n".to_owned()), Just(format!("AUTH PLAIN {PLAIN}\r\n")), Just("AUTH PLAIN\r\n".to_owned()),
            Just(format!("{PLAIN}\n")), Just("LANG de\r\n".to_owned()), Just("RETR 1\n".to_owned()), "[ -~]{0,12}\r?\n", Just("x".repeat(300)),
        ], 0..12),
        at in 0usize..400,
    ) {
        let whole = words.concat();
        let at = at.min(whole.len());
        let cut = talk(Settings::default(), &[&whole.as_bytes()[..at], &whole.as_bytes()[at..]]).0;
        let (one, session) = talk(Settings::default(), &[whole.as_bytes()]);
        prop_assert_eq!(&cut, &one);
        // Only a login opens the mailbox.
        let opened = one.contains("octets") || one.contains("Oktette");
        prop_assert_eq!(opened, session.state == State::Transaction);
        prop_assert!(opened || !one.contains("Stat"));
    }
}
