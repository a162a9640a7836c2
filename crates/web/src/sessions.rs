//! Who is signed in to the pages: kept here in memory, known by a random cookie,
//! and forgotten after a quarter of an hour without a click.
//!
//! The cookie's name begins with `__Host-`, so no other host, and nobody without
//! TLS, can have set it; no script sees it, and no other site's request has it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use data_encoding::BASE32_NOPAD;
use directory::AccountKey;
use login::{Login, Totp};

use crate::forgery::cookie;

const COOKIE_NAME: &str = "__Host-gatepost-session";
/// Without a click.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// With clicks.
const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);
/// The most for one account, and for all. Whoever has one knows a password; who
/// comes later takes the place of the one who was silent for the longest time.
const MOST_OF_ONE: usize = 5;
const MOST: usize = 10_000;

/// What the cookie says: 128 random bits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Token(String);

impl Token {
    /// A new one, from random bits.
    pub(crate) fn new(random: [u8; 16]) -> Self {
        Self(BASE32_NOPAD.encode(&random))
    }

    /// The one that the browser's cookie names.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        cookie(headers, COOKIE_NAME).map(Self)
    }

    /// The header that sets the cookie, until the browser is closed.
    pub(crate) fn cookie(&self) -> String {
        format!("{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Strict", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The header that takes the cookie away.
pub(crate) fn no_cookie() -> String {
    format!("{COOKIE_NAME}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// All that are signed in.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<Token, Session>>);

/// One browser's.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) login: Login,
    /// The secret of two-step login that was shown, until a code confirms it.
    pub(crate) enrolment: Option<Totp>,
    began: SystemTime,
    seen: SystemTime,
}

impl Session {
    fn is_over(&self, now: SystemTime) -> bool {
        let older = |since: SystemTime, most| now.duration_since(since).is_ok_and(|age| age >= most);
        older(self.seen, IDLE) || older(self.began, LONGEST)
    }
}

impl Sessions {
    /// Signs somebody in.
    pub(crate) fn begin(&self, token: Token, login: Login, now: SystemTime) {
        let mut open = self.open();
        open.retain(|_, session| !session.is_over(now));
        let account = login.account();
        make_room(&mut open, MOST_OF_ONE, |session| session.login.account() == account);
        make_room(&mut open, MOST, |_| true);
        open.insert(token, Session { login, enrolment: None, began: now, seen: now });
    }

    /// Who it is, if somebody; he was here now.
    pub(crate) fn of(&self, token: &Token, now: SystemTime) -> Option<Session> {
        let mut open = self.open();
        if open.get(token)?.is_over(now) {
            open.remove(token);
            return None;
        }
        let session = open.get_mut(token)?;
        session.seen = session.seen.max(now);
        Some(session.clone())
    }

    /// Notes the secret that is shown now, or that none is any more.
    pub(crate) fn enrol(&self, token: &Token, enrolment: Option<Totp>) {
        if let Some(session) = self.open().get_mut(token) {
            session.enrolment = enrolment;
        }
    }

    /// Signs somebody out.
    pub(crate) fn end(&self, token: &Token) {
        self.open().remove(token);
    }

    /// Signs the account's other browsers out.
    pub(crate) fn end_others(&self, account: AccountKey, but: &Token) {
        self.open().retain(|token, session| session.login.account() != account || token == but);
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Token, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends those that were silent for the longest time, until there is room for
/// one more of this kind.
fn make_room(open: &mut HashMap<Token, Session>, most: usize, kind: impl Fn(&Session) -> bool) {
    while open.values().filter(|session| kind(session)).count() >= most {
        let of_kind = open.iter().filter(|(_, session)| kind(session));
        let Some(oldest) = of_kind.min_by_key(|(_, session)| session.seen).map(|(token, _)| token.clone()) else {
            return;
        };
        open.remove(&oldest);
    }
}
