//! What mail programs ask the pages before an account is set up, and the page
//! for people who do it by hand.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::HOST;
use axum::http::{Method, Request, StatusCode};
use directory::{Directory, NewDomain};
use login::{Cost, Logins, Policy, Settings, SystemClock};
use mail::{Domain, Secret};
use tower::ServiceExt;
use web::{Authority, Peer, Place, Services};

struct World {
    _folder: tempfile::TempDir,
    router: Router,
}

struct Answer {
    status: u16,
    kind: String,
    text: String,
}

impl Answer {
    #[track_caller]
    fn has(&self, pieces: &[&str]) {
        for piece in pieces {
            assert!(self.text.contains(piece), "{piece} in {}", self.text);
        }
    }

    #[track_caller]
    fn has_not(&self, pieces: &[&str]) {
        for piece in pieces {
            assert!(!self.text.contains(piece), "{piece} in {}", self.text);
        }
    }
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn place() -> Place {
    Place {
        hostname: domain("mail.example.org"),
        imaps: Some(2993),
        pop3s: Some(995),
        outgoing: None,
        pages: "https://mail.example.org:2443".to_owned(),
    }
}

impl World {
    async fn new(place: Place) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = directory::Settings::new(format!("sqlite:{}", folder.path().join("d.db").display()));
        let directory = Arc::new(Directory::open(&settings).await.unwrap());
        for name in ["example.org", "xn--mnchen-3ya.example"] {
            directory.add_domain(&NewDomain::new(domain(name))).await.unwrap();
        }
        Self { router: web::router(services(directory, place)), _folder: folder }
    }

    async fn send(&self, method: Method, path: &str, host: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header(HOST, host);
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(Peer(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        let kind = head.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
        Answer { status: head.status.as_u16(), kind, text }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "mail.example.org", "").await
    }
}

fn services(directory: Arc<Directory>, place: Place) -> Services {
    let settings = Settings { cost: Cost::CHEAP, ..Settings::default() };
    let logins = Logins::new(Arc::clone(&directory), settings, Arc::new(SystemClock::default())).unwrap();
    Services {
        directory,
        logins: Arc::new(logins),
        policy: Policy::default(),
        ended: Box::new(|_, _| {}),
        finish: |errand| {
            let begun = tokio::spawn(errand);
            Box::pin(async { begun.await.unwrap() })
        },
        now: || UNIX_EPOCH + Duration::from_secs(50_400),
        random: || [7; 16],
        key: Secret::new(vec![1; 32]),
        place,
        authority: Some(Authority::new(vec![0x30; 300])),
    }
}

/// What Outlook sends.
fn outlook(address: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover \
         xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><Request>\
         <EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>\
         http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>\
         </Request></Autodiscover>"
    )
}

#[tokio::test]
async fn thunderbird_finds_the_servers() {
    let world = World::new(place()).await;
    let well_known = "/.well-known/autoconfig/mail/config-v1.1.xml";
    let cases = [
        ("autoconfig.example.org", "/mail/config-v1.1.xml", 200),
        ("autoconfig.example.org:443", "/mail/config-v1.1.xml?emailaddress=anna%40example.org", 200),
        ("example.org", well_known, 200),
        ("autoconfig.elsewhere.example", "/mail/config-v1.1.xml?emailaddress=anna%40EXAMPLE.org", 200),
        ("autoconfig.xn--mnchen-3ya.example", "/mail/config-v1.1.xml", 200),
        ("mail.example.org", "/mail/config-v1.1.xml", 404),
        ("elsewhere.example", well_known, 404),
        ("example.org", "/mail/config-v1.1.xml?emailaddress=anna%40elsewhere.example", 404),
        ("example.org", "/mail/config-v1.1.xml?emailaddress=%3Cscript%3E", 404),
        ("[192.0.2.1]", well_known, 404),
        ("<script>", well_known, 404),
    ];
    for (host, path, status) in cases {
        let answer = world.send(Method::GET, path, host, "").await;
        assert_eq!(answer.status, status, "{host} {path}");
        if status == 200 {
            assert_eq!(answer.kind, "application/xml; charset=utf-8");
            answer.has(&["<incomingServer type=\"imap\">", "<port>2993</port>", "<incomingServer type=\"pop3\">"]);
            answer.has(&["<username>%EMAILADDRESS%</username>", "\"https://mail.example.org:2443/setup\""]);
            answer.has_not(&["outgoingServer", "anna"]);
        }
    }
    let sending = Place { imaps: None, outgoing: Some((domain("smtp.example.net"), 465)), ..place() };
    let answer = World::new(sending).await.send(Method::GET, well_known, "example.org", "").await;
    answer.has(&["<outgoingServer type=\"smtp\">", "<hostname>smtp.example.net</hostname>", "<port>465</port>"]);
    answer.has_not(&["\"imap\""]);
}

#[tokio::test]
async fn an_account_is_told_from_none_nowhere() {
    let world = World::new(place()).await;
    let paths =
        ["/mail/config-v1.1.xml?emailaddress=", "/autodiscover/autodiscover.json?Protocol=AutodiscoverV1&Email="];
    for path in paths {
        let (one, other) = (
            world.get(&format!("{path}anna%40example.org")).await,
            world.get(&format!("{path}nobody%40example.org")).await,
        );
        assert_eq!((one.status, one.text), (other.status, other.text), "{path}");
    }
}

#[tokio::test]
async fn outlook_finds_the_servers() {
    let world = World::new(place()).await;
    for path in ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"] {
        let answer = world.send(Method::POST, path, "mail.example.org", &outlook("Anna&amp;Co@example.org")).await;
        assert_eq!((answer.status, answer.kind.as_str()), (200, "text/xml; charset=utf-8"), "{}", answer.text);
        answer.has(&[
            "<Type>IMAP</Type>",
            "<Port>2993</Port>",
            "<Type>POP3</Type>",
            "<Server>mail.example.org</Server>",
        ]);
        answer.has(&["<LoginName>Anna&#38;Co@example.org</LoginName>", "responseschema/2006a", "<SSL>on</SSL>"]);
        answer.has_not(&["SMTP"]);
    }
    let asked = world.get("/autodiscover/autodiscover.xml?email=anna%40example.org").await;
    assert_eq!(asked.status, 200);
    let sending = Place { outgoing: Some((domain("smtp.example.net"), 465)), ..place() };
    let sending = World::new(sending).await;
    let answer = sending.send(Method::POST, "/autodiscover/autodiscover.xml", "x", &outlook("a@example.org")).await;
    answer.has(&["<Type>SMTP</Type>", "<Server>smtp.example.net</Server>"]);
}

#[tokio::test]
async fn outlook_is_told_what_is_wrong() {
    let world = World::new(place()).await;
    let mobile = outlook("anna@example.org").replace("outlook/responseschema/2006a", "mobilesync/responseschema/2006");
    let lol = outlook("anna@example.org").replace("<Autodiscover", "<!DOCTYPE x [<!ENTITY a \"b\">]><Autodiscover");
    let cases = [
        (outlook("anna@elsewhere.example"), 404, "<ErrorCode>500</ErrorCode>"),
        (outlook("anna"), 200, "<ErrorCode>600</ErrorCode>"),
        (String::new(), 200, "<ErrorCode>600</ErrorCode>"),
        (mobile, 200, "<ErrorCode>601</ErrorCode>"),
        (lol, 200, "<ErrorCode>600</ErrorCode>"),
        (outlook("anna@example.org") + &" ".repeat(9000), 200, "<ErrorCode>600</ErrorCode>"),
    ];
    for (body, status, code) in cases {
        let answer = world.send(Method::POST, "/autodiscover/autodiscover.xml", "mail.example.org", &body).await;
        assert_eq!(answer.status, status, "{body}");
        answer.has(&[code, "Time=\"14:00:00.0000000\" Id=\"117901063\""]);
        answer.has_not(&["IMAP"]);
    }
    let deleted = world.send(Method::DELETE, "/autodiscover/autodiscover.xml", "mail.example.org", "").await;
    assert_eq!(deleted.status, 405);
}

#[tokio::test]
async fn outlook_is_told_where_to_ask() {
    let world = World::new(place()).await;
    let cases = [
        (
            "?Email=anna%40example.org&Protocol=AutodiscoverV1",
            200,
            "\"Url\":\"https://mail.example.org:2443/autodiscover/autodiscover.xml\"",
        ),
        ("?email=anna@example.org&protocol=autodiscoverv1&RedirectCount=1", 200, "\"Protocol\":\"AutodiscoverV1\""),
        ("/v1.0/anna@example.org?Protocol=AutodiscoverV1", 200, "\"Url\""),
        ("/v1.0/anna%40example.org?Protocol=AutodiscoverV1", 200, "\"Url\""),
        ("/v1.0/anna+news@example.org?Protocol=AutodiscoverV1", 200, "\"Url\""),
        ("?Email=anna%40elsewhere.example&Protocol=AutodiscoverV1", 404, "UserNotFound"),
        ("?Email=anna%40example.org&Protocol=%22EWS", 400, "InvalidProtocol"),
        ("?Email=anna%40example.org", 400, "MandatoryParameterMissing"),
        ("?Protocol=AutodiscoverV1", 400, "MandatoryParameterMissing"),
        ("x?Email=anna%40example.org&Protocol=AutodiscoverV1", 404, "There is no such page"),
    ];
    for (rest, status, piece) in cases {
        let answer = world.get(&format!("/Autodiscover/autodiscover.json{rest}")).await;
        assert_eq!(answer.status, status, "{rest}: {}", answer.text);
        answer.has(&[piece]);
        answer.has_not(&["EWS"]);
    }
}

#[tokio::test]
async fn apple_gets_a_profile() {
    let world = World::new(place()).await;
    let profile = world.get("/mobileconfig?email=Anna%40example.org").await;
    assert_eq!((profile.status, profile.kind.as_str()), (200, "application/x-apple-aspen-config"));
    profile.has(&["com.apple.mail.managed", "<string>Anna@example.org</string>", "<integer>2993</integer>"]);
    profile.has(&["com.apple.security.root", "EmailTypeIMAP"]);
    let again = world.get("/mobileconfig?email=Anna%40example.org").await;
    assert_eq!(profile.text, again.text, "a second import replaces the first");
    for (query, status) in [("?email=anna", 422), ("", 422), ("?email=anna%40elsewhere.example", 404)] {
        let answer = world.get(&format!("/mobileconfig{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        assert_eq!(answer.kind, "text/html; charset=utf-8");
    }
}

#[tokio::test]
async fn people_are_told_how() {
    let world = World::new(place()).await;
    let english = world.get("/setup").await;
    assert_eq!(english.status, 200);
    english.has(&[
        "<th scope=\"row\">IMAP</th><td>mail.example.org</td><td class=\"whole\">2993</td>",
        "Thunderbird",
        "neomutt",
        "mbsync",
    ]);
    english.has(&[
        "imaps://anna%40example.org@mail.example.org:2993/",
        "fingerprint",
        "/certificate",
        "Sending is not offered",
    ]);
    let german = world.get("/setup?lang=de").await;
    german.has(&["So richten Sie Ihr Mailprogramm ein", "/certificate?lang=de", "name=\"lang\" value=\"de\""]);
    let guide = world.get("/certificate").await;
    guide.has(&["Firefox", "Outlook, Edge", "iPhone", "Android", "update-ca-certificates", "CertificateFile ~/ca.pem"]);
    world.get("/").await.has(&["href=\"/setup\""]);
    let sending = Place { outgoing: Some((domain("smtp.example.net"), 465)), ..place() };
    let sending = World::new(sending).await.get("/setup").await;
    sending.has(&["<th scope=\"row\">Sending</th><td>smtp.example.net</td><td class=\"whole\">465</td>"]);
    sending.has_not(&["Sending is not offered"]);
    assert_eq!(StatusCode::OK, sending.status);
}
