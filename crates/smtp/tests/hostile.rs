//! Whatever arrives, in whatever pieces: no panic, whole reply lines, one last
//! event, bounded memory, and the same outcome however it was cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod shell;

use proptest::prelude::*;
use shell::{Shell, Table, case};
use smtp::{Abort, Decision, Event, Mode, Session, Settings};

fn settings() -> Settings {
    let mut settings = Settings::new("mx.example.org".parse().unwrap());
    settings.max_line = 100;
    settings.max_message = 300;
    settings.max_skip = 300;
    settings.max_recipients = 3;
    settings.smtputf8 = true;
    settings.starttls = true;
    settings
}

fn table() -> Table {
    [("rcpt nobody@example.org", "no-such-recipient"), ("end carol@example.org", "over-quota")]
        .map(|(place, name)| (place.to_owned(), case(name).unwrap()))
        .into()
}

/// Lines that lead deep into a session, and rubbish between them.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => prop::sample::select(vec![
            "EHLO client.example\r\n", "LHLO client.example\r\n", "MAIL FROM:<a@b.example>\r\n", "MAIL FROM:<>\r\n",
            "MAIL FROM:<a@b.example> SIZE=400\r\n", "MAIL FROM:<é@b.example> SMTPUTF8\r\n", "RSET\r\n", "NOOP\r\n",
            "RCPT TO:<bob@example.org>\r\n", "RCPT TO:<carol@example.org>\r\n", "RCPT TO:<nobody@example.org>\r\n",
            "RCPT TO:<bob@example.org>\r\n", "DATA\r\n", "DATA\r\n", "x\r\n", ".\r\n", ".\r\n", "BDAT 4\r\n",
            "BDAT 3 LAST\r\n", "BDAT 0 LAST\r\n", "BDAT 250\r\n", "BDAT 301\r\n", "BDAT x\r\n", "\r\n", "\n", "\r", "..", "VRFY x\r\n",
        ]).prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 1usize..400).prop_map(|(byte, length)| vec![byte; length]),
    ];
    prop::collection::vec(line, 0..30).prop_map(|lines| lines.concat())
}

/// A way into a message for most of the runs.
fn opening(mode: Mode) -> &'static [u8] {
    match mode {
        Mode::Smtp => b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.org>\r\n",
        Mode::Lmtp => b"LHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.org>\r\n",
    }
}

fn run<'a>(mode: Mode, pieces: impl Iterator<Item = &'a [u8]>) -> Shell {
    let mut shell = Shell::new(mode, settings(), table());
    pieces.for_each(|piece| shell.receive(piece));
    shell.session.hang_up();
    shell.pump();
    shell
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn however_it_is_cut_it_means_the_same(
        wire in wire(), open in any::<bool>(), lmtp in any::<bool>(), step in 1usize..50,
    ) {
        let mode = if lmtp { Mode::Lmtp } else { Mode::Smtp };
        let wire = [if open { opening(mode) } else { b"" }, &wire[..]].concat();
        let whole = run(mode, std::iter::once(&wire[..]));
        let cut = run(mode, wire.chunks(step));
        prop_assert_eq!(String::from_utf8_lossy(&whole.output), String::from_utf8_lossy(&cut.output));
        prop_assert_eq!(&whole.messages, &cut.messages);
        prop_assert_eq!(&whole.log, &cut.log);

        let last = |what: &String| what == "quit" || what.starts_with("abort");
        prop_assert_eq!(whole.log.iter().filter(|what| last(what)).count(), 1);
        prop_assert!(last(whole.log.last().unwrap()));

        let output = String::from_utf8(whole.output).unwrap();
        for line in output.split_inclusive("\r\n") {
            let text = line.strip_suffix("\r\n").unwrap();
            prop_assert!(line.len() <= 512 && text.bytes().all(|b| (b' '..=b'~').contains(&b)), "{line:?}");
            prop_assert!(text.as_bytes()[..3].iter().all(u8::is_ascii_digit) && b" -".contains(&text.as_bytes()[3]));
        }
        for message in &whole.messages {
            let lines = message.iter().filter(|b| **b == b'\n').count();
            prop_assert!(message.len() + lines <= 300, "larger than allowed");
            prop_assert!(!message.contains(&0) && !message.contains(&b'\r'));
            prop_assert!(message.is_empty() || message.ends_with(b"\n"));
        }
    }
}

#[test]
fn while_the_shell_decides_nothing_is_read() {
    let mut session = Session::new(Mode::Smtp, settings().into());
    let Some(Event::Connect(permit)) = session.next_event() else { panic!("no question") };
    assert_eq!(session.feed(b"HELO client.example\r\nQUIT\r\n"), 27);
    assert!(session.next_event().is_none() && !session.wants_input() && session.buffered() == 27);
    let taken = session.feed(&[b'a'; 100_000]);
    assert!(taken < 40_000, "{taken} octets are kept");
    assert_eq!((session.room(), session.feed(b"a")), (0, 0));
    assert!(!session.has_output());
    session.greet(permit, Decision::Accept);
    let Some(Event::Hello(_, permit)) = session.next_event() else { panic!("no question") };
    assert!(session.next_event().is_none());
    session.hello(permit, Decision::Accept);
    assert!(matches!(session.next_event(), Some(Event::Quit)));
    assert!(session.next_event().is_none() && !session.wants_input());
    assert_eq!(session.feed(b"NOOP\r\n"), 6);
    assert!(session.next_event().is_none());
}

#[test]
fn a_permit_of_another_session_moves_nothing() {
    let mut one = Session::new(Mode::Smtp, settings().into());
    let mut other = Session::new(Mode::Smtp, settings().into());
    let Some(Event::Connect(permit)) = one.next_event() else { panic!("no question") };
    let Some(Event::Connect(own)) = other.next_event() else { panic!("no question") };
    other.greet(own, Decision::Accept);
    let greeting = other.take_output();
    other.greet(permit, Decision::Accept);
    assert!(!greeting.is_empty() && !other.has_output() && other.wants_input());
}

#[test]
fn what_stands_behind_starttls_is_thrown_away() {
    let mut shell = Shell::new(Mode::Smtp, settings(), Table::new());
    shell.receive(b"HELO client.example\r\nSTARTTLS\r\nMAIL FROM:<evil@example.net>\r\nRCPT");
    assert_eq!(shell.log.last().unwrap(), "starttls, 34 dropped");
    shell.receive(b" TO:<bob@example.org>\r\nDATA\r\n");
    let said = shell.output.len();
    shell.secured();
    shell.receive(b"NOOP\r\n");
    assert_eq!(String::from_utf8_lossy(&shell.output[said..]), "250 2.0.0 Done nothing.\r\n");
    assert!(shell.session.peer().is_none() && !shell.log.iter().any(|what| what.starts_with("mail")));
}

#[test]
fn a_message_that_never_ends_keeps_no_memory() {
    let mut settings = settings();
    (settings.max_message, settings.max_skip) = (1_000_000, 2_000_000);
    let mut shell = Shell::new(Mode::Smtp, settings, Table::new());
    shell.receive(&[opening(Mode::Smtp), b"DATA\r\n"].concat());
    let block = vec![b'a'; 64 * 1024];
    let mut sent = 0u64;
    while shell.session.wants_input() {
        sent += shell.session.feed(&block) as u64;
        while let Some(event) = shell.session.next_event() {
            match event {
                Event::Chunk(bytes) => assert!(bytes.len() <= 40_000),
                Event::Abort(reason) => assert_eq!(reason, Abort::TooMuchRefused),
                other => panic!("{other:?}"),
            }
        }
        assert!(shell.session.buffered() == 0 && shell.session.room() > 30_000);
    }
    assert!(sent > 3_000_000 && sent < 3_100_000, "{sent}");
}

#[test]
fn the_octets_of_a_message_are_counted_over_all_its_chunks() {
    let mut shell = Shell::at_data(Mode::Smtp);
    assert_eq!(shell.session.message_octets(), None);
    for sent in 1..=3 {
        shell.receive(b"BDAT 1\r\nx");
        assert_eq!(shell.session.message_octets(), Some(sent), "commands are no octets of it");
    }
    shell.receive(b"NOOP\r\nBDAT 5\r\nab");
    assert_eq!(shell.session.message_octets(), Some(5));
    shell.receive(b"cdeBDAT 0 LAST\r\n");
    assert_eq!(shell.session.message_octets(), None);
    shell.receive(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nabc");
    assert_eq!(shell.session.message_octets(), Some(3), "the next message begins with none");
    shell.receive(b"\r\n.\r\nBDAT 100\r\nx");
    assert_eq!(shell.session.message_octets(), Some(1), "what is thrown away counts as well");
}
