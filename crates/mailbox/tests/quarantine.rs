//! Quarantine: kept, shown, released once, expired.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use common::World;
use mail::{Address, Domain};
use mailbox::{AccountId, QuarantineId, Refused, RefusedFor, StoreError};

async fn keep(world: &World, account: AccountId, token: u8) -> QuarantineId {
    let spooled = world.spooled("bad");
    let header = spooled.header().to_vec();
    world.store.quarantine(spooled, header, vec![refused(account, token)]).await.unwrap()[0]
}

fn refused(account: AccountId, token: u8) -> Refused {
    Refused {
        account,
        domain: Domain::parse("example.org").unwrap(),
        recipients: vec![Address::parse("Bob@example.org").unwrap()],
        sender: "evil@example.com".to_owned(),
        trace: b"Return-Path: <evil@example.com>\nX-Gatepost-Quarantine: token=x\nDelivered-To: q@localhost\n".to_vec(),
        token_hash: [token; 32],
        kind: RefusedFor::Content,
        reason: "rule: no From".to_owned(),
    }
}

#[tokio::test]
async fn kept_and_shown() {
    let world = World::new();
    let keeper = world.store.system_account("quarantine").await.unwrap();
    let id = keep(&world, keeper, 7).await;
    let shown = world.store.quarantined_by_id(id).await.unwrap();
    assert_eq!((shown.kind, shown.sender.as_str(), shown.released), (RefusedFor::Content, "evil@example.com", None));
    assert_eq!(shown.recipients[0].normal(), "bob@example.org");
    assert_eq!(world.store.quarantined(Some(&shown.domain)).await.unwrap().len(), 1);
    assert!(world.store.quarantined(Some(&Domain::parse("other.example").unwrap())).await.unwrap().is_empty());
    assert_eq!(world.store.quarantined_by_token(&[7; 32]).await.unwrap()[0].id, id);
    assert!(world.store.quarantined_by_token(&[8; 32]).await.unwrap().is_empty());
    let open = world.store.open_quarantined(id).await.unwrap();
    assert_eq!(open.size(), shown.bytes);
    assert_eq!(world.view(keeper, "Quarantine").await.messages.len(), 1);
    world.store.remove_quarantined(id).await.unwrap();
    assert!(world.view(keeper, "Quarantine").await.messages.is_empty());
    assert!(matches!(world.store.quarantined_by_id(id).await, Err(StoreError::NoSuchObject)));
}

#[tokio::test]
async fn released_once() {
    let world = World::new();
    let keeper = world.store.system_account("quarantine").await.unwrap();
    let (alice, bob) = (world.account("alice").await, world.account("bob").await);
    let id = keep(&world, keeper, 7).await;
    let address = Address::parse("bob@example.org").unwrap();
    for _ in 0..3 {
        world.store.release(id, bob, &address).await.unwrap();
    }
    assert_eq!(world.read(bob, "INBOX").await, [(1, "bad".to_owned())]);
    let files = world.disk.files();
    let text = files.iter().find(|(path, _)| path.contains("/bob/Maildir/new/")).unwrap().1;
    let text = String::from_utf8(text.clone()).unwrap();
    assert_eq!(text, "Return-Path: <evil@example.com>\nDelivered-To: bob@example.org\nSubject: test\n\nbody\nbad\n");
    assert!(world.store.quarantined_by_id(id).await.unwrap().released.is_some());
    world.store.release(id, alice, &Address::parse("alice@example.org").unwrap()).await.unwrap();
    assert_eq!(world.view(alice, "INBOX").await.messages.len(), 1);
    // Who threw it away does not get it again.
    let view = world.view(bob, "INBOX").await;
    world.store.expunge(&view.mailbox, &mailbox::Expunge::These(vec![view.messages[0].uid])).await.unwrap();
    world.store.release(id, bob, &address).await.unwrap();
    assert!(world.view(bob, "INBOX").await.messages.is_empty());
}

#[tokio::test]
async fn bounded_by_age_and_size() {
    let world = World::new();
    let keeper = world.store.system_account("quarantine").await.unwrap();
    let old = keep(&world, keeper, 1).await;
    world.wait(13 * 86_400);
    let young = keep(&world, keeper, 2).await;
    world.store.tick().await;
    assert_eq!(world.store.quarantined(None).await.unwrap().len(), 2);
    world.wait(2 * 86_400);
    world.store.tick().await;
    let left: Vec<_> = world.store.quarantined(None).await.unwrap().into_iter().map(|object| object.id).collect();
    assert_eq!(left, [young]);
    assert!(matches!(world.store.open_quarantined(old).await, Err(StoreError::NoSuchObject)));
    for n in 3..15 {
        keep(&world, keeper, n).await;
    }
    world.wait(100);
    world.store.tick().await;
    let left = world.store.quarantined(None).await.unwrap();
    assert!(left.iter().map(|object| object.bytes).sum::<u64>() <= 1_000 && left.len() > 3, "{}", left.len());
    assert!(left.iter().all(|object| object.id != young), "the oldest goes first");
}

/// Whoever sends more in a minute than one look reads.
#[tokio::test]
async fn many_at_once_are_bounded_too() {
    let world = World::new();
    let keeper = world.store.system_account("quarantine").await.unwrap();
    for _ in 0..215 {
        keep(&world, keeper, 1).await;
    }
    world.store.tick().await;
    let left = world.store.quarantined(None).await.unwrap();
    assert!(left.iter().map(|object| object.bytes).sum::<u64>() <= 1_000 && !left.is_empty(), "{}", left.len());
}

/// The index takes the objects and then fails: what is kept expires, and what
/// could not be kept is not there.
#[tokio::test]
async fn no_copy_stays_for_ever() {
    let world = World::new();
    let keeper = world.store.system_account("quarantine").await.unwrap();
    keep(&world, keeper, 1).await;
    let pool = sql::Pool::open(&sql::Settings::new(&world.url)).unwrap();
    let count = || world.disk.files().keys().filter(|path| path.contains("/.Quarantine/new/")).count();
    // No object: no copy.
    pool.execute("ALTER TABLE quarantine RENAME TO hidden", &[]).await.unwrap();
    let spooled = world.spooled("bad");
    let header = spooled.header().to_vec();
    assert!(world.store.quarantine(spooled, header, vec![refused(keeper, 2)]).await.is_err());
    assert_eq!(count(), 1);
    pool.execute("ALTER TABLE hidden RENAME TO quarantine", &[]).await.unwrap();
    // No copy: no object.
    let spooled = world.spooled("bad");
    let header = spooled.header().to_vec();
    world.disk.fail_at(world.disk.steps().len() + 1, maildir::testing::Fault::Io);
    assert!(world.store.quarantine(spooled, header, vec![refused(keeper, 3)]).await.is_err());
    assert_eq!((count(), world.store.quarantined(None).await.unwrap().len()), (1, 1));
    // No row: gone with its object.
    pool.execute("DELETE FROM message", &[]).await.unwrap();
    world.wait(15 * 86_400);
    world.store.tick().await;
    assert_eq!((count(), world.store.quarantined(None).await.unwrap().len()), (0, 0));
}
