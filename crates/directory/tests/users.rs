//! A users file: read like any other directory, read again when it changed, and
//! written back with a new hash.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::fmt::{Debug, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use directory::{
    AccountChange, Directory, DirectoryError, NewAccount, NewDomain, Replaced, Resolution, Settings, StoredHash,
    Tables, UsersFileError,
};
use mail::{Address, Class, Classified, Domain};
use tracing::field::Field;
use tracing::span::{Attributes, Id, Record};

const FILE: &str = "\
# A small site.
domain example.net alias_of=example.org
domain off.example active=no

alice@example.org:{PLAIN}secret  name=\"Alice Ä\" quota=1G
bob@example.org:{PLAIN}bob active=no
carol@example.org:
info@example.org: alice@example.org, eve@elsewhere.example
alice@example.org: carol@example.org
@wild.example: alice@example.org
";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

async fn open(path: &Path) -> Result<Directory, DirectoryError> {
    let tables = Tables::Users(path.to_owned());
    Directory::open(&Settings { tables, ..Settings::new("sqlite::memory:") }).await
}

fn words(resolution: Resolution) -> String {
    match resolution {
        Resolution::Deliver { accounts, outside, detail } => {
            let mut words: Vec<String> = accounts.iter().map(|account| account.address.to_string()).collect();
            words.extend(outside.iter().map(|address| format!(">{address}")));
            words.extend(detail.map(|detail| format!("+{detail}")));
            words.join(" ")
        }
        other => format!("{other:?}").split(' ').next().unwrap().to_owned(),
    }
}

async fn resolved(directory: &Directory, to: &str) -> String {
    directory.resolve_address(&address(to)).await.map_or_else(|error| error.to_string(), words)
}

/// Waits until an address resolves to this.
async fn becomes(directory: &Directory, to: &str, expected: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let found = resolved(directory, to).await;
        if found == expected {
            return;
        }
        assert!(Instant::now() < until, "{to}: {found}, not {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the log was told on this thread.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = self.0.lock().unwrap();
        event.record(&mut |field: &Field, value: &dyn Debug| writeln!(text, "{field}={value:?}").unwrap());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Asks until the file was read again, which the log tells: all that time, and
/// then, what was read before counts.
async fn stays(directory: &Directory, log: &Log, told: &str, (to, expected): (&str, &str)) {
    let until = Instant::now() + Duration::from_secs(60);
    while !log.0.lock().unwrap().contains(told) {
        assert!(Instant::now() < until, "the log does not tell {told}");
        assert_eq!(resolved(directory, to).await, expected);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(resolved(directory, to).await, expected);
}

#[tokio::test]
async fn a_file_is_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, FILE).unwrap();
    let directory = open(&path).await.unwrap();
    let cases = [
        ("ALICE@example.org", "alice@example.org carol@example.org"),
        ("alice+x@example.net", "alice@example.org carol@example.org +x"),
        ("bob@example.org", "InactiveAccount"),
        ("info@example.org", "alice@example.org carol@example.org >eve@elsewhere.example"),
        ("anybody@wild.example", "alice@example.org carol@example.org"),
        ("nobody@example.org", "NoSuchUser"),
        ("postmaster@example.org", "Postmaster"),
        ("x@off.example", "InactiveDomain"),
        ("x@elsewhere.example", "ForeignDomain"),
    ];
    for (to, expected) in cases {
        assert_eq!(resolved(&directory, to).await, expected, "{to}");
    }
    let alice = directory.account(&address("alice@example.org")).await.unwrap();
    assert_eq!((alice.name.as_str(), alice.quota, alice.has_password), ("Alice Ä", Some(1 << 30), true));
    assert_eq!(directory.accounts(Domain::parse("example.org").ok().as_ref()).await.unwrap().len(), 3);
    assert!(directory.accounts(Domain::parse("nowhere.example").ok().as_ref()).await.unwrap_err().is_missing());
    let names: Vec<String> = directory.domains().await.unwrap().iter().map(|d| d.name.to_string()).collect();
    assert_eq!(names, ["example.net", "example.org", "off.example", "wild.example"]);
    assert_eq!(directory.domain(&Domain::parse("example.org").unwrap()).await.unwrap().aliases, 2);
    assert_eq!(directory.aliases().await.unwrap().len(), 2);
    assert!(directory.alias(&address("info@example.org")).await.unwrap().targets[1].outside);
    assert_eq!(directory.stored_passwords().await.unwrap().len(), 2);
    assert_eq!(directory.identities().await.unwrap().len(), 3);
    let told = directory.explain(&address("info@example.org")).await;
    let place = format!("the file {}", path.display());
    assert!(told.iter().all(|answer| answer.place == place), "{told:?}");
    assert_eq!(told[2].rows[0].columns[0], ("line".to_owned(), Some("8".to_owned())));
    edited_by_hand(&directory, &path).await;
}

/// What our commands do not write.
async fn edited_by_hand(directory: &Directory, path: &Path) {
    let alice = address("alice@example.org");
    let new = NewAccount { address: address("new@example.org"), password: None, name: String::new(), quota: None };
    let change = AccountChange { active: Some(false), ..AccountChange::default() };
    for error in [
        directory.add_account(&new).await.unwrap_err(),
        directory.is_free(&new.address).await.unwrap_err(),
        directory.remove_account(&alice).await.unwrap_err(),
        directory.change_account(&alice, &change).await.unwrap_err(),
        directory.add_domain(&NewDomain::new(Domain::parse("b.example").unwrap())).await.unwrap_err(),
        directory.add_alias(&alice, &[address("bob@example.org")]).await.unwrap_err(),
    ] {
        assert!(matches!(error, DirectoryError::EditFile(_)) && error.class() == Class::Invalid, "{error:?}");
        assert!(error.hint().contains(path.to_str().unwrap()), "{}", error.hint());
    }
}

#[tokio::test]
async fn a_change_counts_within_seconds_and_a_mistake_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, "alice@example.org:{PLAIN}x\n").unwrap();
    let directory = open(&path).await.unwrap();
    assert_eq!(resolved(&directory, "bob@example.org").await, "NoSuchUser");
    // In place, and as an editor does that writes a new file.
    std::fs::write(&path, "alice@example.org:{PLAIN}x\nbob@example.org:\n").unwrap();
    becomes(&directory, "bob@example.org", "bob@example.org").await;
    let beside = folder.path().join("beside");
    std::fs::write(&beside, "alice@example.org:{PLAIN}x\nbob@example.org: alice@example.org\n").unwrap();
    std::fs::rename(&beside, &path).unwrap();
    becomes(&directory, "bob@example.org", "alice@example.org").await;
    assert!(directory.slips().await.unwrap().is_empty());

    // A mistake: what was read before counts, and it is said.
    std::fs::write(&path, "alice@example.org:{PLAIN}x\nbob@example.org:forgotten\n").unwrap();
    let slips = directory.slips().await.unwrap();
    assert!(slips[0].contains("users:2:17:") && !slips[0].contains("forgotten"), "{slips:?}");
    assert!(matches!(
        open(&path).await,
        Err(DirectoryError::UsersFile(UsersFileError::Wrong { line: 2, column: 17, .. }))
    ));
    let log = Log::default();
    let listening = tracing::subscriber::set_default(log.clone());
    let bob = ("bob@example.org", "alice@example.org");
    stays(&directory, &log, "users:2:17:", bob).await;
    std::fs::remove_file(&path).unwrap();
    stays(&directory, &log, "No such file", bob).await;
    drop(listening);
    assert!(open(&path).await.is_err());
    // Mended.
    std::fs::write(&path, "alice@example.org:{PLAIN}x\ncarol@example.org:\n").unwrap();
    becomes(&directory, "bob@example.org", "NoSuchUser").await;
}

#[tokio::test]
async fn a_password_is_written_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, FILE).unwrap();
    let directory = open(&path).await.unwrap();
    let alice = address("alice@example.org");
    let before = directory.credentials(&alice).await.unwrap().unwrap();
    assert!(before.active);
    let new = StoredHash::new("{PLAIN}new");
    assert_eq!(directory.store_hash(&before, &new).await.unwrap(), Replaced::Yes);
    // At once, not within seconds.
    assert_eq!(directory.credentials(&alice).await.unwrap().unwrap().hash, Some(new.clone()));
    assert_eq!(directory.store_hash(&before, &new).await.unwrap(), Replaced::ChangedMeanwhile);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), FILE.replace("{PLAIN}secret", "{PLAIN}new"));

    // By somebody in an editor, just before.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("{PLAIN}new", "{PLAIN}edited")).unwrap();
    let stale = directory::Credentials { hash: Some(new), ..before };
    assert_eq!(directory.store_hash(&stale, &StoredHash::new("{PLAIN}y")).await.unwrap(), Replaced::ChangedMeanwhile);
    assert!(std::fs::read_to_string(&path).unwrap().contains("{PLAIN}edited"));
    let change = AccountChange { password: Some(StoredHash::new("{PLAIN}third")), ..AccountChange::default() };
    directory.change_account(&alice, &change).await.unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("alice@example.org:{PLAIN}third  name=\"Alice Ä\""));
    // Nobody had one: there is nothing to replace.
    let error = directory.change_account(&address("carol@example.org"), &change).await.unwrap_err();
    assert!(matches!(error, DirectoryError::EditFile(_)), "{error:?}");
}
