//! Other programs' tables: those of `PostfixAdmin` and of the ISPmail tutorial
//! as they make them, on a real server, and tables of somebody's own.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use directory::{
    AccountChange, Directory, DirectoryError, NewAccount, Queries, Query, Replaced, Resolution, Settings, StoredHash,
    Tables,
};
use mail::{Address, Class, Classified, Domain};
use sql::{AssertSqlSafe, Pool};

/// What `PostfixAdmin` 3.3 makes on MySQL, of the tables that matter.
const POSTFIXADMIN: &str = "
    CREATE TABLE domain (domain varchar(255) NOT NULL, description varchar(255) CHARACTER SET utf8 NOT NULL, aliases int(10) NOT NULL DEFAULT 0, mailboxes int(10) NOT NULL DEFAULT 0, maxquota bigint(20) NOT NULL DEFAULT 0, quota bigint(20) NOT NULL DEFAULT 0, transport varchar(255) NOT NULL, backupmx tinyint(1) NOT NULL DEFAULT 0, created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1, password_expiry int(11) DEFAULT 0, PRIMARY KEY (domain)) ENGINE=InnoDB DEFAULT CHARSET=latin1
    CREATE TABLE mailbox (username varchar(255) NOT NULL, password varchar(255) NOT NULL, name varchar(255) CHARACTER SET utf8 NOT NULL, maildir varchar(255) NOT NULL, quota bigint(20) NOT NULL DEFAULT 0, local_part varchar(255) NOT NULL, domain varchar(255) NOT NULL, created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1, phone varchar(30) CHARACTER SET utf8 NOT NULL DEFAULT '', email_other varchar(255) CHARACTER SET utf8 NOT NULL DEFAULT '', token varchar(255) CHARACTER SET utf8 NOT NULL DEFAULT '', token_validity datetime NOT NULL DEFAULT '2000-01-01 00:00:00', password_expiry datetime NOT NULL DEFAULT '2000-01-01 00:00:00', PRIMARY KEY (username), KEY domain (domain)) ENGINE=InnoDB DEFAULT CHARSET=latin1
    CREATE TABLE alias (address varchar(255) NOT NULL, goto text NOT NULL, domain varchar(255) NOT NULL, created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1, PRIMARY KEY (address), KEY domain (domain)) ENGINE=InnoDB DEFAULT CHARSET=latin1
    CREATE TABLE alias_domain (alias_domain varchar(255) NOT NULL DEFAULT '', target_domain varchar(255) NOT NULL DEFAULT '', created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1, PRIMARY KEY (alias_domain), KEY active (active), KEY target_domain (target_domain)) ENGINE=InnoDB DEFAULT CHARSET=latin1
    INSERT INTO domain (domain, description, transport) VALUES ('ALL', '', ''), ('example.org', 'Ours', 'virtual'), ('alias.example', '', 'virtual'), ('wild.example', '', 'virtual')
    INSERT INTO domain (domain, description, transport, active) VALUES ('off.example', '', 'virtual', 0)
    INSERT INTO domain (domain, description, transport, backupmx) VALUES ('relay.example', '', 'relay', 1)
    INSERT INTO mailbox (username, password, name, maildir, quota, local_part, domain, created, active) VALUES ('alice@example.org', '{PLAIN}secret', 'Alice Ä', 'example.org/alice/', 1024000, 'alice', 'example.org', '2024-05-06 07:08:09', 1), ('away@example.org', '$6$x', '', '', 0, 'away', 'example.org', '2000-01-01 00:00:00', 1), ('fwd@example.org', '{PLAIN}x', '', '', 0, 'fwd', 'example.org', '2000-01-01 00:00:00', 1), ('off@example.org', '{PLAIN}x', '', '', 0, 'off', 'example.org', '2000-01-01 00:00:00', 0), ('jorg@example.org', '{PLAIN}x', '', '', 0, 'jorg', 'example.org', '2000-01-01 00:00:00', 1)
    INSERT INTO alias (address, goto, domain) VALUES ('alice@example.org', 'alice@example.org', 'example.org'), ('away@example.org', 'away@example.org,away#example.org@autoreply.example.org', 'example.org'), ('fwd@example.org', 'alice@example.org,eve@elsewhere.example', 'example.org'), ('off@example.org', 'off@example.org', 'example.org'), ('jorg@example.org', 'jorg@example.org', 'example.org'), ('team@example.org', 'alice@example.org, fwd@example.org', 'example.org'), ('@alias.example', '@example.org', 'alias.example'), ('@wild.example', 'alice@example.org', 'wild.example'), ('bad@example.org', 'no address @ all', 'example.org')
    INSERT INTO alias (address, goto, domain, active) VALUES ('shut@example.org', 'alice@example.org', 'example.org', 0)
    INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('alias.example', 'example.org')
";

/// What the ISPmail tutorial makes.
const ISPMAIL: &str = "
    CREATE TABLE virtual_domains (id int(11) NOT NULL AUTO_INCREMENT, name varchar(50) NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8
    CREATE TABLE virtual_users (id int(11) NOT NULL AUTO_INCREMENT, domain_id int(11) NOT NULL, email varchar(100) NOT NULL, password varchar(150) NOT NULL, quota bigint(11) NOT NULL DEFAULT 0, PRIMARY KEY (id), UNIQUE KEY email (email), FOREIGN KEY (domain_id) REFERENCES virtual_domains(id) ON DELETE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8
    CREATE TABLE virtual_aliases (id int(11) NOT NULL AUTO_INCREMENT, domain_id int(11) NOT NULL, source varchar(100) NOT NULL, destination varchar(100) NOT NULL, PRIMARY KEY (id), FOREIGN KEY (domain_id) REFERENCES virtual_domains(id) ON DELETE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8
    INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org'), (2, 'wild.example')
    INSERT INTO virtual_users (id, domain_id, email, password, quota) VALUES (11, 1, 'alice@example.org', '{PLAIN}secret', 1024000), (12, 1, 'fwd@example.org', '{PLAIN}x', 0), (13, 2, 'carol@wild.example', '{PLAIN}x', 0)
    INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'team@example.org', 'alice@example.org'), (1, 'team@example.org', 'fwd@example.org'), (1, 'fwd@example.org', 'alice@example.org'), (1, 'fwd@example.org', 'eve@elsewhere.example'), (1, 'jorg@example.org', 'alice@example.org'), (2, '@wild.example', 'alice@example.org'), (2, '@wild.example', 'carol@wild.example')
";

async fn fill(url: &str, rows: &str) -> Pool {
    let pool = Pool::open(&sql::Settings::new(url)).unwrap();
    for statement in rows.lines().map(str::trim).filter(|line| !line.is_empty()) {
        pool.execute(AssertSqlSafe(statement.to_owned()), &[]).await.unwrap();
    }
    pool
}

async fn open(url: &str, queries: Queries) -> Directory {
    let tables = Tables::Foreign(Box::new(queries));
    Directory::open(&Settings { tables, ..Settings::new(url) }).await.unwrap()
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn words(resolution: Resolution) -> String {
    match resolution {
        Resolution::Deliver { accounts, outside, detail } => {
            let mut words: Vec<String> = accounts.iter().map(|account| account.address.to_string()).collect();
            words.extend(outside.iter().map(|address| format!(">{address}")));
            words.extend(detail.map(|detail| format!("+{detail}")));
            words.join(" ")
        }
        Resolution::Postmaster { .. } => "postmaster".to_owned(),
        Resolution::NoSuchUser => "no such user".to_owned(),
        Resolution::InactiveAccount => "inactive".to_owned(),
        Resolution::InactiveDomain => "inactive domain".to_owned(),
        Resolution::ForeignDomain => "foreign".to_owned(),
        Resolution::AliasLoop { .. } => "loop".to_owned(),
    }
}

async fn check(directory: &Directory, cases: &[(&str, &str)]) {
    for (to, expected) in cases {
        let resolved =
            directory.resolve_address(&address(to)).await.map(words).unwrap_or_else(|e| format!("{:?}", e.class()));
        assert_eq!(resolved, *expected, "{to}");
    }
}

/// What `gatepost check --address` shows.
async fn explained(directory: &Directory, of: &str) -> Vec<String> {
    let row = |row: &directory::ShownRow| {
        let set = row.columns.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        set.collect::<Vec<_>>().join(" ")
    };
    let answers = directory.explain(&address(of)).await;
    let line = |answer: &directory::Explained| {
        assert!(answer.problem.is_none(), "{answer:?}");
        format!("{}: {}", answer.place, answer.rows.iter().map(row).collect::<Vec<_>>().join("; "))
    };
    answers.iter().map(line).collect()
}

#[tokio::test]
async fn the_tables_of_postfixadmin() {
    let Some(url) = testkit::mariadb::database() else { return };
    let pool = fill(&url, POSTFIXADMIN).await;
    let directory = open(&url, Queries::postfixadmin().unwrap()).await;
    let cases = [
        ("alice@example.org", "alice@example.org"),
        ("ALICE+x@example.org", "alice@example.org +x"),
        // The copy for the vacation program is left out, the mail is not.
        ("away@example.org", "away@example.org"),
        // A mailbox that forwards without a copy for itself.
        ("fwd@example.org", "alice@example.org >eve@elsewhere.example"),
        ("team@example.org", "alice@example.org >eve@elsewhere.example"),
        ("off@example.org", "inactive"),
        ("shut@example.org", "inactive"),
        ("nobody@example.org", "no such user"),
        ("jörg@example.org", "no such user"),
        // No character of latin1.
        ("日本@example.org", "no such user"),
        ("postmaster@example.org", "postmaster"),
        ("alice@alias.example", "alice@example.org"),
        ("nobody@alias.example", "no such user"),
        ("anybody@wild.example", "alice@example.org"),
        ("x@off.example", "inactive domain"),
        ("x@relay.example", "foreign"),
        ("x@all", "foreign"),
        ("x@elsewhere.example", "foreign"),
        // Nothing that can be used: not a reason to bounce.
        ("bad@example.org", "Directory"),
    ];
    check(&directory, &cases).await;

    let told = explained(&directory, "fwd@example.org").await;
    assert_eq!(
        told,
        [
            "[directory] domain_query: name=example.org active=1",
            "[directory] account_query: id=fwd@example.org address=fwd@example.org password={PLAIN}, 8 characters name= \
             active=1 created=2000-01-01 00:00:00",
            "[directory] alias_query: address=fwd@example.org target=alice@example.org,eve@elsewhere.example active=1 \
             exclusive=1",
        ]
    );

    let alice = directory.account(&address("alice@example.org")).await.unwrap();
    assert_eq!(
        (alice.name.as_str(), alice.quota, alice.created.as_str()),
        ("Alice Ä", Some(1_024_000), "2024-05-06T07:08:09Z")
    );
    let away = directory.account(&address("away@example.org")).await.unwrap();
    assert_eq!(away.quota, None);
    assert_ne!(alice.identity(), away.identity());
    assert_eq!(directory.accounts(None).await.unwrap().len(), 5);
    assert_eq!(directory.identities().await.unwrap().len(), 5);
    let names: Vec<String> = directory.active_domains().await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["alias.example", "example.org", "wild.example"]);
    let domain = directory.domain(&Domain::parse("example.org").unwrap()).await.unwrap();
    assert_eq!((domain.accounts, domain.comment.as_str()), (5, "Ours"));
    assert_eq!(directory.alias(&address("team@example.org")).await.unwrap().targets.len(), 2);

    passwords(&directory).await;
    refused(&directory).await;

    // A mailbox that is made anew is another one.
    pool.execute("UPDATE mailbox SET created = '2025-01-01 00:00:00' WHERE username = 'alice@example.org'", &[])
        .await
        .unwrap();
    assert_ne!(directory.account(&address("alice@example.org")).await.unwrap().identity(), alice.identity());
    // Nothing was added to the tables.
    let tables = pool.fetch_all("SHOW TABLES", &[], |_| Ok(())).await.unwrap();
    assert_eq!(tables.len(), 4);
}

#[tokio::test]
async fn the_tables_of_ispmail() {
    let Some(url) = testkit::mariadb::database() else { return };
    fill(&url, ISPMAIL).await;
    let directory = open(&url, Queries::ispmail().unwrap()).await;
    let cases = [
        ("alice@example.org", "alice@example.org"),
        ("alice+x@example.org", "alice@example.org +x"),
        ("team@example.org", "alice@example.org >eve@elsewhere.example"),
        ("fwd@example.org", "alice@example.org >eve@elsewhere.example"),
        ("nobody@example.org", "no such user"),
        ("jorg@example.org", "alice@example.org"),
        // Whatever the collation says.
        ("jörg@example.org", "no such user"),
        ("日本@example.org", "no such user"),
        ("carol@wild.example", "carol@wild.example"),
        ("anybody@wild.example", "alice@example.org carol@wild.example"),
        ("x@elsewhere.example", "foreign"),
    ];
    check(&directory, &cases).await;
    let told = explained(&directory, "team@example.org").await;
    assert_eq!(
        told,
        [
            "[directory] domain_query: name=example.org",
            "[directory] account_query: ",
            "[directory] alias_query: address=team@example.org target=alice@example.org exclusive=1; \
             address=team@example.org target=fwd@example.org exclusive=1",
        ]
    );
    let alice = directory.account(&address("alice@example.org")).await.unwrap();
    assert_eq!((alice.key.as_i64(), alice.quota), (11, Some(1_024_000)));
    assert_eq!(directory.accounts(Some(&Domain::parse("example.org").unwrap())).await.unwrap().len(), 2);
    let aliases = directory.aliases().await.unwrap();
    assert_eq!(aliases.len(), 3, "{aliases:?}");
    passwords(&directory).await;
    refused(&directory).await;
}

/// Reading a password, and putting another in its place once.
async fn passwords(directory: &Directory) {
    let alice = address("alice@example.org");
    let before = directory.credentials(&alice).await.unwrap().unwrap();
    assert!(before.active);
    assert_eq!(before.hash, Some(StoredHash::new("{PLAIN}secret")));
    let new = StoredHash::new("{PLAIN}new");
    assert_eq!(directory.store_hash(&before, &new).await.unwrap(), Replaced::Yes);
    assert_eq!(directory.store_hash(&before, &new).await.unwrap(), Replaced::ChangedMeanwhile);
    assert_eq!(directory.credentials(&alice).await.unwrap().unwrap().hash, Some(new));
    let change = AccountChange { password: Some(StoredHash::new("{PLAIN}third")), ..AccountChange::default() };
    directory.change_account(&alice, &change).await.unwrap();
    let stored = directory.stored_passwords().await.unwrap();
    assert!(stored.contains(&(alice, StoredHash::new("{PLAIN}third"))));
    assert!(directory.credentials(&address("nobody@example.org")).await.unwrap().is_none());
}

/// What is not ours is not changed.
async fn refused(directory: &Directory) {
    let alice = address("alice@example.org");
    let change = AccountChange { active: Some(false), ..AccountChange::default() };
    let new = NewAccount { address: address("new@example.org"), password: None, name: String::new(), quota: None };
    let errors = [
        directory.change_account(&alice, &change).await.unwrap_err(),
        directory.add_account(&new).await.unwrap_err(),
        directory.is_free(&new.address).await.unwrap_err(),
        directory.remove_account(&alice).await.unwrap_err(),
        directory.remove_domain(&Domain::parse("example.org").unwrap()).await.unwrap_err(),
        directory.add_alias(&address("x@example.org"), std::slice::from_ref(&alice)).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, DirectoryError::ForeignTables), "{error:?}");
    }
    assert!(directory.account(&alice).await.unwrap().active);
}

/// Tables of somebody's own, in which columns are missing or odd.
#[tokio::test]
async fn tables_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("d.db").display());
    fill(
        &url,
        "CREATE TABLE u (who TEXT, secret TEXT, state TEXT)
         INSERT INTO u VALUES ('alice', '{PLAIN}x', 'yes'), ('bob', '', 'N'), ('carol', '{PLAIN}x', 'perhaps')",
    )
    .await;
    let query = |text: &str| Query::parse(text).unwrap();
    let queries = Queries {
        domain: query("SELECT 'example.org' AS name WHERE :domain = 'example.org'"),
        domains: query("SELECT 'example.org' AS name"),
        account: query(
            "SELECT who AS ID, secret AS password, state AS active FROM u WHERE who = :local AND :domain = 'example.org'",
        ),
        alias: query("SELECT NULL AS target WHERE 1 = 0 AND :address <> ''"),
        accounts: None,
        aliases: None,
        set_password: None,
    };
    let directory = open(&url, queries.clone()).await;
    let cases = [
        ("alice@example.org", "alice@example.org"),
        ("bob@example.org", "inactive"),
        // Not to be guessed at, and no reason to bounce.
        ("carol@example.org", "Directory"),
        ("dave@example.org", "no such user"),
        ("alice@example.net", "foreign"),
    ];
    check(&directory, &cases).await;
    let alice = directory.credentials(&address("alice@example.org")).await.unwrap().unwrap();
    let error = directory.store_hash(&alice, &StoredHash::new("{PLAIN}y")).await.unwrap_err();
    assert!(matches!(error, DirectoryError::NoQuery("set_password")), "{error:?}");
    assert!(matches!(directory.accounts(None).await, Err(DirectoryError::NoQuery("accounts"))));
    assert!(matches!(directory.identities().await, Err(DirectoryError::NoQuery("accounts"))));
    // When its row was made nobody knows; then the address tells it from others.
    let account = directory.account(&address("alice@example.org")).await.unwrap();
    assert!(account.created.is_empty() && account.identity().ends_with("@alice@example.org"), "{account:?}");
    let aliased =
        Queries { alias: query("SELECT 'alice@example.org' AS target WHERE :local = 'team'"), ..queries.clone() };
    let aliased = open(&url, aliased).await;
    assert_eq!(aliased.alias(&address("team@example.org")).await.unwrap().targets.len(), 1);
    assert!(aliased.alias(&address("other@example.org")).await.unwrap_err().is_missing());
    let nothing = Queries { set_password: Some(query("UPDATE u SET secret = :new WHERE 1 = 0")), ..queries.clone() };
    let change = AccountChange { password: Some(StoredHash::new("{PLAIN}y")), ..AccountChange::default() };
    let error = open(&url, nothing).await.change_account(&address("alice@example.org"), &change).await.unwrap_err();
    assert!(matches!(error, DirectoryError::NotReplaced(_)), "{error:?}");

    // A query that the database does not understand, and one without what it
    // must return, defer mail.
    for wrong in ["SELECT nothing FROM nowhere", "SELECT who FROM u WHERE who = :local"] {
        let directory = open(&url, Queries { account: query(wrong), ..queries.clone() }).await;
        let error = directory.resolve_address(&address("alice@example.org")).await.unwrap_err();
        assert_eq!(error.class(), Class::Directory, "{error}");
    }
    // Not one domain: something is wrong with the database, not with the mail.
    let directory = open(
        &url,
        Queries {
            domain: query("SELECT 'x' AS name WHERE 1 = 0"),
            domains: query("SELECT 'x' AS name WHERE 1 = 0"),
            ..queries
        },
    )
    .await;
    let error = directory.resolve_address(&address("alice@example.org")).await.unwrap_err();
    assert!(matches!(error, DirectoryError::NoActiveDomain), "{error:?}");
}
