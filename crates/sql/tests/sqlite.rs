//! The pool on SQLite: one text, transactions, conflicts, errors by kind.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::time::Duration;

use sql::{Pool, Settings, SqlError, args};

async fn pool(folder: &tempfile::TempDir) -> Pool {
    let mut settings = Settings::new(format!("sqlite:{}", folder.path().join("a.db").display()));
    settings.acquire_timeout = Duration::from_millis(300);
    let pool = Pool::open(&settings).unwrap();
    pool.execute(
        "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, raw BLOB, CHECK (name <> '')) STRICT",
        &[],
    )
    .await
    .unwrap();
    pool
}

async fn count(pool: &Pool) -> i64 {
    pool.fetch_optional("SELECT COUNT(*) FROM t", &[], |row| row.int(0)).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_bound_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(&folder).await;
    let bytes = vec![0_u8, 255];
    let done = pool.execute("INSERT INTO t (name, raw) VALUES (?, ?)", args!["a'b", &bytes]).await.unwrap();
    assert_eq!((done.rows, done.last_id), (1, 1));
    pool.execute("INSERT INTO t (name, raw) VALUES (?, ?)", args!["c", None::<&[u8]>]).await.unwrap();
    let rows = pool
        .fetch_all("SELECT id, name, raw FROM t ORDER BY id", &[], |row| {
            Ok((row.int(0)?, row.text(1)?.to_owned(), row.opt_bytes(2)?.map(<[u8]>::to_vec)))
        })
        .await
        .unwrap();
    assert_eq!(rows, [(1, "a'b".to_owned(), Some(bytes)), (2, "c".to_owned(), None)]);
    let bad = pool.fetch_all("SELECT name, raw FROM t", &[], |row| row.int(0)).await;
    assert!(matches!(bad, Err(SqlError::BadRow { column: 0, .. })));
    let null = pool.fetch_all("SELECT raw FROM t WHERE id = 2", &[], |row| row.bytes(0).map(<[u8]>::len)).await;
    assert!(matches!(null, Err(SqlError::BadRow { .. })));
}

#[tokio::test]
async fn errors_by_kind() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(&folder).await;
    let insert = "INSERT INTO t (name) VALUES (?)";
    pool.execute(insert, args!["a"]).await.unwrap();
    let twice = pool.execute(insert, args!["a"]).await.unwrap_err();
    assert!(twice.is_duplicate_of(&["t_name", "t.name"]) && !twice.is_duplicate_of(&["PRIMARY", "t.id"]));
    for refused in [args![""], args![None::<&str>]] {
        assert!(matches!(pool.execute(insert, refused).await, Err(SqlError::Refused(_))));
    }
    assert!(matches!(pool.execute("INSERT INTO nowhere VALUES (1)", &[]).await, Err(SqlError::Failed(_))));
    let reader_writes = pool.fetch_all("DELETE FROM t", &[], |row| row.int(0)).await;
    assert!(reader_writes.is_err());
    assert_eq!(count(&pool).await, 1);
}

#[tokio::test]
async fn transactions() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(&folder).await;
    let mut tx = pool.begin().await.unwrap();
    tx.execute("INSERT INTO t (name) VALUES (?)", args!["a"]).await.unwrap();
    assert_eq!(count(&pool).await, 0, "readers see what is committed, and do not wait");
    drop(tx);
    assert_eq!(count(&pool).await, 0, "a transaction that is dropped is rolled back");

    let mut snapshot = pool.begin_read().await.unwrap();
    let all = "SELECT name FROM t";
    assert!(snapshot.fetch_optional(all, &[], |row| row.text(0).map(str::to_owned)).await.unwrap().is_none());
    let mut tx = pool.begin().await.unwrap();
    tx.execute("INSERT INTO t (name) VALUES (?)", args!["a"]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(snapshot.fetch_optional(all, &[], |row| row.text(0).map(str::to_owned)).await.unwrap().is_none());
    snapshot.rollback().await.unwrap();
    assert_eq!(count(&pool).await, 1);
}

#[tokio::test]
async fn what_sqlite_takes_back_itself_is_no_end_of_writing() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(&folder).await;
    // As it does where the disk is full.
    const REFUSED: &str = "INSERT OR ROLLBACK INTO t (id, name) VALUES (1, 'b')";
    pool.execute("INSERT INTO t (id, name) VALUES (1, 'a')", &[]).await.unwrap();
    for ended in ["rollback", "commit", "drop"] {
        let mut tx = pool.begin().await.unwrap();
        assert!(tx.execute(REFUSED, args![]).await.is_err());
        match ended {
            "rollback" => tx.rollback().await.unwrap_or_default(),
            "commit" => assert!(tx.commit().await.is_err(), "nothing was there to commit"),
            _ => drop(tx),
        }
        let mut tx = pool.begin().await.unwrap_or_else(|error| panic!("after {ended}: {error}"));
        tx.execute("UPDATE t SET name = 'c'", args![]).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(count(&pool).await, 1);
}

#[tokio::test]
async fn another_process_in_the_way_is_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (pool(&folder).await, pool(&folder).await);
    let held = theirs.begin().await.unwrap();
    assert!(ours.begin().await.unwrap_err().is_conflict());
    let again = tokio::spawn(async move {
        sql::retry(|| async {
            let mut tx = ours.begin().await?;
            tx.execute("INSERT INTO t (name) VALUES (?)", args!["a"]).await?;
            tx.commit().await
        })
        .await
    });
    held.rollback().await.unwrap();
    again.await.unwrap().unwrap();
    assert_eq!(count(&theirs).await, 1);
}

#[tokio::test]
async fn others_cannot_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let _pool = pool(&folder).await;
    for file in ["a.db", "a.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
