//! Typed pools for MySQL and SQLite, migrations and retries.
#![forbid(unsafe_code)]
