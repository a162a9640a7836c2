//! Logins against a directory in SQLite, with a clock that the test moves.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use directory::{Directory, StoredHash};
use login::{Clock, Cost, LoginError, Logins, Service, Settings, hash_password};
use mail::{Address, Class, Classified, Secret};
use sql::{AssertSqlSafe, Pool};

const HERE: &str = "192.0.2.1";

/// Sleeping moves it, and nothing else does.
#[derive(Debug, Default)]
struct TestClock(Mutex<Duration>);

impl Clock for TestClock {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        *self.0.lock().unwrap() += time;
        Box::pin(std::future::ready(()))
    }
}

struct World {
    _folder: tempfile::TempDir,
    pool: Pool,
    directory: Arc<Directory>,
    clock: Arc<TestClock>,
    logins: Logins,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = directory::Settings::new(format!("sqlite:{}", folder.path().join("d.db").display()));
        let directory = Arc::new(Directory::open(&settings).await.unwrap());
        let pool = Pool::open(&settings.sql).unwrap();
        let own = hash_password(&Secret::from("secret"), Cost::CHEAP).unwrap();
        for statement in [
            "INSERT INTO domain (name) VALUES ('example.org')".to_owned(),
            "INSERT INTO domain (name, active) VALUES ('off.example', 0)".to_owned(),
            format!(
                "INSERT INTO account (local, domain, password) VALUES ('alice', 'example.org', '{}')",
                own.expose()
            ),
            "INSERT INTO account (local, domain, password) VALUES ('plain', 'example.org', '{PLAIN}secret')".to_owned(),
            "INSERT INTO account (local, domain, password) VALUES ('bad', 'example.org', 'secret')".to_owned(),
            "INSERT INTO account (local, domain) VALUES ('none', 'example.org')".to_owned(),
            "INSERT INTO account (local, domain, password, active) VALUES ('off', 'example.org', '{PLAIN}secret', 0)"
                .to_owned(),
            "INSERT INTO account (local, domain, password) VALUES ('a', 'off.example', '{PLAIN}secret')".to_owned(),
            "INSERT INTO alias (local, domain, target) VALUES ('info', 'example.org', 'alice@example.org')".to_owned(),
        ] {
            pool.execute(AssertSqlSafe(statement), &[]).await.unwrap();
        }
        let clock = Arc::new(TestClock::default());
        let settings = Settings { cost: Cost::CHEAP, ..Settings::default() };
        let logins = Logins::new(Arc::clone(&directory), settings, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Self { _folder: folder, pool, directory, clock, logins }
    }

    /// Whether it opened, the class where not, and how long it took.
    async fn attempt(&self, who: &str, password: &str, from: &str) -> (Result<String, Class>, u128) {
        let from: IpAddr = from.parse().unwrap();
        let start = self.clock.now();
        let done = self.logins.verify(who, Secret::from(password), from, Service::Imap).await;
        let took = (self.clock.now() - start).as_millis();
        (done.map(|login| login.address().to_string()).map_err(|error| error.class()), took)
    }

    async fn hash(&self, who: &str) -> StoredHash {
        self.directory.credentials(&Address::parse(who).unwrap()).await.unwrap().unwrap().hash.unwrap()
    }
}

#[tokio::test]
async fn who_gets_in_and_every_refusal_takes_the_same_time() {
    let world = World::new().await;
    for who in ["alice@example.org", "ALICE@EXAMPLE.org", "plain@example.org"] {
        let (login, took) = world.attempt(who, "secret", HERE).await;
        assert_eq!((login.unwrap(), took), (who.to_ascii_lowercase(), 0));
    }
    let refused = [
        ("alice@example.org", "wrong"),
        ("alice@example.org", ""),
        ("plain@example.org", "wrong"),
        ("bad@example.org", "secret"),
        ("none@example.org", "secret"),
        ("none@example.org", ""),
        ("off@example.org", "secret"),
        ("a@off.example", "secret"),
        ("nobody@example.org", "secret"),
        ("info@example.org", "secret"),
        ("alice+x@example.org", "secret"),
        ("\"alice \"@example.org", "secret"),
        ("alice", "secret"),
        ("", ""),
        ("alice@example.org' OR 1=1 --", "secret"),
    ];
    for (n, (who, password)) in refused.iter().enumerate() {
        let from = format!("198.51.100.{n}");
        let (login, took) = world.attempt(who, password, &from).await;
        assert_eq!((login, took), (Err(Class::Invalid), 300), "{who} {password}");
    }
}

#[tokio::test]
async fn guessing_gets_slower_and_the_owner_is_not_locked_out() {
    let world = World::new().await;
    world.attempt("alice@example.org", "secret", HERE).await.0.unwrap();
    let mut times = Vec::new();
    for _ in 0..6 {
        times.push(world.attempt("alice@example.org", "guess", "198.51.100.1").await.1);
    }
    assert!(times.is_sorted() && times[0] == 300 && times[3] > 700 && times[5] > 2000, "{times:?}");
    assert_eq!(world.attempt("alice@example.org", "secret", HERE).await.1, 0, "a known network");
    let (login, took) = world.attempt("alice@example.org", "secret", "203.0.113.5").await;
    assert!(login.is_ok() && (2000..=4000).contains(&took), "a new network waits a little: {took}");
}

#[tokio::test]
async fn many_guesses_at_once_are_no_way_around() {
    let world = World::new().await;
    let before = world.clock.now();
    // Polled in turn on one thread: all begin before one of them ends.
    let mut running: Vec<_> = (0..8).map(|_| Box::pin(world.attempt("alice@example.org", "guess", HERE))).collect();
    while !running.is_empty() {
        let mut next = Vec::new();
        for mut guess in running {
            tokio::select! {
                biased;
                (login, _) = &mut guess => assert_eq!(login, Err(Class::Invalid)),
                () = tokio::task::yield_now() => next.push(guess),
            }
        }
        running = next;
    }
    assert!(world.clock.now() - before > Duration::from_secs(10));
}

#[tokio::test]
async fn old_hashes_are_replaced_at_login_and_good_ones_are_not() {
    let world = World::new().await;
    let before = world.hash("alice@example.org").await;
    world.attempt("alice@example.org", "secret", HERE).await.0.unwrap();
    assert_eq!(world.hash("alice@example.org").await, before);
    world.attempt("plain@example.org", "wrong", HERE).await.0.unwrap_err();
    assert_eq!(world.hash("plain@example.org").await.expose(), "{PLAIN}secret");
    world.attempt("plain@example.org", "secret", HERE).await.0.unwrap();
    let after = world.hash("plain@example.org").await;
    assert!(after.expose().starts_with("{ARGON2ID}$argon2id$"));
    world.attempt("plain@example.org", "secret", HERE).await.0.unwrap();
    assert_eq!(world.hash("plain@example.org").await, after);
}

#[tokio::test]
async fn a_hash_that_cannot_be_replaced_is_no_reason_to_refuse() {
    let world = World::new().await;
    let refuse = "CREATE TRIGGER no BEFORE UPDATE ON account BEGIN SELECT RAISE(ABORT, 'read only'); END";
    world.pool.execute(refuse, &[]).await.unwrap();
    world.attempt("plain@example.org", "secret", HERE).await.0.unwrap();
    assert_eq!(world.hash("plain@example.org").await.expose(), "{PLAIN}secret");
}

#[tokio::test]
async fn an_empty_password_asks_nobody_and_a_directory_that_is_away_blames_nobody() {
    let world = World::new().await;
    world.directory.close().await;
    for _ in 0..10 {
        assert_eq!(world.attempt("alice@example.org", "secret", HERE).await, (Err(Class::Directory), 0));
    }
    assert_eq!(world.attempt("alice@example.org", "", HERE).await, (Err(Class::Invalid), 300));
    let error = world.logins.verify("alice@example.org", Secret::from("x"), HERE.parse().unwrap(), Service::Web).await;
    assert!(matches!(error, Err(LoginError::Away(_))));
}
