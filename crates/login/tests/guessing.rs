//! Guessing in earnest, by each way in and on a real directory: ten thousand
//! tries from one address and from a thousand, in a time that passes only when
//! everybody sleeps.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use directory::Directory;
use login::{Clock, Cost, Logins, NewPassword, Others, Policy, Service, Settings, hash_password};
use mail::{Class, Classified, Secret};
use sql::{AssertSqlSafe, Pool};

const TRIES: usize = 10_000;
const HOUR: Duration = Duration::from_secs(3600);
const OWNER: &str = "alice@example.org";
const PASSWORD: &str = "secret";
/// What an owner chooses anew each time, in a guess at the page.
const NEW: &str = "wandern im regen";
/// Where the owner's password stands in the guesser's list.
const PLACE: usize = 5_000;

/// A clock that goes on to the next moment somebody waits for as soon as all
/// who live by it are asleep: work takes no time.
#[derive(Debug, Default)]
struct Timeline(Mutex<Moment>);

#[derive(Debug, Default)]
struct Moment {
    now: Duration,
    alive: usize,
    number: u64,
    asleep: BTreeMap<(Duration, u64), Waker>,
}

impl Moment {
    fn go_on(&mut self) {
        if self.asleep.len() < self.alive {
            return;
        }
        let Some(((until, _), _)) = self.asleep.first_key_value() else { return };
        self.now = *until;
        while let Some(sleeper) = self.asleep.first_entry().filter(|sleeper| sleeper.key().0 <= self.now) {
            sleeper.remove().wake();
        }
    }
}

struct Sleep<'a> {
    timeline: &'a Timeline,
    key: (Duration, u64),
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut moment = self.timeline.moment();
        if moment.now >= self.key.0 {
            return Poll::Ready(());
        }
        moment.asleep.insert(self.key, context.waker().clone());
        moment.go_on();
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.timeline.moment().asleep.remove(&self.key);
    }
}

impl Timeline {
    fn moment(&self) -> MutexGuard<'_, Moment> {
        self.0.lock().unwrap()
    }

    /// Runs somebody's life on this time.
    fn live(self: &Arc<Self>, life: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
        self.moment().alive += 1;
        let end = End(Arc::clone(self));
        tokio::spawn(async move {
            let _end = end;
            life.await;
        })
    }
}

/// Of a life, also of one that ends by a panic.
struct End(Arc<Timeline>);

impl Drop for End {
    fn drop(&mut self) {
        let mut moment = self.0.moment();
        moment.alive -= 1;
        moment.go_on();
    }
}

impl Clock for Timeline {
    fn now(&self) -> Duration {
        self.moment().now
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut moment = self.moment();
        moment.number += 1;
        let key = (moment.now + time, moment.number);
        drop(moment);
        Box::pin(Sleep { timeline: self, key })
    }
}

struct World {
    _folder: tempfile::TempDir,
    timeline: Arc<Timeline>,
    logins: Logins,
}

/// What is stored for an account of a name, and whether it is active.
async fn world(accounts: &[(&str, String, bool)], queue: usize) -> Arc<World> {
    let folder = tempfile::tempdir().unwrap();
    let settings = directory::Settings::new(format!("sqlite:{}", folder.path().join("d.db").display()));
    let directory = Arc::new(Directory::open(&settings).await.unwrap());
    let pool = Pool::open(&settings.sql).unwrap();
    let rows = accounts.iter().map(|(local, hash, active)| {
        format!(
            "INSERT INTO account (local, domain, password, active) VALUES ('{local}', 'example.org', '{hash}', {})",
            u8::from(*active)
        )
    });
    let domain = "INSERT INTO domain (name) VALUES ('example.org')".to_owned();
    for statement in std::iter::once(domain).chain(rows) {
        pool.execute(AssertSqlSafe(statement), &[]).await.unwrap();
    }
    let timeline = Arc::new(Timeline::default());
    let settings = Settings { cost: Cost::CHEAP, queue, ..Settings::default() };
    let logins = Logins::new(directory, settings, Arc::clone(&timeline) as Arc<dyn Clock>).unwrap();
    Arc::new(World { _folder: folder, timeline, logins })
}

impl World {
    /// One try; whether the password was right, and how long the answer took.
    async fn attempt(
        &self,
        who: &str,
        password: &str,
        from: IpAddr,
        service: Service,
    ) -> (Result<(), Class>, Duration) {
        let start = self.timeline.now();
        let password = Secret::from(password);
        let done = match service {
            Service::Web => self
                .logins
                .change(who, given(password), from, Policy::default())
                .await
                .map(drop)
                .map_err(|error| error.class()),
            _ => self.logins.verify(who, password, from, service).await.map(drop).map_err(|error| error.class()),
        };
        (done, self.timeline.now() - start)
    }
}

fn given(old: Secret) -> NewPassword {
    NewPassword { old, code: String::new(), new: Secret::from(NEW), others: Others::Keep }
}

fn cheap(password: &str) -> String {
    let hash = hash_password(&Secret::from(password), Cost::CHEAP).unwrap();
    String::from_utf8(hash.expose().as_bytes().to_vec()).unwrap()
}

/// What came of a siege.
#[derive(Debug, Default)]
struct Outcome {
    /// When each try was answered.
    answered: Vec<Duration>,
    /// When the right one was.
    found: Option<Duration>,
    /// The longest that the owner waited at home, and where she never was.
    home: Duration,
    away: Duration,
    logins: usize,
}

impl Outcome {
    fn within(&self, time: Duration) -> usize {
        self.answered.iter().filter(|at| **at <= time).count()
    }

    fn owner_is_let_in(&self) {
        println!(
            "{} tries answered in a minute, {} in an hour, all in {:?}; the {PLACE}th was right and answered after \
             {:?}; {} logins of the owner waited {:?} at home and at most {:?} elsewhere",
            self.within(Duration::from_secs(60)),
            self.within(HOUR),
            self.answered.iter().max(),
            self.found,
            self.logins,
            self.home,
            self.away,
        );
        assert_eq!(self.answered.len(), TRIES);
        assert_eq!(self.home, Duration::ZERO, "nothing is noticed at home");
        assert!(self.away <= Duration::from_secs(4), "{:?}", self.away);
        assert!(self.logins > 0);
    }
}

/// What besiegers and the owner share.
#[derive(Clone)]
struct Siege {
    world: Arc<World>,
    outcome: Arc<Mutex<Outcome>>,
    next: Arc<AtomicUsize>,
}

impl Siege {
    /// Guesses until the list is at its end.
    async fn guess(self, from: IpAddr) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= TRIES {
                return;
            }
            // Each way in has the same counts. On the page the right one would
            // change the password.
            let ways = [Service::Imap, Service::Pop3, Service::Submission, Service::Web];
            let (guess, service) = match number {
                PLACE => (PASSWORD.to_owned(), Service::Imap),
                _ => (format!("guess {number}"), ways[number % 4]),
            };
            let (done, _) = self.world.attempt(OWNER, &guess, from, service).await;
            let now = self.world.timeline.now();
            let mut outcome = self.outcome.lock().unwrap();
            outcome.answered.push(now);
            assert_eq!(done.is_ok(), number == PLACE, "{guess}");
            if number == PLACE {
                outcome.found = Some(now);
            }
        }
    }

    /// Logs in every ten minutes, at home and somewhere new.
    async fn own(self, home: IpAddr) {
        let mut day = 0;
        while self.next.load(Ordering::Relaxed) < TRIES {
            self.world.timeline.sleep(Duration::from_secs(5)).await;
            let hotel = IpAddr::V4(Ipv4Addr::from(0xcb00_7100 + day));
            let (at_home, waited) = self.world.attempt(OWNER, PASSWORD, home, Service::Imap).await;
            let (elsewhere, longer) = self.world.attempt(OWNER, PASSWORD, hotel, Service::Pop3).await;
            assert_eq!((at_home, elsewhere), (Ok(()), Ok(())), "the owner is let in");
            {
                let mut outcome = self.outcome.lock().unwrap();
                outcome.home = outcome.home.max(waited);
                outcome.away = outcome.away.max(longer);
                outcome.logins += 2;
            }
            self.world.timeline.sleep(Duration::from_secs(595)).await;
            day += 1;
        }
    }
}

/// From each address so many lines at a time.
async fn besiege(addresses: u32, lines: usize) -> Outcome {
    // All who wake at the same moment ask at the same moment.
    let world = world(&[("alice", cheap(PASSWORD), true)], TRIES).await;
    let home: IpAddr = "192.0.2.1".parse().unwrap();
    assert_eq!(world.attempt(OWNER, PASSWORD, home, Service::Imap).await.0, Ok(()));
    let siege = Siege { world: Arc::clone(&world), outcome: Arc::default(), next: Arc::default() };
    let places = (0..addresses).flat_map(|address| vec![IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + address)); lines]);
    let mut lives: Vec<_> = places.map(|from| world.timeline.live(siege.clone().guess(from))).collect();
    lives.push(world.timeline.live(siege.clone().own(home)));
    for life in lives {
        life.await.unwrap();
    }
    Arc::into_inner(siege.outcome).unwrap().into_inner().unwrap()
}

#[tokio::test]
async fn ten_thousand_tries_from_one_address() {
    let outcome = besiege(1, 4).await;
    outcome.owner_is_let_in();
    assert!(outcome.within(HOUR) <= 800, "{}", outcome.within(HOUR));
    assert!(outcome.found.unwrap() > 5 * HOUR, "{:?}", outcome.found);
}

/// The first tries of each are free, since people mistype: what holds is that
/// the owner is let in.
#[tokio::test]
async fn ten_thousand_tries_from_a_thousand_addresses() {
    let outcome = besiege(1000, 1).await;
    outcome.owner_is_let_in();
    assert!(outcome.away > Duration::ZERO, "it was noticed: {outcome:?}");
}

/// Of "secret", one for each scheme that is read but argon2.
const STORED: [(&str, &str); 7] = [
    ("plain", "{PLAIN}secret"),
    ("bcrypt", "{BLF-CRYPT}$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"),
    (
        "sha512crypt",
        "{SHA512-CRYPT}$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/",
    ),
    ("sha256crypt", "{SHA256-CRYPT}$5$rounds=1000$saltsalt$eKLZU9t9OoPWrqOQsoTIKG0aYkZ5rGOoOQhiIvoSWX2"),
    ("ssha", "{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA=="),
    ("ssha256", "{SSHA256}oBmrdHcA6OZEkkCLeXh71YAerbvhXz1qqwjrPsXmEtNzYWx0c2FsdA=="),
    (
        "ssha512",
        "{SSHA512}aCu7JRc+kLsuEmFs1zTY+AiP7DSGnjjG+dH28Dp+E5usqoAixeTPihKqZmkWal4mUfp63tqvCAkFV1LKTDFH6XNhbHRzYWx0",
    ),
];

/// Six tries in a row, so that the delays are seen too: what is said, and after
/// what time, is the same whoever is asked for.
#[tokio::test]
async fn nothing_tells_who_exists() {
    let argon = cheap(PASSWORD);
    let stored = STORED.map(|(name, hash)| (name, hash.to_owned()));
    let schemes: Vec<(String, String)> = stored
        .into_iter()
        .chain([("argon2", argon)])
        .flat_map(|(name, hash)| [(name.to_owned(), hash.clone()), (format!("off-{name}"), hash)])
        .collect();
    let accounts: Vec<(&str, String, bool)> = schemes
        .iter()
        .map(|(name, hash)| (name.as_str(), hash.clone(), !name.starts_with("off-")))
        .chain([("malformed", "secret".to_owned(), true), ("empty", String::new(), true)])
        .collect();
    let world = world(&accounts, 256).await;
    let local = |name: &str| format!("{name}@example.org");
    // Who is asked for, and with which password.
    let mut cases: Vec<(String, &str)> = accounts.iter().map(|(name, ..)| (local(name), "wrong")).collect();
    cases.extend(accounts.iter().filter(|(.., active)| !active).map(|(name, ..)| (local(name), PASSWORD)));
    cases.push((local("malformed"), PASSWORD));
    cases.extend([local("nobody"), "nobody@nowhere.example".to_owned(), "nobody".to_owned()].map(|who| (who, "wrong")));
    let mut expected = None;
    for (number, (who, password)) in cases.iter().enumerate() {
        for (way, service) in [Service::Imap, Service::Pop3, Service::Submission, Service::Web].into_iter().enumerate()
        {
            // Each starts with no failures behind it: an hour later, and from elsewhere.
            world.timeline.sleep(24 * HOUR).await;
            let from = IpAddr::V4(Ipv4Addr::new(198, 18, u8::try_from(number).unwrap(), u8::try_from(way).unwrap()));
            let mut said = Vec::new();
            for _ in 0..6 {
                let (done, took) = world.attempt(who, password, from, service).await;
                // The counts fall by half in ten minutes, so they are no round numbers.
                said.push((done, took.as_millis()));
            }
            assert!(said.iter().all(|(done, _)| *done == Err(Class::Invalid)), "{who}: {said:?}");
            assert!(said[0].1 == 300 && said[5].1 > 1900, "{who}: {said:?}");
            let expected = expected.get_or_insert_with(|| said.clone());
            assert_eq!(said, *expected, "{who} with {password}, {service}");
        }
    }
    // What opens does so, or the table would show nothing.
    for (name, _) in schemes.iter().filter(|(name, _)| !name.starts_with("off-")) {
        let from = "192.0.2.1".parse().unwrap();
        assert_eq!(world.attempt(&local(name), PASSWORD, from, Service::Imap).await.0, Ok(()), "{name}");
    }
}
