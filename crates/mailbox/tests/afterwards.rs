//! What is owed after a crash, when the world has changed meanwhile: accounts
//! that went, an index that was made anew or was away, a clock that was set.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use common::{World, copy};
use mailbox::{AccountId, AccountKey};
use maildir::testing::{Fault, Loss};

/// Deliveries to these; the process dies behind the first rename, so the
/// second copy is owed.
async fn owed(to: &[&str]) -> (World, Vec<AccountId>) {
    let steps = {
        let world = World::new();
        let accounts = accounts(&world, to).await;
        let before = world.disk.steps().len();
        world.deliver("measured", &accounts).await.unwrap();
        let steps = world.disk.steps()[before..].to_vec();
        steps.iter().position(|step| *step == "rename").unwrap()
    };
    let world = World::new();
    let accounts = accounts(&world, to).await;
    world.disk.fail_at(world.disk.steps().len() + steps + 1, Fault::Death);
    let spooled = world.spooled("owed");
    let header = spooled.header().to_vec();
    let _ = world.store.deliver(spooled, header, accounts.iter().map(|a| copy(*a)).collect()).await;
    (world, accounts)
}

async fn accounts(world: &World, names: &[&str]) -> Vec<AccountId> {
    let mut accounts = Vec::new();
    for name in names {
        accounts.push(world.account(name).await);
    }
    accounts
}

async fn restarted(world: &World) -> World {
    world.restarted(world.disk.after_power_cut(world.disk.changes(), Loss::all()[0])).await
}

fn is_spooled(world: &World) -> bool {
    world.disk.files().keys().any(|path| path.starts_with("/spool/"))
}

#[tokio::test]
async fn an_account_that_went_leaves_nothing_to_the_next() {
    let (world, _) = owed(&["alice", "bob", "carol"]).await;
    let world = restarted(&world).await;
    let key = AccountKey { source: "directory", foreign_key: "bob".to_owned() };
    world.store.remove_account(&key).await.unwrap().unwrap();
    let next = AccountKey { source: "directory", foreign_key: "another".to_owned() };
    let next = world.keyed(&next, "bob@example.org").await;
    let recovered = world.store.recover().await.unwrap();
    assert_eq!((recovered.completed, recovered.left), (1, 0));
    assert!(world.read(next, "INBOX").await.is_empty(), "another's mail");
    for name in ["alice", "carol"] {
        let account = world.account(name).await;
        assert_eq!(world.read(account, "INBOX").await, [(1, "owed".to_owned())], "{name}");
    }
    assert!(!is_spooled(&world));
}

#[tokio::test]
async fn an_index_that_was_made_anew_knows_the_owner_by_his_maildir() {
    let (world, _) = owed(&["alice", "bob", "carol"]).await;
    let disk = world.disk.after_power_cut(world.disk.changes(), Loss::all()[0]);
    let anew = World::new();
    let world = World::on(disk, std::sync::Arc::clone(&anew.dir), &anew.url);
    world.wait(100);
    // Nobody knows the accounts yet, so it waits for them.
    let recovered = world.store.recover().await.unwrap();
    assert_eq!((recovered.completed, recovered.left), (0, 1));
    let alice = world.account("alice").await;
    let bob = world.account("bob").await;
    world.wait(60);
    world.store.tick().await;
    assert_eq!(world.read(bob, "INBOX").await.len(), 1, "who is known does not wait for the others");
    assert!(is_spooled(&world), "carol's is owed still");
    let carol = world.account("carol").await;
    world.wait(60);
    world.store.tick().await;
    for account in [alice, bob, carol] {
        let texts: Vec<String> = world.read(account, "INBOX").await.into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["owed"]);
    }
    assert!(!is_spooled(&world));
}

#[tokio::test]
async fn one_maildir_that_is_away_keeps_nothing_from_the_others() {
    let (world, all) = owed(&["alice", "bob", "carol"]).await;
    let world = restarted(&world).await;
    let disk: std::sync::Arc<dyn maildir::Disk> = std::sync::Arc::new(world.disk.clone());
    let root = maildir::MailRoot::open(disk, std::path::Path::new("/mail")).unwrap();
    let path = maildir::AccountPath::parse("example.org/bob").unwrap();
    root.remove_account(&path, maildir::RemovalId(77)).unwrap();
    let recovered = world.store.recover().await.unwrap();
    assert_eq!((recovered.completed, recovered.left), (0, 1));
    assert_eq!(world.read(all[2], "INBOX").await, [(1, "owed".to_owned())]);
    assert!(is_spooled(&world));
    root.create_account(&path).unwrap();
    world.wait(60);
    world.store.tick().await;
    assert_eq!(world.read(all[1], "INBOX").await, [(1, "owed".to_owned())]);
    assert_eq!(world.read(all[2], "INBOX").await, [(1, "owed".to_owned())]);
    assert!(!is_spooled(&world));
}

#[tokio::test]
async fn a_clock_that_is_set_back_delays_nothing() {
    let (world, all) = owed(&["alice", "bob"]).await;
    let world = restarted(&world).await;
    let disk: std::sync::Arc<dyn maildir::Disk> = std::sync::Arc::new(world.disk.clone());
    let root = maildir::MailRoot::open(disk, std::path::Path::new("/mail")).unwrap();
    let path = maildir::AccountPath::parse("example.org/bob").unwrap();
    root.remove_account(&path, maildir::RemovalId(77)).unwrap();
    assert_eq!(world.store.recover().await.unwrap().left, 1);
    world.store.tick().await;
    root.create_account(&path).unwrap();
    world.set_back(7_200);
    world.store.tick().await;
    assert_eq!(world.read(all[1], "INBOX").await, [(1, "owed".to_owned())]);

    // What other programs deliver is seen as before.
    world.disk.put(&world.path("alice/Maildir/new/1790000500.M1P1.other"), b"Subject: other\n\nother\n").unwrap();
    assert_eq!(world.read(all[0], "INBOX").await.len(), 2);
    world.set_back(7_200);
    world.disk.put(&world.path("alice/Maildir/new/1790000501.M1P1.other"), b"Subject: other\n\nother\n").unwrap();
    assert_eq!(world.read(all[0], "INBOX").await.len(), 3);
}

/// The index was restored from an older copy and is away at the start: no
/// number is given out before that is known.
#[tokio::test]
async fn a_generation_that_could_not_be_checked_is_checked_later() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.store.recover().await.unwrap();
    world.deliver("one", &[alice]).await.unwrap();
    let world = restarted(&world).await;
    world.store.recover().await.unwrap();
    world.deliver("two", &[alice]).await.unwrap();
    let disk = world.disk.after_power_cut(world.disk.changes(), Loss::all()[0]);
    // As a restore from before leaves it.
    let pool = sql::Pool::open(&sql::Settings::new(&world.url)).unwrap();
    pool.execute("UPDATE generation SET number = 0", &[]).await.unwrap();
    pool.execute("DELETE FROM message WHERE uid = 2", &[]).await.unwrap();
    pool.execute("UPDATE mailbox SET uidnext = uidnext - 1 WHERE uidnext = 3", &[]).await.unwrap();
    pool.execute("ALTER TABLE generation RENAME TO hidden", &[]).await.unwrap();
    let world = world.restarted(disk).await;
    world.store.recover().await.unwrap();
    assert!(world.deliver("too early", &[alice]).await.is_err());
    pool.execute("ALTER TABLE hidden RENAME TO generation", &[]).await.unwrap();
    let done = world.deliver("three", &[alice]).await.unwrap();
    assert!(done.copies()[0].uid.unwrap().get() > 1_000_000, "{done:?}");
}

/// Two accounts had the same address, one after the other, and a hosted domain
/// is called as the site's own mail is.
#[tokio::test]
async fn an_index_that_was_made_anew_gives_a_maildir_to_nobody_else() {
    let directory = |key: &str| AccountKey { source: "directory", foreign_key: key.to_owned() };
    let (alice, postmaster) = ("alice@example.org", "postmaster@localhost");
    let keys = [(directory("7"), alice), (directory("9"), alice), (directory("8"), postmaster)];
    let world = World::new();
    let system = world.store.system_account("postmaster").await.unwrap();
    world.deliver("of the site", &[system]).await.unwrap();
    for (key, address) in &keys {
        let account = world.keyed(key, address).await;
        world.deliver(&format!("of {}", key.foreign_key), &[account]).await.unwrap();
        // The uidlist is written for folders that were looked at.
        world.view(account, "INBOX").await;
    }
    world.view(system, "INBOX").await;
    world.store.tick().await;
    let anew = World::new();
    let disk = world.disk.after_power_cut(world.disk.changes(), Loss::all()[0]);
    let world = World::on(disk, std::sync::Arc::clone(&anew.dir), &anew.url);
    world.wait(100);
    // In another order than before.
    for (key, address) in keys.iter().rev() {
        let account = world.keyed(key, address).await;
        assert_eq!(world.read(account, "INBOX").await, [(1, format!("of {}", key.foreign_key))]);
    }
    let system = world.store.system_account("postmaster").await.unwrap();
    assert_eq!(world.read(system, "INBOX").await, [(1, "of the site".to_owned())]);
}
