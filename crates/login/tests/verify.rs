//! Logins against a directory in SQLite, with a clock that the test moves.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use directory::{Directory, StoredHash};
use login::{
    ChangeError, Changed, Clock, Cost, LoginError, Logins, NewPassword, Others, Policy, Service, Settings,
    hash_password,
};
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
        // Sleeping is a matter of no time here, and so would waiting be.
        let settings = Settings { cost: Cost::CHEAP, at_a_time_per_network: 8, ..Settings::default() };
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
    assert!(times.is_sorted() && times[0] == 300 && times[3] > 490 && times[5] > 1900, "{times:?}");
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
async fn a_network_has_so_many_logins_at_a_time() {
    let world = World::new().await;
    // One more than may be under way: nobody waits long by the clock of this test.
    let mut running: Vec<_> = (0..9).map(|_| Box::pin(world.attempt("alice@example.org", "secret", HERE))).collect();
    let mut classes = Vec::new();
    for login in &mut running {
        tokio::select! {
            biased;
            (login, _) = login => classes.extend(login.err()),
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(classes, [Class::Internal], "the ninth is told to try later");
    assert!(world.attempt("alice@example.org", "secret", "203.0.113.5").await.0.is_ok(), "from elsewhere it goes on");
    drop(running);
    assert!(world.attempt("alice@example.org", "secret", HERE).await.0.is_ok());
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
async fn an_empty_password_asks_nobody_and_a_directory_that_is_away_is_no_place_to_guess() {
    let world = World::new().await;
    world.attempt("alice@example.org", "secret", "203.0.113.5").await.0.unwrap();
    world.directory.close().await;
    // Whether there is such an account, and whether it is remembered.
    let mut times = [Vec::new(), Vec::new()];
    let both = [("alice@example.org", "198.51.100.1"), ("nobody@example.org", "198.51.100.2")];
    for (times, (who, from)) in times.iter_mut().zip(both) {
        for _ in 0..6 {
            let (said, took) = world.attempt(who, "wrong", from).await;
            assert_eq!(said, Err(Class::Directory), "{who}");
            times.push(took);
        }
    }
    assert_eq!(times[0], times[1]);
    assert!(times[0][0] == 300 && times[0][5] > 1000, "guessing on is slowed: {times:?}");
    assert_eq!(world.attempt("alice@example.org", "", HERE).await.0, Err(Class::Invalid));
    let error = world.logins.verify("alice@example.org", Secret::from("x"), HERE.parse().unwrap(), Service::Web).await;
    assert!(matches!(error, Err(LoginError::Away(_))));
}

impl World {
    async fn change(&self, who: &str, old: &str, new: &str, from: &str) -> Result<Changed, ChangeError> {
        let words =
            NewPassword { old: Secret::from(old), code: String::new(), new: Secret::from(new), others: Others::Keep };
        self.logins.change(who, words, from.parse().unwrap(), Policy::default()).await
    }
}

const NEW: &str = "wandern im regen";

#[tokio::test]
async fn an_owner_changes_the_password() {
    let world = World::new().await;
    for (who, old) in [("alice@example.org", "secret"), ("Plain@Example.org", "secret")] {
        let changed = world.change(who, old, NEW, HERE).await.unwrap();
        assert_eq!(changed.address().to_string(), who.to_lowercase());
        assert!(world.hash(&who.to_lowercase()).await.expose().starts_with("{ARGON2ID}$argon2id$"));
        assert_eq!(world.attempt(who, old, HERE).await.0, Err(Class::Invalid), "the old one is over");
        assert!(world.attempt(who, NEW, HERE).await.0.is_ok());
    }
    assert!(world.logins.counts().contains(&(Service::Web, "ok", 2)));
}

#[tokio::test]
async fn what_is_no_change() {
    let world = World::new().await;
    world.pool.execute("UPDATE account SET name = 'Wandern Regen' WHERE local = 'plain'", &[]).await.unwrap();
    let before = world.hash("alice@example.org").await;
    let cases = [
        ("alice@example.org", "wrong", NEW, "address or password is wrong", 300),
        ("nobody@example.org", "wrong", NEW, "address or password is wrong", 300),
        ("off@example.org", "secret", NEW, "address or password is wrong", 300),
        ("info@example.org", "secret", NEW, "address or password is wrong", 300),
        ("alice", "secret", NEW, "address or password is wrong", 300),
        // What is seen without asking says the same of everybody, and at once.
        ("alice@example.org", "wrong", "short", "the new password has fewer than 10 characters", 0),
        ("nobody@example.org", "wrong", "short", "the new password has fewer than 10 characters", 0),
        (
            "nobody@example.org",
            "wrong",
            "nobody@example.org",
            "the new password is made of the owner's address or name",
            0,
        ),
        ("alice@example.org", NEW, NEW, "the new password is the old one", 0),
        // A name is known to who knows the password, and to nobody else.
        ("plain@example.org", "wrong", NEW, "address or password is wrong", 300),
        ("plain@example.org", "secret", NEW, "the new password is made of the owner's address or name", 0),
    ];
    for (n, (who, old, new, expected, time)) in cases.into_iter().enumerate() {
        let start = world.clock.now();
        let error = world.change(who, old, new, &format!("198.51.100.{n}")).await.unwrap_err();
        let took = (world.clock.now() - start).as_millis();
        assert_eq!((error.to_string().as_str(), took), (expected, time), "{who} {old} {new}");
    }
    assert_eq!(world.hash("alice@example.org").await, before);
}

#[tokio::test]
async fn a_change_by_somebody_else_is_not_undone() {
    let world = World::new().await;
    // As if it came between the check and the change.
    let meanwhile = "CREATE TRIGGER meanwhile BEFORE UPDATE ON account WHEN OLD.local = 'alice' AND NEW.password <> 'x' \
                     BEGIN SELECT RAISE(IGNORE); END";
    world.pool.execute(meanwhile, &[]).await.unwrap();
    let error = world.change("alice@example.org", "secret", NEW, HERE).await.unwrap_err();
    assert!(matches!(error, ChangeError::ChangedMeanwhile), "{error}");
}

#[tokio::test]
async fn the_page_and_imap_are_slowed_by_the_same_counts() {
    let world = World::new().await;
    for _ in 0..5 {
        world.change("alice@example.org", "guess", NEW, HERE).await.unwrap_err();
    }
    let from = HERE.parse().unwrap();
    let told = world.logins.free_after("ALICE@example.org", from);
    assert!(told > Duration::from_secs(1), "{told:?}");
    assert_eq!(world.logins.free_after("nobody@example.org", from), told, "whether she is there does not matter");
    assert_eq!(world.attempt("alice@example.org", "secret", HERE).await.1, told.as_millis());
}

#[tokio::test]
async fn a_login_stands_for_the_hash_that_is_there_then() {
    let world = World::new().await;
    let from: IpAddr = HERE.parse().unwrap();
    for who in ["alice@example.org", "plain@example.org"] {
        let login = world.logins.verify(who, Secret::from("secret"), from, Service::Imap).await.unwrap();
        assert_eq!(login.hash(), Some(&world.hash(who).await));
    }
    // Another login of the same program has made the better hash just before.
    let better = hash_password(&Secret::from("secret"), Cost::CHEAP).unwrap();
    let first = format!(
        "CREATE TRIGGER first BEFORE UPDATE ON account WHEN OLD.password LIKE '{{PLAIN}}%' AND NEW.password <> '{0}' \
         BEGIN UPDATE account SET password = '{0}' WHERE id = OLD.id; SELECT RAISE(IGNORE); END",
        better.expose()
    );
    world.pool.execute("UPDATE account SET password = '{PLAIN}secret' WHERE local = 'plain'", &[]).await.unwrap();
    world.pool.execute(AssertSqlSafe(first), &[]).await.unwrap();
    let login = world.logins.verify("plain@example.org", Secret::from("secret"), from, Service::Imap).await.unwrap();
    assert_eq!((login.hash(), world.hash("plain@example.org").await), (Some(&better), better.clone()));
}
