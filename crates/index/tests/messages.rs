//! Messages in the index, on both engines: numbers, flags, tombstones.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

mod common;

use std::collections::BTreeSet;

use common::{NOW, account, both, fill, folder, inbox, message, open, uid};
use index::{
    Arrival, Change, DiskChange, FlagAction, Flags, IndexError, Keyword, ModSeq, Outcome, Uid, Which, letters_of,
};

fn change(how: FlagAction, flags: Flags, keywords: &[&str]) -> Change {
    Change { how, flags, keywords: keywords.iter().map(|word| Keyword::new(word).unwrap()).collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_unique_and_without_gaps() {
    both(|index, url| async move {
        let (account, one) = inbox(&index).await;
        let two = folder(&index, account, "Junk").await.id;
        // A second process on the same database.
        let other = open(&url, 2);
        let mut tasks = Vec::new();
        for task in 0..8 {
            let index = if task % 2 == 0 { index.clone() } else { other.clone() };
            tasks.push(tokio::spawn(async move {
                let mut uids = Vec::new();
                for n in 0..20 {
                    let rows = vec![message(two, &format!("b{task}.{n}")), message(one, &format!("a{task}.{n}"))];
                    let outcomes = index.commit(rows).await.unwrap();
                    let Outcome::Inserted(uid) = outcomes[1] else { panic!("{outcomes:?}") };
                    uids.push(uid);
                }
                assert!(uids.is_sorted(), "one after the other gets larger numbers");
                uids
            }));
        }
        let mut all = BTreeSet::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        assert_eq!(all, (1..=160).map(uid).collect());
        for id in [one, two] {
            let seen = index.snapshot(account, id).await.unwrap();
            assert_eq!((seen.messages.len(), seen.folder.uid_next), (160, 161));
            assert_eq!((seen.folder.messages, seen.folder.bytes), (160, 16_000));
            assert!(seen.messages.windows(2).all(|pair| pair[0].uid < pair[1].uid && pair[0].modseq <= pair[1].modseq));
        }
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_comes_once() {
    both(|index, _| async move {
        let (account, inbox) = inbox(&index).await;
        fill(&index, inbox, 2).await;
        let again = vec![message(inbox, "m1"), message(inbox, "m3"), message(inbox, "m2")];
        let outcomes = index.commit(again).await.unwrap();
        assert!(matches!(outcomes[..], [Outcome::Known(a), Outcome::Inserted(_), Outcome::Known(b)] if a == uid(1) && b == uid(2)));
        let folder = index.folder(account, inbox).await.unwrap();
        assert_eq!((folder.messages, folder.bytes), (3, 300), "counters count no row twice");

        // Tombstones: ours are gone, found files are new unless owed.
        index.remove(inbox, Which::These(&[uid(1)]), NOW).await.unwrap();
        index.remove(inbox, Which::Lost(&[uid(2)]), NOW).await.unwrap();
        let found = |base: &str| index::NewMessage { arrival: Arrival::Found, ..message(inbox, base) };
        let outcomes = index.commit(vec![message(inbox, "m2"), found("m1")]).await.unwrap();
        assert_eq!(outcomes, [Outcome::Gone, Outcome::Gone]);
        let outcomes = index.commit(vec![found("m2")]).await.unwrap();
        assert!(matches!(outcomes[..], [Outcome::Inserted(new)] if new > uid(3)));
        index.unlinked(inbox, &[uid(1)]).await.unwrap();
        assert!(index.knows(inbox, &message(inbox, "m1").base).await.unwrap());
        assert!(!index.knows(inbox, &message(inbox, "other").base).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_is_gone_takes_nothing() {
    both(|index, _| async move {
        let (account, inbox) = inbox(&index).await;
        fill(&index, inbox, 3).await;
        let junk = folder(&index, account, "Junk").await.id;
        index.delete_folder(account, inbox).await.unwrap();
        let outcomes = index.commit(vec![message(inbox, "x"), message(junk, "y")]).await.unwrap();
        assert_eq!(outcomes, [Outcome::Refused, Outcome::Inserted(uid(1))]);
        assert!(matches!(index.snapshot(account, inbox).await, Err(IndexError::NoSuchRow)));
        assert!(index.messages(inbox, &[uid(1)]).await.unwrap().is_empty());
        assert!(matches!(index.delete_folder(account, inbox).await, Err(IndexError::NoSuchRow)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_delivery_hurts_no_other() {
    both(|index, _| async move {
        let (_, inbox) = inbox(&index).await;
        // Two files cannot have one number: this delivery fails for ever.
        let twice = ["p", "q"].map(|base| index::NewMessage { uid: Some(uid(9)), ..message(inbox, base) }).to_vec();
        let bad = tokio::spawn({
            let index = index.clone();
            async move { index.commit(twice).await }
        });
        let good = (0..20).map(|n| {
            let index = index.clone();
            tokio::spawn(async move { index.commit(vec![message(inbox, &format!("g{n}"))]).await })
        });
        for task in good.collect::<Vec<_>>() {
            assert!(matches!(task.await.unwrap().unwrap()[..], [Outcome::Inserted(_)]));
        }
        assert!(bad.await.unwrap().is_err());
        assert!(index.is_there().await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn numbers_of_a_sidecar_file() {
    both(|index, _| async move {
        let (account, inbox) = inbox(&index).await;
        let rows = [(Some(5), "a"), (Some(9), "b"), (None, "c")];
        let rows = rows.map(|(n, base)| index::NewMessage { uid: n.map(uid), ..message(inbox, base) }).to_vec();
        let outcomes = index.commit(rows).await.unwrap();
        assert_eq!(outcomes, [5, 9, 10].map(|n| Outcome::Inserted(uid(n))));
        assert_eq!(index.folder(account, inbox).await.unwrap().uid_next, 11);
    })
    .await;
}

#[tokio::test]
async fn flags_and_keywords() {
    both(|index, _| async move {
        let (account, inbox) = inbox(&index).await;
        fill(&index, inbox, 3).await;
        let start = index.folder(account, inbox).await.unwrap().modseq;
        let both = [uid(1), uid(3), uid(77)];
        let steps: [(FlagAction, Flags, &[&str], Flags, u64, bool); 7] = [
            (FlagAction::Add, Flags::SEEN, &[], Flags::SEEN, 0, true),
            (FlagAction::Add, Flags::SEEN, &[], Flags::SEEN, 0, false),
            (FlagAction::Add, Flags::NONE, &["work", "$Junk"], Flags::SEEN, 3, true),
            (FlagAction::Remove, Flags::SEEN, &["WORK", "never"], Flags::NONE, 2, true),
            (FlagAction::Replace, Flags::DELETED, &["later"], Flags::DELETED, 4, true),
            (FlagAction::Replace, Flags::DELETED, &["Later"], Flags::DELETED, 4, false),
            (FlagAction::Remove, Flags::ALL, &["later"], Flags::NONE, 0, true),
        ];
        let mut last = start;
        for (how, flags, words, then, keywords, changes) in steps {
            let done = index.store_flags(inbox, &both, &change(how, flags, words)).await.unwrap();
            assert_eq!(done.iter().map(|f| f.known.message.uid).collect::<Vec<_>>(), both[..2]);
            assert!(done.iter().all(|f| f.changed == changes));
            assert!(done.iter().all(|f| (f.known.message.flags, f.known.message.keywords.bits()) == (then, keywords)));
            let now = index.folder(account, inbox).await.unwrap().modseq;
            assert_eq!(now > last, changes, "{how:?} {flags:?}");
            last = now;
        }
        let folder = index.folder(account, inbox).await.unwrap();
        let words: Vec<&str> = folder.keywords.iter().map(Keyword::as_str).collect();
        assert_eq!(words, ["work", "$Junk", "later"], "what is only taken away is not invented");
        let changed = index.changed_since(account, inbox, start).await.unwrap();
        assert_eq!(changed.messages.iter().map(|m| m.uid).collect::<Vec<_>>(), both[..2]);
        assert!(index.changed_since(account, inbox, last).await.unwrap().messages.is_empty());
    })
    .await;
}

#[tokio::test]
async fn keywords_are_bounded() {
    both(|index, _| async move {
        let (_, inbox) = inbox(&index).await;
        fill(&index, inbox, 1).await;
        let words: Vec<String> = (0..61).map(|n| format!("word{n}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let all = index.store_flags(inbox, &[uid(1)], &change(FlagAction::Add, Flags::NONE, &words)).await;
        assert!(matches!(all, Err(IndexError::TooManyKeywords)));
        let most = change(FlagAction::Add, Flags::NONE, &words[..60]);
        let done = index.store_flags(inbox, &[uid(1)], &most).await.unwrap();
        assert_eq!(done[0].known.message.keywords.positions().count(), 60);
    })
    .await;
}

#[tokio::test]
async fn what_other_programs_wrote_into_names() {
    // row, believed, found: then in the row
    let cases = [
        ("", "", "S", "S"),
        ("S", "S", "", ""),
        ("F", "", "S", "FS"),
        ("S", "", "S", "S"),
        ("FS", "S", "R", "FR"),
        ("", "S", "S", ""),
        ("", "", "X", ""),
        ("", "", "Sb", "S"),
    ];
    both(|index, _| async move {
        let (account, inbox) = inbox(&index).await;
        let letters = |text: &str| uidlist::Flags::parse(text.as_bytes());
        for (n, (row, believed, ..)) in cases.iter().enumerate() {
            let flags = Flags::of_letters(letters(row));
            let new = index::NewMessage { flags, letters: letters(believed), ..message(inbox, &format!("m{n}")) };
            index.commit(vec![new]).await.unwrap();
        }
        let found: Vec<DiskChange> = cases
            .iter()
            .zip(1..)
            .map(|((_, _, found, _), n)| DiskChange { uid: uid(n), letters: letters(found) })
            .collect();
        index.merge_disk_flags(inbox, &found).await.unwrap();
        let known = index.known_files(account, inbox).await.unwrap().messages;
        for ((row, believed, found, then), known) in cases.iter().zip(known) {
            let case = format!("{row} {believed} {found}");
            assert_eq!(letters_of(known.message.flags, known.message.keywords).letters(), *then, "{case}");
            assert_eq!(known.letters.letters(), *found, "{case}");
        }
    })
    .await;
}

#[tokio::test]
async fn expunged() {
    both(|index, _| async move {
        let (account, inbox) = inbox(&index).await;
        fill(&index, inbox, 6).await;
        let deleted = change(FlagAction::Add, Flags::DELETED, &[]);
        index.store_flags(inbox, &[uid(2), uid(3), uid(4)], &deleted).await.unwrap();
        let before = index.folder(account, inbox).await.unwrap().modseq;
        let went = |removed: Vec<index::Removed>| removed.iter().map(|r| r.uid.get()).collect::<Vec<_>>();
        let among = index.remove(inbox, Which::DeletedAmong(&[uid(1), uid(2)]), NOW).await.unwrap();
        assert_eq!(among[0].base.as_bytes(), b"m2");
        assert_eq!(went(among), [2]);
        assert_eq!(went(index.remove(inbox, Which::Deleted, NOW).await.unwrap()), [3, 4]);
        assert_eq!(went(index.remove(inbox, Which::Deleted, NOW).await.unwrap()), [0; 0]);
        assert_eq!(went(index.remove(inbox, Which::These(&[uid(1), uid(3)]), NOW).await.unwrap()), [1]);
        assert_eq!(went(index.remove(inbox, Which::Lost(&[uid(6)]), NOW).await.unwrap()), [6]);

        let changed = index.changed_since(account, inbox, before).await.unwrap();
        assert_eq!(changed.vanished, [1, 2, 3, 4, 6].map(uid));
        assert_eq!((changed.folder.messages, changed.folder.bytes), (1, 100));
        let owed = |files: index::KnownFolder| files.owed.iter().map(|(uid, _)| *uid).collect::<Vec<Uid>>();
        assert_eq!(owed(index.known_files(account, inbox).await.unwrap()), [1, 2, 3, 4].map(uid));
        index.unlinked(inbox, &[uid(1), uid(2), uid(4)]).await.unwrap();
        assert_eq!(owed(index.known_files(account, inbox).await.unwrap()), [uid(3)]);
    })
    .await;
}

/// A delivery, and a scan that found its file before the row was there.
#[tokio::test]
async fn twice_in_one_group() {
    both(|index, _| async move {
        let (account, inbox) = inbox(&index).await;
        let twice = vec![message(inbox, "m"), message(inbox, "m"), message(inbox, "n")];
        let outcomes = index.commit(twice).await.unwrap();
        assert_eq!(outcomes[..2], [Outcome::Inserted(uid(1)), Outcome::Known(uid(1))]);
        assert!(matches!(outcomes[2], Outcome::Inserted(_)));
        let row = index.folder(account, inbox).await.unwrap();
        assert_eq!((row.messages, row.bytes), (2, 200));
    })
    .await;
}

#[tokio::test]
async fn more_than_one_transaction_takes() {
    both(|index, _| async move {
        let (account, inbox) = inbox(&index).await;
        fill(&index, inbox, 2_300).await;
        let uids: Vec<Uid> = (1..=2_300).map(uid).collect();
        let done = index.store_flags(inbox, &uids, &change(FlagAction::Add, Flags::DELETED, &["x"])).await.unwrap();
        assert_eq!(done.len(), 2_300);
        assert_eq!(index.messages(inbox, &uids).await.unwrap().len(), 2_300);
        assert_eq!(index.remove(inbox, Which::Deleted, NOW).await.unwrap().len(), 2_300);
        let changed = index.changed_since(account, inbox, ModSeq(0)).await.unwrap();
        assert_eq!((changed.messages.len(), changed.vanished.len(), changed.folder.bytes), (0, 2_300, 0));
    })
    .await;
}

#[tokio::test]
async fn another_account_sees_nothing() {
    both(|index, _| async move {
        let (_, inbox) = inbox(&index).await;
        let bob = account(&index, "bob").await;
        assert!(matches!(index.folder(bob, inbox).await, Err(IndexError::NoSuchRow)));
        assert!(matches!(index.snapshot(bob, inbox).await, Err(IndexError::NoSuchRow)));
        assert!(matches!(index.known_files(bob, inbox).await, Err(IndexError::NoSuchRow)));
        assert!(matches!(index.delete_folder(bob, inbox).await, Err(IndexError::NoSuchRow)));
    })
    .await;
}
