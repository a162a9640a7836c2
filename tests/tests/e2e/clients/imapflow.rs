//! imapflow, on which mail programs in JavaScript are built.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use testkit::command;
use testkit::server::{Server, Setup, have};

use super::{LETTERS, at, fetched, letters, lived_in};
use crate::house::Imap;

/// Where it is; got once for all tests.
fn modules() -> Option<&'static PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let get = || {
        let args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        have("node").then(|| fetched(&["package.json", "package-lock.json"], "npm", &args)).flatten()
    };
    FOLDER.get_or_init(get).as_ref()
}

fn node(modules: &Path, script: &str, args: &[&str]) {
    let path = format!("NODE_PATH={}/node_modules", modules.display());
    let said = command::run("env", &[&[&path, "node", &at(script)], args].concat(), b"").ok();
    assert!(said.ends_with("done\n"), "{said}");
}

#[test]
fn it_does_all_that_it_can() {
    let Some(modules) = modules() else { return };
    let server = lived_in();
    let (port, smtp) = (server.imaps.port().to_string(), server.smtp.port().to_string());
    node(modules, "imapflow.mjs", &[&port, &server.ca().display().to_string(), &smtp, &LETTERS.to_string()]);
}

#[test]
fn ten_thousand_messages_that_another_program_left() {
    let Some(modules) = modules() else { return };
    let server = Server::start(Setup::default());
    // The first login makes the folders.
    Imap::login(&server, "alice");
    letters(&server, &["--many", "10000"]);
    node(
        modules,
        "imapflow_many.mjs",
        &[&server.imaps.port().to_string(), &server.ca().display().to_string(), "10000"],
    );
}
