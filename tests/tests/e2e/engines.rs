//! The same mail on MariaDB: as the directory beside a local index, and as
//! both.

use testkit::mariadb;
use testkit::server::Setup;

use crate::{delivery, outside, pages, reading, second_factor, sessions};

/// A fresh database for each check, and a local index where none is given.
fn mixed() -> Option<Setup> {
    Some(Setup { directory: mariadb::database()?, ..Setup::default() })
}

fn both() -> Option<Setup> {
    Some(Setup { directory: mariadb::database()?, index: mariadb::database()?, ..Setup::default() })
}

fn check(checks: &[fn(Setup)], setup: fn() -> Option<Setup>) {
    for check in checks {
        let Some(setup) = setup() else { return };
        check(setup);
    }
}

#[test]
fn delivery_with_a_mariadb_directory() {
    check(&delivery::CORE, mixed);
}

#[test]
fn delivery_with_mariadb_for_both() {
    check(&delivery::CORE, both);
}

#[test]
fn reading_with_a_mariadb_directory() {
    check(&reading::CORE, mixed);
}

#[test]
fn reading_with_mariadb_for_both() {
    check(&reading::CORE, both);
}

#[test]
fn a_password_is_changed_with_a_mariadb_directory() {
    check(&pages::CORE, mixed);
}

#[test]
fn app_passwords_and_two_step_login_with_a_mariadb_directory() {
    check(&second_factor::CORE, mixed);
}

#[test]
fn last_logins_with_mariadb_for_both() {
    check(&sessions::CORE, both);
}

#[test]
fn other_programs_with_mariadb_for_both() {
    check(&[outside::what_others_do], both);
}
