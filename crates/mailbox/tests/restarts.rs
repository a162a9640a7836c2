//! What makes numbers jump, and that nothing else does: each jump costs a
//! million UIDs, of which a folder has four thousand million.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{World, uids};
use index::ModSeq;
use mailbox::{FlagAction, FlagChange, Flags, Uid};
use maildir::testing::{Fault, Loss};

async fn sql(world: &World, text: &'static str) {
    let pool = sql::Pool::open(&sql::Settings::new(&world.url)).unwrap();
    pool.execute(text, &[]).await.unwrap();
    pool.close().await;
}

/// It dies at whatever step, with the number in the index raised and in the file
/// not, and comes back with the clock before or behind.
#[tokio::test]
async fn two_hundred_restarts_make_nothing_jump() {
    const RESTARTS: u32 = 200;
    let mut world = World::new();
    let (mut last, mut generation) = (0, 0);
    let mut validity = None;
    for round in 1..=RESTARTS {
        let step = (round / 4 % 40) as usize;
        let dies = |world: &World| world.disk.fail_at(world.disk.steps().len() + step, Fault::Death);
        match round % 4 {
            1 => dies(&world),
            2 => world.set_back(3_600),
            _ => {}
        }
        let _ = world.store.recover().await;
        if round % 4 == 3 {
            world.wait(61);
            dies(&world);
        }
        world.store.tick().await;
        if round % 4 != 1 && round % 4 != 3 {
            let alice = world.account("alice").await;
            let told = world.deliver("more", &[alice]).await.unwrap().copies()[0].uid.unwrap().get();
            assert!(told > last && told <= round, "{round}: {told} follows {last}");
            last = told;
            let view = world.view(alice, "INBOX").await;
            assert_eq!(*validity.get_or_insert(view.uid_validity), view.uid_validity, "{round}");
        }
        let number = world.store.index().generation().await.unwrap();
        assert!(number >= generation, "{round}");
        generation = number;
        let disk = world.disk.after_power_cut(world.disk.changes(), Loss::all()[0]);
        world = world.restarted(disk).await;
    }
    assert!(generation > u64::from(RESTARTS / 2), "each start that came so far raised it");
    assert_eq!(last, RESTARTS / 2, "one number for each delivery");
    let alice = world.account("alice").await;
    assert_eq!(uids(&world.view(alice, "INBOX").await).len(), last as usize);
}

/// Such a line is found once, however far ahead it is.
#[tokio::test]
async fn a_list_that_is_far_ahead_makes_numbers_jump_once() {
    let mut world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    let validity = world.view(alice, "INBOX").await.uid_validity.0;
    let path = world.path("alice/Maildir/dovecot-uidlist");
    let list = format!("3 V{validity} N5000002 G0123456789abcdef0123456789abcdef\n5000001 :1790000500.M1P1.other\n");
    let mut next = Vec::new();
    for _ in 0..3 {
        world.disk.take_away(&path).unwrap();
        world.disk.put(&path, list.as_bytes()).unwrap();
        world = world.restarted(world.disk.clone()).await;
        next.push(world.view(alice, "INBOX").await.uid_next);
    }
    assert_eq!(next, [5_000_002; 3]);
}

/// A list from elsewhere that says so, or a disk that forgot.
#[tokio::test]
async fn a_folder_without_numbers_gets_new_ones() {
    let world = World::new();
    let alice = world.account("alice").await;
    let disk: std::sync::Arc<dyn maildir::Disk> = std::sync::Arc::new(world.disk.clone());
    let root = maildir::MailRoot::open(disk, std::path::Path::new("/mail")).unwrap();
    let maildir = root.account(&maildir::AccountPath::parse("example.org/alice").unwrap()).unwrap();
    for (name, next) in [("Old", 4_000_000_000_u32), ("Older", u32::MAX)] {
        maildir.create_folder(&uidlist::FolderDir::new(format!(".{name}").as_bytes()).unwrap()).unwrap();
        let list = format!("3 V77 N{next} G0123456789abcdef0123456789abcdef\n");
        world.disk.put(&world.path(&format!("alice/Maildir/.{name}/dovecot-uidlist")), list.as_bytes()).unwrap();
    }
    world.store.folders(alice).await.unwrap();
    for (name, keeps) in [("Old", true), ("Older", false)] {
        let mailbox = world.mailbox(alice, name).await;
        let done = world.store.append(&mailbox, b"A: b\n\nx\n".to_vec(), mailbox::AppendAs::default()).await.unwrap();
        assert_eq!(done.uid_validity.0 == 77, keeps, "{name}");
        assert_eq!(done.uid.get(), if keeps { 4_000_000_000 } else { 1 }, "{name}");
    }
}

/// A change of flags tells a MODSEQ, whichever command made it.
#[tokio::test]
async fn whatever_is_told_raises_the_generation() {
    let world = World::new();
    world.store.recover().await.unwrap();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    let view = world.view(alice, "INBOX").await;
    let one = [Uid::new(1).unwrap()];
    let change = |flags| FlagChange { how: FlagAction::Replace, flags, keywords: vec![] };
    let store = &world.store;
    for case in ["delivery", "store", "unchanged", "outside", "nothing"] {
        match case {
            "store" => drop(store.store_flags(&view.mailbox, &one, &change(Flags::SEEN)).await.unwrap()),
            "unchanged" => {
                let since = ModSeq(u64::MAX >> 1);
                let change = change(Flags::FLAGGED);
                store.store_flags_unchanged(&view.mailbox, &one, &change, since).await.unwrap();
            }
            "outside" => {
                let file = world.path("alice/Maildir/new/1790000500.M1P1.other");
                world.disk.put(&file, b"Subject: other\n\nother\n").unwrap();
                assert_eq!(uids(&world.view(alice, "INBOX").await).len(), 2);
            }
            _ => {}
        }
        let before = store.index().generation().await.unwrap();
        world.wait(61);
        store.tick().await;
        let raised = store.index().generation().await.unwrap() - before;
        assert_eq!(raised, u64::from(case != "nothing"), "{case}");
    }
}

/// The file cannot be written, or the index is without its row: both are tried
/// again, and neither makes anything jump.
#[tokio::test]
async fn a_generation_that_cannot_be_written() {
    let world = World::new();
    world.store.recover().await.unwrap();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    world.store.tick().await;
    let number = || world.disk.files().get("/mail/.gatepost-generation").cloned().unwrap_or_default();
    assert_eq!(number(), b"1\n");
    world.wait(61);
    let steps = {
        let other = World::new();
        other.store.recover().await.unwrap();
        let alice = other.account("alice").await;
        other.deliver("one", &[alice]).await.unwrap();
        other.store.tick().await;
        other.wait(61);
        let before = other.disk.steps().len();
        other.store.tick().await;
        other.disk.steps()[before..].iter().position(|step| *step == "replace").unwrap()
    };
    world.disk.fail_at(world.disk.steps().len() + steps, Fault::NoSpace);
    world.store.tick().await;
    assert_eq!(number(), b"1\n");
    world.wait(61);
    world.store.tick().await;
    assert_eq!(number(), b"3\n", "nothing was told meanwhile, and it is still due");

    sql(&world, "DELETE FROM generation").await;
    for _ in 0..3 {
        world.wait(61);
        world.store.tick().await;
    }
    let told = world.deliver("two", &[alice]).await.unwrap().copies()[0].uid.unwrap().get();
    assert_eq!(told, 1_000_002, "the index is older, which it was once");
}
