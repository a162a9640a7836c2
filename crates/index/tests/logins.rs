//! Last logins, on both engines.
#![allow(clippy::unwrap_used)]

mod common;

use common::{NOW, both};
use index::{LastLogin, LoginNote, Seen};
use mail::Address;

fn alice() -> Address {
    Address::parse("Alice@example.org").unwrap()
}

fn seen(at: i64, network: &str) -> Option<Seen> {
    Some(Seen { at, network: network.to_owned() })
}

fn note(account: i64, service: &'static str) -> LoginNote {
    LoginNote { address: alice(), account, service, succeeded: None, failures: 0, failed: None }
}

#[tokio::test]
async fn what_was_refused_is_counted_from_one_login_to_the_next() {
    both(|index, _| async move {
        let (home, away) = ("192.0.2.0/24", "2001:db8::/48");
        let steps = [
            (LoginNote { failures: 2, failed: seen(NOW, away), ..note(1, "imap") }, None, 2, seen(NOW, away)),
            (LoginNote { failures: 3, failed: seen(NOW + 9, home), ..note(1, "imap") }, None, 5, seen(NOW + 9, home)),
            (
                LoginNote { succeeded: seen(NOW + 10, home), ..note(1, "imap") },
                seen(NOW + 10, home),
                0,
                seen(NOW + 9, home),
            ),
            (
                LoginNote {
                    succeeded: seen(NOW + 20, away),
                    failures: 1,
                    failed: seen(NOW + 21, away),
                    ..note(1, "imap")
                },
                seen(NOW + 20, away),
                1,
                seen(NOW + 21, away),
            ),
        ];
        for (note, succeeded, failures, failed) in steps {
            index.note_logins(&mut vec![note], NOW + 30).await.unwrap();
            let expected = LastLogin { service: "imap".to_owned(), succeeded, failures, failed };
            assert_eq!(index.last_logins(&alice(), 1).await.unwrap(), [expected]);
        }
    })
    .await;
}

#[tokio::test]
async fn each_account_and_door_has_its_own() {
    both(|index, _| async move {
        let mut many: Vec<LoginNote> = (0..600)
            .map(|n| LoginNote {
                address: format!("u{n}@example.org").parse().unwrap(),
                succeeded: seen(NOW, "192.0.2.0/24"),
                ..note(n + 10, "pop3")
            })
            .collect();
        let last = many[599].address.clone();
        index.note_logins(&mut many, NOW).await.unwrap();
        assert_eq!(many, [], "what is written is taken out");
        let mut both = vec![
            LoginNote { succeeded: seen(NOW, "192.0.2.0/24"), ..note(1, "pop3") },
            LoginNote { succeeded: seen(NOW + 1, "192.0.2.0/24"), ..note(1, "imap") },
        ];
        index.note_logins(&mut both, NOW + 100).await.unwrap();
        let doors = |logins: Vec<LastLogin>| logins.into_iter().map(|login| login.service).collect::<Vec<_>>();
        assert_eq!(doors(index.last_logins(&alice(), 1).await.unwrap()), ["imap", "pop3"]);
        assert_eq!(index.last_logins(&last, 609).await.unwrap().len(), 1);
        // Another account has the address now: it begins anew.
        assert_eq!(index.last_logins(&alice(), 2).await.unwrap(), []);
        index.note_logins(&mut vec![LoginNote { failures: 1, ..note(2, "imap") }], NOW + 100).await.unwrap();
        let of_second = index.last_logins(&alice(), 2).await.unwrap();
        assert_eq!((of_second[0].failures, of_second[0].succeeded.clone()), (1, None));
        index.forget_logins(NOW + 50).await.unwrap();
        assert_eq!(index.last_logins(&last, 609).await.unwrap(), []);
        assert_eq!(doors(index.last_logins(&alice(), 1).await.unwrap()), ["pop3"]);
    })
    .await;
}

#[tokio::test]
async fn who_is_removed_is_forgotten() {
    both(|index, _| async move {
        let bob = Address::parse("bob@example.org").unwrap();
        let seen = seen(NOW, "192.0.2.0/24");
        let entry = |address, service| LoginNote { address, succeeded: seen.clone(), ..note(1, service) };
        let mut notes = vec![entry(alice(), "imap"), entry(alice(), "pop3"), entry(bob.clone(), "imap")];
        index.note_logins(&mut notes, NOW).await.unwrap();
        index.forget_logins_of(&alice(), 2).await.unwrap();
        assert_eq!(index.last_logins(&alice(), 1).await.unwrap().len(), 2, "another had the address before");
        index.forget_logins_of(&alice(), 1).await.unwrap();
        assert_eq!(index.last_logins(&alice(), 1).await.unwrap(), []);
        assert_eq!(index.last_logins(&bob, 1).await.unwrap().len(), 1);
    })
    .await;
}
