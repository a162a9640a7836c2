//! Folders: made, listed, renamed, deleted, subscribed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use common::{World, folder, uids};
use mail::{Address, Domain};
use mailbox::{AccountKey, FolderName, Mode, Quota, SpecialUse, StoreError};

async fn names(world: &World, account: mailbox::AccountId) -> Vec<String> {
    let list = world.store.folders(account).await.unwrap();
    list.into_iter().map(|folder| folder.name.to_string() + if folder.exists { "" } else { " (level)" }).collect()
}

#[tokio::test]
async fn a_new_account_is_furnished() {
    let world = World::new();
    let alice = world.account("alice").await;
    assert_eq!(names(&world, alice).await, ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]);
    let list = world.store.folders(alice).await.unwrap();
    assert!(list.iter().all(|folder| folder.subscribed && !folder.has_children));
    assert_eq!(list[3].special_use, Some(SpecialUse::Junk));
    assert_eq!(world.store.subscriptions(alice).await.unwrap().len(), 6);
    assert_eq!(world.account("alice").await, alice);
    let world = world.restarted(world.disk.clone()).await;
    assert_eq!(world.account("alice").await, alice);
}

#[tokio::test]
async fn a_rename_of_the_address_moves_nothing() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    let key = |key: &str| AccountKey { source: "directory", foreign_key: key.to_owned() };
    let alicia = Address::parse("alicia@example.net").unwrap();
    assert_eq!(world.store.account(&key("alice"), &alicia, Quota::Unlimited).await.unwrap(), alice);
    assert_eq!(world.read(alice, "INBOX").await.len(), 1);
    assert!(world.disk.files().keys().all(|path| !path.contains("alicia")));
    // Somebody else gets the address: never the mail of the one before.
    let old = Address::parse("alice@example.org").unwrap();
    let other = world.store.account(&key("other"), &old, Quota::Unlimited).await.unwrap();
    assert_ne!(other, alice);
    assert!(world.view(other, "INBOX").await.messages.is_empty());
    world.deliver("two", &[other]).await.unwrap();
    assert_eq!(world.files("alice~2/Maildir/new").len(), 1);
    let system = world.store.system_account("quarantine").await.unwrap();
    assert_eq!(names(&world, system).await.len(), 6);
}

#[tokio::test]
async fn made_and_deleted() {
    let world = World::new();
    let alice = world.account("alice").await;
    let create = async |name: &str| world.store.create_folder(alice, &folder(name), None).await;
    create("A.B.C").await.unwrap();
    assert!(matches!(create("A.B").await, Err(StoreError::FolderExists)));
    assert!(matches!(create("inbox").await, Err(StoreError::FolderExists)));
    assert_eq!(names(&world, alice).await[1..4], ["A", "A.B", "A.B.C"]);
    let before = world.view(alice, "A.B").await.uid_validity;
    world.store.delete_folder(alice, &folder("A.B")).await.unwrap();
    assert_eq!(names(&world, alice).await[1..4], ["A", "A.B (level)", "A.B.C"]);
    let gone = world.store.select(alice, &folder("A.B"), Mode::ReadOnly).await;
    assert!(matches!(gone, Err(StoreError::NoSuchFolder)));
    create("A.B").await.unwrap();
    assert!(world.view(alice, "A.B").await.uid_validity.0 > before.0);
    assert!(matches!(world.store.delete_folder(alice, &folder("INBOX")).await, Err(StoreError::CannotChangeFolder)));
    assert!(matches!(world.store.delete_folder(alice, &folder("X")).await, Err(StoreError::NoSuchFolder)));
    for n in 0..20 {
        let _ = create(&format!("many{n}")).await;
    }
    assert!(matches!(create("more").await, Err(StoreError::TooMany)));
}

#[tokio::test]
async fn a_session_in_a_deleted_folder_ends() {
    let world = World::new();
    let alice = world.account("alice").await;
    let view = world.view(alice, "Trash").await;
    world.store.delete_folder(alice, &folder("Trash")).await.unwrap();
    assert!(world.store.changes(&view.mailbox, view.highest_modseq).await.unwrap().deleted);
    let junk = world.deliver("still", &[alice]).await;
    assert!(junk.is_ok());
}

#[tokio::test]
async fn renamed_with_children() {
    let world = World::new();
    let alice = world.account("alice").await;
    for name in ["A.B", "AX", "Z"] {
        world.store.create_folder(alice, &folder(name), None).await.unwrap();
    }
    let inbox = world.mailbox(alice, "INBOX").await;
    world.deliver("one", &[alice]).await.unwrap();
    let target = world.mailbox(alice, "A.B").await;
    world.store.copy(&inbox, &[mailbox::Uid::new(1).unwrap()], &target).await.unwrap();
    let before = world.view(alice, "A.B").await;
    let rename = async |from: &str, to: &str| world.store.rename_folder(alice, &folder(from), &folder(to)).await;
    rename("A", "New.Ä").await.unwrap();
    assert_eq!(
        names(&world, alice).await[1..],
        ["AX", "Archive", "Drafts", "Junk", "New", "New.Ä", "New.Ä.B", "Sent", "Trash", "Z"]
    );
    let after = world.view(alice, "New.Ä.B").await;
    assert_eq!((after.mailbox, after.uid_validity), (before.mailbox, before.uid_validity));
    assert_eq!(world.read(alice, "New.Ä.B").await, [(1, "one".to_owned())]);
    for (from, to, error) in
        [("Z", "AX", "exists"), ("Z", "Z.Sub", "cannot"), ("Z", "INBOX", "cannot"), ("nothing", "Y", "no such")]
    {
        let refused = rename(from, to).await.unwrap_err().to_string();
        assert!(refused.contains(error), "{from} {to}: {refused}");
    }
}

#[tokio::test]
async fn inbox_gives_its_messages_away() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("one", &[alice]).await.unwrap();
    world.deliver("two", &[alice]).await.unwrap();
    world.store.rename_folder(alice, &FolderName::inbox(), &folder("Old.Mail")).await.unwrap();
    assert!(world.view(alice, "INBOX").await.messages.is_empty());
    assert_eq!(world.read(alice, "Old.Mail").await, [(1, "one".to_owned()), (2, "two".to_owned())]);
    world.deliver("three", &[alice]).await.unwrap();
    assert_eq!(uids(&world.view(alice, "INBOX").await), [3]);
}

#[tokio::test]
async fn subscribed_names_need_no_folder() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.store.subscribe(alice, &folder("not.there")).await.unwrap();
    world.store.unsubscribe(alice, &folder("Trash")).await.unwrap();
    world.store.unsubscribe(alice, &folder("never")).await.unwrap();
    let names: Vec<String> = world.store.subscriptions(alice).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["Archive", "Drafts", "INBOX", "Junk", "Sent", "not.there"]);
    let trash = world.store.folders(alice).await.unwrap().into_iter().find(|f| f.name == folder("Trash")).unwrap();
    assert!(!trash.subscribed && trash.exists);
}

#[tokio::test]
async fn what_one_account_can_name_another_cannot() {
    let world = World::new();
    let (alice, bob) = (world.account("alice").await, world.account("bob").await);
    world.store.create_folder(alice, &folder("Secret"), None).await.unwrap();
    for name in ["Secret", "alice.Secret", "alice/Maildir/.Secret", "..", "%2e%2e"] {
        let Ok(name) = FolderName::parse(name) else { continue };
        let found = world.store.select(bob, &name, Mode::ReadOnly).await;
        assert!(matches!(found, Err(StoreError::NoSuchFolder)), "{name}");
    }
}

#[tokio::test]
async fn domains_are_remembered_for_a_while() {
    let world = World::new();
    let domain = Domain::parse("example.org").unwrap();
    let day = std::time::Duration::from_secs(86_400);
    assert!(!world.store.domain_seen(&domain, day).await.unwrap());
    world.store.remember_domains(std::slice::from_ref(&domain)).await.unwrap();
    assert!(world.store.domain_seen(&domain, day).await.unwrap());
    world.wait(86_401);
    assert!(!world.store.domain_seen(&domain, day).await.unwrap());
    world.store.remember_domains(std::slice::from_ref(&domain)).await.unwrap();
    world.store.forget_domain(&domain).await.unwrap();
    assert!(!world.store.domain_seen(&domain, day).await.unwrap());
}

#[tokio::test]
async fn a_removed_account_leaves_no_mail_to_the_next() {
    let world = World::new();
    let alice = world.account("alice").await;
    world.deliver("secret", &[alice]).await.unwrap();
    let key = AccountKey { source: "directory", foreign_key: "alice".to_owned() };
    assert_eq!(world.store.remove_account(&key).await.unwrap(), Some(alice));
    assert_eq!(world.store.remove_account(&key).await.unwrap(), None);
    let files = world.disk.files();
    let kept = files.keys().find(|path| path.contains("/new/")).unwrap();
    assert!(kept.starts_with(&format!("/mail/.removed/{alice}/Maildir/new/")), "{kept}");
    let next = AccountKey { source: "directory", foreign_key: "another".to_owned() };
    let next = world.keyed(&next, "alice@example.org").await;
    assert_ne!(next, alice);
    assert!(world.view(next, "INBOX").await.messages.is_empty());
    world.deliver("hello", &[next]).await.unwrap();
    assert_eq!(world.read(next, "INBOX").await, [(1, "hello".to_owned())]);
}
