//! Recipients who have an answer of their own each: who hears 4xx gets nothing
//! later, whatever becomes of the others.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{World, copy, folder};
use mail::Classified;
use mailbox::{AccountId, Delivered, Delivery, Quota, StoreError, Target};
use maildir::testing::Fault;

type Done = Result<Vec<Result<Delivered, StoreError>>, StoreError>;

async fn each(world: &World, to: Vec<Vec<Delivery>>) -> Done {
    let spooled = world.spooled("each");
    let header = spooled.header().to_vec();
    world.store.deliver_each(spooled, header, to).await
}

fn is_spooled(world: &World) -> bool {
    world.disk.files().keys().any(|path| path.starts_with("/spool/"))
}

/// How many steps after the beginning the first copy is published, for these
/// recipients when they had mail before.
async fn first_rename(to: impl Fn([AccountId; 2]) -> Vec<Vec<Delivery>>) -> usize {
    let world = World::new();
    let all = people(&world).await;
    each(&world, to(all)).await.unwrap();
    let before = world.disk.steps().len();
    each(&world, to(all)).await.unwrap();
    world.disk.steps()[before..].iter().position(|step| *step == "rename").unwrap()
}

fn both([alice, bob]: [AccountId; 2]) -> Vec<Vec<Delivery>> {
    vec![vec![copy(alice)], vec![copy(bob)]]
}

fn second_into_list([alice, bob]: [AccountId; 2]) -> Vec<Vec<Delivery>> {
    vec![vec![copy(alice)], vec![Delivery { folder: Target::Named(folder("List")), ..copy(bob) }]]
}

/// Both know where their mail goes, and have a uidlist.
async fn people(world: &World) -> [AccountId; 2] {
    let all = [world.account("alice").await, world.account("bob").await];
    each(world, all.iter().map(|account| vec![copy(*account)]).collect()).await.unwrap();
    world.store.tick().await;
    all
}

#[tokio::test]
async fn one_over_quota_keeps_nothing_from_the_other() {
    let world = World::new();
    let [alice, bob] = people(&world).await;
    world.account_with("alice", Quota::Bytes(10)).await;
    let done = each(&world, vec![vec![copy(alice)], vec![copy(bob)], vec![]]).await.unwrap();
    assert_eq!(done.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!((world.read(alice, "INBOX").await.len(), world.read(bob, "INBOX").await.len()), (1, 2));
    assert!(!is_spooled(&world));
}

/// One copy cannot be published, and the other's row cannot be made yet: what is
/// tried again is the other alone.
#[tokio::test]
async fn who_was_put_off_gets_nothing_later() {
    let world = World::new();
    let [alice, bob] = people(&world).await;
    sql(&world, "UPDATE mailbox SET uidnext = uid_promised").await;
    world.disk.put(&world.path("bob/Maildir/dovecot-uidlist.lock"), b"4711:mx").unwrap();
    world.disk.fail_at(world.disk.steps().len() + first_rename(both).await, Fault::Io);
    let done = each(&world, both([alice, bob])).await.unwrap();
    assert!(done[0].is_err());
    assert_eq!(done[1].as_ref().unwrap().copies()[0].uid, None, "its number follows");
    assert!(is_spooled(&world));
    for _ in 0..3 {
        world.wait(121);
        world.store.tick().await;
    }
    assert!(!is_spooled(&world));
    assert_eq!((world.read(alice, "INBOX").await.len(), world.read(bob, "INBOX").await.len()), (1, 2));
}

/// One copy cannot be published, and the other's folder went: nobody has
/// anything, so nothing may be owed.
#[tokio::test]
async fn when_nobody_gets_anything_nothing_is_owed() {
    let world = World::new();
    let [alice, bob] = people(&world).await;
    each(&world, second_into_list([alice, bob])).await.unwrap();
    let id = world.mailbox(bob, "List").await.id();
    world.store.index().delete_folder(bob, id).await.unwrap();
    world.disk.fail_at(world.disk.steps().len() + first_rename(second_into_list).await, Fault::Io);
    let error = each(&world, second_into_list([alice, bob])).await.unwrap_err();
    assert!(matches!(error.class(), mail::Class::Index), "{error}");
    assert!(!is_spooled(&world));
}

async fn sql(world: &World, text: &'static str) {
    let pool = sql::Pool::open(&sql::Settings::new(&world.url)).unwrap();
    pool.execute(text, &[]).await.unwrap();
    pool.close().await;
}
