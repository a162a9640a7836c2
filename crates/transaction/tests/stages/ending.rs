//! What came before a message counts: it made us panic, it was delivered
//! without its sender knowing, or nobody waits for it any more.

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use avscan_client::{Message, Scan};
use mailbox::RefusedFor;
use smtp::{Mode, Outcome};
use tokio::sync::Notify;
use transaction::{Ended, Ending, Examination, Examiner, GivenUp, Moment, Ticket};
use verdict::Arrival;

use crate::world::{World, domain, outcome, token};

const MESSAGE: &str = "From: a@outside.example\nMessage-ID: <1@outside.example>\n\nbody\n";

fn moment(mode: Mode) -> Moment {
    Moment { mode, now: 1_795_255_200, deadline: Instant::now() + Duration::from_secs(60), token: token() }
}

impl World {
    async fn decide(&self, ending: &Ending, to: &[&str], message: &str) -> Ended {
        self.decide_in(ending, Mode::Smtp, to, message).await
    }

    async fn decide_in(&self, ending: &Ending, mode: Mode, to: &[&str], message: &str) -> Ended {
        let arrival = if mode == Mode::Lmtp { Arrival::Lmtp } else { Arrival::Direct };
        let envelope = self.envelope(arrival, to).await;
        let ticket = Ticket::new(ending.retries.clone());
        ending.decide(self.arrive(message).await, envelope, moment(mode), &ticket, pending()).await
    }
}

/// An error of ours, of the kind that nobody has foreseen.
struct Panics;

impl Examiner for Panics {
    fn examine(&self, _: Message) -> Examination<'_> {
        Box::pin(async { panic!("of this test") })
    }
}

/// Somebody in another task, as a connection is.
async fn elsewhere<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    match tokio::spawn(work).await {
        Ok(done) => Some(done),
        Err(error) => {
            assert!(error.is_panic());
            None
        }
    }
}

#[tokio::test]
async fn a_message_that_made_us_panic_three_times_is_refused_and_kept() {
    let mut world = World::new().await;
    world.judge.scanner = Some(Arc::new(Panics));
    let (ending, world) = (world.ending(), Arc::new(world));
    let send = |message: &'static str| {
        let (ending, world) = (ending.clone(), Arc::clone(&world));
        elsewhere(async move { world.decide(&ending, &["alice@example.org"], message).await })
    };
    for _ in 0..3 {
        assert!(send(MESSAGE).await.is_none(), "it ends the connection");
    }
    assert!(world.store.quarantined(Some(&domain("example.org"))).await.unwrap().is_empty());
    let ended = send(MESSAGE).await.expect("no panic any more");
    assert_eq!(outcome(&ended.outcome), "550 5.7.1");
    let kept = world.store.quarantined(Some(&domain("example.org"))).await.unwrap();
    assert_eq!((kept.len(), kept[0].kind), (1, RefusedFor::Virus));
    assert!(send("From: b@outside.example\n\nanother\n").await.is_none(), "others are looked at");
    assert_eq!(world.mail("alice", ""), [""; 0]);
}

#[tokio::test]
async fn a_retry_of_what_was_delivered_leaves_no_second_copy() {
    let world = World::new().await;
    let ending = world.ending();
    let alice = ["alice@example.org"];
    let first = world.decide(&ending, &alice, MESSAGE).await;
    let retry = world.decide(&ending, &alice, MESSAGE).await;
    assert_eq!(first.outcome, retry.outcome, "the same is said, with the same id");
    assert_eq!((world.mail("alice", "").len(), world.spooled()), (1, 0));
    // One who knows sends another one.
    first.receipt.confirm();
    world.decide(&ending, &alice, MESSAGE).await.receipt.confirm();
    assert_eq!(world.mail("alice", "").len(), 2);
    // Neither another recipient nor another message is a retry.
    for (to, message, name, count) in [
        ("carol@example.org", MESSAGE, "carol", 1),
        ("alice@example.org", "From: a@outside.example\nMessage-ID: <2@outside.example>\n\nbody\n", "alice", 3),
    ] {
        assert_eq!(outcome(&world.decide(&ending, &[to], message).await.outcome), "ok");
        assert_eq!(world.mail(name, "").len(), count, "{to}");
    }
}

/// A sender who waits for less time than judging takes comes again before his
/// first message is delivered.
#[tokio::test]
async fn a_retry_that_overtakes_leaves_no_second_copy() {
    struct Slow {
        reached: Notify,
        goes_on: Notify,
    }
    impl Examiner for Slow {
        fn examine(&self, _: Message) -> Examination<'_> {
            Box::pin(async {
                self.reached.notify_one();
                self.goes_on.notified().await;
                Ok(Scan { outcome: avscan_client::Outcome::Clean, took: Duration::ZERO })
            })
        }
    }
    let (world, alice) = (World::new().await, ["alice@example.org"]);
    let scanner = Arc::new(Slow { reached: Notify::new(), goes_on: Notify::new() });
    let quick = world.ending();
    let mut slow = quick.clone();
    slow.judge.scanner = Some(scanner.clone());
    let mut second = pin!(world.decide(&slow, &alice, MESSAGE));
    tokio::select! {
        ended = &mut second => panic!("{ended:?}"),
        // It is judged, and knows of no other.
        () = scanner.reached.notified() => {}
    }
    let first = world.decide(&quick, &alice, MESSAGE).await;
    assert_eq!((outcome(&first.outcome), world.mail("alice", "").len()), ("ok".to_owned(), 1));
    scanner.goes_on.notify_one();
    assert_eq!(outcome(&second.await.outcome), "451 4.3.0", "the next time he hears that it is there");
    assert_eq!((world.mail("alice", "").len(), world.spooled()), (1, 0));
    assert_eq!(world.decide(&quick, &alice, MESSAGE).await.outcome, first.outcome);
}

/// Alarms without a date are one each.
#[tokio::test]
async fn what_does_not_say_which_message_it_is_is_no_retry() {
    let world = World::new().await;
    let ending = world.ending();
    for _ in 0..2 {
        let ended = world.decide(&ending, &["alice@example.org"], "From: oven@outside.example\n\nhot\n").await;
        assert_eq!(outcome(&ended.outcome), "ok");
    }
    assert_eq!(world.mail("alice", "").len(), 2);
}

#[tokio::test]
async fn a_retry_to_more_recipients_goes_to_those_who_have_not_got_it() {
    for mode in [Mode::Smtp, Mode::Lmtp] {
        let world = World::new().await;
        let ending = world.ending();
        let _lost = world.decide_in(&ending, mode, &["carol@example.org"], MESSAGE).await;
        let to = ["alice@example.org", "carol@example.org", "bob@example.net"];
        let ended = world.decide_in(&ending, mode, &to, MESSAGE).await;
        let expected = if mode == Mode::Lmtp { "ok, ok, ok" } else { "ok" };
        assert_eq!(outcome(&ended.outcome), expected);
        for name in ["alice", "carol", "example.net/bob"] {
            assert_eq!(world.mail(name, "").len(), 1, "{name}");
        }
    }
}

/// A disk that hangs while the message is judged, and one that comes back.
#[tokio::test]
async fn what_nobody_waits_for_is_not_delivered() {
    let world = World::new().await;
    let ending = world.ending();
    let envelope = world.envelope(Arrival::Direct, &["alice@example.org"]).await;
    let ticket = Ticket::new(ending.retries.clone());
    assert_eq!(ticket.give_up(), GivenUp::Yes);
    let ended = ending.decide(world.arrive(MESSAGE).await, envelope, moment(Mode::Smtp), &ticket, pending()).await;
    assert_eq!((outcome(&ended.outcome), world.files(), world.spooled()), ("451 4.3.0".to_owned(), 0, 0));
    let retry = world.decide(&ending, &["alice@example.org"], MESSAGE).await;
    assert_eq!((outcome(&retry.outcome), world.mail("alice", "").len()), ("ok".to_owned(), 1));
}

#[tokio::test]
async fn judging_has_its_time() {
    struct Waits;
    impl Examiner for Waits {
        fn examine(&self, _: Message) -> Examination<'_> {
            Box::pin(pending())
        }
    }
    let mut world = World::new().await;
    world.judge.scanner = Some(Arc::new(Waits));
    let ending = world.ending();
    let envelope = world.envelope(Arrival::Direct, &["alice@example.org"]).await;
    let ticket = Ticket::new(ending.retries.clone());
    let ended = ending.decide(world.arrive(MESSAGE).await, envelope, moment(Mode::Smtp), &ticket, ready(())).await;
    let Outcome::Refused(_) = &ended.outcome else { panic!("{ended:?}") };
    assert_eq!((outcome(&ended.outcome), world.files(), world.spooled()), ("451 4.7.0".to_owned(), 0, 0));
}
