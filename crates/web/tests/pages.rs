//! The pages as a browser asks for them, on a directory in SQLite and with a
//! clock that the test moves.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use directory::{AccountKey, Directory};
use login::{Clock, Cost, Logins, Opener, Policy, Settings, hash_password};
use mail::{Address, Domain, Secret};
use sql::{AssertSqlSafe, Pool};
use tower::ServiceExt;
use web::{Authority, Peer, Place, Services};

const HERE: &str = "192.0.2.1";
const NEW: &str = "wandern im regen";

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
    directory: Arc<Directory>,
    clock: Arc<TestClock>,
    ended: Arc<Mutex<Vec<(AccountKey, Opener)>>>,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn has(&self, text: &str) -> bool {
        self.text.contains(text)
    }
}

/// A browser: its cookie and the token of the form that it was shown.
#[derive(Clone)]
struct Browser {
    cookie: String,
    token: String,
}

fn services(directory: Arc<Directory>, logins: Arc<Logins>, ended: Arc<Mutex<Vec<(AccountKey, Opener)>>>) -> Services {
    let hostname = Domain::parse("mail.example.org").unwrap();
    Services {
        directory,
        logins,
        policy: Policy::default(),
        ended: Box::new(move |account, opener| ended.lock().unwrap().push((account, opener))),
        finish: |errand| {
            let begun = tokio::spawn(errand);
            Box::pin(async { begun.await.unwrap() })
        },
        now: || UNIX_EPOCH + Duration::from_secs(50_400),
        random: || [7; 16],
        key: Secret::new(vec![1; 32]),
        place: Place {
            pages: "https://mail.example.org:2443".to_owned(),
            hostname,
            imaps: Some(993),
            pop3s: None,
            outgoing: None,
        },
        authority: Some(Authority::new(vec![0x30; 300])),
    }
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = directory::Settings::new(format!("sqlite:{}", folder.path().join("d.db").display()));
        let directory = Arc::new(Directory::open(&settings).await.unwrap());
        let pool = Pool::open(&settings.sql).unwrap();
        let hash = hash_password(&Secret::from("secret"), Cost::CHEAP).unwrap();
        for statement in [
            "INSERT INTO domain (name) VALUES ('example.org')".to_owned(),
            format!(
                "INSERT INTO account (local, domain, password, name) VALUES ('alice', 'example.org', '{}', 'Alice Adler')",
                hash.expose()
            ),
        ] {
            pool.execute(AssertSqlSafe(statement), &[]).await.unwrap();
        }
        let clock = Arc::new(TestClock::default());
        let settings = Settings { cost: Cost::CHEAP, ..Settings::default() };
        let logins = Logins::new(Arc::clone(&directory), settings, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let ended = Arc::default();
        let router = web::router(services(Arc::clone(&directory), Arc::new(logins), Arc::clone(&ended)));
        Self { _folder: folder, directory, clock, ended, router }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request(Method::GET, path, HERE, headers, String::new())).await
    }

    async fn browser(&self) -> Browser {
        let answer = self.get("/password", &[]).await;
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let token = answer.text.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        Browser { cookie, token }
    }

    async fn change(&self, fields: &[(&str, &str)]) -> Answer {
        let browser = self.browser().await;
        self.post(&browser, HERE, &[], fields).await
    }

    async fn post(&self, browser: &Browser, from: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![(COOKIE.as_str(), browser.cookie.as_str())];
        all.push((CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"));
        all.extend(headers.iter().copied());
        let fields = [&[("token", browser.token.as_str())], fields].concat();
        self.send(request(Method::POST, "/password", from, &all, form(&fields))).await
    }

    async fn holds(&self, password: &str) -> bool {
        let alice = Address::parse("alice@example.org").unwrap();
        let hash = self.directory.credentials(&alice).await.unwrap().unwrap().hash.unwrap();
        login::check(&Secret::from(password), &hash) == login::Match::Yes
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    fields.iter().for_each(|(name, value)| {
        form.append_pair(name, value);
    });
    form.finish()
}

fn request(method: Method, path: &str, from: &str, headers: &[(&str, &str)], body: String) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header(HOST, "mail.example.org:2443");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body)).unwrap();
    request.extensions_mut().insert(Peer(from.parse::<IpAddr>().unwrap()));
    request
}

fn filled<'a>(address: &'a str, old: &'a str, new: &'a str) -> [(&'a str, &'a str); 4] {
    [("address", address), ("old", old), ("new", new), ("again", new)]
}

#[tokio::test]
async fn a_password_is_changed() {
    let world = World::new().await;
    let answer = world.change(&filled(" Alice@Example.org ", "secret", NEW)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.has("Your password was changed") && answer.has("alice@example.org"), "{}", answer.text);
    assert!(world.holds(NEW).await && !world.holds("secret").await);
    assert_eq!(world.ended.lock().unwrap().len(), 1, "its sessions are ended");
    assert!(!answer.has(NEW));
}

#[tokio::test]
async fn what_is_wrong_is_said_and_nothing_is_changed() {
    let world = World::new().await;
    let long = "ab3D".repeat(40);
    let strange = "<script>\"'&@example.org";
    let cases: [(&[(&str, &str)], u16, &[&str]); 13] = [
        (&[], 422, &["Enter your mail address.", "Enter your present password.", "Enter a new password."]),
        (&filled("alice", "secret", NEW), 422, &["This is not a whole mail address"]),
        (&filled(strange, "secret", NEW), 422, &["&#60;script&#62;&#34;&#39;&#38;@example.org"]),
        (&filled("alice@example.org", "", NEW), 422, &["Enter your present password."]),
        (&filled("alice@example.org", "secret", "short"), 422, &["at least 10 characters"]),
        (&filled("alice@example.org", "secret", "Password2026!"), 422, &["words, names, dates"]),
        (&filled("alice@example.org", "secret", "alice@example.org"), 422, &["your own address or name"]),
        (&filled("alice@example.org", "secret", "Alice-Adler-99"), 422, &["your own address or name"]),
        (&filled("alice@example.org", NEW, NEW), 422, &["the present one"]),
        (&filled("alice@example.org", "secret", &long), 422, &["128 characters at most"]),
        (
            &[("address", "alice@example.org"), ("old", "secret"), ("new", NEW), ("again", "wandern im schnee")],
            422,
            &["are not the same"],
        ),
        (&filled("alice@example.org", "wrong", NEW), 403, &["Address or present password is wrong."]),
        (&filled("nobody@example.org", "wrong", NEW), 403, &["Address or present password is wrong."]),
    ];
    for (fields, status, texts) in cases {
        let answer = world.change(fields).await;
        assert_eq!(answer.status.as_u16(), status, "{fields:?}");
        for text in ["role=\"alert\"", "<title>Error: ", "The password was not changed"].iter().chain(texts) {
            assert!(answer.has(text), "{text} in {}", answer.text);
        }
        assert!(!answer.has("<script") && !answer.has(NEW) && !answer.has("secret"), "{}", answer.text);
    }
    let kept = world.change(&filled("alice@example.org", "secret", "short")).await;
    assert!(kept.has("value=\"alice@example.org\"") && kept.has("href=\"#new\""), "{}", kept.text);
    assert!(kept.has("aria-describedby=\"new-problem new-hint\" aria-invalid=\"true\""), "{}", kept.text);
    assert!(world.holds("secret").await);
    assert!(world.ended.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_form_of_somebody_else_is_not_taken() {
    let world = World::new().await;
    let browser = world.browser().await;
    let fields = filled("alice@example.org", "secret", NEW);
    let other = Browser { cookie: "__Host-gatepost=AAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(), ..browser.clone() };
    let none = Browser { cookie: "a=b".to_owned(), ..browser.clone() };
    let blank = Browser { token: String::new(), ..browser.clone() };
    let cases: [(&Browser, &[(&str, &str)], &str); 7] = [
        (&other, &[], "was open for too long"),
        (&none, &[], "was open for too long"),
        (&blank, &[], "was open for too long"),
        (&browser, &[("origin", "https://evil.example")], "from another site"),
        (&browser, &[("origin", "null")], "from another site"),
        (&browser, &[("sec-fetch-site", "cross-site")], "from another site"),
        (&browser, &[("sec-fetch-site", "same-site")], "from another site"),
    ];
    for (browser, headers, text) in cases {
        let answer = world.post(browser, HERE, headers, &fields).await;
        assert!(answer.status == StatusCode::FORBIDDEN && answer.has(text), "{headers:?} {}", answer.text);
    }
    let plain = [(COOKIE.as_str(), browser.cookie.as_str()), (CONTENT_TYPE.as_str(), "text/plain")];
    let body = form(&[&[("token", browser.token.as_str())], &fields[..]].concat());
    let answer = world.send(request(Method::POST, "/password", HERE, &plain, body)).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(world.holds("secret").await, "nothing was changed");
    let ours = [("origin", "https://mail.example.org:2443"), ("sec-fetch-site", "same-origin")];
    assert_eq!(world.post(&browser, HERE, &ours, &fields).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_cookie_is_for_us_alone_and_stays() {
    let world = World::new().await;
    let first = world.get("/password", &[]).await;
    let cookie = first.header("set-cookie");
    assert!(cookie.starts_with("__Host-gatepost="), "{cookie}");
    for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    let again = world.get("/password", &[("cookie", pair)]).await;
    assert!(again.headers.get(SET_COOKIE).is_none());
    assert_eq!(again.text, first.text, "the same token");
    assert!(world.get("/", &[]).await.headers.get(SET_COOKIE).is_none());
}

#[tokio::test]
async fn who_is_slowed_hears_until_when_and_then_need_not_wait() {
    let world = World::new().await;
    let browser = world.browser().await;
    let wrong = filled("alice@example.org", "guess", NEW);
    for _ in 0..5 {
        world.post(&browser, HERE, &[], &wrong).await;
    }
    let answer = world.post(&browser, HERE, &[], &wrong).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert_eq!(seconds, 4, "doubled with each");
    assert!(answer.has("Try again in 4 seconds, at 14:00:04 UTC."), "{}", answer.text);
    let german = world.post(&browser, HERE, &[("accept-language", "de")], &wrong).await;
    assert!(german.has("Versuchen Sie es in 8 Sekunden wieder, um 14:00:08 UTC."), "{}", german.text);
    let nobody = filled("nobody@example.org", "guess", NEW);
    let other = world.post(&browser, HERE, &[], &nobody).await;
    assert_eq!(other.status, StatusCode::TOO_MANY_REQUESTS, "whether somebody is there does not matter");

    let seconds: u64 = other.header("retry-after").parse().unwrap();
    world.clock.sleep(Duration::from_secs(seconds)).await;
    let before = world.clock.now();
    let right = filled("alice@example.org", "secret", NEW);
    assert_eq!(world.post(&browser, HERE, &[], &right).await.status, StatusCode::OK);
    assert_eq!(world.clock.now(), before, "the wait was over");
}

#[tokio::test]
async fn a_directory_that_is_away_is_said() {
    let world = World::new().await;
    let browser = world.browser().await;
    world.directory.close().await;
    let answer = world.post(&browser, HERE, &[], &filled("alice@example.org", "secret", NEW)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "60"));
    assert!(answer.has("the directory of users does not answer"), "{}", answer.text);
}

#[tokio::test]
async fn every_answer_says_how_it_is_to_be_treated() {
    let world = World::new().await;
    let pages = ["/", "/password", "/certificate", "/ca.pem", "/report/x", "/style.css", "/icon.svg", "/nothing"];
    for path in pages {
        let answer = world.get(path, &[]).await;
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{path} {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}: the authority may be made anew");
        let kept = if matches!(path, "/style.css" | "/icon.svg") { "public, max-age=3600" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), kept, "{path}");
        assert!(!answer.has("<script") && !answer.has("style="), "{path}");
    }
}

#[tokio::test]
async fn a_certificate_that_all_browsers_know_is_held_to() {
    let world = World::new().await;
    let logins = Logins::new(Arc::clone(&world.directory), Settings::default(), Arc::clone(&world.clock) as _);
    let without = Services {
        authority: None,
        ..services(Arc::clone(&world.directory), Arc::new(logins.unwrap()), Arc::default())
    };
    let router = web::router(without);
    for (host, held) in [("mail.example.org", true), ("localhost:2443", false), ("a.LOCALHOST", false)] {
        let mut request = request(Method::GET, "/password", HERE, &[], String::new());
        request.headers_mut().insert(HOST, host.parse().unwrap());
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.headers().contains_key("strict-transport-security"), held, "{host}");
    }
}

#[tokio::test]
async fn pages_speak_the_browsers_language() {
    let world = World::new().await;
    for (path, english, german) in [
        ("/", "Your mail server", "Ihr Mailserver"),
        ("/password", "Present password", "Jetziges Passwort"),
        ("/certificate", "Certificate for mail programs", "Zertifikat für Mailprogramme"),
        ("/report/nxczvffojbogjzhot2n5lxwk34", "Your message was refused", "Ihre Nachricht wurde abgelehnt"),
        ("/nothing", "There is no such page", "Diese Seite gibt es nicht"),
    ] {
        let answer = world.get(path, &[(ACCEPT_LANGUAGE.as_str(), "fr,de-AT;q=0.9,en;q=0.3")]).await;
        assert!(answer.has(german) && answer.has("<html lang=\"de\">"), "{}", answer.text);
        assert_eq!(answer.header("content-language"), "de");
        let answer = world.get(&format!("{path}?lang=en"), &[(ACCEPT_LANGUAGE.as_str(), "de")]).await;
        assert!(answer.has(english) && answer.has("<html lang=\"en\">"), "{}", answer.text);
        assert!(answer.has("href=\"/?lang=en\"") && answer.has("href=\"?lang=de\""), "a choice stays: {}", answer.text);
    }
}

#[tokio::test]
async fn a_report_page_knows_nothing_and_changes_nothing() {
    let world = World::new().await;
    let one = world.get("/report/nxczvffojbogjzhot2n5lxwk34", &[]).await;
    let other = world.get("/report/aaaaaaaaaaaaaaaaaaaaaaaaaa", &[]).await;
    assert_eq!((one.status, other.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!(one.text.replace("nxczvffojbogjzhot2n5lxwk34", "aaaaaaaaaaaaaaaaaaaaaaaaaa"), other.text);
    assert!(one.has("postmaster@example.org") && one.has("nxczvffojbogjzhot2n5lxwk34"));
    for strange in ["/report/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "/report/buy-cheap-watches", "/report/%FF%00"] {
        let answer = world.get(strange, &[]).await;
        assert!(!answer.has("alert(1)") && !answer.has("watches"), "a stranger's text is not on our page");
    }
    let posted = world.send(request(Method::POST, "/report/x", HERE, &[], String::new())).await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_certificate_is_there_in_three_forms() {
    let world = World::new().await;
    for (path, kind, begin) in [
        ("/ca.pem", "application/x-pem-file", "-----BEGIN CERTIFICATE-----\nMDAw"),
        ("/ca.der", "application/x-x509-ca-cert", "0000"),
        ("/ca.mobileconfig", "application/x-apple-aspen-config", "<?xml"),
    ] {
        let answer = world.get(path, &[]).await;
        assert!(answer.status == StatusCode::OK && answer.text.starts_with(begin), "{path} {}", answer.text);
        assert_eq!(answer.header("content-type"), kind);
    }
    assert!(world.get("/", &[]).await.has("/certificate"));
    let logins = Logins::new(
        Arc::clone(&world.directory),
        Settings { cost: Cost::CHEAP, ..Settings::default() },
        Arc::new(TestClock::default()),
    );
    let without = Services {
        authority: None,
        ..services(Arc::clone(&world.directory), Arc::new(logins.unwrap()), Arc::default())
    };
    let world = World { router: web::router(without), ..world };
    for path in ["/ca.pem", "/ca.der", "/ca.mobileconfig", "/certificate"] {
        assert_eq!(world.get(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(!world.get("/", &[]).await.has("/certificate"));
}

#[tokio::test]
async fn what_is_too_much() {
    let world = World::new().await;
    let browser = world.browser().await;
    let answer = world.post(&browser, HERE, &[], &[("old", &"x".repeat(10_000))]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let empty = world.post(&browser, HERE, &[], &[]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = world.get("/.well-known/change-password", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::FOUND, "/password"));
    let head = world.send(request(Method::HEAD, "/password", HERE, &[], String::new())).await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
}
