//! The pool on MariaDB: the same texts, and what only a server can do.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::time::Duration;

use sql::{Engine, Pool, Schema, Settings, SqlError, args};

const TABLE: &str = "CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(8) NOT NULL, \
     raw VARBINARY(8) NULL, flag BOOLEAN NOT NULL DEFAULT TRUE, big BIGINT UNSIGNED NOT NULL DEFAULT 7, \
     UNIQUE KEY t_name (name), CHECK (name <> '')) COLLATE = utf8mb4_bin";

async fn pool() -> Option<Pool> {
    let pool = Pool::open(&Settings::new(testkit::mariadb::database()?)).unwrap();
    assert_eq!(pool.engine(), Engine::MySql);
    pool.execute(TABLE, &[]).await.unwrap();
    Some(pool)
}

#[tokio::test]
async fn what_is_bound_is_read_again() {
    let Some(pool) = pool().await else { return };
    let bytes = vec![0_u8, 255];
    let done = pool.execute("INSERT INTO t (name, raw) VALUES (?, ?)", args!["a'ü\\", &bytes]).await.unwrap();
    assert_eq!((done.rows, done.last_id), (1, 1));
    let same = pool.execute("UPDATE t SET name = ? WHERE id = ?", args!["a'ü\\", 1_i64]).await.unwrap();
    assert_eq!(same.rows, 1, "rows that match, as SQLite counts them");
    let row = pool
        .fetch_optional("SELECT id, name, raw, flag, big FROM t", &[], |row| {
            Ok((row.int(0)?, row.text(1)?.to_owned(), row.bytes(2)?.to_vec(), row.int(3)?, row.int(4)?))
        })
        .await
        .unwrap();
    assert_eq!(row, Some((1, "a'ü\\".to_owned(), bytes, 1, 7)));
    pool.execute("UPDATE t SET big = 18446744073709551615", &[]).await.unwrap();
    let huge = pool.fetch_all("SELECT big FROM t", &[], |row| row.int(0)).await;
    assert!(matches!(huge, Err(SqlError::BadRow { .. })));
}

#[tokio::test]
async fn errors_by_kind() {
    let Some(pool) = pool().await else { return };
    let insert = "INSERT INTO t (name) VALUES (?)";
    pool.execute(insert, args!["a"]).await.unwrap();
    let twice = pool.execute(insert, args!["a"]).await.unwrap_err();
    assert!(twice.is_duplicate_of(&["t_name", "t.name"]) && !twice.is_duplicate_of(&["PRIMARY", "t.id"]), "{twice}");
    for refused in [args![""], args![None::<&str>], args!["too long for it"]] {
        let error = pool.execute(insert, refused).await.unwrap_err();
        assert!(matches!(error, SqlError::Refused(_)), "{error}");
    }
    assert!(matches!(pool.execute("INSERT INTO nowhere VALUES (1)", &[]).await, Err(SqlError::Failed(_))));
}

/// Two transactions that take two rows in opposite order: one is the victim,
/// and both are there in the end.
#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let Some(pool) = pool().await else { return };
    for name in ["a", "b"] {
        pool.execute("INSERT INTO t (name, big) VALUES (?, 0)", args![name]).await.unwrap();
    }
    let add = |first: &'static str, second: &'static str| {
        let pool = pool.clone();
        tokio::spawn(async move {
            sql::retry(|| async {
                let mut tx = pool.begin().await?;
                tx.execute("UPDATE t SET big = big + 1 WHERE name = ?", args![first]).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
                tx.execute("UPDATE t SET big = big + 1 WHERE name = ?", args![second]).await?;
                tx.commit().await
            })
            .await
        })
    };
    let (one, two) = (add("a", "b"), add("b", "a"));
    one.await.unwrap().unwrap();
    two.await.unwrap().unwrap();
    let sums = pool.fetch_all("SELECT big FROM t", &[], |row| row.int(0)).await.unwrap();
    assert_eq!(sums, [2, 2]);
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing_and_a_snapshot_stays() {
    let Some(pool) = pool().await else { return };
    let mut tx = pool.begin().await.unwrap();
    tx.execute("INSERT INTO t (name) VALUES ('a')", &[]).await.unwrap();
    drop(tx);
    let count = "SELECT COUNT(*) FROM t";
    let mut snapshot = pool.begin_read().await.unwrap();
    assert_eq!(snapshot.fetch_optional(count, &[], |row| row.int(0)).await.unwrap(), Some(0));
    pool.execute("INSERT INTO t (name) VALUES ('b')", &[]).await.unwrap();
    assert_eq!(snapshot.fetch_optional(count, &[], |row| row.int(0)).await.unwrap(), Some(0));
    snapshot.rollback().await.unwrap();
    assert_eq!(pool.fetch_optional(count, &[], |row| row.int(0)).await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_server_that_dies_is_away_and_comes_back() {
    let Some(server) = testkit::mariadb::Server::start() else { return };
    let mut settings = Settings::new(server.database());
    settings.acquire_timeout = Duration::from_millis(300);
    let pool = Pool::open(&settings).unwrap();
    pool.ping().await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    server.kill();
    assert!(tx.execute("CREATE TABLE x (a INT)", &[]).await.unwrap_err().is_away());
    assert!(pool.ping().await.unwrap_err().is_away());
    server.restart();
    pool.ping().await.unwrap();

    let socket = format!("mysql://root@localhost/t0?socket={}", server.socket().display());
    Pool::open(&Settings::new(socket)).unwrap().ping().await.unwrap();
    let nobody = Settings::new(server.database().replace("root@", "nobody:wrong@"));
    assert!(Pool::open(&nobody).unwrap().ping().await.unwrap_err().is_away());
}

#[tokio::test]
async fn a_statement_that_never_ends_is_given_up() {
    let Some(url) = testkit::mariadb::database() else { return };
    let mut settings = Settings::new(url);
    settings.statement_timeout = Duration::from_millis(200);
    let pool = Pool::open(&settings).unwrap();
    pool.ping().await.unwrap();
    let slept = pool.fetch_all("SELECT SLEEP(30)", &[], |_| Ok(())).await.unwrap_err();
    assert!(matches!(slept, SqlError::Silent { .. }) && slept.is_away());
    pool.ping().await.unwrap();
}

/// Two sets of migrations in one database, by several processes at once.
#[tokio::test]
async fn migrations_do_not_meet() {
    let Some(url) = testkit::mariadb::database() else { return };
    let migrate = |table: &'static str| {
        let settings = Settings::new(url.clone());
        tokio::spawn(async move { Pool::open(&settings).unwrap().migrate(&schema(table)).await })
    };
    for task in ["_one"; 3].map(migrate) {
        task.await.unwrap().unwrap();
    }
    let pool = Pool::open(&Settings::new(url.clone())).unwrap();
    let done = pool.fetch_all("SELECT success FROM _one", &[], |row| row.int(0)).await.unwrap();
    assert_eq!(done, [1, 1]);
    // The second set fails in the middle, since its tables are there already;
    // that is said, and the first set is not disturbed.
    let meets = migrate("_two").await.unwrap().unwrap_err();
    assert!(matches!(meets, SqlError::Migration(_)), "{meets}");
    // The next one is told what to do.
    let told = migrate("_two").await.unwrap().unwrap_err();
    assert!(matches!(told, SqlError::HalfApplied { table: "_two", version: 1 }), "{told}");
    assert!(told.to_string().contains("DELETE FROM _two WHERE version = 1"), "{told}");
    migrate("_one").await.unwrap().unwrap();
}

/// Killed between any two statements of the second migration, or before it was
/// noted that all of them are there.
#[tokio::test]
async fn an_interrupted_migration_is_ended_by_the_next_start() {
    let Some(url) = testkit::mariadb::database() else { return };
    let pool = Pool::open(&Settings::new(url)).unwrap();
    let schema = schema("_one");
    pool.migrate(&schema).await.unwrap();
    pool.execute("INSERT INTO domain (name) VALUES ('example.org')", &[]).await.unwrap();
    pool.execute("INSERT INTO account (local, domain) VALUES ('a', 'example.org')", &[]).await.unwrap();
    let insert =
        "INSERT INTO app_password (local, domain, name, password, scope) VALUES ('a', 'example.org', ?, '', 'imap')";
    let interrupted = "UPDATE _one SET success = FALSE WHERE version = 2";
    let undone: [&[&'static str]; 4] = [
        &[],
        &["DROP TABLE recovery_code"],
        &["DROP TABLE recovery_code", "DROP TABLE totp"],
        &[
            "DROP TABLE recovery_code",
            "DROP TABLE totp",
            "ALTER TABLE app_password DROP COLUMN scope, DROP COLUMN used",
        ],
    ];
    for (statements, name) in undone.iter().zip(["1", "2", "3", "4"]) {
        for &statement in statements.iter().chain([&interrupted]) {
            pool.execute(statement, &[]).await.unwrap();
        }
        pool.migrate(&schema).await.unwrap();
        pool.execute(insert, args![name]).await.unwrap();
        for table in ["SELECT used FROM app_password", "SELECT id FROM recovery_code", "SELECT tries FROM totp"] {
            pool.fetch_all(table, &[], |_| Ok(())).await.unwrap();
        }
    }
    // What was there before is there still.
    let kept = pool.fetch_all("SELECT name FROM app_password", &[], |row| Ok(row.text(0)?.to_owned())).await.unwrap();
    assert_eq!(kept, ["1", "2", "3", "4"]);
    let done = pool.fetch_all("SELECT success FROM _one ORDER BY version", &[], |row| row.int(0)).await.unwrap();
    assert_eq!(done, [1, 1]);
}

/// A schema that is complete needs no right to change it.
#[tokio::test]
async fn who_may_only_read_is_enough_once_the_schema_is_there() {
    let Some(server) = testkit::mariadb::Server::start() else { return };
    let url = server.database();
    server.statement("CREATE USER reader@'127.0.0.1'; GRANT SELECT ON t0.* TO reader@'127.0.0.1'");
    let reader = Pool::open(&Settings::new(url.replace("root@", "reader@"))).unwrap();
    assert!(reader.migrate(&schema("_one")).await.is_err());
    Pool::open(&Settings::new(url)).unwrap().migrate(&schema("_one")).await.unwrap();
    reader.migrate(&schema("_one")).await.unwrap();
    let writes = reader.execute("DELETE FROM domain", &[]).await.unwrap_err();
    assert!(!writes.is_away(), "{writes}");
}

fn schema(table: &'static str) -> Schema {
    Schema::new(table, sqlx::migrate!("../../schema/directory/mysql"), sqlx::migrate!("../../schema/directory/sqlite"))
}
