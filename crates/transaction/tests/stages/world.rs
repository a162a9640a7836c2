//! A site with two domains and a few people, and what the tests do with it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use directory::{AccountChange, Directory, DomainChange, NewAccount, NewDomain};
use index::Index;
use mail::{Address, Domain, ForwardPath, ReversePath, SpoolId};
use mailbox::{Clock, Parts, Settings, Store};
use maildir::{Blocking, Disk, OsDisk};
use rules::{Action, Rule, Rules};
use smtp::{Mode, Outcome, Refusal};
use spool::Spool;
use transaction::{
    Arrived, Arriving, Deliverer, Ending, Envelope, Home, Hop, Judge, LocalRecipient, Quarantine, RecipientError,
    Recipients, Retries, Suspects,
};
use verdict::{Arrival, Policy, Record, Token};

/// When the world begins, in seconds since 1970.
const BEGIN: u64 = 1_795_255_200;
/// What an account of one kilobyte cannot take.
pub const LARGE: usize = 3000;

/// A clock that goes on when it is told to.
pub struct TestClock(AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub directory: Arc<Directory>,
    pub store: Store,
    pub recipients: Recipients,
    pub deliverer: Deliverer,
    pub judge: Judge,
    spool: Spool,
    blocking: Blocking,
    clock: Arc<TestClock>,
    ids: AtomicU64,
    temp: tempfile::TempDir,
}

impl World {
    /// Without rows in the directory.
    pub async fn empty(site: Option<&str>) -> Self {
        let temp = tempfile::tempdir().unwrap();
        for name in ["mail", "spool"] {
            fs::create_dir(temp.path().join(name)).unwrap();
        }
        let url = |name: &str| format!("sqlite:{}", temp.path().join(name).display());
        let directory = Arc::new(Directory::open(&directory::Settings::new(url("directory.db"))).await.unwrap());
        let disk: Arc<dyn Disk> = Arc::new(OsDisk);
        let spool = Spool::open(Arc::clone(&disk), &temp.path().join("spool")).unwrap();
        let blocking = Blocking::new(8);
        let clock = Arc::new(TestClock(AtomicU64::new(BEGIN)));
        let index = Index::open(sql::Pool::open(&sql::Settings::new(url("index.db"))).unwrap(), 1);
        let parts = Parts { index, spool: spool.clone(), disk, blocking: blocking.clone(), clock: clock.clone() };
        let store = Store::open(Settings::new(temp.path().join("mail"), "mx.example.org"), parts).unwrap();
        store.recover().await.unwrap();
        let hostname = domain("mx.example.org");
        let home = Home::new(directory.clone(), store.clone(), site.map(address), hostname.clone());
        let recipients = Recipients::new(directory.clone(), store.clone(), home.clone());
        let quarantine = Quarantine::new(store.clone(), home, hostname.clone());
        let report_base = "https://mx.example.org/".to_owned();
        let deliverer = Deliverer::new(store.clone(), quarantine, hostname, report_base);
        let judge = Judge {
            scanner: None,
            rules: Arc::new(Rules::shipped()),
            policy: Policy::default(),
            blocking: blocking.clone(),
        };
        let ids = AtomicU64::new(1);
        Self { directory, store, recipients, deliverer, judge, spool, blocking, clock, ids, temp }
    }

    /// `example.org` with alice, carol, off (inactive) and small (one
    /// kilobyte); `example.net` with bob, who is its postmaster; aliases.
    pub async fn new() -> Self {
        let world = Self::empty(None).await;
        let directory = &world.directory;
        for name in ["example.org", "example.net", "off.example"] {
            directory.add_domain(&NewDomain::new(domain(name))).await.unwrap();
        }
        for name in ["alice@example.org", "carol@example.org", "off@example.org", "bob@example.net"] {
            world.add_account(name, None).await;
        }
        world.add_account("small@example.org", Some(1000)).await;
        let off = AccountChange { active: Some(false), ..AccountChange::default() };
        directory.change_account(&address("off@example.org"), &off).await.unwrap();
        let off = DomainChange { active: Some(false), ..DomainChange::default() };
        directory.change_domain(&domain("off.example"), &off).await.unwrap();
        let bob = DomainChange { postmaster: Some(Some(address("bob@example.net"))), ..DomainChange::default() };
        directory.change_domain(&domain("example.net"), &bob).await.unwrap();
        for (alias, targets) in [
            ("info@example.org", &["alice@example.org", "bob@example.net"][..]),
            ("pair@example.org", &["alice@example.org", "small@example.org"]),
            ("out@example.org", &["alice@example.org", "eve@elsewhere.example"]),
        ] {
            let targets: Vec<Address> = targets.iter().map(|target| address(target)).collect();
            directory.add_alias(&address(alias), &targets).await.unwrap();
        }
        world
    }

    pub async fn add_account(&self, name: &str, quota: Option<u64>) {
        let new = NewAccount { address: address(name), password: None, name: String::new(), quota };
        self.directory.add_account(&new).await.unwrap();
    }

    /// With one rule besides those that are shipped.
    /// What an administrator does with the sqlite3 program.
    pub async fn directory_statement(&self, text: &'static str) {
        let url = format!("sqlite:{}", self.temp.path().join("directory.db").display());
        let pool = sql::Pool::open(&sql::Settings::new(url)).unwrap();
        pool.execute(text, &[]).await.unwrap();
        pool.close().await;
    }

    pub fn with_rule(mut self, when: &str, action: Action) -> Self {
        let rule = Rule::new("test", when, action).unwrap();
        self.judge.rules = Arc::new(Rules::new(vec![rule]).unwrap());
        self
    }

    pub fn wait(&self, hours: u64) {
        self.clock.0.fetch_add(hours * 3600, Ordering::SeqCst);
    }

    pub async fn resolve(&self, to: &str, size: Option<u64>) -> Result<LocalRecipient, RecipientError> {
        self.recipients.resolve(&path(to), size).await
    }

    pub async fn envelope(&self, arrival: Arrival, to: &[&str]) -> Envelope {
        let mut recipients = Vec::new();
        for to in to {
            recipients.push(self.resolve(to, None).await.unwrap());
        }
        let sender = ReversePath::Address(address("sender@outside.example"));
        Envelope { sender, recipients, arrival }
    }

    /// The message in the spool, in pieces.
    pub async fn arrive(&self, message: &str) -> Arrived {
        let hop = Hop {
            hostname: domain("mx.example.org"),
            helo: "client.example".to_owned(),
            peer: Some("192.0.2.7".parse().unwrap()),
            protocol: "ESMTPS",
            tls: None,
            id: SpoolId::new(i64::try_from(self.ids.fetch_add(1, Ordering::SeqCst)).unwrap()),
            arrived: i64::try_from(BEGIN).unwrap(),
        };
        let mut arriving = Arriving::begin(self.spool.clone(), self.blocking.clone(), hop).unwrap();
        for piece in message.as_bytes().chunks(1000) {
            arriving = arriving.push(piece).await.unwrap();
        }
        arriving.finish().await.unwrap()
    }

    /// What decides about whole messages.
    pub fn ending(&self) -> Ending {
        let (suspects, retries) = (Suspects::default(), Retries::default());
        Ending { judge: self.judge.clone(), deliverer: self.deliverer.clone(), suspects, retries }
    }

    pub async fn record(&self, arrived: &Arrived, envelope: &Envelope) -> Record {
        self.judge.judge(arrived, envelope, BEGIN, Instant::now() + Duration::from_secs(60)).await
    }

    /// All stages behind RCPT.
    pub async fn receive(&self, arrival: Arrival, to: &[&str], message: &str) -> Outcome {
        let envelope = self.envelope(arrival, to).await;
        let arrived = self.arrive(message).await;
        let record = self.record(&arrived, &envelope).await;
        let mode = if arrival == Arrival::Lmtp { Mode::Lmtp } else { Mode::Smtp };
        self.deliverer.carry_out(mode, arrived, &envelope, &record, &token()).await
    }

    /// The messages in `new/` of a folder of an account, `alice` for
    /// `example.org/alice`; none where there is no such folder.
    pub fn mail(&self, account: &str, folder: &str) -> Vec<String> {
        let account = if account.contains('/') { account.to_owned() } else { format!("example.org/{account}") };
        let dir = self.temp.path().join("mail").join(account).join("Maildir").join(folder).join("new");
        let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    /// Removes a folder below the mail folder with all that is in it.
    pub fn lose(&self, folder: &str) {
        fs::remove_dir_all(self.temp.path().join("mail").join(folder)).unwrap();
    }

    /// Puts a file where a folder below the mail folder should be.
    pub fn block(&self, folder: &str) {
        let folder = self.temp.path().join("mail").join(folder);
        if folder.is_dir() {
            fs::remove_dir(&folder).unwrap();
        }
        fs::write(folder, "in the way").unwrap();
    }

    /// How many files are below the mail folder, in `tmp`, `new` and `cur`.
    pub fn files(&self) -> usize {
        fn count(dir: &std::path::Path) -> usize {
            let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
            let inside = dir.file_name().is_some_and(|name| ["tmp", "new", "cur"].iter().any(|n| name == *n));
            entries
                .map(|entry| match entry.file_type().unwrap().is_dir() {
                    true => count(&entry.path()),
                    false => usize::from(inside),
                })
                .sum()
        }
        count(&self.temp.path().join("mail"))
    }

    /// What is left in the spool.
    pub fn spooled(&self) -> usize {
        fs::read_dir(self.temp.path().join("spool")).unwrap().filter(|e| e.as_ref().unwrap().path().is_file()).count()
    }
}

pub fn domain(text: &str) -> Domain {
    text.parse().unwrap()
}

pub fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub fn path(text: &str) -> ForwardPath {
    match text {
        "postmaster" => ForwardPath::Postmaster,
        text => ForwardPath::Address(address(text)),
    }
}

pub fn token() -> Token {
    Token::new([7; 16])
}

/// Code and enhanced code, such as `550 5.1.1`.
pub fn shown(refusal: &Refusal) -> String {
    format!("{} {}", refusal.reply().code(), refusal.reply().enhanced().unwrap_or_default())
}

/// An outcome in short: `ok`, a refusal's codes, or one of them for each
/// recipient.
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(_) => "ok".to_owned(),
        Outcome::Refused(refusal) => shown(refusal),
        Outcome::Each(each) => {
            let each: Vec<String> =
                each.iter().map(|one| one.as_ref().map_or_else(shown, |_| "ok".to_owned())).collect();
            each.join(", ")
        }
    }
}
