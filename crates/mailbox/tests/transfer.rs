//! MOVE: a message is in one folder or the other, whatever dies when; and STORE
//! that minds what others changed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{World, uids};
use mailbox::{AccountId, FlagAction, FlagChange, Flags, Keyword, ModSeq, Uid, keywords_of};
use maildir::testing::{Fault, Loss, Names};

fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

fn flag(flags: Flags, keywords: &[&str]) -> FlagChange {
    let keywords = keywords.iter().map(|word| Keyword::new(word).unwrap()).collect();
    FlagChange { how: FlagAction::Add, flags, keywords }
}

/// Three messages in INBOX, the last with a flag and a keyword.
async fn world() -> (World, AccountId) {
    let world = World::new();
    let alice = world.account("alice").await;
    for text in ["one", "two", "three"] {
        world.deliver(text, &[alice]).await.unwrap();
    }
    let inbox = world.mailbox(alice, "INBOX").await;
    world.store.store_flags(&inbox, &[uid(3)], &flag(Flags::FLAGGED, &["k"])).await.unwrap();
    (world, alice)
}

async fn texts(world: &World, alice: AccountId, name: &str) -> Vec<String> {
    world.read(alice, name).await.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn moved_with_flags_and_told_to_both() {
    let (world, alice) = world().await;
    let (inbox, trash) = (world.view(alice, "INBOX").await, world.mailbox(alice, "Trash").await);
    let moved = world.store.transfer(&inbox.mailbox, &[uid(1), uid(3), uid(9)], &trash).await.unwrap();
    assert_eq!((moved.from, moved.to), (vec![uid(1), uid(3)], vec![uid(1), uid(2)]));
    assert_eq!(world.read(alice, "INBOX").await, [(2, "two".to_owned())]);
    assert_eq!(world.read(alice, "Trash").await, [(1, "one".to_owned()), (2, "three".to_owned())]);
    let view = world.view(alice, "Trash").await;
    let last = &view.messages[1];
    assert_eq!((last.flags, keywords_of(last.keywords, &view.keywords)[0].as_str()), (Flags::FLAGGED, "k"));
    assert_eq!(last.internal_date, inbox.messages[2].internal_date);
    let changes = world.store.changes(&inbox.mailbox, inbox.highest_modseq).await.unwrap();
    assert_eq!(changes.vanished, [uid(1), uid(3)]);
    world.wait(10);
    world.store.tick().await;
    assert_eq!((texts(&world, alice, "INBOX").await.len(), texts(&world, alice, "Trash").await.len()), (1, 2));
    assert_eq!(world.store.usage(alice).await.unwrap().messages, 3);
    // Into the folder where it is: it has a new number there.
    let again = world.store.transfer(&trash, &[uid(1)], &trash).await.unwrap();
    assert_eq!((again.from, again.to), (vec![uid(1)], vec![uid(3)]));
    assert_eq!(uids(&world.view(alice, "Trash").await), [2, 3]);
    let bob = world.account("bob").await;
    let his = world.mailbox(bob, "INBOX").await;
    assert!(world.store.transfer(&trash, &[uid(3)], &his).await.is_err(), "to nobody else");
}

async fn steps() -> usize {
    let (world, alice) = world().await;
    let (inbox, trash) = (world.mailbox(alice, "INBOX").await, world.mailbox(alice, "Trash").await);
    let before = world.disk.steps().len();
    world.store.transfer(&inbox, &[uid(1), uid(3)], &trash).await.unwrap();
    world.disk.steps().len() - before
}

/// Each message once, in whichever folder.
async fn each_once(world: &World, alice: AccountId, case: &str) -> usize {
    let trash = texts(world, alice, "Trash").await;
    let mut all = [trash.clone(), texts(world, alice, "INBOX").await].concat();
    all.sort();
    assert_eq!(all, ["one", "three", "two"], "{case}");
    trash.len()
}

#[tokio::test]
async fn a_failure_moves_all_or_none() {
    for at in 0..steps().await {
        let (world, alice) = world().await;
        let (inbox, trash) = (world.mailbox(alice, "INBOX").await, world.mailbox(alice, "Trash").await);
        world.disk.fail_at(world.disk.steps().len() + at, Fault::NoSpace);
        let done = world.store.transfer(&inbox, &[uid(1), uid(3)], &trash).await;
        world.wait(10);
        let moved = each_once(&world, alice, &format!("step {at}: {done:?}")).await;
        assert_eq!(moved, if done.is_ok() { 2 } else { 0 }, "step {at}: {done:?}");
    }
}

/// The process dies: each message is there once. The power goes, on a file
/// system that does not even keep the two halves of a rename together, as every
/// one with a journal does: no message is lost.
#[tokio::test]
async fn whenever_it_dies_each_message_is_there_once() {
    let all = Loss::all();
    let loss = |names| all.iter().copied().find(|loss| loss.names == names).unwrap();
    for at in 0..=steps().await {
        for kept in [loss(Names::Kept), loss(Names::Lost)] {
            let (world, alice) = world().await;
            let (inbox, trash) = (world.mailbox(alice, "INBOX").await, world.mailbox(alice, "Trash").await);
            world.disk.fail_at(world.disk.steps().len() + at, Fault::Death);
            let done = world.store.transfer(&inbox, &[uid(1), uid(3)], &trash).await.is_ok();
            let world = world.restarted(world.disk.after_power_cut(world.disk.changes(), kept)).await;
            world.store.recover().await.unwrap();
            // What went is missing first, and gone when it is missing twice.
            for folder in ["INBOX", "Trash", "INBOX"] {
                world.view(alice, folder).await;
                world.wait(10);
            }
            let case = format!("death at {at}, {kept:?}, done {done}");
            if kept.names == Names::Kept {
                let moved = each_once(&world, alice, &case).await;
                assert!(!done || moved == 2, "{case}");
            } else {
                let mut found = [texts(&world, alice, "Trash").await, texts(&world, alice, "INBOX").await].concat();
                found.sort();
                found.dedup();
                assert_eq!(found, ["one", "three", "two"], "{case}");
            }
        }
    }
}

#[tokio::test]
async fn without_the_index_they_go_back() {
    let (world, alice) = world().await;
    let (inbox, trash) = (world.mailbox(alice, "INBOX").await, world.mailbox(alice, "Trash").await);
    world.store.index().close().await;
    assert!(world.store.transfer(&inbox, &[uid(1)], &trash).await.is_err());
    let world = world.restarted(world.disk.clone()).await;
    assert_eq!(each_once(&world, alice, "without the index").await, 0);
}

#[tokio::test]
async fn who_did_not_see_a_change_does_not_overwrite_it() {
    let (world, alice) = world().await;
    let view = world.view(alice, "INBOX").await;
    let seen = view.messages[0].modseq;
    let store = |uids: Vec<Uid>, since| {
        let (world, inbox) = (&world, &view.mailbox);
        async move {
            let change = flag(Flags::ANSWERED, &[]);
            world.store.store_flags_unchanged(inbox, &uids, &change, since).await.unwrap()
        }
    };
    world.store.store_flags(&view.mailbox, &[uid(1)], &flag(Flags::SEEN, &[])).await.unwrap();
    let done = store(vec![uid(1), uid(2), uid(9)], view.highest_modseq).await;
    assert_eq!(done.iter().map(|message| message.uid).collect::<Vec<_>>(), [uid(2)]);
    assert!(done[0].modseq > view.highest_modseq);
    assert!(store(vec![uid(1)], seen).await.is_empty());
    let now = world.view(alice, "INBOX").await;
    assert_eq!(now.messages[0].flags, Flags::SEEN);
    assert_eq!(store(vec![uid(1)], now.highest_modseq).await[0].flags, Flags::SEEN.with(Flags::ANSWERED));
    assert!(store(vec![uid(3)], ModSeq(0)).await.is_empty());
}
