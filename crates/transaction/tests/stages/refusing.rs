//! What is not accepted: kept for review, put off, or going in circles.

use mail::Class;
use mailbox::RefusedFor;
use rules::Action;
use smtp::{Mode, Outcome};
use verdict::Arrival;

use crate::world::{World, address, domain, outcome, token};

/// The shipped rule refuses it.
const NO_FROM: &str = "Subject: x\n\nbody\n";

#[tokio::test]
async fn each_domain_keeps_a_copy_that_shows_its_own_recipients() {
    let world = World::new().await;
    let to = ["alice@example.org", "bob@example.net", "Carol@example.org"];
    let done = world.receive(Arrival::Direct, &to, NO_FROM).await;
    assert_eq!(outcome(&done), "550 5.7.1");
    let Outcome::Refused(refusal) = &done else { panic!("{done:?}") };
    let said = refusal.reply().text()[0].as_str();
    let link = format!("https://mx.example.org/report/{}", token());
    assert!(said.ends_with(&link) && said.contains("From"), "{said}");

    let keeper = "localhost/postmaster";
    for (name, keeper, mine, theirs) in [
        ("example.org", keeper, "alice@example.org,Carol@example.org", "example.net"),
        ("example.net", "example.net/bob", "bob@example.net", "alice"),
    ] {
        let kept = world.store.quarantined(Some(&domain(name))).await.unwrap();
        assert_eq!(kept.len(), 1, "{name}");
        let recipients: Vec<_> = mine.split(',').map(address).collect();
        assert_eq!((&kept[0].recipients, kept[0].kind), (&recipients, RefusedFor::Content));
        assert_eq!(kept[0].sender, "sender@outside.example");
        let mail = world.mail(keeper, ".Quarantine");
        let [message] = mail.as_slice() else { panic!("{keeper} keeps {} copies", mail.len()) };
        let header = format!("\nX-Gatepost-Quarantine: token={}; reason=", token());
        assert!(
            message.starts_with("Return-Path: <sender@outside.example>\nReceived: from client.example"),
            "{message}"
        );
        assert!(message.contains(&header) && message.contains(&format!("; rcpt={mine}\n")), "{message}");
        assert!(!message.contains(theirs), "{theirs} is shown to {name}: {message}");
        assert!(message.ends_with("\nSubject: x\n\nbody\n"), "{message}");
    }
    assert_eq!((world.files(), world.spooled()), (2, 0));
}

/// What is missing is ours, and says nothing of the recipient.
#[tokio::test]
async fn a_keeper_whose_maildir_is_away() {
    let world = World::new().await;
    assert_eq!(outcome(&world.receive(Arrival::Lmtp, &["bob@example.net"], "From: a\n\nb\n").await), "ok");
    world.lose("example.net/bob/Maildir");
    let done = world.receive(Arrival::Lmtp, &["bob@example.net"], NO_FROM).await;
    assert!(outcome(&done).starts_with("45"), "{done:?}");
}

/// The refusal is told to somebody who still has the message; a 250 is not.
#[tokio::test]
async fn a_copy_that_cannot_be_kept() {
    for (arrival, expected) in [(Arrival::Direct, "550 5.7.1"), (Arrival::Lmtp, "45")] {
        let world = World::new().await;
        world.block("localhost");
        let done = world.receive(arrival, &["alice@example.org"], NO_FROM).await;
        assert!(outcome(&done).starts_with(expected), "{arrival:?}: {done:?}");
        assert_eq!((world.files(), world.spooled()), (0, 0), "{arrival:?}");
    }
}

/// A 550 would make the server before us bounce to whoever is named as sender.
#[tokio::test]
async fn a_relay_hears_yes() {
    for arrival in [Arrival::Lmtp, Arrival::TrustedRelay] {
        let world = World::new().await;
        let done = world.receive(arrival, &["alice@example.org", "carol@example.org"], NO_FROM).await;
        assert_eq!(outcome(&done), "ok", "{arrival:?}");
        let kept = world.store.quarantined(None).await.unwrap();
        assert_eq!((kept.len(), kept[0].recipients.len()), (1, 2), "{arrival:?}");
        assert!(world.mail("alice", "").is_empty() && world.mail("alice", ".Junk").is_empty());
        assert_eq!(world.spooled(), 0);
    }
}

/// Form does not shut the door to those whom everybody must be able to reach.
#[tokio::test]
async fn postmaster_alone_is_never_refused_for_form() {
    let world = World::new().await;
    let done = world.receive(Arrival::Direct, &["postmaster@example.net", "abuse@example.net"], NO_FROM).await;
    assert_eq!(outcome(&done), "ok");
    assert_eq!(world.files(), 1, "one account has one copy");
    let done = world.receive(Arrival::Direct, &["postmaster@example.net", "alice@example.org"], NO_FROM).await;
    assert_eq!(outcome(&done), "550 5.7.1");
}

#[tokio::test]
async fn the_rule_says_what_the_sender_hears() {
    let sentence = "We do not take\r\nX-Evil: this".to_owned();
    let world = World::new().await.with_rule("recipients >= 1", Action::Reject { sentence: Some(sentence) });
    let done = world.receive(Arrival::Direct, &["alice@example.org"], "From: a\n\nx\n").await;
    let Outcome::Refused(refusal) = done else { panic!("{done:?}") };
    let mut wire = Vec::new();
    refusal.reply().write(&mut wire);
    let text = String::from_utf8(wire).unwrap();
    assert!(text.starts_with("550 5.7.1 We do not take") && text.matches("\r\n").count() == 1, "{text}");
    assert!(text.len() < 400, "{text}");
}

#[tokio::test]
async fn time_that_is_spent_is_no_reason_to_take_or_refuse() {
    let world = World::new().await;
    for (mode, arrival) in [(Mode::Smtp, Arrival::Direct), (Mode::Lmtp, Arrival::Lmtp)] {
        let envelope = world.envelope(arrival, &["alice@example.org", "bob@example.net"]).await;
        let arrived = world.arrive("From: a\n\nx\n").await;
        let record = world.judge.out_of_time(&arrived, &envelope, 1);
        let verdict = &record.decision.verdict;
        assert!(matches!(verdict, verdict::Verdict::Defer { class: Class::Scanner }), "{verdict:?}");
        let done = world.deliverer.carry_out(mode, arrived, &envelope, &record, &token()).await;
        assert_eq!(outcome(&done), "451 4.7.0");
        assert_eq!((world.files(), world.spooled()), (0, 0));
    }
}

#[tokio::test]
async fn circles() {
    let world = World::new().await;
    let ours = "Received: from a by mx.example.org (Gatepost) with ESMTP; x\n";
    let cases = [
        (format!("{ours}Delivered-To: alice@example.org\nFrom: a\n\n"), true),
        (format!("Delivered-To: ALICE@example.org\n{ours}From: a\n\n"), true),
        (format!("{ours}Delivered-To: bob@example.net\nFrom: a\n\n"), false),
        ("Delivered-To: alice@example.org\nFrom: a\n\n".to_owned(), false),
        (format!("From: a\n\n{ours}Delivered-To: alice@example.org\n"), false),
        ("Received: from a by b; x\n".repeat(100) + "From: a\n\n", true),
        ("Received: from a by b; x\n".repeat(99) + "From: a\n\n", false),
    ];
    for (message, looping) in cases {
        let envelope = world.envelope(Arrival::Direct, &["Alice+x@example.org"]).await;
        let arrived = world.arrive(&message).await;
        let refusal = world.deliverer.loop_refusal(&arrived, &envelope).map(|refusal| crate::world::shown(&refusal));
        assert_eq!(refusal.as_deref(), looping.then_some("550 5.4.6"), "{message:.120}");
    }
    assert_eq!(world.spooled(), 0, "what is not carried out is forgotten");
}

#[tokio::test]
async fn what_does_not_come_to_its_end_is_forgotten() {
    let world = World::new().await;
    let arrived = world.arrive("From: a\n\nx\n").await;
    assert_eq!(world.spooled(), 1);
    drop(arrived);
    assert_eq!(world.spooled(), 0);
}
