//! Whole tasks of people who read their mail over IMAP, with the programs they
//! have: first synchronisation, changes on both sides, connections that break.

mod curl;
mod imapclient;
mod imapflow;
mod mbsync;
mod neomutt;
mod offlineimap;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use testkit::command;
use testkit::server::{Server, Setup, have};

use crate::house::{Imap, ends_ok};
use crate::smtp::Client;

/// Messages in the INBOX of [`lived_in`].
const LETTERS: usize = 16;

/// A server on which alice has had mail for years: letters of all shapes in her
/// INBOX, and folders with spaces, umlauts and several levels.
fn lived_in() -> Server {
    let server = Server::start(Setup::default());
    let mut alice = Imap::login(&server, "alice");
    for name in ["\"Work stuff\"", "Entw&APw-rfe", "deep.er.and.deep&AOQ-r.still"] {
        for command in ["CREATE", "SUBSCRIBE"] {
            let said = alice.command(&format!("{command} {name}"));
            assert!(ends_ok(&said), "{said}");
        }
    }
    letters(&server, &[]);
    server
}

/// Puts letters into alice's Maildir, as another program does.
fn letters(server: &Server, more: &[&str]) {
    let maildir = server.maildir("alice@example.org").display().to_string();
    script("letters.py", &[&[maildir.as_str()], more].concat());
}

/// One of the scripts beside these tests.
fn at(script: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script).display().to_string()
}

/// Runs a Python script of ours to its end; what it printed.
fn script(name: &str, args: &[&str]) -> String {
    command::run("python3", &[&[at(name).as_str()], args].concat(), b"").ok()
}

/// What alice's mailbox holds, as the server shows it: see `state.py`.
fn at_server(server: &Server, more: &[&str]) -> Vec<String> {
    let (port, ca) = (server.imaps.port().to_string(), server.ca().display().to_string());
    state(&[&["imap", &port, &ca, "alice@example.org", "password of alice"], more].concat())
}

/// What a copy holds.
fn in_maildir(folder: &Path, more: &[&str]) -> Vec<String> {
    state(&[&["maildir", &folder.display().to_string()], more].concat())
}

fn state(args: &[&str]) -> Vec<String> {
    script("state.py", args).lines().map(str::to_owned).collect()
}

/// Both hold the same, nothing is there twice.
fn same(here: &[String], there: &[String]) {
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    let (here_only, there_only) = (only(here, there), only(there, here));
    assert!(here_only.is_empty() && there_only.is_empty(), "only here: {here_only:#?}\nonly there: {there_only:#?}");
    let doubled: Vec<_> = here.windows(2).chain(there.windows(2)).filter(|pair| pair[0] == pair[1]).collect();
    assert!(doubled.is_empty() && here.len() == there.len(), "{doubled:#?}");
}

/// The one line of a message: its folder, its Message-ID without brackets, and
/// behind it what `state` has printed.
fn line<'a>(state: &'a [String], folder: &str, id: &str) -> Option<&'a str> {
    let head = format!("{folder}\t<{id}>\t");
    let mut found = state.iter().filter_map(|line| line.strip_prefix(&head));
    let first = found.next();
    assert!(found.next().is_none(), "{head} is there twice");
    first
}

/// The flags of a message that is there.
fn flags<'a>(state: &'a [String], folder: &str, id: &str) -> &'a str {
    let line = line(state, folder, id).unwrap_or_else(|| panic!("{folder} has no {id}: {state:#?}"));
    line.rsplit('\t').next().unwrap_or_default()
}

/// A message comes for alice.
fn deliver(server: &Server, id: &str) {
    let text = letter(id);
    let reply =
        Client::connect(server.smtp).unwrap().message("s@client.example", &["alice@example.org"], &text).unwrap();
    assert!(reply.starts_with("250"), "{reply}");
}

/// A small message.
fn letter(id: &str) -> String {
    format!("From: s@client.example\nTo: alice@example.org\nSubject: {id}\nMessage-ID: <{id}>\n\ntext of {id}\n")
}

/// Somebody else works in alice's mailbox.
fn another_session(server: &Server, commands: &[&str]) {
    let mut alice = Imap::login(server, "alice");
    for command in commands {
        let said = alice.command(command);
        assert!(ends_ok(&said), "{command}: {said}");
    }
}

/// Runs a program in the background, with its output in a file.
fn start(program: &str, args: &[&str], output: &Path) -> Child {
    let output = fs::File::create(output).unwrap();
    let errors = output.try_clone().unwrap();
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(output).stderr(errors);
    command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// A folder under `target` with a client that Debian has no package of, got by
/// this command when it was not there yet; nothing, and a word about it, where
/// it cannot be had and no CI runs. The files pin what is got.
fn fetched(pinned: &[&str], program: &str, args: &[&str]) -> Option<PathBuf> {
    if !have(program) {
        return None;
    }
    let wanted: Vec<u8> = pinned.iter().flat_map(|file| fs::read(at(file)).unwrap()).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(program);
    let stamp = folder.join("whole");
    if fs::read(&stamp).is_ok_and(|whole| whole == wanted) {
        return Some(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for file in pinned {
        fs::copy(at(file), folder.join(file)).unwrap();
    }
    let path = folder.display().to_string();
    let got = command::run("env", &[&["-C", &path, program], args].concat(), b"");
    if got.code == Some(0) {
        fs::write(stamp, wanted).unwrap();
        return Some(folder);
    }
    let why = format!("{program} {args:?} did not get what {pinned:?} name; once, it needs the network:\n{}", got.text);
    assert!(env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
    None
}
