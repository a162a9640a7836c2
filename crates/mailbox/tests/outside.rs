//! Other programs in the Maildir, and a database that was lost.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use std::sync::Arc;

use common::{World, folder, uids};
use mailbox::{FlagAction, FlagChange, Flags, Keyword, Mode, StoreError, Uid};

fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

fn only(files: Vec<String>) -> String {
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().unwrap()
}

#[tokio::test]
async fn another_program_delivers() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("ours", &[alice]).await.unwrap();
    let view = world.view(alice, "INBOX").await;
    world.disk.put(&world.path("alice/Maildir/cur/1700.x:2,FS"), b"A: b\r\n\r\nx\n").unwrap();
    world.disk.put(&world.path("alice/Maildir/new/1699.y,S=1,W=1"), b"A: b\n\ny\n").unwrap();
    world.disk.put_symlink(&world.path("alice/Maildir/new/1701.z")).unwrap();
    world.wait(2);
    let changes = world.store.changes(&view.mailbox, view.highest_modseq).await.unwrap();
    let sizes: Vec<_> = changes.changed.iter().map(|m| (m.uid.get(), m.size, m.wsize)).collect();
    assert_eq!(sizes, [(2, 8, 11), (3, 10, 11)], "sizes of foreign names are not believed, symlinks not followed");
    assert_eq!(changes.changed[1].flags, Flags::FLAGGED.with(Flags::SEEN));
    assert_eq!(uids(&world.view(alice, "INBOX").await), [1, 2, 3]);
}

#[tokio::test]
async fn another_program_changes_flags() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    let view = world.view(alice, "INBOX").await;
    let name = only(world.files("alice/Maildir/new"));
    let cur = |flags: &str| world.path(&format!("alice/Maildir/cur/{name}:2,{flags}"));
    world.disk.move_file(&world.path(&format!("alice/Maildir/new/{name}")), &cur("SX")).unwrap();
    world.wait(5);
    let seen = world.view(alice, "INBOX").await;
    assert_eq!((seen.messages[0].flags, seen.messages[0].uid), (Flags::SEEN, uid(1)));
    assert!(seen.highest_modseq > view.highest_modseq);
    // Both sides at once: the client flags it, the other program unsees it.
    let flagged = FlagChange { how: FlagAction::Add, flags: Flags::FLAGGED, keywords: vec![] };
    world.store.store_flags(&view.mailbox, &[uid(1)], &flagged).await.unwrap();
    world.disk.move_file(&cur("SX"), &cur("RX")).unwrap();
    world.wait(5);
    let both = Flags::FLAGGED.with(Flags::ANSWERED);
    assert_eq!(world.view(alice, "INBOX").await.messages[0].flags, both);
    world.wait(5);
    world.view(alice, "INBOX").await;
    world.store.tick().await;
    assert!(only(world.files("alice/Maildir/cur")).ends_with(":2,FRX"), "letters that we do not know stay");
    assert_eq!(world.read(alice, "INBOX").await, [(1, "one".to_owned())]);
}

#[tokio::test]
async fn another_program_removes() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    world.deliver("two", &[alice]).await.unwrap();
    world.wait(10);
    let view = world.view(alice, "INBOX").await;
    let files = world.disk.files();
    let path = files.iter().find(|(_, text)| text.ends_with(b"\none\n")).unwrap().0.clone();
    world.disk.take_away(&path).unwrap();
    let refresh = async || world.store.changes(&view.mailbox, view.highest_modseq).await.unwrap();
    assert!(refresh().await.vanished.is_empty(), "the directory changed just now");
    let missing = world.store.open_message(&view.mailbox, uid(1)).await;
    assert!(matches!(missing, Err(StoreError::FileMissing)));
    world.wait(3);
    assert!(refresh().await.vanished.is_empty(), "the first quiet look");
    world.wait(1);
    assert!(refresh().await.vanished.is_empty(), "too soon after it");
    world.wait(2);
    assert_eq!(refresh().await.vanished, [uid(1)]);
    assert_eq!(uids(&world.view(alice, "INBOX").await), [2]);
    // What comes back is a new message.
    world.disk.put(&path, b"A: b\n\nback\n").unwrap();
    world.wait(5);
    assert_eq!(world.read(alice, "INBOX").await, [(2, "two".to_owned()), (3, "back".to_owned())]);
}

#[tokio::test]
async fn another_program_makes_folders() {
    let world = World::new();
    let alice = world.account("alice").await;
    let account = maildir_of(&world);
    let dir = uidlist::FolderDir::new(b".Entw&APw-rfe.2026").unwrap();
    account.create_folder(&dir).unwrap();
    world.disk.put(&world.path("alice/Maildir/.Entw&APw-rfe.2026/new/1.a"), b"x\n").unwrap();
    let names: Vec<String> =
        world.store.folders(alice).await.unwrap().iter().map(|folder| folder.name.to_string()).collect();
    assert!(names.contains(&"Entwürfe.2026".to_owned()) && names.contains(&"Entwürfe".to_owned()), "{names:?}");
    assert_eq!(uids(&world.view(alice, "Entwürfe.2026").await), [1]);
    account.remove_folder(&dir, maildir::RemovalId(1)).unwrap();
    let gone = world.store.select(alice, &folder("Entwürfe.2026"), Mode::ReadOnly).await;
    assert!(matches!(gone, Err(StoreError::NoSuchFolder)), "{gone:?}");
}

fn maildir_of(world: &World) -> maildir::Account {
    let disk: Arc<dyn maildir::Disk> = Arc::new(world.disk.clone());
    let root = maildir::MailRoot::open(disk, std::path::Path::new("/mail")).unwrap();
    root.account(&maildir::AccountPath::parse("example.org/alice").unwrap()).unwrap()
}

#[tokio::test]
async fn a_lost_database_loses_no_number() {
    let world = World::new();
    let alice = world.account("alice").await;
    for n in 1..=4 {
        world.deliver(&format!("{n}"), &[alice]).await.unwrap();
    }
    let view = world.view(alice, "INBOX").await;
    let words = vec![Keyword::new("a").unwrap(), Keyword::new("work").unwrap()];
    let change = FlagChange { how: FlagAction::Add, flags: Flags::SEEN, keywords: words };
    world.store.store_flags(&view.mailbox, &[uid(4)], &change).await.unwrap();
    world.store.expunge(&view.mailbox, &mailbox::Expunge::These(vec![uid(2)])).await.unwrap();
    world.wait(10);
    world.store.tick().await;
    // One more, whose line is appended.
    world.deliver("5", &[alice]).await.unwrap();
    world.store.close().await;

    let world = lost(&world);
    let alice = world.account("alice").await;
    let again = world.view(alice, "INBOX").await;
    assert_eq!(again.uid_validity, view.uid_validity);
    assert_eq!(uids(&again), [1, 3, 4, 5]);
    assert!(again.uid_next > 5);
    assert_eq!(again.messages[2].flags, Flags::SEEN);
    let words: Vec<&str> =
        mailbox::keywords_of(again.messages[2].keywords, &again.keywords).into_iter().map(Keyword::as_str).collect();
    assert_eq!(words, ["a", "work"]);
    let texts: Vec<String> = world.read(alice, "INBOX").await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["1", "3", "4", "5"]);
    world.deliver("6", &[alice]).await.unwrap();
    let last = *uids(&world.view(alice, "INBOX").await).last().unwrap();
    assert!(last > 1000, "numbers that may have been told are not used again: {last}");
}

/// The same Maildirs with an empty database.
fn lost(world: &World) -> World {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let url = format!("sqlite:{}", dir.path().join("other.db").display());
    let after = World::on(world.disk.clone(), dir, &url);
    after.wait(u64::try_from(world.secs() - after.secs()).unwrap() + 60);
    after
}

#[tokio::test]
async fn a_maildir_of_dovecot_is_taken_over() {
    let world = World::new();
    let alice = world.account("alice").await;
    // As if the account had been Dovecot's before: no database knows it.
    let path = |name: &str| world.path(&format!("alice/Maildir/{name}"));
    world.disk.put(&path("cur/1600000001.a.host,S=5:2,Sa"), b"A: b\n").unwrap();
    world.disk.put(&path("cur/1600000002.b.host:2,"), b"C: d\n").unwrap();
    world.disk.put(&path("new/1600000003.c.host"), b"E: f\n").unwrap();
    world.disk.put(&path("dovecot-keywords"), b"0 $Label1\n").unwrap();
    let list = b"3 V1234567 N300\n117 W6 :1600000001.a.host,S=5\n250 :1600000002.b.host\n";
    world.disk.put(&path("dovecot-uidlist"), list).unwrap();
    let _ = alice;
    let world = lost(&world);
    let alice = world.account("alice").await;
    let view = world.view(alice, "INBOX").await;
    assert_eq!((view.uid_validity.0, uids(&view)), (1_234_567, vec![117, 250, 300]));
    assert_eq!(mailbox::keywords_of(view.messages[0].keywords, &view.keywords)[0].as_str(), "$Label1");
    assert_eq!(world.read(alice, "INBOX").await[1].1, "C: d");
}

#[tokio::test]
async fn an_older_database_uses_no_number_twice() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("1", &[alice]).await.unwrap();
    world.view(alice, "INBOX").await;
    world.store.tick().await;
    world.store.close().await;
    let file = world.dir.path().join("index.db");
    let backup = std::fs::read(&file).unwrap();
    let world = world.restarted(world.disk.clone()).await;
    world.deliver("2", &[alice]).await.unwrap();
    world.view(alice, "INBOX").await;
    world.store.tick().await;
    world.store.close().await;
    std::fs::write(&file, backup).unwrap();
    let world = world.restarted(world.disk.clone()).await;
    assert_eq!(uids(&world.view(alice, "INBOX").await), [1, 2], "the uidlist knows more than the database");
    world.deliver("3", &[alice]).await.unwrap();
    let view = world.view(alice, "INBOX").await;
    assert!(uids(&view)[2] > 1_000_000 && view.highest_modseq.0 > 1 << 32, "{:?}", uids(&view));
}

#[tokio::test]
async fn a_scan_and_a_delivery_meet() {
    let world = Arc::new(World::new());
    let alice = world.account("alice").await;
    let deliveries: Vec<_> = (0..20)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.deliver(&format!("{n}"), &[alice]).await.unwrap() })
        })
        .collect();
    for _ in 0..20 {
        world.view(alice, "INBOX").await;
    }
    for delivery in deliveries {
        delivery.await.unwrap();
    }
    let mut texts: Vec<String> = world.read(alice, "INBOX").await.into_iter().map(|(_, text)| text).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!((texts.len(), uids(&world.view(alice, "INBOX").await).len()), (20, 20), "each once");
}
