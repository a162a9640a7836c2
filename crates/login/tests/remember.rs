//! A directory that is killed and comes back: who logs in meanwhile, and who
//! does not any more.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use directory::{AccountChange, Directory, Door, NewAccount, NewAppPassword, NewDomain, Scope, StoredHash};
use login::{Clock, Cost, Ground, Letters, Login, LoginError, Logins, Service, Settings};
use mail::{Address, Domain, Secret};
use testkit::mariadb::Server;

/// Sleeping moves it, and nothing else does.
#[derive(Debug, Default)]
struct TestClock(Mutex<Duration>);

impl TestClock {
    fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

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
    server: Server,
    directory: Arc<Directory>,
    clock: Arc<TestClock>,
    logins: Logins,
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

impl World {
    async fn new(remember: usize) -> Option<Self> {
        let server = Server::start()?;
        let mut settings = directory::Settings::new(server.database());
        settings.sql.acquire_timeout = Duration::from_millis(1500);
        let directory = Arc::new(Directory::open(&settings).await.unwrap());
        directory.add_domain(&NewDomain::new(Domain::parse("example.org").unwrap())).await.unwrap();
        for (who, hash) in [("alice", "{PLAIN}secret"), ("bob", "{PLAIN}secret"), ("carol", "{PLAIN}secret")] {
            let who = address(&format!("{who}@example.org"));
            let new =
                NewAccount { address: who, password: Some(StoredHash::new(hash)), name: String::new(), quota: Some(7) };
            directory.add_account(&new).await.unwrap();
        }
        let clock = Arc::new(TestClock::default());
        let settings = Settings { cost: Cost::CHEAP, at_a_time_per_network: 8, remember, ..Settings::default() };
        let logins = Logins::new(Arc::clone(&directory), settings, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Some(Self { server, directory, clock, logins })
    }

    async fn login(&self, who: &str, password: &str, service: Service) -> Result<Login, LoginError> {
        let from: IpAddr = "192.0.2.1".parse().unwrap();
        self.logins.verify(&format!("{who}@example.org"), Secret::from(password), from, service).await
    }

    /// `ok`, `remembered`, `refused` or `away`.
    async fn imap(&self, who: &str, password: &str) -> &'static str {
        word(&self.login(who, password, Service::Imap).await)
    }

    /// Once the database answers again.
    async fn back(&self) {
        self.server.restart();
        for _ in 0..600 {
            if self.directory.ping().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        unreachable!("the database does not come back");
    }
}

fn word(done: &Result<Login, LoginError>) -> &'static str {
    match done {
        Ok(login) if login.recalled().is_some() => "remembered",
        Ok(_) => "ok",
        Err(LoginError::Refused) => "refused",
        Err(LoginError::Away(_)) => "away",
        Err(LoginError::Busy) => "busy",
    }
}

#[tokio::test]
async fn known_users_get_in_while_the_directory_is_away() {
    let Some(world) = World::new(100).await else { return };
    for who in ["alice", "bob"] {
        assert_eq!(world.imap(who, "secret").await, "ok");
    }
    let alice = world.login("alice", "secret", Service::Pop3).await.unwrap();
    let identity = world.directory.account(&address("alice@example.org")).await.unwrap().identity();
    assert_eq!(alice.ground(&world.directory).await.unwrap(), Ground::Holds);

    world.server.kill();
    let login = world.login("ALICE", "secret", Service::Imap).await.unwrap();
    let known = login.recalled().unwrap();
    assert_eq!((login.account(), &known.identity, known.quota), (alice.account(), &identity, Some(7)));
    assert_eq!((login.address(), login.hash()), (alice.address(), None));
    // What was not verified for a service, was not verified at all, or is wrong.
    assert_eq!(word(&world.login("alice", "secret", Service::Pop3).await), "remembered");
    assert_eq!(word(&world.login("bob", "secret", Service::Pop3).await), "away");
    assert_eq!(word(&world.login("alice", "secret", Service::Web).await), "away");
    assert_eq!(world.imap("carol", "secret").await, "away");
    assert_eq!(world.imap("nobody", "secret").await, "away");
    assert_eq!(world.imap("alice", "").await, "refused");
    // A wrong password is answered like that of somebody who is not remembered,
    // and guessing is slowed as ever.
    for who in ["alice", "nobody"] {
        let before = world.clock.now();
        assert_eq!(world.imap(who, "wrong").await, "away");
        assert!(world.clock.now() - before >= Duration::from_millis(300), "the floor holds");
        for _ in 0..3 {
            assert_eq!(world.imap(who, "wrong").await, "away");
        }
        let wait = world.logins.free_after(&format!("{who}@example.org"), "192.0.2.1".parse().unwrap());
        assert!(wait > Duration::ZERO, "{who}");
    }

    // What was changed meanwhile counts with the first answer.
    world.back().await;
    let change = AccountChange { password: Some(StoredHash::new("{PLAIN}other")), ..AccountChange::default() };
    world.directory.change_account(&address("alice@example.org"), &change).await.unwrap();
    assert_eq!(login.ground(&world.directory).await.unwrap(), Ground::NewPassword);
    assert_eq!(world.imap("alice", "secret").await, "refused");
    assert_eq!(world.imap("alice", "other").await, "ok");
    world.server.kill();
    assert_eq!(world.imap("alice", "secret").await, "away");
    assert_eq!(world.imap("alice", "other").await, "remembered");
    // It is there again: what it says counts at once, and nothing else.
    world.back().await;
    let change = AccountChange { password: Some(StoredHash::new("{PLAIN}third")), ..AccountChange::default() };
    world.directory.change_account(&address("alice@example.org"), &change).await.unwrap();
    assert_eq!(world.imap("alice", "other").await, "refused");
    assert_eq!(world.imap("alice", "third").await, "ok");
    world.server.kill();
    // A day is the end of it.
    world.clock.advance(24 * 60 * 60);
    assert_eq!(world.imap("alice", "third").await, "away");
    assert_eq!(world.imap("bob", "secret").await, "away");
}

#[tokio::test]
async fn a_login_from_memory_holds_as_long_as_its_hash() {
    let Some(world) = World::new(100).await else { return };
    assert_eq!(world.imap("bob", "secret").await, "ok");
    let letters = Letters::app_password([9; 16]);
    let new = NewAppPassword { name: "phone".to_owned(), scope: Scope::of([Door::Imap]), hash: letters.hash() };
    let carol = address("carol@example.org");
    let key = world.directory.add_app_password(&carol, &new).await.unwrap().key;
    assert_eq!(world.imap("carol", &letters.shown()).await, "ok");
    world.server.kill();
    let bob = world.login("bob", "secret", Service::Imap).await.unwrap();
    let by_app = world.login("carol", &letters.shown(), Service::Imap).await.unwrap();
    assert!(by_app.recalled().is_some() && by_app.opener() == login::Opener::App(key));
    assert!(bob.ground(&world.directory).await.unwrap_err().is_away());
    world.back().await;
    assert_eq!(bob.ground(&world.directory).await.unwrap(), Ground::Holds);
    assert_eq!(by_app.ground(&world.directory).await.unwrap(), Ground::Holds);
    world.directory.revoke_app_password(&carol, key).await.unwrap();
    assert_eq!(by_app.ground(&world.directory).await.unwrap(), Ground::Revoked);
    // The old one is improved to argon2id at the next login, and known again.
    let change = AccountChange { active: Some(false), ..AccountChange::default() };
    world.directory.change_account(&address("bob@example.org"), &change).await.unwrap();
    world.clock.advance(60);
    assert_eq!(world.imap("bob", "wrong").await, "refused");
    assert_eq!(world.imap("carol", &letters.shown()).await, "refused");
    world.server.kill();
    assert_eq!(world.imap("bob", "secret").await, "away", "switched off, and forgotten with any answer");
    assert_eq!(world.imap("carol", &letters.shown()).await, "away");
}

#[tokio::test]
async fn nobody_is_remembered_where_it_is_off() {
    let Some(world) = World::new(0).await else { return };
    assert_eq!(world.imap("alice", "secret").await, "ok");
    world.server.kill();
    assert_eq!(world.imap("alice", "secret").await, "away");
}
