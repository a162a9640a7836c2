//! End to end: the built server, driven by programs that nobody here wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acme;
mod away;
mod broken_set;
mod clients;
mod crash;
mod delivery;
mod elsewhere;
mod engines;
mod foreign;
mod full;
mod hostile_imap;
mod hostile_mail;
mod hostile_pop3;
mod house;
mod imap_extensions;
mod international;
mod large;
mod limits;
mod load;
mod operations;
mod outside;
mod pages;
mod pop3_clients;
mod power;
mod privileges;
mod reading;
mod removal;
mod retries;
mod scanner;
mod second_factor;
mod sessions;
mod setup;
mod smtp;
mod smuggling;
mod system;
mod virus;
