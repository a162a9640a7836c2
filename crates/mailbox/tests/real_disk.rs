//! A real disk and a real clock: what the disk in memory cannot show.
#![allow(clippy::unwrap_used, clippy::panic, clippy::excessive_nesting)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use index::Index;
use mail::{Address, SpoolId};
use mailbox::{
    AccountKey, Clock, Delivery, FlagAction, FlagChange, Flags, FolderName, Mode, Parts, Quota, Settings, Store,
    Target, Uid,
};
use maildir::{Blocking, Disk, OsDisk};
use spool::Spool;

struct Now;

impl Clock for Now {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

fn open(root: &std::path::Path) -> (Store, Spool) {
    for name in ["mail", "spool"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let spool = Spool::open(Arc::clone(&disk), &root.join("spool")).unwrap();
    let url = format!("sqlite:{}", root.join("index.db").display());
    let parts = Parts {
        index: Index::open(sql::Pool::open(&sql::Settings::new(url)).unwrap(), 1),
        spool: spool.clone(),
        disk,
        blocking: Blocking::new(32),
        clock: Arc::new(Now),
    };
    (Store::open(Settings::new(root.join("mail"), "mx.example.org"), parts).unwrap(), spool)
}

async fn deliver(store: &Store, spool: &Spool, id: i64, account: mailbox::AccountId) -> Option<Uid> {
    let mut incoming = spool.create(SpoolId::new(id), b"Received: here\n").unwrap();
    incoming.write(format!("Subject: {id}\n\n{}\n", "line\n".repeat(1800)).as_bytes()).unwrap();
    let spooled = incoming.finish().unwrap();
    let header = spooled.header().to_vec();
    let copy = Delivery { account, folder: Target::Inbox, trace: b"Delivered-To: a\n".to_vec(), flags: Flags::NONE };
    store.deliver(spooled, header, vec![copy]).await.unwrap().copies()[0].uid
}

fn files(dir: PathBuf) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_in_a_mailbox() {
    let temp = tempfile::tempdir().unwrap();
    let (store, spool) = open(temp.path());
    store.recover().await.unwrap();
    let key = AccountKey { source: "directory", foreign_key: "1".to_owned() };
    let address = Address::parse("alice@example.org").unwrap();
    let alice = store.account(&key, &address, Quota::Unlimited).await.unwrap();
    let (count, start) = (100, Instant::now());
    let tasks: Vec<_> = (1..=count)
        .map(|id| {
            let (store, spool) = (store.clone(), spool.clone());
            tokio::spawn(async move { deliver(&store, &spool, id, alice).await.unwrap().get() })
        })
        .collect();
    let mut told = Vec::new();
    for task in tasks {
        told.push(task.await.unwrap());
    }
    println!("{count} deliveries of 9 KB in {:?}", start.elapsed());
    told.sort_unstable();
    assert_eq!(told, (1..=100).collect::<Vec<u32>>());

    let inbox = FolderName::inbox();
    let maildir = temp.path().join("mail/example.org/alice/Maildir");
    let view = store.select(alice, &inbox, Mode::ReadWrite).await.unwrap();
    assert_eq!(view.messages.len(), 100);
    let one = Uid::new(1).unwrap();
    let seen = FlagChange { how: FlagAction::Add, flags: Flags::SEEN, keywords: vec![] };
    store.store_flags(&view.mailbox, &[one], &seen).await.unwrap();
    store.tick().await;
    let cur = files(maildir.join("cur"));
    assert!(cur.len() == 1 && cur[0].ends_with(":2,S"));
    let open_message = store.open_message(&view.mailbox, one).await.unwrap();
    assert_eq!(open_message.size(), view.messages[0].size);

    // mutt deletes one and leaves one.
    fs::remove_file(maildir.join("cur").join(&cur[0])).unwrap();
    fs::write(maildir.join("cur/1.mutt:2,F"), "A: b\n\nmutt\n").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let changes = loop {
        let changes = store.changes(&view.mailbox, view.highest_modseq).await.unwrap();
        if !changes.vanished.is_empty() {
            break changes;
        }
        assert!(Instant::now() < deadline, "the removal is not seen");
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    assert_eq!(changes.vanished, [one]);
    assert_eq!(changes.changed.last().unwrap().flags, Flags::FLAGGED);
    store.close().await;
    let list = fs::read_to_string(maildir.join("dovecot-uidlist")).unwrap();
    assert!(list.starts_with("3 V") && list.lines().last().unwrap().ends_with(":1.mutt"), "{list}");
    assert!(files(temp.path().join("spool")).is_empty());
}

/// A crash while the ballast is written leaves a part of it.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_ballast_is_made_whole() {
    let temp = tempfile::tempdir().unwrap();
    let (store, _spool) = open(temp.path());
    let file = temp.path().join(".gatepost-reserve");
    fs::write(&file, b"short").unwrap();
    store.recover().await.unwrap();
    store.tick().await;
    // Nothing is kept where there is no room for it.
    let len = fs::metadata(&file).map_or(8 << 20, |meta| meta.len());
    assert!(len > 1 << 10, "{len}");
    store.close().await;
}
