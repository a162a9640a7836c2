//! What `gatepost check --address` is told: each answer with the place it came
//! from, and nothing of a password.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use directory::{Directory, Explained, Queries, Query, Settings, Tables};
use mail::Address;
use sql::{AssertSqlSafe, Pool};

const ROWS: &[&str] = &[
    "INSERT INTO domain (name, catch_all) VALUES ('example.org', 'alice@example.org')",
    "INSERT INTO domain (name, alias_of) VALUES ('alias.example', 'example.org')",
    "INSERT INTO domain (name, catch_all) VALUES ('slip.example', 'no address')",
    "INSERT INTO account (local, domain, password, quota_bytes) VALUES ('alice', 'example.org', '{PLAIN}very secret', 1024)",
    "INSERT INTO alias (local, domain, target) VALUES ('info', 'example.org', 'alice@example.org')",
    "INSERT INTO alias (local, domain, target, active) VALUES ('info', 'example.org', 'eve@elsewhere.example', 0)",
];

/// One line for each answer.
fn line(answer: &Explained) -> String {
    let row = |row: &directory::ShownRow| {
        let set = row.columns.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        set.filter(|text| !text.starts_with("created=") && !text.starts_with("id=")).collect::<Vec<_>>().join(" ")
    };
    let rows = answer.rows.iter().map(row).collect::<Vec<_>>().join("; ");
    let problem = answer.problem.as_ref().map(|error| format!(" ! {error}")).unwrap_or_default();
    let unused = if answer.rows.iter().any(|row| !row.unused.is_empty()) { " (more)" } else { "" };
    format!("{} {} [{}]: {rows}{unused}{problem}", answer.question.as_str(), answer.about, answer.place)
}

async fn lines(directory: &Directory, address: &str) -> Vec<String> {
    let answers = directory.explain(&Address::parse(address).unwrap()).await;
    for answer in &answers {
        assert!(!format!("{answer:?}").contains("very secret"), "{answer:?}");
    }
    answers.iter().map(line).collect()
}

const DOMAIN: &str = "[the table domain]: name=example.org active=yes catch_all=alice@example.org";
const ALICE: &str = "account alice@example.org [the table account]: address=alice@example.org password={PLAIN}, 18 characters active=yes quota_bytes=1024";

async fn own_tables(url: String) {
    let directory = Directory::open(&Settings::new(url.as_str())).await.unwrap();
    let pool = Pool::open(&sql::Settings::new(url)).unwrap();
    for row in ROWS {
        pool.execute(AssertSqlSafe((*row).to_owned()), &[]).await.unwrap();
    }
    assert_eq!(
        lines(&directory, "alice@example.org").await,
        [
            format!("domain alice@example.org {DOMAIN}"),
            ALICE.to_owned(),
            "alias alice@example.org [the table alias]: ".to_owned(),
        ]
    );
    // The base of a subaddress, in the domain that the other is an alias of.
    let found = lines(&directory, "alice+x@alias.example").await;
    assert_eq!(found.len(), 10, "{found:#?}");
    assert!(found[0].contains("alias_of=example.org"), "{found:#?}");
    assert_eq!(found[3], "account alice@alias.example [the table account]: ");
    assert_eq!(found[8], ALICE);
    let found = lines(&directory, "info@example.org").await;
    assert_eq!(
        found[2],
        "alias info@example.org [the table alias]: target=alice@example.org active=yes; target=eve@elsewhere.example active=no"
    );
    let found = lines(&directory, "x@slip.example").await;
    assert!(found[0].contains("! a row of the table domain cannot be used: slip.example: catch_all:"), "{found:#?}");
    assert_eq!(lines(&directory, "x@elsewhere.example").await.len(), 3);
    pool.close().await;
    directory.close().await;
}

#[tokio::test]
async fn own_tables_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    own_tables(format!("sqlite:{}", folder.path().join("d.db").display())).await;
}

#[tokio::test]
async fn own_tables_on_mariadb() {
    if let Some(url) = testkit::mariadb::database() {
        own_tables(url).await;
    }
}

/// Tables of somebody's own, with the mistakes that people make.
async fn custom(url: String, nothing_there: &str) {
    let pool = Pool::open(&sql::Settings::new(url.as_str())).unwrap();
    for row in [
        "CREATE TABLE person (nr INTEGER, mail VARCHAR(100), secret VARCHAR(100), phone VARCHAR(20))",
        "INSERT INTO person VALUES (7, 'alice@example.org', '{PLAIN}very secret', 'very secret too')",
    ] {
        pool.execute(row, &[]).await.unwrap();
    }
    let query = |text: &str| Query::parse(text).unwrap();
    let queries = |account: &str, alias: &str| Queries {
        domain: query("SELECT 'example.org' AS name FROM person WHERE :domain = 'example.org'"),
        domains: query("SELECT 'example.org' AS name"),
        account: query(account),
        alias: query(alias),
        accounts: None,
        aliases: None,
        set_password: None,
    };
    let good = "SELECT nr AS id, secret AS password, phone FROM person WHERE mail = :address";
    let alias = "SELECT 'a@example.org' AS address, 'b@example.org' AS target FROM person WHERE :local <> ''";
    let cases = [
        (
            (good, alias),
            "account alice@example.org [[directory] account_query]: password={PLAIN}, 18 characters (more)",
            // Of another address.
            "alias alice@example.org [[directory] alias_query]: address=a@example.org target=b@example.org",
        ),
        (
            (
                "SELECT secret AS password FROM person WHERE mail = :address",
                "SELECT 'no address' AS target FROM person",
            ),
            "account alice@example.org [[directory] account_query]: password={PLAIN}, 18 characters \
             ! a row of the table account cannot be used: id: the query returns no such column",
            "alias alice@example.org [[directory] alias_query]: target=no address ! a row of the table alias cannot be used",
        ),
        (
            ("SELECT nonsense FROM person", "SELECT target FROM nowhere"),
            "account alice@example.org [[directory] account_query]:  ! the database refused a statement",
            "alias alice@example.org [[directory] alias_query]:  ! the database refused a statement",
        ),
    ];
    for ((account, alias), expected_account, expected_alias) in cases {
        let tables = Tables::Foreign(Box::new(queries(account, alias)));
        let directory = Directory::open(&Settings { tables, ..Settings::new(url.as_str()) }).await.unwrap();
        let found = lines(&directory, "alice@example.org").await;
        assert_eq!(found[0], "domain alice@example.org [[directory] domain_query]: name=example.org");
        assert!(found[1].starts_with(expected_account), "{account}: {found:#?}");
        assert!(found[2].starts_with(expected_alias), "{alias}: {found:#?}");
        assert!(!found.join("").contains("secret"), "{found:#?}");
        if account == good {
            let answers = directory.explain(&Address::parse("alice@example.org").unwrap()).await;
            let counts: Vec<bool> = answers.iter().map(|answer| answer.counts).collect();
            assert_eq!(counts, [true, true, false]);
            assert_eq!(answers[1].rows[0].unused, ["phone"]);
        } else {
            assert!(found[2].contains(nothing_there) || !found[2].contains("refused"), "{found:#?}");
        }
        directory.close().await;
    }
    pool.close().await;
}

#[tokio::test]
async fn custom_tables_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    custom(format!("sqlite:{}", folder.path().join("d.db").display()), "no such table: nowhere").await;
}

#[tokio::test]
async fn custom_tables_on_mariadb() {
    if let Some(url) = testkit::mariadb::database() {
        custom(url, "nowhere' doesn't exist").await;
    }
}
