//! Who is a recipient: the same tables, filled by hand, on both engines.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use directory::{Directory, DirectoryError, Resolution, Settings};
use mail::{Address, Class, Classified, Domain, ForwardPath};
use sql::{AssertSqlSafe, Pool};

const ROWS: &str = "
    INSERT INTO domain (name, catch_all, postmaster) VALUES ('example.org', NULL, 'alice@example.org')
    INSERT INTO domain (name, catch_all) VALUES ('example.net', 'bob@example.net')
    INSERT INTO domain (name, active) VALUES ('off.example', 0)
    INSERT INTO domain (name, alias_of) VALUES ('alias.example', 'example.net')
    INSERT INTO domain (name, alias_of, catch_all) VALUES ('alias2.example', 'example.org', 'bob@example.net')
    INSERT INTO domain (name, catch_all) VALUES ('lost.example', 'gone@lost.example')
    INSERT INTO account (local, domain, password) VALUES ('alice', 'example.org', '{PLAIN}secret')
    INSERT INTO account (local, domain, active) VALUES ('off', 'example.org', 0)
    INSERT INTO account (local, domain) VALUES ('off', 'off.example')
    INSERT INTO account (local, domain) VALUES ('bob', 'example.net')
    INSERT INTO account (local, domain) VALUES ('carol', 'example.net')
    INSERT INTO account (local, domain, active) VALUES ('dave', 'example.net', 0)
    INSERT INTO account (local, domain) VALUES ('exact+detail', 'example.net')
    INSERT INTO account (local, domain) VALUES ('a b', 'example.org')
    INSERT INTO account (local, domain) VALUES ('jörg', 'example.org')
    INSERT INTO account (local, domain) VALUES ('carol', 'alias.example')
    INSERT INTO retired (local, domain) VALUES ('left', 'example.net')
    INSERT INTO alias (local, domain, target) VALUES ('info', 'example.org', 'alice@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('team', 'example.org', 'info@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('team', 'example.org', 'bob@example.net')
    INSERT INTO alias (local, domain, target) VALUES ('team', 'example.org', 'alice+team@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('team', 'example.org', 'Eve@Elsewhere.example')
    INSERT INTO alias (local, domain, target, active) VALUES ('team', 'example.org', 'carol@example.net', 0)
    INSERT INTO alias (local, domain, target, active) VALUES ('switched', 'example.net', 'carol@example.net', 0)
    INSERT INTO alias (local, domain, target) VALUES ('ring1', 'example.org', 'ring2@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('ring2', 'example.org', 'ring1@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('into', 'example.org', 'alice@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('into', 'example.org', 'ring1@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('carol', 'example.net', 'carol@example.net')
    INSERT INTO alias (local, domain, target) VALUES ('carol', 'example.net', 'bob@example.net')
    INSERT INTO alias (local, domain, target) VALUES ('dead', 'example.org', 'nobody@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('sleep', 'example.org', 'off@example.org')
    INSERT INTO alias (local, domain, target) VALUES ('pm', 'example.org', 'postmaster@lost.example')
    INSERT INTO alias (local, domain, target) VALUES ('broken', 'example.net', 'no address @ all')
    INSERT INTO domain (name, catch_all, postmaster) VALUES ('slip.example', 'no address', 'none either')
    INSERT INTO account (local, domain) VALUES ('erin', 'slip.example')
    INSERT INTO alias (local, domain, target) VALUES ('half', 'example.org', 'no address @ all')
    INSERT INTO alias (local, domain, target) VALUES ('half', 'example.org', 'alice@example.org')
";

/// What an address should resolve to: accounts, `>outside`, `+detail`, or the
/// name of another answer.
const CASES: &[(&str, &str)] = &[
    // Exact, in any case and quoted.
    ("alice@example.org", "alice@example.org"),
    ("ALICE@Example.Org", "alice@example.org"),
    ("\"alice\"@example.org", "alice@example.org"),
    ("\"a b\"@example.org", "\"a b\"@example.org"),
    ("JÖRG@example.org", "jörg@example.org"),
    // MySQL pads when it compares; these are other addresses.
    ("\"alice \"@example.org", "no such user"),
    ("\"info \"@example.org", "no such user"),
    ("\"left \"@example.net", "bob@example.net"),
    // Not there, switched off, not ours.
    ("nobody@example.org", "no such user"),
    ("off@example.org", "inactive account"),
    ("switched@example.net", "inactive account"),
    ("off@off.example", "inactive domain"),
    ("alice@elsewhere.example", "foreign domain"),
    ("alice@[192.0.2.1]", "foreign domain"),
    // Subaddresses.
    ("alice+News@example.org", "alice@example.org +News"),
    ("alice+a+b@example.org", "alice@example.org +a+b"),
    ("alice+@example.org", "alice@example.org +"),
    ("info+x@example.org", "alice@example.org +x"),
    ("exact+detail@example.net", "exact+detail@example.net"),
    ("off+x@example.org", "inactive account"),
    ("+x@example.org", "no such user"),
    // Aliases.
    ("info@example.org", "alice@example.org"),
    ("team@example.org", "alice@example.org bob@example.net >Eve@elsewhere.example"),
    ("carol@example.net", "carol@example.net bob@example.net"),
    ("ring1@example.org", "loop"),
    ("into@example.org", "loop"),
    ("dead@example.org", "no such user"),
    ("sleep@example.org", "inactive account"),
    ("pm@example.org", "postmaster lost.example"),
    ("half@example.org", "alice@example.org"),
    // A slip in the domain's row costs nobody his mail whom it does not concern.
    ("erin@slip.example", "erin@slip.example"),
    ("erin+x@slip.example", "erin@slip.example +x"),
    ("postmaster@slip.example", "postmaster slip.example"),
    // The catch-all takes what is not there, and nothing that is or was.
    ("nobody@example.net", "bob@example.net"),
    ("dave@example.net", "inactive account"),
    ("dave+x@example.net", "inactive account"),
    ("left@example.net", "no such user"),
    ("left+x@example.net", "no such user"),
    ("nobody@lost.example", "loop"),
    // Alias domains: own rows first, then the other domain's, then catch-alls.
    ("bob@alias.example", "bob@example.net"),
    ("bob+x@alias.example", "bob@example.net +x"),
    ("carol@alias.example", "carol@alias.example"),
    ("nobody@alias.example", "bob@example.net"),
    ("left@alias.example", "no such user"),
    ("alice@alias2.example", "alice@example.org"),
    ("off@alias2.example", "inactive account"),
    ("nobody@alias2.example", "bob@example.net"),
    // postmaster and abuse are always there.
    ("postmaster@example.org", "alice@example.org"),
    ("Abuse@example.org", "alice@example.org"),
    ("postmaster@example.net", "postmaster example.net"),
    ("abuse@alias.example", "postmaster example.net"),
    ("postmaster@off.example", "inactive domain"),
    ("postmaster@elsewhere.example", "foreign domain"),
];

fn shown(resolution: Resolution) -> String {
    match resolution {
        Resolution::Deliver { accounts, outside, detail } => {
            let accounts = accounts.iter().map(|account| account.address.to_string());
            let outside = outside.iter().map(|address| format!(">{address}"));
            let detail = detail.map(|detail| format!("+{detail}"));
            accounts.chain(outside).chain(detail).collect::<Vec<_>>().join(" ")
        }
        Resolution::Postmaster { domain } => {
            format!("postmaster {}", domain.map_or("of the site".to_owned(), |domain| domain.to_string()))
        }
        Resolution::NoSuchUser => "no such user".to_owned(),
        Resolution::InactiveAccount => "inactive account".to_owned(),
        Resolution::InactiveDomain => "inactive domain".to_owned(),
        Resolution::ForeignDomain => "foreign domain".to_owned(),
        Resolution::AliasLoop { .. } => "loop".to_owned(),
    }
}

async fn by_hand(pool: &Pool, statement: &str) {
    pool.execute(AssertSqlSafe(statement.to_owned()), &[]).await.unwrap();
}

async fn check(url: String) {
    let settings = Settings::new(url);
    let directory = Directory::open(&settings).await.unwrap();
    let pool = Pool::open(&settings.sql).unwrap();
    let alice = Address::parse("alice@example.org").unwrap();
    let empty = directory.resolve_address(&alice).await.unwrap_err();
    assert!(matches!(empty, DirectoryError::NoActiveDomain) && empty.class() == Class::Directory);

    for statement in ROWS.trim().lines() {
        by_hand(&pool, statement).await;
    }
    for (address, expected) in CASES {
        let path = ForwardPath::Address(Address::parse(address).unwrap());
        assert_eq!(shown(directory.resolve(&path).await.unwrap()), *expected, "{address}");
    }
    let broken = directory.resolve_address(&Address::parse("broken@example.net").unwrap()).await.unwrap_err();
    assert_eq!(broken.class(), Class::Directory, "a target that nobody can read is no reason to bounce");
    let slip = directory.resolve_address(&Address::parse("nobody@slip.example").unwrap()).await.unwrap_err();
    assert_eq!(slip.class(), Class::Directory, "nor is a catch-all");
    assert!(slip.to_string().contains("slip.example: catch_all"), "{slip}");
    assert!(directory.domains().await.unwrap().iter().any(|domain| domain.name.as_str() == "slip.example"));

    assert_eq!(shown(directory.resolve(&ForwardPath::Postmaster).await.unwrap()), "postmaster of the site");
    by_hand(&pool, "INSERT INTO setting (scope, name, value) VALUES ('site', 'postmaster', 'info@example.org')").await;
    assert_eq!(shown(directory.resolve(&ForwardPath::Postmaster).await.unwrap()), "alice@example.org");

    let active = directory.active_domains().await.unwrap();
    assert_eq!(active.len(), 6);
    assert!(!active.contains(&Domain::parse("off.example").unwrap()));

    // Wide and deep, beyond the caps.
    for n in 0..20 {
        let next = n + 1;
        let row =
            format!("INSERT INTO alias (local, domain, target) VALUES ('d{n}', 'example.org', 'd{next}@example.org')");
        by_hand(&pool, &row).await;
    }
    by_hand(&pool, "INSERT INTO account (local, domain) VALUES ('d20', 'example.org')").await;
    for (address, expected) in [("d5@example.org", "d20@example.org"), ("d0@example.org", "loop")] {
        assert_eq!(shown(directory.resolve_address(&Address::parse(address).unwrap()).await.unwrap()), expected);
    }

    by_hand(&pool, "UPDATE domain SET active = 0").await;
    let off = directory.resolve_address(&alice).await.unwrap_err();
    assert_eq!(off.class(), Class::Directory, "no active domain at all looks like an accident");
    by_hand(&pool, "UPDATE domain SET active = 1, alias_of = 'alias.example' WHERE name = 'alias2.example'").await;
    by_hand(&pool, "UPDATE domain SET active = 1, alias_of = 'alias2.example' WHERE name = 'alias.example'").await;
    let circle = directory.resolve_address(&Address::parse("x@alias.example").unwrap()).await.unwrap();
    assert_eq!(shown(circle), "loop");
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    check(format!("sqlite:{}", folder.path().join("d.db").display())).await;
}

#[tokio::test]
async fn on_mariadb() {
    if let Some(url) = testkit::mariadb::database() {
        check(url).await;
    }
}

#[tokio::test]
async fn away_is_not_unknown_and_it_is_used_again_when_it_is_back() {
    let Some(server) = testkit::mariadb::Server::start() else { return };
    let mut settings = Settings::new(server.database());
    settings.sql.acquire_timeout = std::time::Duration::from_millis(300);
    server.kill();
    let alice = Address::parse("alice@example.org").unwrap();
    let directory = Directory::open(&settings).await.unwrap();
    let away = directory.resolve_address(&alice).await.unwrap_err();
    assert!(away.is_away() && away.class() == Class::Directory, "{away}");
    server.restart();
    assert!(matches!(directory.resolve_address(&alice).await, Err(DirectoryError::NoActiveDomain)));
    server.kill();
    assert_eq!(directory.resolve_address(&alice).await.unwrap_err().class(), Class::Directory);
}
