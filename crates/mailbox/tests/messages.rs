//! What sessions do with messages: select, append, copy, store, expunge.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use common::{World, folder, uids};
use mailbox::{
    AppendAs, Expunge, FlagAction, FlagChange, Flags, InternalDate, Keyword, ModSeq, Mode, Quota, StoreError, Uid,
    keywords_of,
};
use maildir::testing::Fault;

fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

fn change(how: FlagAction, flags: Flags, keywords: &[&str]) -> FlagChange {
    FlagChange { how, flags, keywords: keywords.iter().map(|word| Keyword::new(word).unwrap()).collect() }
}

#[tokio::test]
async fn appended() {
    let world = World::new();
    let alice = world.account("alice").await;
    let sent = world.mailbox(alice, "Sent").await;
    let date = InternalDate { secs: 1_000_000_000, offset_minutes: -330 };
    let as_ =
        AppendAs { flags: Flags::SEEN, keywords: vec![Keyword::new("$Forwarded").unwrap()], internal_date: Some(date) };
    let done = world.store.append(&sent, b"A: b\r\n\r\nx\ry\n".to_vec(), as_).await.unwrap();
    assert_eq!(done.uid, uid(1));
    let spooled = world.spooled("literal");
    assert_eq!(world.store.append_spooled(&sent, spooled, AppendAs::default()).await.unwrap().uid, uid(2));
    let view = world.view(alice, "Sent").await;
    assert_eq!(view.uid_validity, done.uid_validity);
    let first = &view.messages[0];
    assert_eq!((first.flags, first.size, first.wsize, first.internal_date), (Flags::SEEN, 10, 14, date));
    assert_eq!(keywords_of(first.keywords, &view.keywords)[0].as_str(), "$Forwarded");
    assert_eq!(world.read(alice, "Sent").await[1].1, "literal");
    let nul = world.store.append(&sent, b"a\0b".to_vec(), AppendAs::default()).await;
    assert!(matches!(nul, Err(StoreError::HoldsNul)));
    world.account_with("alice", Quota::Bytes(100)).await;
    let large = world.store.append(&sent, vec![b'x'; 100], AppendAs::default()).await;
    assert!(matches!(large, Err(StoreError::ExceedsQuota)));
    assert!(!world.disk.files().keys().any(|path| path.starts_with("/spool/") || path.contains("/tmp/")));
}

#[tokio::test]
async fn copied_all_or_nothing() {
    let world = World::new();
    let alice = world.account("alice").await;
    for text in ["one", "two", "three"] {
        world.deliver(text, &[alice]).await.unwrap();
    }
    let (inbox, trash) = (world.mailbox(alice, "INBOX").await, world.mailbox(alice, "Trash").await);
    world.store.store_flags(&inbox, &[uid(3)], &change(FlagAction::Add, Flags::FLAGGED, &["k"])).await.unwrap();
    let start = world.disk.steps().len();
    let copied = world.store.copy(&inbox, &[uid(1), uid(3), uid(99)], &trash).await.unwrap();
    let steps = world.disk.steps().len() - start;
    assert_eq!((copied.from.as_slice(), copied.to.as_slice()), (&[uid(1), uid(3)][..], &[uid(1), uid(2)][..]));
    assert_eq!(world.read(alice, "Trash").await, [(1, "one".to_owned()), (2, "three".to_owned())]);
    let view = world.view(alice, "Trash").await;
    let last = &view.messages[1];
    assert_eq!((last.flags, keywords_of(last.keywords, &view.keywords)[0].as_str()), (Flags::FLAGGED, "k"));
    let bases = |place: &str| world.files(place).concat();
    assert!(!bases("alice/Maildir/new").contains(bases("alice/Maildir/.Trash/new").as_str()), "a new name");

    for at in 0..steps {
        let world = World::new();
        let alice = world.account("alice").await;
        for text in ["one", "two", "three"] {
            world.deliver(text, &[alice]).await.unwrap();
        }
        let (inbox, trash) = (world.mailbox(alice, "INBOX").await, world.mailbox(alice, "Trash").await);
        world.store.store_flags(&inbox, &[uid(3)], &change(FlagAction::Add, Flags::FLAGGED, &["k"])).await.unwrap();
        world.disk.fail_at(world.disk.steps().len() + at, Fault::NoSpace);
        let failed = world.store.copy(&inbox, &[uid(1), uid(3)], &trash).await;
        world.wait(10);
        let got = world.read(alice, "Trash").await.len();
        assert_eq!(got, if failed.is_ok() { 2 } else { 0 }, "step {at}: {failed:?}");
        assert_eq!(world.read(alice, "INBOX").await.len(), 3);
    }
}

#[tokio::test]
async fn flags_are_told_at_once_and_names_follow() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    world.deliver("two", &[alice]).await.unwrap();
    let view = world.view(alice, "INBOX").await;
    let inbox = &view.mailbox;
    let mut watch = world.store.watch(inbox).await;
    let add = change(FlagAction::Add, Flags::SEEN.with(Flags::ANSWERED), &["work"]);
    let now = world.store.store_flags(inbox, &[uid(2), uid(9)], &add).await.unwrap();
    assert_eq!((now.len(), now[0].flags), (1, Flags::SEEN.with(Flags::ANSWERED)));
    tokio::time::timeout(std::time::Duration::from_secs(5), watch.changed()).await.unwrap();
    let changes = world.store.changes(inbox, view.highest_modseq).await.unwrap();
    assert_eq!((changes.changed.len(), changes.changed[0].uid), (1, uid(2)));
    assert!(changes.highest_modseq > view.highest_modseq && changes.vanished.is_empty() && !changes.deleted);
    assert_eq!(changes.keywords[0].as_str(), "work");
    assert_eq!(world.files("alice/Maildir/new").len(), 2);
    world.store.tick().await;
    let cur = world.files("alice/Maildir/cur");
    assert!(cur.len() == 1 && cur[0].ends_with(":2,RSa"), "{cur:?}");
    world.wait(10);
    let same = world.view(alice, "INBOX").await;
    assert_eq!(same.highest_modseq, changes.highest_modseq, "our own rename is no news");
    assert_eq!(world.read(alice, "INBOX").await.len(), 2);
    let none = world.store.store_flags(inbox, &[uid(2)], &change(FlagAction::Add, Flags::SEEN, &[])).await.unwrap();
    assert_eq!(none[0].modseq, now[0].modseq, "nothing changed");
}

#[tokio::test]
async fn flags_survive_a_crash_before_the_rename() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    let inbox = world.mailbox(alice, "INBOX").await;
    world.store.store_flags(&inbox, &[uid(1)], &change(FlagAction::Add, Flags::SEEN, &[])).await.unwrap();
    let world = world.restarted(world.disk.clone()).await;
    assert_eq!(world.view(alice, "INBOX").await.messages[0].flags, Flags::SEEN);
    world.store.tick().await;
    assert!(world.files("alice/Maildir/cur")[0].ends_with(":2,S"));
}

#[tokio::test]
async fn expunged() {
    let world = World::new();
    let alice = world.account("alice").await;
    for n in 1..=6 {
        world.deliver(&format!("{n}"), &[alice]).await.unwrap();
    }
    let view = world.view(alice, "INBOX").await;
    let inbox = &view.mailbox;
    let deleted = change(FlagAction::Add, Flags::DELETED, &[]);
    world.store.store_flags(inbox, &[uid(2), uid(3), uid(4)], &deleted).await.unwrap();
    let open = world.store.open_message(inbox, uid(3)).await.unwrap();
    let among = Expunge::Among(vec![uid(1), uid(3)]);
    assert_eq!(world.store.expunge(inbox, &among).await.unwrap(), [uid(3)]);
    assert_eq!(world.store.expunge(inbox, &Expunge::All).await.unwrap(), [uid(2), uid(4)]);
    assert_eq!(world.store.expunge(inbox, &Expunge::These(vec![uid(6)])).await.unwrap(), [uid(6)]);
    assert_eq!(world.files("alice/Maildir/new").len(), 2);
    assert!(open.read(0, 1000).await.unwrap().ends_with(b"3\n"), "who reads it reads to the end");
    let gone = world.store.open_message(inbox, uid(3)).await;
    assert!(matches!(gone, Err(StoreError::Expunged)));
    let changes = world.store.changes(inbox, view.highest_modseq).await.unwrap();
    assert_eq!(changes.vanished, [2, 3, 4, 6].map(uid));
    assert_eq!(uids(&world.view(alice, "INBOX").await), [1, 5]);
    assert_eq!(world.store.usage(alice).await.unwrap().messages, 2);
}

#[tokio::test]
async fn an_unlink_that_failed_is_paid_by_a_scan() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    let inbox = world.mailbox(alice, "INBOX").await;
    // Before the unlink the Maildir is opened in a few steps; one of these or
    // the unlink itself fails.
    world.disk.fail_at(world.disk.steps().len() + 3, Fault::Io);
    assert_eq!(world.store.expunge(&inbox, &Expunge::These(vec![uid(1)])).await.unwrap(), [uid(1)]);
    assert_eq!(world.files("alice/Maildir/new").len(), 1);
    assert!(world.view(alice, "INBOX").await.messages.is_empty(), "it does not come back");
    assert!(world.files("alice/Maildir/new").is_empty());
    assert!(world.view(alice, "INBOX").await.messages.is_empty());
}

#[tokio::test]
async fn recent_for_one_session() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    let select = async |mode| world.store.select(alice, &folder("inbox"), mode).await.unwrap().recent_from;
    assert_eq!(select(Mode::ReadOnly).await, 1);
    assert_eq!(select(Mode::ReadWrite).await, 1);
    assert_eq!(select(Mode::ReadWrite).await, 2);
    world.deliver("two", &[alice]).await.unwrap();
    assert_eq!(world.store.status(alice, &folder("INBOX")).await.unwrap().recent, 1);
    assert_eq!(select(Mode::ReadWrite).await, 2);
}

#[tokio::test]
async fn a_session_hears_of_new_mail() {
    let world = World::new();
    let alice = world.account("alice").await;
    let view = world.view(alice, "INBOX").await;
    let mut watch = world.store.watch(&view.mailbox).await;
    world.deliver("one", &[alice]).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(5), watch.changed()).await.unwrap();
    let changes = world.store.changes(&view.mailbox, view.highest_modseq).await.unwrap();
    assert_eq!((changes.changed[0].uid, changes.uid_next), (uid(1), 2));
    let nothing = world.store.changes(&view.mailbox, changes.highest_modseq).await.unwrap();
    assert!(nothing.changed.is_empty() && nothing.highest_modseq == changes.highest_modseq);
    assert!(ModSeq(0) < changes.highest_modseq);
}
