//! What is accepted: each copy with its header on top, and nothing in between.

use directory::AccountChange;
use mail::header;
use mailbox::{FolderName, Mode, Usage};
use rules::Action;
use smtp::Outcome;
use verdict::Arrival;

use crate::world::{LARGE, World, address, outcome, shown, token};

const MESSAGE: &str = "Received: from a by b; x\nReturn-Path: <pretender@example.org>\nFrom: Eve <eve@outside.example>\n\
    X-Gatepost-Verdict: accept; reason=forged\n folded\nx-gatepost-quarantine: token=x\n\
    Authentication-Results: mx.example.org; spf=pass\nAuthentication-Results: other.example; spf=fail\n\
    Delivered-To: somebody@other.example\nSubject: x\n\nbody\n.\nX-Gatepost-Verdict: in the body\n";

fn names(message: &str) -> Vec<String> {
    header::fields(message.as_bytes()).map(|field| String::from_utf8_lossy(field.name).into_owned()).collect()
}

#[tokio::test]
async fn each_copy_has_its_own_header_on_top() {
    let world = World::new().await;
    let to = ["alice@example.org", "Bob+x@example.net", "info@example.org", "alice@example.org"];
    let done = world.receive(Arrival::Direct, &to, MESSAGE).await;
    assert!(matches!(&done, Outcome::Accepted(text) if text.as_str().contains("id ")), "{done:?}");
    for (account, address) in [("alice", "alice@example.org"), ("example.net/bob", "bob@example.net")] {
        let mail = world.mail(account, "");
        let [message] = mail.as_slice() else { panic!("{account} has {} copies", mail.len()) };
        let own = ["Return-Path", "Delivered-To", "Received", "X-Gatepost-Verdict"];
        let kept = ["Received", "From", "Authentication-Results", "Delivered-To", "Subject"];
        assert_eq!(names(message), [&own[..], &kept[..]].concat(), "{message}");
        let top =
            format!("Return-Path: <sender@outside.example>\nDelivered-To: {address}\nReceived: from client.example");
        assert!(message.starts_with(&top), "{message}");
        assert!(message.contains(&format!("\n\tfor <{address}>;")) && !message.contains('\r'), "{message}");
        assert!(message.contains("\nX-Gatepost-Verdict: accept; "), "{message}");
        for pretended in ["pretender", "forged", "folded", "token=x", "mx.example.org; spf=pass"] {
            assert!(!message.contains(pretended), "{pretended} stands in {message}");
        }
        assert!(message.ends_with("\n\nbody\n.\nX-Gatepost-Verdict: in the body\n"), "{message}");
    }
    assert_eq!((world.files(), world.spooled()), (2, 0));
}

/// A first line that begins with white space would go on with our own field.
#[tokio::test]
async fn nobody_writes_on_in_our_header() {
    let world = World::new().await;
    for message in [" ; rule=forged\nFrom: a\n\nx\n", "\t; rule=forged\n\t; again\nFrom: a\n\nx\n"] {
        assert_eq!(outcome(&world.receive(Arrival::Direct, &["alice@example.org"], message).await), "ok");
    }
    for message in world.mail("alice", "") {
        assert!(!message.contains("forged") && message.ends_with("\nFrom: a\n\nx\n"), "{message}");
    }
}

/// Whether the message is to be delivered or kept for review.
#[tokio::test]
async fn an_index_that_is_away() {
    for message in [MESSAGE, "Subject: without From\n\nx\n"] {
        let world = World::new().await;
        let envelope = world.envelope(Arrival::Lmtp, &["alice@example.org"]).await;
        let arrived = world.arrive(message).await;
        let record = world.record(&arrived, &envelope).await;
        world.store.close().await;
        let done = world.deliverer.carry_out(smtp::Mode::Lmtp, arrived, &envelope, &record, &token()).await;
        assert_eq!((outcome(&done).as_str(), world.files(), world.spooled()), ("451 4.3.0", 0, 0), "{message}");
        // Who was seen before is known; at the latest DATA is put off, as above.
        for to in ["carol@example.org", "postmaster", "alice@elsewhere.example"] {
            assert_eq!(shown(&world.resolve(to, None).await.unwrap_err().refusal()), "451 4.3.0", "{to}");
        }
    }
}

#[tokio::test]
async fn what_is_delivered_is_in_the_index() {
    let world = World::new().await;
    for expected in [1, 2] {
        world.receive(Arrival::Direct, &["alice@example.org"], MESSAGE).await;
        let account = world.resolve("alice@example.org", None).await.unwrap().copies()[0].account;
        let view = world.store.select(account, &FolderName::inbox(), Mode::ReadOnly).await.unwrap();
        let last = view.messages.last().unwrap();
        assert_eq!((view.messages.len(), last.uid.get()), (expected, u32::try_from(expected).unwrap()));
        let file = world.mail("alice", "").pop().unwrap();
        assert_eq!((last.size, last.wsize), (file.len() as u64, file.replace('\n', "\r\n").len() as u64));
        let Usage { messages, bytes, .. } = world.store.usage(account).await.unwrap();
        assert_eq!((messages, bytes), (expected as u64, (expected * file.len()) as u64));
    }
}

/// One mailbox that cannot be written keeps the message from all, before
/// anybody can see it.
#[tokio::test]
async fn a_folder_that_cannot_be_written() {
    let world = World::new().await;
    world.resolve("info@example.org", None).await.unwrap();
    world.block("example.net/bob/Maildir/tmp");
    let done = world.receive(Arrival::Direct, &["info@example.org"], MESSAGE).await;
    assert!(outcome(&done).starts_with('4'), "{done:?}");
    assert_eq!((world.files(), world.spooled()), (0, 0));
    assert_eq!(outcome(&world.receive(Arrival::Direct, &["alice@example.org"], MESSAGE).await), "ok");
}

#[tokio::test]
async fn junk_goes_to_junk() {
    let world = World::new().await.with_rule("header Subject is x", Action::Junk);
    let done = world.receive(Arrival::Direct, &["alice@example.org"], MESSAGE).await;
    assert_eq!(outcome(&done), "ok");
    let mail = world.mail("alice", ".Junk");
    assert!(mail.len() == 1 && mail[0].contains("\nX-Gatepost-Verdict: junk; "), "{mail:?}");
    assert!(world.mail("alice", "").is_empty());
}

#[tokio::test]
async fn a_large_message_and_one_without_header() {
    let world = World::new().await;
    let large = format!("From: a\n\n{}", "0123456789abcdef\n".repeat(40_000));
    assert_eq!(outcome(&world.receive(Arrival::Direct, &["alice@example.org"], &large).await), "ok");
    assert!(world.mail("alice", "")[0].ends_with(&large));
    let world = world.with_rule("always", Action::Accept);
    assert_eq!(outcome(&world.receive(Arrival::Direct, &["carol@example.org"], "\nonly a body\n").await), "ok");
    assert!(world.mail("carol", "")[0].ends_with("\n\nonly a body\n"));
}

/// Who is below his quota at RCPT gets the message, whose size nobody knew, and
/// is full then. One who has become full between RCPT and the end of DATA keeps
/// it from all in SMTP, where one reply is for all of them and nobody may have a
/// second copy when the sender comes again; in LMTP from himself alone, and from
/// those who lead to the same mailbox.
#[tokio::test]
async fn over_quota() {
    let (direct, lmtp) = (Arrival::Direct, Arrival::Lmtp);
    let cases: [(Arrival, &[&str], &str, &str); 7] = [
        (direct, &["small@example.org"], "ok", "452 4.2.2"),
        (direct, &["alice@example.org", "small@example.org", "bob@example.net"], "ok", "452 4.2.2"),
        (direct, &["pair@example.org"], "ok", "452 4.2.2"),
        (lmtp, &["small@example.org"], "ok", "452 4.2.2"),
        (lmtp, &["alice@example.org", "small@example.org", "bob@example.net"], "ok, ok, ok", "ok, 452 4.2.2, ok"),
        (lmtp, &["pair@example.org", "bob@example.net"], "ok, ok", "452 4.2.2, ok"),
        (
            lmtp,
            &["alice@example.org", "bob@example.net", "small@example.org", "pair@example.org"],
            "ok, ok, ok, ok",
            "452 4.2.2, ok, 452 4.2.2, 452 4.2.2",
        ),
    ];
    let message = format!("From: a\n\n{}\n", "x".repeat(LARGE));
    for (arrival, to, first, second) in cases {
        let world = World::new().await;
        // Accepted before the first message came.
        let envelope = world.envelope(arrival, to).await;
        assert_eq!(outcome(&world.receive(arrival, to, &message).await), first, "{arrival:?} {to:?}");
        let before = world.files();
        let mode = if arrival == lmtp { smtp::Mode::Lmtp } else { smtp::Mode::Smtp };
        let arrived = world.arrive(&message).await;
        let record = world.record(&arrived, &envelope).await;
        let done = world.deliverer.carry_out(mode, arrived, &envelope, &record, &token()).await;
        assert_eq!(outcome(&done), second, "{arrival:?} {to:?}");
        let more = if arrival == lmtp { second.matches("ok").count() } else { 0 };
        assert_eq!((world.files(), world.spooled()), (before + more, 0), "{arrival:?} {to:?}");
        assert_eq!(world.mail("small", "").len(), 1);
        // RCPT says so, and keeps the others out of it.
        let full = world.resolve("small@example.org", None).await.unwrap_err();
        assert_eq!(shown(&full.refusal()), "452 4.2.2");
        let more = AccountChange { quota: Some(None), ..AccountChange::default() };
        world.directory.change_account(&address("small@example.org"), &more).await.unwrap();
        assert_eq!(outcome(&world.receive(Arrival::Direct, &["pair@example.org"], &message).await), "ok");
        assert_eq!(world.mail("small", "").len(), 2);
    }
}

/// In LMTP a Maildir that cannot be written puts off its own recipients: in each
/// step at which it may show.
#[tokio::test]
async fn one_broken_maildir_in_lmtp() {
    for broken in ["example.org/alice/Maildir/tmp", "example.org/alice/Maildir/new"] {
        let world = World::new().await;
        let to = ["alice@example.org", "bob@example.net", "carol@example.org", "pair@example.org"];
        world.envelope(Arrival::Lmtp, &to).await;
        world.block(broken);
        let done = world.receive(Arrival::Lmtp, &to, MESSAGE).await;
        let replies = outcome(&done);
        let each: Vec<&str> = replies.split(", ").collect();
        assert!(each[0].starts_with('4') && each[3].starts_with('4'), "{broken}: {replies}");
        assert_eq!((each[1], each[2]), ("ok", "ok"), "{broken}");
        assert_eq!((world.mail("example.net/bob", "").len(), world.mail("carol", "").len()), (1, 1));
        assert_eq!((world.mail("small", "").len(), world.spooled()), (0, 0), "{broken}: who shares a reply shares all");
        let done = world.receive(Arrival::Lmtp, &["bob@example.net"], MESSAGE).await;
        assert_eq!(outcome(&done), "ok", "{broken}: the others go on");
    }
}
