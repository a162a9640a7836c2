//! What tests share: a private MariaDB and OpenLDAP, a running server, dialogues.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic)]

pub mod command;
pub mod dialogue;
pub mod dns;
pub mod mariadb;
pub mod port;
pub mod server;
pub mod slapd;
pub mod tls;
