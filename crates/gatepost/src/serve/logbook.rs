//! Collects who logged in and who was refused, and writes it into the index now
//! and then: never on the way of a login, and at most once in some minutes for
//! each door of an account. What cannot be written waits, and is lost at the
//! worst; no login fails for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use index::{Index, IndexError, LoginNote, Seen};
use login::{Attempt, Verdict};
use mail::Address;

/// No door of an account is written more often.
const PAUSE: Duration = Duration::from_secs(300);
/// The most doors that are remembered.
const MOST: usize = 100_000;
/// What was noted so long ago is forgotten, seconds.
const KEPT: i64 = 400 * 86_400;

/// What was not written yet, and when each door was.
#[derive(Debug, Default)]
pub struct Logbook {
    pages: Mutex<HashMap<Door, Page>>,
    /// One writes at a time, so that a count is not added twice or overtaken.
    writing: tokio::sync::Mutex<()>,
}

type Door = (Address, &'static str);

/// What happened at one door since it was written.
#[derive(Debug)]
struct Page {
    account: i64,
    succeeded: Option<Seen>,
    failures: u32,
    failed: Option<Seen>,
    written: Option<Instant>,
}

/// Which pages are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those that were not written for some minutes.
    Due,
    /// Those of the account that somebody asks about. Those of others keep their
    /// pause: whoever asks about one after another makes each be written once.
    Of(Address),
    /// All that have something to say, as the server stops.
    All,
}

impl Which {
    fn wants(&self, address: &Address, page: &Page, now: Instant) -> bool {
        match self {
            Self::Due => page.rested(now),
            Self::Of(account) => account == address,
            Self::All => true,
        }
    }
}

impl Logbook {
    /// Notes an attempt at an account; those at none are not noted.
    pub fn note(&self, attempt: &Attempt<'_>, now: SystemTime) {
        let Some((account, address)) = attempt.account else { return };
        let account = account.as_i64();
        let mut pages = self.pages();
        let door = (address.clone(), attempt.service.as_str());
        if !pages.contains_key(&door) && pages.len() >= MOST {
            return;
        }
        let page = pages.entry(door).or_insert_with(|| Page::new(account));
        if page.account != account {
            *page = Page::new(account);
        }
        let seen = Some(Seen { at: seconds(now), network: network(attempt.from) });
        match attempt.verdict {
            Verdict::Right => (page.succeeded, page.failures) = (seen, 0),
            Verdict::Refused => (page.failed, page.failures) = (seen, page.failures.saturating_add(1)),
        }
    }

    /// Writes what there is; what the index does not take is kept for the next
    /// time. Whoever waits for it no longer does not cut it off: what was taken
    /// out to be written would be lost.
    ///
    /// # Errors
    ///
    /// [`IndexError`] where the index is away or full.
    pub async fn write(
        self: &Arc<Self>,
        index: &Index,
        which: Which,
        now: (Instant, SystemTime),
    ) -> Result<(), IndexError> {
        let (book, index) = (Arc::clone(self), index.clone());
        let task = tokio::spawn(async move { book.write_now(&index, which, now).await });
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "an error of our own while last logins were written");
            Ok(())
        })
    }

    async fn write_now(&self, index: &Index, which: Which, now: (Instant, SystemTime)) -> Result<(), IndexError> {
        let (now, time) = now;
        let _one = self.writing.lock().await;
        let mut notes = self.take(&which, now);
        if notes.is_empty() {
            return Ok(());
        }
        let written = index.note_logins(&mut notes, seconds(time)).await;
        // What is written is no longer among them.
        self.put_back(notes);
        written
    }

    /// Forgets what is older than a year and some weeks.
    ///
    /// # Errors
    ///
    /// [`IndexError`] where the index is away.
    pub async fn forget_old(&self, index: &Index, time: SystemTime) -> Result<(), IndexError> {
        index.forget_logins(seconds(time).saturating_sub(KEPT)).await
    }

    fn take(&self, which: &Which, now: Instant) -> Vec<LoginNote> {
        let mut pages = self.pages();
        pages.retain(|_, page| page.says_something() || !page.rested(now));
        let wanted =
            pages.iter_mut().filter(|((address, _), page)| page.says_something() && which.wants(address, page, now));
        wanted
            .map(|((address, service), page)| {
                page.written = Some(now);
                LoginNote {
                    address: address.clone(),
                    account: page.account,
                    service,
                    succeeded: page.succeeded.take(),
                    failures: std::mem::take(&mut page.failures),
                    failed: page.failed.take(),
                }
            })
            .collect()
    }

    /// What happened meanwhile is newer.
    fn put_back(&self, notes: Vec<LoginNote>) {
        let mut pages = self.pages();
        for note in notes {
            let LoginNote { address, account, service, succeeded, failures, failed } = note;
            let page = pages.entry((address, service)).or_insert_with(|| Page::new(account));
            if page.account != account {
                continue;
            }
            if page.succeeded.is_none() {
                page.succeeded = succeeded;
                page.failures = page.failures.saturating_add(failures);
            }
            page.failed = page.failed.take().or(failed);
            page.written = None;
        }
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<Door, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn new(account: i64) -> Self {
        Self { account, succeeded: None, failures: 0, failed: None, written: None }
    }

    fn rested(&self, now: Instant) -> bool {
        self.written.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE)
    }

    fn says_something(&self) -> bool {
        self.succeeded.is_some() || self.failed.is_some()
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The household that an address belongs to: enough to tell home from abroad,
/// and no more than that is kept of a person's ways.
fn network(from: IpAddr) -> String {
    match from.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use directory::AccountKey;
    use login::Service;

    struct World {
        book: Arc<Logbook>,
        index: Index,
        start: Instant,
        folder: tempfile::TempDir,
    }

    fn alice() -> Address {
        Address::parse("alice@example.org").unwrap()
    }

    fn time(minute: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000 + minute * 60)
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("i.db").display());
            let index = Index::open(sql::Pool::open(&sql::Settings::new(url)).unwrap(), 1);
            Self { book: Arc::default(), index, start: Instant::now(), folder }
        }

        fn attempt(&self, verdict: Verdict, minute: u64) {
            self.attempt_at(&alice(), verdict, minute);
        }

        fn attempt_at(&self, address: &Address, verdict: Verdict, minute: u64) {
            let attempt = Attempt {
                account: Some((AccountKey::new(7), address)),
                service: Service::Imap,
                from: "192.0.2.77".parse().unwrap(),
                verdict,
                took: Duration::ZERO,
            };
            self.book.note(&attempt, time(minute));
        }

        async fn write(&self, which: Which, minute: u64) {
            let now = self.start + Duration::from_secs(minute * 60);
            self.book.write(&self.index, which, (now, time(minute))).await.unwrap();
        }

        /// Minute of the last login, and what was refused since.
        async fn known(&self) -> Option<(Option<i64>, u64)> {
            self.known_of(&alice()).await
        }

        async fn known_of(&self, address: &Address) -> Option<(Option<i64>, u64)> {
            let logins = self.index.last_logins(address, 7).await.unwrap();
            let minute = |seen: &Seen| (seen.at - 1_900_000_000) / 60;
            logins.first().map(|login| (login.succeeded.as_ref().map(minute), login.failures))
        }
    }

    #[tokio::test]
    async fn a_busy_door_is_written_now_and_then() {
        let world = World::new();
        world.attempt(Verdict::Right, 0);
        world.write(Which::Due, 0).await;
        assert_eq!(world.known().await, Some((Some(0), 0)));
        for minute in 1..5 {
            world.attempt(Verdict::Refused, minute);
            world.attempt(Verdict::Right, minute);
            world.attempt(Verdict::Refused, minute);
            world.write(Which::Due, minute).await;
            assert_eq!(world.known().await, Some((Some(0), 0)), "not yet");
        }
        world.write(Which::Of(alice()), 4).await;
        assert_eq!(world.known().await, Some((Some(4), 1)), "who asks is told now");
        world.attempt(Verdict::Refused, 8);
        world.write(Which::Due, 8).await;
        assert_eq!(world.known().await, Some((Some(4), 1)));
        world.write(Which::Due, 9).await;
        assert_eq!(world.known().await, Some((Some(4), 2)));
        world.write(Which::Due, 20).await;
        assert!(world.book.pages().is_empty(), "nothing is kept of who is gone");
        world.book.forget_old(&world.index, time(9) + Duration::from_secs(401 * 86_400)).await.unwrap();
        assert_eq!(world.known().await, None);
    }

    #[tokio::test]
    async fn who_asks_about_one_does_not_have_all_written() {
        let world = World::new();
        let bob = Address::parse("bob@example.org").unwrap();
        world.attempt(Verdict::Right, 0);
        world.attempt_at(&bob, Verdict::Right, 0);
        world.write(Which::Due, 0).await;
        world.attempt(Verdict::Refused, 1);
        world.attempt_at(&bob, Verdict::Refused, 1);
        world.write(Which::Of(alice()), 1).await;
        assert_eq!(world.known().await, Some((Some(0), 1)));
        assert_eq!(world.known_of(&bob).await, Some((Some(0), 0)), "nobody asked about him");
        world.attempt(Verdict::Refused, 5);
        world.write(Which::Due, 5).await;
        assert_eq!(world.known().await, Some((Some(0), 1)), "she was written four minutes ago");
        assert_eq!(world.known_of(&bob).await, Some((Some(0), 1)), "his pause is over");
        world.write(Which::All, 5).await;
        assert_eq!(world.known().await, Some((Some(0), 2)));
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_later() {
        let world = World::new();
        let nowhere = sql::Settings::new("mysql://root@127.0.0.1:1/none");
        let nowhere = sql::Settings { acquire_timeout: Duration::from_millis(100), ..nowhere };
        let away = Index::open(sql::Pool::open(&nowhere).unwrap(), 1);
        world.attempt(Verdict::Refused, 0);
        let now = (world.start, time(0));
        assert!(world.book.write(&away, Which::Due, now).await.is_err());
        world.attempt(Verdict::Refused, 1);
        world.write(Which::Due, 1).await;
        assert_eq!(world.known().await, Some((None, 2)));
    }

    #[tokio::test]
    async fn what_was_written_before_an_error_is_not_counted_again() {
        let world = World::new();
        let many: Vec<Address> = (0..700).map(|n| format!("u{n}@example.org").parse().unwrap()).collect();
        many.iter().for_each(|address| world.attempt_at(address, Verdict::Refused, 0));
        assert_eq!(world.known().await, None, "the table is made");
        let url = format!("sqlite:{}", world.folder.path().join("i.db").display());
        let pool = sql::Pool::open(&sql::Settings::new(url)).unwrap();
        let full = "CREATE TRIGGER full BEFORE INSERT ON last_login WHEN (SELECT count(*) FROM last_login) >= 600 \
             BEGIN SELECT RAISE(ABORT, 'full'); END";
        pool.execute(full, sql::args![]).await.unwrap();
        assert!(world.book.write(&world.index, Which::Due, (world.start, time(0))).await.is_err());
        pool.execute("DROP TRIGGER full", sql::args![]).await.unwrap();
        world.write(Which::Due, 0).await;
        for address in &many {
            assert_eq!(world.known_of(address).await, Some((None, 1)), "{address}");
        }
    }

    #[test]
    fn nobody_fills_it_with_names() {
        let book = Logbook::default();
        let from = "::ffff:192.0.2.77".parse().unwrap();
        let attempt =
            Attempt { account: None, service: Service::Pop3, from, verdict: Verdict::Refused, took: Duration::ZERO };
        book.note(&attempt, time(0));
        assert!(book.pages().is_empty());
        assert_eq!(network(from), "192.0.2.0/24");
        assert_eq!(network("2001:db8:1:2::3".parse().unwrap()), "2001:db8:1::/48");
    }
}
