//! Runs a test on both engines.
#![allow(dead_code, clippy::unwrap_used)]

use index::{AccountId, Arrival, FolderRow, Index, InternalDate, MailboxId, NewAccount, NewFolder, NewMessage, Uid};
use mail::Address;
use uidlist::BaseName;

pub const NOW: i64 = 1_790_000_000;

/// One database of each engine that is there, and the folder that SQLite's is
/// in.
pub fn urls() -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let mut urls = vec![format!("sqlite:{}", dir.path().join("index.db").display())];
    urls.extend(testkit::mariadb::database());
    (dir, urls)
}

pub fn open(url: &str, node: u16) -> Index {
    Index::open(sql::Pool::open(&sql::Settings::new(url)).unwrap(), node)
}

/// Runs the test on a fresh index of each engine.
pub async fn both<F: Future<Output = ()>>(test: impl Fn(Index, String) -> F) {
    let (_dir, urls) = urls();
    for url in urls {
        let index = open(&url, 1);
        Box::pin(test(index.clone(), url)).await;
        index.close().await;
    }
}

pub async fn account(index: &Index, name: &str) -> AccountId {
    let address = Address::parse(&format!("{name}@example.org")).unwrap();
    let path = format!("example.org/{name}");
    let new =
        NewAccount { source: "directory", foreign_key: name, address: &address, maildir_path: &path, quota: None };
    index.create_account(&new, NOW).await.unwrap().id
}

pub async fn folder(index: &Index, account: AccountId, name: &str) -> FolderRow {
    let disk = format!(".{name}");
    let new =
        NewFolder { account, shown_name: name, disk_name: &disk, special_use: None, numbered: None, keywords: &[] };
    let row = index.create_folder(&new, NOW).await.unwrap();
    index.promise_uids(row.id, u32::MAX).await.unwrap();
    row
}

/// An account with one folder.
pub async fn inbox(index: &Index) -> (AccountId, MailboxId) {
    let account = account(index, "alice").await;
    (account, folder(index, account, "INBOX").await.id)
}

pub fn message(mailbox: MailboxId, base: &str) -> NewMessage {
    NewMessage {
        mailbox,
        uid: None,
        base: BaseName::new(base).unwrap(),
        arrival: Arrival::Ours,
        flags: index::Flags::NONE,
        keywords: Vec::new(),
        size: 100,
        wsize: 110,
        internal_date: InternalDate { secs: NOW, offset_minutes: -120 },
        saved: NOW,
        letters: uidlist::Flags::NONE,
    }
}

pub fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

/// `count` messages in the folder, with UIDs from 1 on.
pub async fn fill(index: &Index, mailbox: MailboxId, count: u32) {
    let messages = (1..=count).map(|n| message(mailbox, &format!("m{n}"))).collect();
    index.commit(messages).await.unwrap();
}
