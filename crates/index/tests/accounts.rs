//! Accounts, folders, subscriptions, quarantine and memory, on both engines.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use common::{NOW, account, both, fill, folder, inbox, uid};
use index::{
    Flags, Generation, IndexError, Keyword, NewAccount, NewFolder, NewObject, SpecialUse, Totals, UidValidity,
};
use mail::{Address, Domain};
use uidlist::BaseName;

#[tokio::test]
async fn accounts_keep_their_path() {
    both(|index, _| async move {
        let alice = account(&index, "alice").await;
        assert_eq!(account(&index, "alice").await, alice, "a second creation finds the first");
        let moved = Address::parse("Alicia@example.net").unwrap();
        index.update_account(alice, &moved, Some(5_000)).await.unwrap();
        let row = index.account_by_key("directory", "alice").await.unwrap().unwrap();
        assert_eq!((row.address.as_str(), row.maildir_path.as_str()), ("alicia@example.net", "example.org/alice"));
        assert_eq!((row.quota, row.id), (Some(5_000), alice));
        assert_eq!(index.account(alice).await.unwrap(), row);
        let new = NewAccount {
            source: "directory",
            foreign_key: "other",
            address: &moved,
            maildir_path: "example.org/alice",
            quota: None,
        };
        assert!(matches!(index.create_account(&new, NOW).await, Err(IndexError::Exists)), "the path is taken");
        assert!(index.account_by_key("system", "alice").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn folders_and_their_numbers() {
    both(|index, _| async move {
        let alice = account(&index, "alice").await;
        let first = folder(&index, alice, "Work").await;
        assert_eq!(first.uid_validity, UidValidity(u32::try_from(NOW).unwrap()));
        let taken = NewFolder {
            account: alice,
            shown_name: "Work",
            disk_name: ".Other",
            special_use: None,
            numbered: None,
            keywords: &[],
        };
        assert!(matches!(index.create_folder(&taken, NOW).await, Err(IndexError::Exists)));
        index.delete_folder(alice, first.id).await.unwrap();
        let second = folder(&index, alice, "Work").await;
        assert!(second.uid_validity.0 > first.uid_validity.0, "a folder of the same name has other numbers");

        let words = [Keyword::new("$Junk").unwrap()];
        let numbered = NewFolder {
            shown_name: "Old",
            disk_name: ".Old",
            special_use: Some(SpecialUse::Junk),
            numbered: Some((UidValidity(77), 500)),
            keywords: &words,
            ..taken
        };
        let old = index.create_folder(&numbered, NOW).await.unwrap();
        assert_eq!((old.uid_validity, old.uid_next, old.first_recent), (UidValidity(77), 500, 500));
        assert_eq!((old.keywords.as_slice(), old.adopted), (words.as_slice(), false));
        assert_eq!(index.folder_for(alice, SpecialUse::Junk).await.unwrap().unwrap().id, old.id);
        assert_eq!(index.folder_by_disk(alice, ".Old").await.unwrap().unwrap().id, old.id);
        index.set_adopted(old.id).await.unwrap();
        assert!(index.folder(alice, old.id).await.unwrap().adopted);

        let renames = [(old.id, "New".to_owned(), ".New".to_owned()), (second.id, "Zed".to_owned(), ".Zed".to_owned())];
        index.rename_folders(alice, &renames).await.unwrap();
        let clash = [(old.id, "Zed".to_owned(), ".New".to_owned())];
        assert!(matches!(index.rename_folders(alice, &clash).await, Err(IndexError::Exists)));
        let names: Vec<String> = index.folders(alice).await.unwrap().into_iter().map(|row| row.shown_name).collect();
        assert_eq!(names, ["New", "Zed"]);
    })
    .await;
}

#[tokio::test]
async fn what_is_counted() {
    both(|index, _| async move {
        let (alice, inbox) = inbox(&index).await;
        fill(&index, inbox, 5).await;
        let change = |flags| index::Change { how: index::FlagAction::Add, flags, keywords: Vec::new() };
        index.store_flags(inbox, &[uid(1), uid(2)], &change(Flags::SEEN)).await.unwrap();
        index.store_flags(inbox, &[uid(2)], &change(Flags::DELETED)).await.unwrap();
        let row = index.folder(alice, inbox).await.unwrap();
        let totals = index.totals(&row).await.unwrap();
        assert_eq!(totals, Totals { messages: 5, unseen: 3, deleted: 1, recent: 5, size: 550 });
        assert_eq!(index.usage(alice).await.unwrap(), (5, 500));
        assert!(index.claim_recent(&row).await.unwrap());
        assert!(!index.claim_recent(&row).await.unwrap(), "only one session gets them");
        let row = index.folder(alice, inbox).await.unwrap();
        assert_eq!((row.first_recent, index.totals(&row).await.unwrap().recent), (6, 0));
        assert_eq!(index.usage(account(&index, "bob").await).await.unwrap(), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn subscriptions_are_names() {
    both(|index, _| async move {
        let alice = account(&index, "alice").await;
        for name in ["b", "Ärger", "b", "B"] {
            index.subscribe(alice, name).await.unwrap();
        }
        assert_eq!(index.subscriptions(alice).await.unwrap(), ["B", "b", "Ärger"]);
        index.unsubscribe(alice, "b").await.unwrap();
        index.unsubscribe(alice, "never").await.unwrap();
        assert_eq!(index.subscriptions(alice).await.unwrap(), ["B", "Ärger"]);
    })
    .await;
}

#[tokio::test]
async fn domains_are_remembered() {
    both(|index, _| async move {
        let domain = Domain::parse("example.org").unwrap();
        assert_eq!(index.domain_last_seen(&domain).await.unwrap(), None);
        for now in [NOW, NOW, NOW + 60] {
            index.remember_domains(std::slice::from_ref(&domain), now).await.unwrap();
        }
        assert_eq!(index.domain_last_seen(&domain).await.unwrap(), Some(NOW + 60));
        // More than one transaction takes, of which one is known.
        let mut many: Vec<mail::Domain> = (0..700).map(|n| format!("d{n}.example").parse().unwrap()).collect();
        many.insert(300, domain.clone());
        index.remember_domains(&many, NOW + 90).await.unwrap();
        for seen in [&many[0], &domain, &many[700]] {
            assert_eq!(index.domain_last_seen(seen).await.unwrap(), Some(NOW + 90));
        }
        index.forget_domain(&domain).await.unwrap();
        assert_eq!(index.domain_last_seen(&domain).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn numbers_jump_after_a_restore() {
    both(|index, _| async move {
        let (alice, inbox) = inbox(&index).await;
        assert_eq!(index.begin_generation(0).await.unwrap(), Generation { number: 1, jumped: false });
        assert_eq!(index.begin_generation(1).await.unwrap(), Generation { number: 2, jumped: false });
        assert_eq!(index.folder(alice, inbox).await.unwrap().uid_next, 1, "an ordinary restart");
        assert_eq!(index.begin_generation(9).await.unwrap(), Generation { number: 10, jumped: true });
        let row = index.folder(alice, inbox).await.unwrap();
        assert_eq!((row.uid_next, row.modseq.0 > 1 << 32), (1_000_001, true));
        assert_eq!(index.begin_generation(10).await.unwrap(), Generation { number: 11, jumped: false });
        assert_eq!(index.folder(alice, inbox).await.unwrap().uid_next, 1_000_001);
        assert_eq!(index.generation().await.unwrap(), 11);
        // One folder alone, behind what its list says.
        for (last, next) in [(5, 2_000_001), (2_000_001, 3_000_001), (9_000_000, 9_000_001)] {
            index.jump(inbox, last).await.unwrap();
            assert_eq!(index.folder(alice, inbox).await.unwrap().uid_next, next);
        }
    })
    .await;
}

#[tokio::test]
async fn a_restore_that_left_the_generation_out() {
    both(|index, url| async move {
        let (alice, inbox) = inbox(&index).await;
        let pool = sql::Pool::open(&sql::Settings::new(&url)).unwrap();
        pool.execute("DELETE FROM generation", &[]).await.unwrap();
        pool.close().await;
        assert_eq!(index.begin_generation(7).await.unwrap(), Generation { number: 8, jumped: true });
        for number in 8..12 {
            let next = Generation { number: number + 1, jumped: false };
            assert_eq!(index.begin_generation(number).await.unwrap(), next);
        }
        assert_eq!(index.folder(alice, inbox).await.unwrap().uid_next, 1_000_001);
    })
    .await;
}

#[tokio::test]
async fn objects_in_quarantine() {
    both(|index, _| async move {
        let (account, mailbox) = inbox(&index).await;
        let base = BaseName::new("m1").unwrap();
        let mut ids = Vec::new();
        for (n, domain) in [(1_u8, "example.org"), (2, "example.net"), (2, "example.org")] {
            let new = NewObject {
                token_hash: &[n; 32],
                domain,
                recipients: "a@example.org\nb@example.org".to_owned(),
                sender: String::new(),
                account,
                mailbox,
                base: &base,
                kind: 2,
                reason: "virus: Eicar".to_owned(),
                bytes: 10,
            };
            ids.push(index.quarantine(&new, NOW + i64::from(n)).await.unwrap());
        }
        assert_eq!(index.objects(None).await.unwrap().len(), 3);
        let of_one = index.objects(Some("example.org")).await.unwrap();
        assert_eq!(of_one.iter().map(|object| object.id).collect::<Vec<_>>(), [ids[2], ids[0]]);
        assert_eq!(index.objects_by_token(&[2; 32]).await.unwrap().len(), 2);
        assert!(index.objects_by_token(b"'; DROP TABLE quarantine; --").await.unwrap().is_empty());
        assert_eq!(index.quarantine_bytes().await.unwrap(), 30);
        assert_eq!(index.oldest_objects(1).await.unwrap()[0].id, ids[0]);
        index.released(ids[0], NOW + 9).await.unwrap();
        index.released(ids[0], NOW + 99).await.unwrap();
        let object = index.object(ids[0]).await.unwrap();
        assert_eq!((object.released, object.base.as_slice(), object.kind), (Some(NOW + 9), &b"m1"[..], 2));
        index.forget_object(ids[0]).await.unwrap();
        assert!(matches!(index.object(ids[0]).await, Err(IndexError::NoSuchRow)));
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_says_so() {
    let pool = {
        let mut settings = sql::Settings::new("mysql://root@127.0.0.1:1/none");
        settings.acquire_timeout = std::time::Duration::from_millis(100);
        sql::Pool::open(&settings).unwrap()
    };
    let index = index::Index::open(pool, 1);
    let error = index.is_there().await.unwrap_err();
    assert!(error.is_away(), "{error}");
    assert_eq!(mail::Classified::class(&error), mail::Class::Index);
}

/// At the start, with the database away, each connection would otherwise wait
/// for all that came before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_waited_for_together() {
    // Nobody listens there.
    let mut settings = sql::Settings::new("mysql://nobody@127.0.0.1:1/nothing");
    settings.acquire_timeout = std::time::Duration::from_millis(300);
    let index = index::Index::open(sql::Pool::open(&settings).unwrap(), 1);
    let start = std::time::Instant::now();
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let index = index.clone();
            tokio::spawn(async move { index.is_there().await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().is_err_and(|error| error.is_away()));
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
}
