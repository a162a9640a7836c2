//! An authority that is away, and names that do not point here: what is tried,
//! and what is not tried again too soon, also by another process.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use acme::{AcmeError, Answers, Challenge, Keeper, Outcome, SelfCheck, Settings, list};
use mail::Domain;
use testkit::dns::Zone;
use testkit::port;

const MINUTE: u64 = 60;

fn at(minutes: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000 + minutes * MINUTE)
}

fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

/// An authority that is away.
fn settings(folder: &Path, zone: &Zone, self_check: SelfCheck) -> Settings {
    Settings {
        directory: format!("https://{}/dir", port::free()).parse().unwrap(),
        contact: Vec::new(),
        ca_file: None,
        challenge: Challenge::Http01,
        self_check,
        servers: dns::Servers::These(vec![zone.address()]),
        folder: folder.to_owned(),
    }
}

/// The names that were tried.
fn tried(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.listed.name.as_str()).collect()
}

#[tokio::test]
async fn what_fails_waits_longer_and_longer() {
    let (dir, zone) = (tempfile::tempdir().unwrap(), Zone::serve(""));
    let settings = settings(dir.path(), &zone, SelfCheck::Off);
    let names = [domain("one.example"), domain("two.example")];
    let keeper = Keeper::open(settings.clone(), Answers::default()).unwrap();
    // One order in each round.
    let first = keeper.round(&names, &|| at(0)).await;
    assert_eq!(tried(&first), ["one.example"]);
    assert!(matches!(first[0].result, Err(AcmeError::Unreachable(_))), "{first:?}");
    assert_eq!(tried(&keeper.round(&names, &|| at(1)).await), ["two.example"]);
    assert_eq!(tried(&keeper.round(&names, &|| at(2)).await), [""; 0]);
    drop(keeper);

    // Another process knows as much.
    let keeper = Keeper::open(settings.clone(), Answers::default()).unwrap();
    for (minutes, expected) in [(14, vec![]), (15, vec!["one.example"]), (16, vec!["two.example"]), (44, vec![])] {
        assert_eq!(tried(&keeper.round(&names, &|| at(minutes)).await), expected, "{minutes}");
    }
    assert_eq!(tried(&keeper.round(&names, &|| at(45)).await), ["one.example"]);
    let listed = list(dir.path(), &names, &settings.directory, at(60)).unwrap();
    let failures: Vec<_> = listed.iter().map(|it| it.failures).collect();
    assert_eq!(failures, [3, 2]);
    assert!(listed[0].last_error.as_ref().unwrap().contains("cannot be reached"), "{listed:?}");
    // Who asks for it is not kept waiting, and it counts.
    assert!(keeper.order(&names[0], &|| at(46)).await.result.is_err());
    assert_eq!(list(dir.path(), &names, &settings.directory, at(60)).unwrap()[0].failures, 4);
}

#[tokio::test]
async fn names_that_do_not_point_here_keep_no_other_waiting() {
    let zone = Zone::serve("away.example A 127.0.0.1\nlost.example FAIL");
    let (dir, nobody) = (tempfile::tempdir().unwrap(), port::free());
    let settings = settings(dir.path(), &zone, SelfCheck::Port(nobody.port()));
    let names = [domain("none.example"), domain("away.example"), domain("lost.example")];
    let keeper = Keeper::open(settings, Answers::default()).unwrap();
    let outcomes = keeper.round(&names, &|| at(0)).await;
    assert_eq!(tried(&outcomes), ["none.example", "away.example", "lost.example"]);
    let said: Vec<String> = outcomes.iter().map(|it| it.result.as_ref().unwrap_err().to_string()).collect();
    assert!(said[0].contains("it has no address") && said[1].contains("127.0.0.1"), "{said:?}");
    assert!(matches!(outcomes[2].result, Err(AcmeError::Unresolved(_))), "{outcomes:?}");
    assert!(keeper.round(&names, &|| at(1)).await.is_empty());
}

/// Somebody else may order what a round has on its list.
#[tokio::test]
async fn what_is_not_due_any_more_is_left_alone() {
    let (dir, zone) = (tempfile::tempdir().unwrap(), Zone::serve(""));
    let settings = settings(dir.path(), &zone, SelfCheck::Port(80));
    let keeper = Keeper::open(settings.clone(), Answers::default()).unwrap();
    // The second is still on the list when the first has been tried.
    let names = [domain("none.example"), domain("none.example"), domain("other.example")];
    assert_eq!(tried(&keeper.round(&names, &|| at(0)).await), ["none.example", "other.example"]);
    let failures = || list(dir.path(), &names[..1], &settings.directory, at(1)).unwrap()[0].failures;
    assert_eq!(failures(), 1);
    // Who asks for it is heard all the same.
    assert!(matches!(keeper.order(&names[0], &|| at(1)).await.result, Err(AcmeError::NotHere { .. })));
    assert_eq!(failures(), 2);
}

#[tokio::test]
async fn a_round_ends_in_time_and_each_pause_begins_with_its_own_failure() {
    let (dir, zone) = (tempfile::tempdir().unwrap(), Zone::serve(""));
    let settings = settings(dir.path(), &zone, SelfCheck::Port(80));
    let keeper = Keeper::open(settings.clone(), Answers::default()).unwrap();
    let names: Vec<Domain> = (0..20).map(|number| domain(&format!("n{number:02}.example"))).collect();
    // Five seconds pass between any two looks at the clock.
    let seconds = AtomicU64::new(0);
    let clock = || at(0) + Duration::from_secs(seconds.fetch_add(5, Ordering::Relaxed));
    let first = keeper.round(&names, &clock).await;
    assert!((2..10).contains(&first.len()), "{:?}", tried(&first));
    let next: Vec<_> = first.iter().map(|outcome| outcome.listed.next).collect();
    assert!(next.is_sorted_by(|one, other| one < other), "{next:?}");
    assert!(next[0] > at(15));
    // The next round goes on where this one ended.
    let second = keeper.round(&names, &clock).await;
    assert_eq!(second[0].listed.name, names[first.len()]);
}
