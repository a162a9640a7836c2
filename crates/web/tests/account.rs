//! Signing in, app passwords and two-step login as a browser does them, on a
//! directory in SQLite and with clocks that the test moves.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::cell::Cell;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use data_encoding::BASE32_NOPAD;
use directory::{Directory, NewAccount, NewDomain, Queries, Query, Tables};
use hmac::{Hmac, Mac};
use login::{Clock, Cost, Logins, Opener, Policy, Service, Settings, hash_password};
use mail::{Address, Domain, Secret};
use sha1::Sha1;
use sql::Pool;
use tower::ServiceExt;
use web::{Peer, Place, Services};

const ALICE: &str = "alice@example.org";
const NEW: &str = "wandern im regen";

thread_local! {
    /// Seconds since 1970, and how often randomness was asked for. A test and
    /// all that it asks run on one thread.
    static NOW: Cell<u64> = const { Cell::new(1_769_817_600) };
    static ASKED: Cell<u8> = const { Cell::new(0) };
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.get())
}

fn later(seconds: u64) {
    NOW.set(NOW.get() + seconds);
}

fn random() -> [u8; 16] {
    ASKED.set(ASKED.get() + 1);
    [ASKED.get(); 16]
}

/// Sleeping moves it, and nothing else does.
#[derive(Debug, Default)]
struct TestClock(Mutex<Duration>);

impl Clock for TestClock {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn time_of_day(&self) -> Duration {
        Duration::from_secs(NOW.get())
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        *self.0.lock().unwrap() += time;
        Box::pin(std::future::ready(()))
    }
}

struct World {
    _folder: tempfile::TempDir,
    directory: Arc<Directory>,
    logins: Arc<Logins>,
    ended: Arc<Mutex<Vec<Opener>>>,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    fn leads_to(&self, path: &str) -> bool {
        self.status == StatusCode::SEE_OTHER && self.headers.get(LOCATION).is_some_and(|to| to == path)
    }

    /// What stands between two texts.
    fn between(&self, before: &str, after: &str) -> String {
        self.text.split(before).nth(1).unwrap().split(after).next().unwrap().to_owned()
    }
}

/// A browser: its cookies, and the token of the last form that it was shown.
#[derive(Clone, Default)]
struct Browser {
    cookies: Vec<(String, String)>,
    token: String,
}

impl Browser {
    /// What it says with each request.
    fn asks(&self, mut request: Request<Body>) -> Request<Body> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.headers_mut().insert(COOKIE, cookies.join("; ").parse().unwrap());
        request.headers_mut().insert(HOST, "mail.example.org".parse().unwrap());
        request.extensions_mut().insert(Peer("192.0.2.1".parse::<IpAddr>().unwrap()));
        request
    }

    /// The last form that it was shown, filled in.
    fn form(&self, path: &str, fields: &[(&str, &str)]) -> Request<Body> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", &self.token);
        fields.iter().for_each(|(name, value)| {
            form.append_pair(name, value);
        });
        let request =
            Request::builder().method(Method::POST).uri(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.asks(request.body(Body::from(form.finish())).unwrap())
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = directory::Settings::new(format!("sqlite:{}", folder.path().join("d.db").display()));
        let directory = Arc::new(Directory::open(&settings).await.unwrap());
        directory.add_domain(&NewDomain::new(Domain::parse("example.org").unwrap())).await.unwrap();
        let password = Some(hash_password(&Secret::from("secret"), Cost::CHEAP).unwrap());
        let new = NewAccount { address: Address::parse(ALICE).unwrap(), password, name: String::new(), quota: None };
        directory.add_account(&new).await.unwrap();
        Self::on(folder, directory)
    }

    /// On tables of another program.
    async fn foreign() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = directory::Settings::new(format!("sqlite:{}", folder.path().join("d.db").display()));
        let pool = Pool::open(&settings.sql).unwrap();
        let hash = hash_password(&Secret::from("secret"), Cost::CHEAP).unwrap();
        pool.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, mail TEXT, hash TEXT)", &[]).await.unwrap();
        pool.execute("INSERT INTO person (mail, hash) VALUES (?, ?)", sql::args![ALICE, hash.expose()]).await.unwrap();
        let query = |text: &str| Query::parse(text).unwrap();
        settings.tables = Tables::Foreign(Box::new(Queries {
            domain: query("SELECT 'example.org' AS name WHERE :domain = 'example.org'"),
            domains: query("SELECT 'example.org' AS name"),
            account: query("SELECT id, mail AS address, hash AS password FROM person WHERE mail = :address"),
            alias: query("SELECT mail AS target FROM person WHERE :address = ''"),
            accounts: None,
            aliases: None,
            set_password: None,
        }));
        let directory = Arc::new(Directory::open(&settings).await.unwrap());
        Self::on(folder, directory)
    }

    fn on(folder: tempfile::TempDir, directory: Arc<Directory>) -> Self {
        let limits = login::Limits { free: 50, ..login::Limits::default() };
        let settings = Settings { cost: Cost::CHEAP, limits, ..Settings::default() };
        let clock = Arc::new(TestClock::default());
        let logins = Arc::new(Logins::new(Arc::clone(&directory), settings, clock).unwrap());
        let ended: Arc<Mutex<Vec<Opener>>> = Arc::default();
        let told = Arc::clone(&ended);
        let router = web::router(Services {
            directory: Arc::clone(&directory),
            logins: Arc::clone(&logins),
            policy: Policy::default(),
            ended: Box::new(move |_, opener| told.lock().unwrap().push(opener)),
            finish: |errand| {
                let begun = tokio::spawn(errand);
                Box::pin(async { begun.await.unwrap() })
            },
            now,
            random,
            key: Secret::new(vec![1; 32]),
            place: Place {
                hostname: Domain::parse("mail.example.org").unwrap(),
                imaps: Some(993),
                pop3s: None,
                outgoing: None,
                pages: "https://mail.example.org".to_owned(),
            },
            authority: None,
        });
        Self { _folder: folder, directory, logins, ended, router }
    }

    async fn send(&self, browser: &mut Browser, request: Request<Body>) -> Answer {
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        for cookie in head.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-") && cookie.contains("; Path=/; Secure; HttpOnly; SameSite=Strict"));
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            browser.cookies.retain(|(known, _)| known != name);
            browser.cookies.push((name.to_owned(), value.to_owned()));
        }
        if let Some(rest) = text.split("name=\"token\" value=\"").nth(1) {
            browser.token = rest.split('"').next().unwrap().to_owned();
        }
        Answer { status: head.status, headers: head.headers, text }
    }

    async fn get(&self, browser: &mut Browser, path: &str) -> Answer {
        let request = browser.asks(Request::builder().uri(path).body(Body::empty()).unwrap());
        self.send(browser, request).await
    }

    /// Sends a form and hangs up, as soon as it has arrived.
    fn post_and_leave(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) {
        let mut answer = Box::pin(self.router.clone().oneshot(browser.form(path, fields)));
        assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{path}");
    }

    /// Waits until this was ended, in this order.
    async fn has_ended(&self, expected: &[fn(&Opener) -> bool]) {
        let is_so = || {
            let ended = self.ended.lock().unwrap();
            ended.len() == expected.len() && ended.iter().zip(expected).all(|(opener, is)| is(opener))
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{:?}", self.ended.lock().unwrap());
    }

    async fn post(&self, browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = browser.form(path, fields);
        self.send(browser, request).await
    }

    async fn try_to_sign_in(&self, browser: &mut Browser, who: &str, password: &str, code: &str) -> Answer {
        self.get(browser, "/sign-in").await;
        self.post(browser, "/sign-in", &[("address", who), ("password", password), ("code", code)]).await
    }

    async fn signed_in(&self, password: &str, code: &str) -> Browser {
        let mut browser = Browser::default();
        let answer = self.try_to_sign_in(&mut browser, ALICE, password, code).await;
        assert!(answer.leads_to("/account"), "{} {}", answer.status, answer.text);
        assert!(self.get(&mut browser, "/account").await.has("You are signed in as alice@example.org."));
        browser
    }

    async fn opens(&self, password: &str, service: Service) -> bool {
        self.logins.verify(ALICE, Secret::from(password), "192.0.2.1".parse().unwrap(), service).await.is_ok()
    }

    /// Makes an app password; what was shown.
    async fn app_password(&self, browser: &mut Browser, name: &str, scope: &[&str]) -> String {
        self.get(browser, "/account").await;
        let mut fields = vec![("name", name)];
        fields.extend(scope.iter().map(|door| ("scope", *door)));
        let made = self.post(browser, "/account/app-password", &fields).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text);
        assert!(
            made.has(&format!("For {}.", name.replace('\'', "&#39;")))
                && made.has("The user name is alice@example.org.")
        );
        made.between("<code class=\"secret\">", "</code>")
    }

    /// Sets two-step login up; the key, and the recovery codes.
    async fn two_step(&self, browser: &mut Browser) -> (String, Vec<String>) {
        self.get(browser, "/account").await;
        assert!(self.post(browser, "/account/two-step", &[]).await.leads_to("/account/two-step"));
        let page = self.get(browser, "/account/two-step").await;
        let key = page.between("<code class=\"secret\">", "</code>").replace(' ', "");
        assert!(page.has("<svg class=\"qr\"") && page.has(&format!("secret={key}&#38;issuer=mail.example.org")));
        let on = self.post(browser, "/account/two-step/on", &[("code", &code(&key))]).await;
        assert!(on.status == StatusCode::OK && on.has("Two-step login is on"), "{}", on.text);
        let codes = on.text.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        (key, codes.collect())
    }
}

/// What an app that knows the key shows now.
fn code(key: &str) -> String {
    let secret = BASE32_NOPAD.decode(key.as_bytes()).unwrap();
    let mac = Hmac::<Sha1>::new_from_slice(&secret).unwrap().chain_update((NOW.get() / 30).to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 0x0f);
    let four: [u8; 4] = hash[offset..offset + 4].try_into().unwrap();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let world = World::new().await;
    let mut browser = Browser::default();
    for path in ["/account", "/account/two-step", "/account/two-step/off"] {
        assert!(world.get(&mut browser, path).await.leads_to("/sign-in"), "{path}");
    }
    let cases = [
        (ALICE, "wrong", 403, "Address or password is wrong."),
        ("nobody@example.org", "wrong", 403, "Address or password is wrong."),
        (ALICE, "", 422, "Enter your password."),
        ("alice", "secret", 422, "This is not a whole mail address"),
        ("", "", 422, "Enter your mail address."),
    ];
    for (who, password, status, text) in cases {
        let answer = world.try_to_sign_in(&mut browser, who, password, "").await;
        assert_eq!(answer.status.as_u16(), status, "{who}");
        assert!(answer.has(text) && answer.has("You are not signed in"), "{}", answer.text);
    }
    for path in ["/account/app-password", "/account/revoke", "/account/two-step", "/account/two-step/on"] {
        assert!(world.post(&mut browser, path, &[("which", "all")]).await.leads_to("/sign-in"), "{path}");
    }
    assert_eq!(world.get(&mut browser, "/sign-out").await.status, StatusCode::METHOD_NOT_ALLOWED);
    world.signed_in("secret", "").await;
}

#[tokio::test]
async fn the_answer_does_not_say_who_is_there() {
    let world = World::new().await;
    let mut owner = world.signed_in("secret", "").await;
    world.two_step(&mut owner).await;
    let mut browser = Browser::default();
    let mut answers = Vec::new();
    for (who, password) in [(ALICE, "secret"), (ALICE, "wrong"), ("nobody@example.org", "secret")] {
        let answer = world.try_to_sign_in(&mut browser, who, password, "000000").await;
        answers.push((answer.status, answer.text.replace(who, "WHO")));
    }
    assert!(answers[0] == answers[1] && answers[1] == answers[2], "{answers:?}");
}

#[tokio::test]
async fn a_session_ends() {
    let world = World::new().await;
    let mut idle = world.signed_in("secret", "").await;
    for _ in 0..3 {
        later(14 * 60);
        assert_eq!(world.get(&mut idle, "/account").await.status, StatusCode::OK);
    }
    later(15 * 60);
    assert!(world.get(&mut idle, "/account").await.leads_to("/sign-in"));

    let mut out = world.signed_in("secret", "").await;
    let mut copy = out.clone();
    assert!(world.post(&mut out, "/sign-out", &[]).await.leads_to("/"));
    assert!(out.cookies.iter().any(|(name, value)| name == "__Host-gatepost-session" && value.is_empty()));
    assert!(world.get(&mut copy, "/account").await.leads_to("/sign-in"), "the cookie is worth nothing");

    let mut busy = world.signed_in("secret", "").await;
    for _ in 0..48 {
        later(10 * 60);
        world.get(&mut busy, "/account").await;
    }
    assert!(world.get(&mut busy, "/account").await.leads_to("/sign-in"), "eight hours are enough");

    let mut changed = world.signed_in("secret", "").await;
    let fields = [("address", ALICE), ("old", "secret"), ("new", NEW), ("again", NEW)];
    assert!(world.post(&mut changed, "/password", &fields).await.has("Your password was changed"));
    assert!(world.get(&mut changed, "/account").await.leads_to("/sign-in"));
    assert_eq!(*world.ended.lock().unwrap(), [Opener::Password]);
}

#[tokio::test]
async fn the_sixth_browser_takes_the_place_of_the_first() {
    let world = World::new().await;
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(world.signed_in("secret", "").await);
        later(1);
    }
    for (n, browser) in all.iter_mut().enumerate() {
        assert_eq!(world.get(browser, "/account").await.status == StatusCode::OK, n > 0, "{n}");
    }
}

#[tokio::test]
async fn an_app_password_is_made_shown_once_and_revoked() {
    let world = World::new().await;
    let mut browser = world.signed_in("secret", "").await;
    let phone = world.app_password(&mut browser, "Anna's", &["imap"]).await;
    assert_eq!((phone.len(), phone.split(' ').count()), (24, 5), "{phone}");
    assert!(world.opens(&phone, Service::Imap).await && !world.opens(&phone, Service::Pop3).await);
    assert!(!world.opens(&phone, Service::Web).await);
    let page = world.get(&mut browser, "/account").await;
    assert!(page.has("Anna&#39;s") && page.has("last used 2026-01-31") && !page.has(&phone), "{}", page.text);

    let refused: [(&[(&str, &str)], &str); 4] = [
        (&[("name", ""), ("scope", "imap")], "Enter a name of 1 to 64 characters."),
        (&[("name", "Laptop")], "Choose at least one."),
        (&[("name", "Laptop"), ("scope", "web")], "Choose at least one."),
        (&[("name", "Anna's"), ("scope", "imap")], "You have one of this name already."),
    ];
    for (fields, text) in refused {
        let answer = world.post(&mut browser, "/account/app-password", fields).await;
        assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.has(text), "{text}: {}", answer.text);
    }
    let laptop = world.app_password(&mut browser, "Laptop", &["imap", "pop3", "submission"]).await;
    assert!(world.opens(&laptop, Service::Submission).await);

    let first = world.get(&mut browser, "/account").await.between("name=\"which\" value=\"", "\"");
    assert!(world.post(&mut browser, "/account/revoke", &[("which", &first)]).await.leads_to("/account"));
    assert!(!world.opens(&phone, Service::Imap).await && world.opens(&laptop, Service::Imap).await);
    assert_eq!(world.ended.lock().unwrap().len(), 1);
    let again = world.post(&mut browser, "/account/revoke", &[("which", &first)]).await;
    assert!(again.status == StatusCode::CONFLICT && again.has("was not there any more"));
    world.app_password(&mut browser, "Tablet", &["imap"]).await;
    assert!(world.post(&mut browser, "/account/revoke", &[("which", "all")]).await.leads_to("/account"));
    assert!(world.get(&mut browser, "/account").await.has("You have none yet."));
    assert_eq!(world.ended.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn another_site_cannot_fill_the_forms_in() {
    let world = World::new().await;
    let mut browser = world.signed_in("secret", "").await;
    world.app_password(&mut browser, "Phone", &["imap"]).await;
    browser.token = "A".repeat(32);
    let forged = world.post(&mut browser, "/account/revoke", &[("which", "all")]).await;
    assert!(forged.status == StatusCode::FORBIDDEN && forged.has("open for too long"), "{}", forged.text);
    browser.token = "A".repeat(32);
    assert!(world.post(&mut browser, "/sign-out", &[]).await.leads_to("/account"));
    assert!(world.get(&mut browser, "/account").await.has("Phone"), "nothing happened");
}

#[tokio::test]
async fn two_step_login_from_beginning_to_end() {
    let world = World::new().await;
    let mut other = world.signed_in("secret", "").await;
    let mut browser = world.signed_in("secret", "").await;
    assert!(world.get(&mut browser, "/account/two-step").await.leads_to("/account"), "nothing to show yet");
    world.get(&mut browser, "/account").await;
    world.post(&mut browser, "/account/two-step", &[]).await;
    for (typed, text) in [("", "Enter the code."), ("000000", "This is not the code"), ("abc", "This is not the code")]
    {
        let answer = world.post(&mut browser, "/account/two-step/on", &[("code", typed)]).await;
        assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.has(text), "{typed}: {}", answer.text);
    }
    assert!(world.opens("secret", Service::Imap).await, "it is off still");
    let (key, codes) = world.two_step(&mut browser).await;
    assert_eq!(codes.len(), 10);
    assert_eq!(*world.ended.lock().unwrap(), [Opener::Password]);
    assert!(!world.opens("secret", Service::Imap).await);
    assert!(world.get(&mut other, "/account").await.leads_to("/sign-in"), "other browsers came without a code");
    assert!(world.get(&mut browser, "/account").await.has("It has been on since"));

    // The code that switched it on opens nothing.
    let mut next = Browser::default();
    assert_eq!(world.try_to_sign_in(&mut next, ALICE, "secret", &code(&key)).await.status, StatusCode::FORBIDDEN);
    later(30);
    world.signed_in("secret", &code(&key)).await;
    world.signed_in("secret", &codes[0].to_uppercase()).await;
    assert_eq!(world.try_to_sign_in(&mut next, ALICE, "secret", &codes[0]).await.status, StatusCode::FORBIDDEN);

    // The password is changed with a code, and app passwords are revoked with it.
    let phone = world.app_password(&mut browser, "Phone", &["imap"]).await;
    later(30);
    let change =
        |old: &'static str, new: &'static str| [("address", ALICE), ("old", old), ("new", new), ("again", new)];
    assert_eq!(world.post(&mut browser, "/password", &change("secret", NEW)).await.status, StatusCode::FORBIDDEN);
    let typed = code(&key);
    let with_code = [&change("secret", NEW)[..], &[("code", &typed)]].concat();
    assert!(world.post(&mut browser, "/password", &with_code).await.has("Your password was changed"));
    assert!(world.opens(&phone, Service::Imap).await, "app passwords open as before");
    later(30);
    let typed = code(&key);
    let and_revoke = [&change(NEW, "schwimmen im see")[..], &[("code", &typed), ("revoke", "yes")]].concat();
    assert!(world.post(&mut browser, "/password", &and_revoke).await.has("All your app passwords were revoked."));
    assert!(!world.opens(&phone, Service::Imap).await);

    // Off again, with both.
    later(30);
    let mut browser = world.signed_in("schwimmen im see", &code(&key)).await;
    world.get(&mut browser, "/account/two-step/off").await;
    let off = async |browser: &mut Browser, password: &str, code: &str| {
        world.post(browser, "/account/two-step/off", &[("password", password), ("code", code)]).await
    };
    assert!(off(&mut browser, "", "").await.has("Enter the code."));
    assert_eq!(off(&mut browser, "schwimmen im see", &code(&key)).await.status, StatusCode::FORBIDDEN, "used before");
    assert_eq!(off(&mut browser, "wrong", &codes[1]).await.status, StatusCode::FORBIDDEN);
    assert!(off(&mut browser, "schwimmen im see", &codes[1]).await.leads_to("/account"));
    assert!(world.opens("schwimmen im see", Service::Imap).await);
    world.signed_in("schwimmen im see", "").await;
}

#[tokio::test]
async fn the_pages_speak_german_and_say_so() {
    let world = World::new().await;
    let mut browser = world.signed_in("secret", "").await;
    let page = world.get(&mut browser, "/account?lang=de").await;
    for text in
        ["<html lang=\"de\">", "Ihr Konto", "App-Passwörter", "Abmelden", "action=\"/account/app-password?lang=de\""]
    {
        assert!(page.has(text), "{text}: {}", page.text);
    }
    assert!(
        page.headers
            .get("content-security-policy")
            .is_some_and(|policy| { policy.to_str().unwrap().starts_with("default-src 'none'") })
    );
    assert!(page.headers.get("cache-control").is_some_and(|kept| kept == "no-store"));
    let out = world.post(&mut browser, "/sign-out?lang=de", &[]).await;
    assert!(out.leads_to("/?lang=de"));
}

#[tokio::test]
async fn another_language_is_offered_where_it_loses_nothing() {
    const LINK: &str = "href=\"?lang=de\"";
    let world = World::new().await;
    let mut browser = world.signed_in("secret", "").await;
    assert!(world.get(&mut browser, "/account").await.has(LINK));
    let fields = [("name", "Phone"), ("scope", "imap")];
    let made = world.post(&mut browser, "/account/app-password", &fields).await;
    assert!(made.has("<code class=\"secret\">") && !made.has("?lang="), "{}", made.text);
    world.get(&mut browser, "/account").await;
    world.post(&mut browser, "/account/two-step", &[]).await;
    world.get(&mut browser, "/account/two-step").await;

    // What is wrong with a form is said in the other language where the form is.
    let wrong: [(&str, &[(&str, &str)], &str); 3] = [
        ("/account/app-password", &fields, "/account?lang=de"),
        ("/account/revoke", &[("which", "4711")], "/account?lang=de"),
        ("/account/two-step/on", &[("code", "000000")], "/account/two-step?lang=de"),
    ];
    for (path, fields, form) in wrong {
        let answer = world.post(&mut browser, path, fields).await;
        assert!(answer.status.is_client_error() && answer.has(LINK), "{path}: {}", answer.text);
        assert!(world.get(&mut browser, &format!("{path}?lang=de")).await.leads_to(form), "{path}");
        let shown = world.get(&mut browser, form).await;
        assert!(shown.status == StatusCode::OK && shown.has("<html lang=\"de\">"), "{form}: {}", shown.text);
    }

    let key = world.get(&mut browser, "/account/two-step").await.between("<code class=\"secret\">", "</code>");
    let typed = code(&key.replace(' ', ""));
    let codes = world.post(&mut browser, "/account/two-step/on", &[("code", &typed)]).await;
    assert!(codes.has("<li><code>") && !codes.has("?lang="), "{}", codes.text);
    later(30);
    world.get(&mut browser, "/password").await;
    let typed = code(&key.replace(' ', ""));
    let fields = [("address", ALICE), ("old", "secret"), ("new", NEW), ("again", NEW), ("code", &typed)];
    let changed = world.post(&mut browser, "/password", &fields).await;
    assert!(changed.has("Your password was changed") && !changed.has("?lang="), "{}", changed.text);
}

#[tokio::test]
async fn a_change_is_whole_also_for_those_who_hang_up() {
    let (app, main): (fn(&Opener) -> bool, fn(&Opener) -> bool) =
        (|opener| matches!(opener, Opener::App(_)), |opener| matches!(opener, Opener::Password));
    let world = World::new().await;
    let mut browser = world.signed_in("secret", "").await;
    let phone = world.app_password(&mut browser, "Phone", &["imap"]).await;
    world.get(&mut browser, "/account").await;
    world.post_and_leave(&browser, "/account/revoke", &[("which", "all")]);
    world.has_ended(&[app]).await;
    assert!(!world.opens(&phone, Service::Imap).await);

    let tablet = world.app_password(&mut browser, "Tablet", &["imap"]).await;
    world.get(&mut browser, "/password").await;
    let fields = [("address", ALICE), ("old", "secret"), ("new", NEW), ("again", NEW), ("revoke", "yes")];
    world.post_and_leave(&browser, "/password", &fields);
    world.has_ended(&[app, app, main]).await;
    assert!(!world.opens(&tablet, Service::Imap).await && world.opens(NEW, Service::Imap).await);

    let mut other = world.signed_in(NEW, "").await;
    let mut browser = world.signed_in(NEW, "").await;
    world.post(&mut browser, "/account/two-step", &[]).await;
    let key = world.get(&mut browser, "/account/two-step").await.between("<code class=\"secret\">", "</code>");
    world.post_and_leave(&browser, "/account/two-step/on", &[("code", &code(&key.replace(' ', "")))]);
    world.has_ended(&[app, app, main, main]).await;
    assert!(world.get(&mut other, "/account").await.leads_to("/sign-in"));
    assert!(!world.opens(NEW, Service::Imap).await);
}

#[tokio::test]
async fn an_account_that_is_switched_off_is_signed_out() {
    let world = World::new().await;
    let mut browser = world.signed_in("secret", "").await;
    let off = directory::AccountChange { active: Some(false), ..directory::AccountChange::default() };
    world.directory.change_account(&Address::parse(ALICE).unwrap(), &off).await.unwrap();
    assert!(world.get(&mut browser, "/account").await.leads_to("/sign-in"));
}

#[tokio::test]
async fn where_another_program_keeps_the_users_the_page_says_so() {
    let world = World::foreign().await;
    let mut browser = Browser::default();
    for path in ["/sign-in", "/password"] {
        let page = world.get(&mut browser, path).await;
        assert!(page.status == StatusCode::OK && !page.has("name=\"code\"") && !page.has("name=\"revoke\""), "{path}");
    }
    let mut browser = world.signed_in("secret", "").await;
    let page = world.get(&mut browser, "/account").await;
    assert!(page.has("are not available here") && !page.has("Make an app password"), "{}", page.text);
    assert!(!page.has("Set up two-step login") && page.has("Change your password"));
    let fields = [("name", "Phone"), ("scope", "imap")];
    let made = world.post(&mut browser, "/account/app-password", &fields).await;
    assert!(made.status == StatusCode::UNPROCESSABLE_ENTITY && made.has("are not available here"), "{}", made.text);
    assert!(world.post(&mut browser, "/account/two-step", &[]).await.leads_to("/account"));
    assert!(world.post(&mut browser, "/account/revoke", &[("which", "1")]).await.leads_to("/account"));
    assert!(world.get(&mut browser, "/account/two-step/off").await.leads_to("/account"));
}
