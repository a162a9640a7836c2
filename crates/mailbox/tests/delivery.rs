//! Delivery in every order of failure: nothing half visible, 4xx before the
//! first rename, every copy behind it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use common::{World, copy, folder, uids};
use mail::{Class, Classified};
use mailbox::{AccountId, Flags, Quota, StoreError, Target};
use maildir::testing::{Fault, Loss};

#[tokio::test]
async fn all_recipients_have_it() {
    let world = World::new();
    let (alice, bob) = (world.account("alice").await, world.account("bob").await);
    let spooled = world.spooled("hello");
    let header = spooled.header().to_vec();
    let mut junk = copy(bob);
    junk.folder = Target::Junk;
    let mut named = copy(bob);
    named.folder = Target::Named(folder("Lists.Rust"));
    named.flags = Flags::SEEN.with(Flags::FLAGGED);
    let done = world.store.deliver(spooled, header, vec![copy(alice), junk, named]).await.unwrap();
    assert!(done.copies().iter().all(|copy| copy.uid.is_some_and(|uid| uid.get() == 1)));
    for (account, name) in [(alice, "INBOX"), (bob, "Junk"), (bob, "Lists.Rust")] {
        assert_eq!(world.read(account, name).await, [(1, "hello".to_owned())], "{name}");
    }
    assert!(world.view(bob, "INBOX").await.messages.is_empty());
    assert_eq!(world.view(bob, "Lists.Rust").await.messages[0].flags, Flags::SEEN.with(Flags::FLAGGED));
    let seen = world.files("bob/Maildir/.Lists.Rust/cur");
    assert!(seen[0].ends_with(":2,FS") && seen[0].contains(".mx.example.org,S="), "{seen:?}");
    let files = world.disk.files();
    assert!(!files.keys().any(|path| path.starts_with("/spool/") || path.contains("/tmp/")), "{:?}", files.keys());
    let text = files.iter().find(|(path, _)| path.contains("/alice/Maildir/new/")).unwrap().1;
    assert_eq!(text, b"Delivered-To: somebody\nSubject: test\n\nbody\nhello\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once() {
    let world = std::sync::Arc::new(World::new());
    let alice = world.account("alice").await;
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let world = std::sync::Arc::clone(&world);
            tokio::spawn(async move { world.deliver(&format!("{n}"), &[alice]).await.unwrap() })
        })
        .collect();
    let mut told = Vec::new();
    for task in tasks {
        told.push(task.await.unwrap().copies()[0].uid.unwrap().get());
    }
    told.sort_unstable();
    assert_eq!(told, (1..=60).collect::<Vec<u32>>());
    assert_eq!(uids(&world.view(alice, "INBOX").await), told);
    assert_eq!(world.view(alice, "INBOX").await.uid_next, 61);
}

#[tokio::test]
async fn over_quota() {
    let world = World::new();
    let (alice, bob) = (world.account("alice").await, world.account_with("bob", Quota::Bytes(120)).await);
    world.deliver("one", &[bob]).await.unwrap();
    let used = world.store.usage(bob).await.unwrap();
    assert_eq!((used.messages, used.quota), (1, Quota::Bytes(120)));
    assert!(world.store.room_for(bob, 120 - used.bytes).await.is_ok());
    assert!(matches!(world.store.room_for(bob, 121 - used.bytes).await, Err(StoreError::ExceedsQuota)));
    // Who is below his quota takes one more, of any size, and is full then.
    world.deliver(&"two ".repeat(1000), &[alice, bob]).await.unwrap();
    assert!(world.store.usage(bob).await.unwrap().bytes > 4000);
    assert!(matches!(world.store.room_for(bob, 0).await, Err(StoreError::ExceedsQuota)));
    let refused = world.deliver("three", &[alice, bob]).await.unwrap_err();
    assert_eq!(refused.class(), Class::Quota);
    assert_eq!(world.view(alice, "INBOX").await.messages.len(), 1, "all or nobody");
    assert!(world.disk.files().keys().all(|path| !path.contains("/tmp/") && !path.starts_with("/spool/")));
    world.account_with("bob", Quota::Unlimited).await;
    world.deliver("four", &[bob]).await.unwrap();
}

/// Every step of a delivery to two fails once, in every way.
#[tokio::test]
async fn every_failure_is_all_or_nothing() {
    let steps = {
        let world = World::new();
        let to = [world.account("alice").await, world.account("bob").await];
        world.deliver("warm", &to).await.unwrap();
        let before = world.disk.steps().len();
        world.deliver("measured", &to).await.unwrap();
        world.disk.steps()[before..].to_vec()
    };
    for (at, what) in steps.iter().enumerate() {
        let writes = ["create", "write", "copy_range", "make_dir", "rename"].contains(what);
        let fault = if writes { Fault::NoSpace } else { Fault::Io };
        let world = World::new();
        let to = [world.account("alice").await, world.account("bob").await];
        world.deliver("warm", &to).await.unwrap();
        let case = format!("{fault:?} at {at} ({what})");
        world.disk.fail_at(world.disk.steps().len() + at, fault);
        let Some(spooled) = world.try_spooled("tested") else { continue };
        let header = spooled.header().to_vec();
        let delivered = world.store.deliver(spooled, header, to.iter().map(|a| copy(*a)).collect()).await;
        // What is owed comes at the latest with the next tick.
        world.wait(60);
        world.store.tick().await;
        let wanted: &[&str] = if delivered.is_ok() { &["warm", "tested"] } else { &["warm"] };
        for account in to {
            let got: Vec<String> = world.read(account, "INBOX").await.into_iter().map(|(_, text)| text).collect();
            assert_eq!(got, wanted, "{case}: {delivered:?}");
        }
        if let Err(error) = delivered {
            assert!(matches!(error.class(), Class::Disk | Class::DiskFull), "{case}: {error}");
        }
        if *what != "sync_dir" {
            world.deliver("next", &to).await.unwrap();
        }
    }
}

/// The process dies at every step, or the power goes: after the restart both
/// have it or nobody has, and it is there if it was acknowledged.
#[tokio::test]
async fn every_crash_is_all_or_nothing() {
    for recipients in [1, 2] {
        let steps = {
            let world = World::new();
            let to = recipients_of(&world, recipients).await;
            let before = world.disk.steps().len();
            world.deliver("measured", &to).await.unwrap();
            world.disk.steps().len() - before
        };
        for at in 0..=steps {
            // One loss for each step; nothing is lost where only the process died.
            let losses: Vec<Option<Loss>> = std::iter::once(None).chain(Loss::all().into_iter().map(Some)).collect();
            crash(recipients, at, losses[at % losses.len()]).await;
        }
    }
}

async fn recipients_of(world: &World, count: usize) -> Vec<AccountId> {
    let mut to = Vec::new();
    for name in ["alice", "bob"].into_iter().take(count) {
        to.push(world.account(name).await);
    }
    to
}

async fn crash(recipients: usize, at: usize, loss: Option<Loss>) {
    let world = World::new();
    let to = recipients_of(&world, recipients).await;
    world.disk.fail_at(world.disk.steps().len() + at, Fault::Death);
    let acknowledged = match world.try_spooled("tested") {
        Some(spooled) => {
            let header = spooled.header().to_vec();
            world.store.deliver(spooled, header, to.iter().map(|a| copy(*a)).collect()).await.is_ok()
        }
        None => false,
    };
    let kept = loss.unwrap_or(Loss::all()[0]);
    let world = world.restarted(world.disk.after_power_cut(world.disk.changes(), kept)).await;
    world.store.recover().await.unwrap();
    let case = format!("{recipients} recipients, death at {at}, {loss:?}, acknowledged {acknowledged}");
    let one = world.read(to[0], "INBOX").await;
    for account in &to {
        assert_eq!(world.read(*account, "INBOX").await, one, "{case}");
    }
    assert!(one.len() <= 1 && (!acknowledged || one == [(1, "tested".to_owned())]), "{case}: {one:?}");
    assert!(!world.disk.files().keys().any(|path| path.starts_with("/spool/")), "{case}");
    world.deliver("next", &to).await.unwrap();
    assert_eq!(world.read(to[0], "INBOX").await.len(), one.len() + 1, "{case}");
}

#[tokio::test]
async fn without_the_index_nothing_is_taken() {
    // A copy for one mailbox is adopted, copies for two are owed by the spool.
    for (recipients, owed) in [(1, 0), (2, 1)] {
        let world = World::new();
        let all = [world.account("alice").await, world.account("bob").await];
        let to = &all[..recipients];
        world.deliver("one", to).await.unwrap();
        world.store.index().close().await;
        // What was renamed before anybody knew is taken; its row follows.
        let first = world.deliver("two", to).await;
        assert!(first.is_ok_and(|done| done.copies()[0].uid.is_none()));
        let second = world.deliver("three", to).await.unwrap_err();
        assert_eq!(second.class(), Class::Index);
        let world = world.restarted(world.disk.after_power_cut(world.disk.changes(), Loss::all()[8])).await;
        let recovered = world.store.recover().await.unwrap();
        assert_eq!((recovered.completed, recovered.left), (owed, 0));
        for account in to {
            let texts: Vec<String> = world.read(*account, "INBOX").await.into_iter().map(|(_, text)| text).collect();
            assert_eq!(texts, ["one", "two"]);
        }
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_loses_nothing() {
    let world = World::new();
    let alice = world.account("alice").await;
    let (store, spooled) = (world.store.clone(), world.spooled("left"));
    let header = spooled.header().to_vec();
    let task = tokio::spawn(async move { store.deliver(spooled, header, vec![copy(alice)]).await });
    while !world.disk.files().keys().any(|path| path.contains("/Maildir/new/")) {
        tokio::task::yield_now().await;
    }
    task.abort();
    let _ = task.await;
    world.wait(60);
    world.store.tick().await;
    assert_eq!(world.read(alice, "INBOX").await, [(1, "left".to_owned())]);
    assert!(!world.disk.files().keys().any(|path| path.starts_with("/spool/")));
}

#[tokio::test]
async fn both_engines() {
    let Some(url) = testkit::mariadb::database() else { return };
    let world = World::with_database(&url);
    let (alice, bob) = (world.account("alice").await, world.account("bob").await);
    for text in ["one", "two"] {
        world.deliver(text, &[alice, bob]).await.unwrap();
    }
    assert_eq!(world.read(bob, "INBOX").await, [(1, "one".to_owned()), (2, "two".to_owned())]);
    assert_eq!(world.store.folders(alice).await.unwrap().len(), 6);
}

/// Another process deletes the folder while we believe that it is there.
#[tokio::test]
async fn a_folder_that_went_meanwhile() {
    let world = World::new();
    let alice = world.account("alice").await;
    let list = || {
        let spooled = world.spooled("list");
        let header = spooled.header().to_vec();
        let copy = mailbox::Delivery { folder: Target::Named(folder("List")), ..copy(alice) };
        world.store.deliver(spooled, header, vec![copy])
    };
    list().await.unwrap();
    // Its row goes before the file is there: nobody keeps it, and the sender
    // comes again.
    let id = world.mailbox(alice, "List").await.id();
    world.store.index().delete_folder(alice, id).await.unwrap();
    assert_eq!(list().await.unwrap_err().class(), Class::Index);
    assert_eq!(world.files("alice/Maildir/.List/new").len(), 1);
    assert!(!world.disk.files().keys().any(|path| path.starts_with("/spool/")));
    list().await.unwrap();
    assert_eq!(world.read(alice, "List").await.len(), 2);

    // The folder goes too: later at first, and then it is made again.
    let id = world.mailbox(alice, "List").await.id();
    remove_folder(&world, b".List");
    world.store.index().delete_folder(alice, id).await.unwrap();
    assert_eq!(list().await.unwrap_err().class(), Class::Disk);
    list().await.unwrap();
    assert_eq!(world.read(alice, "List").await, [(1, "list".to_owned())]);
}

fn remove_folder(world: &World, name: &[u8]) {
    let disk: std::sync::Arc<dyn maildir::Disk> = std::sync::Arc::new(world.disk.clone());
    let root = maildir::MailRoot::open(disk, std::path::Path::new("/mail")).unwrap();
    let maildir = root.account(&maildir::AccountPath::parse("example.org/alice").unwrap()).unwrap();
    maildir.remove_folder(&uidlist::FolderDir::new(name).unwrap(), maildir::RemovalId(1)).unwrap();
}
