//! What holds whatever happens beside the store: a reserve on the disk, numbers
//! that are promised before they are given out, an index that is restored while
//! the server runs, tombstones that go, an account that another process removes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use std::sync::Arc;

use common::{World, folder, uids};
use mail::{Class, Classified};
use mailbox::{AccountKey, AppendAs, Expunge, FlagAction, FlagChange, Flags, Mode, Quota, StoreError, Uid};
use maildir::Space;
use maildir::testing::{Fault, Loss, MemoryDisk};

const DAY: u64 = 86_400;

fn key(name: &str) -> AccountKey {
    AccountKey { source: "directory", foreign_key: name.to_owned() }
}

async fn sql(world: &World, text: &'static str) -> Vec<i64> {
    let pool = sql::Pool::open(&sql::Settings::new(&world.url)).unwrap();
    let rows = if text.starts_with("SELECT") {
        pool.fetch_all(text, &[], |row| row.int(0)).await.unwrap()
    } else {
        pool.execute(text, &[]).await.unwrap();
        Vec::new()
    };
    pool.close().await;
    rows
}

#[tokio::test]
async fn the_reserve_is_for_those_who_delete() {
    let world = World::new();
    let alice = world.account("alice").await;
    for text in ["one", "two"] {
        world.deliver(text, &[alice]).await.unwrap();
    }
    let full = Space { free: 60 << 20, total: 100 << 30, free_files: 1 << 20 };
    world.disk.set_space(full);
    world.store.tick().await;
    let view = world.store.select(alice, &folder("INBOX"), Mode::ReadWrite).await.unwrap();
    let class = |done: Result<(), StoreError>| done.unwrap_err().class();
    let (inbox, one) = (&view.mailbox, Uid::new(1).unwrap());
    for attempt in 0..2 {
        let refused = [
            class(world.deliver("three", &[alice]).await.map(drop)),
            class(world.store.room_for(alice, 0).await),
            class(world.store.append(inbox, b"A: b\n\nx\n".to_vec(), AppendAs::default()).await.map(drop)),
            class(world.store.copy(inbox, &[one], inbox).await.map(drop)),
        ];
        assert_eq!(refused, [Class::DiskFull; 4], "{attempt}");
    }
    assert!(world.files("alice/Maildir/tmp").is_empty());
    assert!(!world.disk.files().keys().any(|path| path.starts_with("/spool/")));
    let deleted = FlagChange { how: FlagAction::Add, flags: Flags::DELETED, keywords: vec![] };
    world.store.store_flags(inbox, &[one], &deleted).await.unwrap();
    assert_eq!(world.store.expunge(inbox, &Expunge::All).await.unwrap(), [one]);
    assert_eq!(world.read(alice, "INBOX").await, [(2, "two".to_owned())]);
    // Room is noticed at once.
    world.disk.set_space(Space { free: 1 << 30, ..full });
    world.deliver("three", &[alice]).await.unwrap();
    // So are files that cannot be made any more.
    world.disk.set_space(Space { free_files: 99, ..full });
    world.store.tick().await;
    assert_eq!(class(world.deliver("four", &[alice]).await.map(drop)), Class::DiskFull);
}

/// The next UID in the first line of the list, as a power cut leaves it.
fn promised(disk: &MemoryDisk) -> u32 {
    let files = disk.after_power_cut(disk.changes(), Loss::all()[0]).files();
    let list = files.get("/mail/example.org/alice/Maildir/dovecot-uidlist").unwrap();
    let line = String::from_utf8_lossy(list).lines().next().unwrap().to_owned();
    line.split(" N").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn no_number_is_given_out_before_it_is_promised() {
    let world = World::new();
    let alice = world.account("alice").await;
    let mut told = 0;
    for round in 0..3 {
        for text in ["a", "b", "c"] {
            let done = world.deliver(text, &[alice]).await.unwrap();
            told = done.copies()[0].uid.unwrap().get();
            assert!(told < promised(&world.disk), "{round}: {told}");
        }
        // Many come, and nothing has been written in the background.
        sql(&world, "UPDATE mailbox SET uidnext = uid_promised - 1 WHERE shown_name = 'INBOX'").await;
    }
    assert!(told > 1_000);
    // The index is lost: what was told is not used again.
    let anew = World::new();
    let disk = world.disk.after_power_cut(world.disk.changes(), Loss::all()[0]);
    let world = World::on(disk, Arc::clone(&anew.dir), &anew.url);
    world.wait(100);
    let alice = world.account("alice").await;
    assert!(world.view(alice, "INBOX").await.uid_next > told);
}

#[tokio::test]
async fn a_promise_that_cannot_be_written() {
    let steps = {
        let world = World::new();
        let alice = world.account("alice").await;
        let before = world.disk.steps().len();
        world.deliver("measured", &[alice]).await.unwrap();
        world.disk.steps()[before..].iter().position(|step| *step == "replace").unwrap()
    };
    let world = World::new();
    let alice = world.account("alice").await;
    world.disk.fail_at(world.disk.steps().len() + steps, Fault::Io);
    // The file is there for good, so the sender hears 250; the number follows.
    let done = world.deliver("one", &[alice]).await.unwrap();
    assert_eq!(done.copies()[0].uid, None);
    assert_eq!(world.read(alice, "INBOX").await.len(), 1);
    assert!(uids(&world.view(alice, "INBOX").await)[0] < promised(&world.disk));
}

/// Dovecot, or what a crash of ours left.
#[tokio::test]
async fn a_uidlist_that_is_locked() {
    for (content, waits) in [(&b"4711:mx"[..], true), (b"", false)] {
        let world = World::new();
        let alice = world.account("alice").await;
        world.disk.set_now(world.secs() - 1);
        world.disk.put(&world.path("alice/Maildir/dovecot-uidlist.lock"), content).unwrap();
        let done = world.deliver("one", &[alice]).await.unwrap();
        assert_eq!(done.copies()[0].uid.is_none(), waits);
        assert_eq!(uids(&world.view(alice, "INBOX").await).is_empty(), waits, "what is known is shown");
        world.wait(121);
        assert_eq!(world.read(alice, "INBOX").await.len(), 1);
    }
}

#[tokio::test]
async fn an_index_that_is_restored_while_the_server_runs() {
    let world = World::new();
    world.store.recover().await.unwrap();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    let generation = async || world.store.index().generation().await.unwrap();
    assert_eq!(generation().await, 1);
    // A number a minute, while something is told.
    for (wait, expected) in [(30, 1), (31, 2), (100, 2)] {
        world.wait(wait);
        world.store.tick().await;
        assert_eq!(generation().await, expected, "{wait}");
    }
    world.deliver("two", &[alice]).await.unwrap();
    let view = world.view(alice, "INBOX").await;
    assert_eq!(uids(&view), [1, 2]);
    world.store.tick().await;
    assert!(!world.store.changes(&view.mailbox, view.highest_modseq).await.unwrap().deleted);

    // As a restore of the copy of a minute ago leaves it.
    sql(&world, "UPDATE generation SET number = 1").await;
    sql(&world, "DELETE FROM message WHERE uid = 2").await;
    sql(&world, "UPDATE mailbox SET uidnext = 2, messages = 1 WHERE shown_name = 'INBOX'").await;
    world.store.tick().await;
    // Whoever had the folder open opens it anew; his numbers do nothing.
    assert!(world.store.changes(&view.mailbox, view.highest_modseq).await.unwrap().deleted);
    let stale = world.store.expunge(&view.mailbox, &Expunge::These(vec![Uid::new(1).unwrap()])).await;
    assert!(matches!(stale, Err(StoreError::NoSuchFolder)));
    let done = world.deliver("three", &[alice]).await.unwrap();
    assert!(done.copies()[0].uid.unwrap().get() > 1_000_000, "{done:?}");
    let mut texts: Vec<String> = world.read(alice, "INBOX").await.into_iter().map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, ["one", "three", "two"]);
    assert!(uids(&world.view(alice, "INBOX").await)[1] > 1_000_000);
}

#[tokio::test]
async fn tombstones_go_after_a_season() {
    let world = World::new();
    let alice = world.account("alice").await;
    for text in ["one", "two", "three"] {
        world.deliver(text, &[alice]).await.unwrap();
    }
    let before = world.view(alice, "INBOX").await;
    let gone = vec![Uid::new(1).unwrap(), Uid::new(2).unwrap()];
    world.store.expunge(&before.mailbox, &Expunge::These(gone.clone())).await.unwrap();
    sql(&world, "UPDATE vanished SET unlink_owed = 1 WHERE uid = 2").await;
    let after = world.view(alice, "INBOX").await;
    let kept = async || sql(&world, "SELECT uid FROM vanished ORDER BY uid").await;
    world.wait(89 * DAY);
    world.store.tick().await;
    assert_eq!(kept().await, [1, 2]);
    let told = world.store.changes(&before.mailbox, before.highest_modseq).await.unwrap();
    assert_eq!((told.vanished, told.deleted), (gone, false));
    sql(&world, "UPDATE vanished SET unlink_owed = 1 WHERE uid = 2").await;
    world.wait(2 * DAY);
    world.store.tick().await;
    assert_eq!(kept().await, [2], "one that owes an unlink stays");
    // Who knows the folder from before is not told half of it.
    assert!(world.store.changes(&before.mailbox, before.highest_modseq).await.unwrap().deleted);
    assert!(!world.store.changes(&after.mailbox, after.highest_modseq).await.unwrap().deleted);

    sql(
        &world,
        "INSERT INTO vanished (mailbox_id, uid, base, modseq, unlink_owed, at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) \
         SELECT 1, i, CAST(i AS BLOB), i, 0, 5 FROM n",
    )
    .await;
    for expected in [1000, 500, 0] {
        assert_eq!(world.store.index().purge_tombstones(10).await.unwrap(), expected);
    }
}

/// `gatepost user remove` beside a running server.
#[tokio::test]
async fn an_account_that_another_process_removes() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("secret", &[alice]).await.unwrap();
    let view = world.view(alice, "INBOX").await;
    let command = World::on(world.disk.clone(), Arc::clone(&world.dir), &world.url);
    assert_eq!(command.store.remove_account(&key("alice")).await.unwrap(), Some(alice));
    assert_eq!(command.store.remove_account(&key("alice")).await.unwrap(), None);
    assert_eq!(command.store.remove_account(&key("nobody")).await.unwrap(), None);

    // The next owner of the address comes while the server remembers the first.
    let next = command.keyed(&key("next"), "alice@example.org").await;
    command.deliver("for the next", &[next]).await.unwrap();
    let refused = world.deliver("too late", &[alice]).await.unwrap_err();
    assert!(matches!(refused.class(), Class::Disk | Class::Index | Class::Missing), "{refused}");
    assert!(world.store.changes(&view.mailbox, view.highest_modseq).await.unwrap().deleted);
    for name in ["INBOX", "Junk"] {
        let opened = world.store.select(alice, &folder(name), Mode::ReadWrite).await;
        assert!(opened.is_err(), "{name}: {opened:?}");
    }
    let address = mail::Address::parse("alice@example.org").unwrap();
    let again = world.store.account(&key("alice"), &address, Quota::Unlimited).await;
    assert!(matches!(again, Err(StoreError::NoSuchAccount)), "{again:?}");
    assert_eq!(world.keyed(&key("next"), "alice@example.org").await, next);
    assert_eq!(world.read(next, "INBOX").await, [(1, "for the next".to_owned())]);
    assert!(!world.disk.files().values().any(|text| text.ends_with(b"\ntoo late\n")));
    assert_eq!(sql(&world, "SELECT COUNT(*) FROM mailbox").await, [6], "those of the next alone");

    // An index that is made anew gives the next his own.
    world.store.tick().await;
    let anew = World::new();
    let lost = World::on(world.disk.clone(), Arc::clone(&anew.dir), &anew.url);
    let found = lost.keyed(&key("next"), "alice@example.org").await;
    assert_eq!(lost.read(found, "INBOX").await.len(), 1);

    // A directory that was restored brings the first back, with nothing in it.
    world.wait(DAY + 1);
    let back = world.keyed(&key("alice"), "alice@example.org").await;
    assert!(back != alice && world.read(back, "INBOX").await.is_empty());
}
