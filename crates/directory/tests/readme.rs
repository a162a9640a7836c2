//! The statements that the README shows to administrators, run as they stand
//! there: each has the effect that it promises, without a restart.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use directory::{Directory, Resolution, Settings};
use mail::Address;
use sql::Pool;

const README: &str = include_str!("../../../README.md");

/// The statements of all blocks of SQL, in their order.
fn statements() -> Vec<&'static str> {
    let blocks = README.split("```sql\n").skip(1).filter_map(|block| block.split_once("```"));
    blocks.flat_map(|(block, _)| block.split(";\n")).map(str::trim).filter(|text| !text.is_empty()).collect()
}

/// Those that make the database and its user; the others work on the tables.
fn is_about_the_server(statement: &str) -> bool {
    ["CREATE DATABASE", "CREATE USER", "GRANT"].iter().any(|start| statement.starts_with(start))
}

async fn delivers(directory: &Directory, address: &str) -> Vec<String> {
    match directory.resolve_address(&Address::parse(address).unwrap()).await.unwrap() {
        Resolution::Deliver { accounts, outside, .. } => {
            let accounts = accounts.iter().map(|account| account.address.to_string());
            accounts.chain(outside.iter().map(ToString::to_string)).collect()
        }
        other => vec![format!("{other:?}")],
    }
}

#[tokio::test]
async fn on_mariadb() {
    let Some(server) = testkit::mariadb::Server::start() else { return };
    let (setup, all): (Vec<_>, Vec<_>) = statements().into_iter().partition(|text| is_about_the_server(text));
    assert_eq!(setup.len(), 3, "{setup:?}");
    setup.iter().for_each(|text| server.statement(text));
    // The URL that the README shows, with the socket of this server.
    let url = README.lines().find_map(|line| line.strip_prefix("url = \"mysql://gatepost:")).unwrap();
    let (password, _) = url.split_once("@localhost/gatepost?socket=").unwrap();
    let url = format!("mysql://gatepost:{password}@localhost/gatepost?socket={}", server.socket().display());
    let directory = Directory::open(&Settings::new(url.as_str())).await.unwrap();
    directory.ping().await.unwrap();
    // Another connection, as the `mysql` client has one.
    let pool = Pool::open(&sql::Settings::new(url)).unwrap();
    let mut ran: Vec<&str> = Vec::new();
    for statement in all {
        let done = pool.execute(statement, &[]).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert!(done.rows > 0, "nothing was changed by: {statement}");
        ran.push(statement);
        // Seen at once by a server that has been running all the while.
        let (alice, info) = (delivers(&directory, "alice@example.org").await, "info@example.org");
        if ran.iter().any(|ran| ran.starts_with("INSERT INTO account")) && !statement.starts_with("DELETE") {
            assert_eq!(alice, ["alice@example.org"], "{statement}");
        }
        if statement.starts_with("INSERT INTO alias") {
            assert!(delivers(&directory, info).await.contains(&"alice@example.org".to_owned()), "{statement}");
        }
        if statement.starts_with("UPDATE account SET active = 0") {
            assert_eq!(delivers(&directory, "bob@example.org").await, ["InactiveAccount"], "{statement}");
        }
    }
    for kind in ["INSERT INTO domain", "INSERT INTO account", "INSERT INTO alias", "UPDATE account", "DELETE FROM"] {
        assert!(ran.iter().any(|statement| statement.starts_with(kind)), "README shows no {kind}");
    }
    pool.close().await;
    directory.close().await;
}
