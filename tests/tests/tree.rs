//! The rules about the tree, as tests: which crate may know which, how long a
//! file may be, what is never written.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the words upwards; a crate may depend only on crates of the same layer
/// or of one to the left, and nobody forms a cycle.
const LAYERS: [(&str, &[&str]); 6] = [
    ("words", &["mail", "avscan-wire", "clamav-sys"]),
    ("pure", &["smtp", "imap", "pop3", "mime", "uidlist", "rules", "verdict"]),
    (
        "edges",
        &["sql", "directory", "index", "maildir", "spool", "avscan-client", "tls", "dns", "ldap", "login", "acme"],
    ),
    ("stories", &["mailbox", "transaction", "access", "signatures"]),
    ("faces", &["web"]),
    ("shell", &["gatepost", "avscan", "testkit", "tests"]),
];

/// What a layer must not depend on, since it would touch the world.
const WORLDLY: [&str; 9] =
    ["tokio", "sqlx", "rustls", "tokio-rustls", "rustix", "rand", "inotify", "tracing-subscriber", "rcgen"];
/// Stories name no runtime and no outside thing.
const NOT_IN_STORIES: [&str; 6] = ["tokio", "sqlx", "rustls", "tokio-rustls", "rustix", "rcgen"];

const MAX_FILE_LINES: usize = 700;
const MAX_MEDIAN: usize = 150;
const MAX_CRATES: usize = 30;
const MAX_EDGES: usize = 92;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// Package name and the names of its ordinary dependencies.
fn manifests() -> BTreeMap<String, BTreeSet<String>> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.push(root().join("tests"));
    let mut found = BTreeMap::new();
    for folder in folders {
        let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        assert_eq!(Some(name.as_str()), folder.file_name().and_then(|n| n.to_str()), "folder and package names differ");
        let dependencies = manifest.get("dependencies").and_then(|d| d.as_table());
        found.insert(name, dependencies.map(|d| d.keys().cloned().collect()).unwrap_or_default());
    }
    found
}

fn layer(name: &str) -> usize {
    LAYERS
        .iter()
        .position(|(_, crates)| crates.contains(&name))
        .unwrap_or_else(|| panic!("{name} stands in no layer: add it to the table in tests/tests/tree.rs"))
}

#[test]
fn dependencies_point_downwards_only() {
    let manifests = manifests();
    for (name, dependencies) in &manifests {
        for dependency in dependencies.iter().filter(|d| manifests.contains_key(*d)) {
            assert!(
                layer(dependency) <= layer(name),
                "{name} ({}) must not know {dependency} ({})",
                LAYERS[layer(name)].0,
                LAYERS[layer(dependency)].0
            );
        }
    }
    assert_no_cycle(&manifests);
}

fn assert_no_cycle(manifests: &BTreeMap<String, BTreeSet<String>>) {
    fn visit<'a>(name: &'a str, manifests: &'a BTreeMap<String, BTreeSet<String>>, path: &mut Vec<&'a str>) {
        assert!(!path.contains(&name), "a cycle: {path:?} -> {name}");
        path.push(name);
        for dependency in manifests.get(name).into_iter().flatten() {
            visit(dependency, manifests, path);
        }
        path.pop();
    }
    for name in manifests.keys() {
        visit(name, manifests, &mut Vec::new());
    }
}

#[test]
fn the_graph_stays_small() {
    let manifests = manifests();
    let edges: usize = manifests.values().map(|d| d.iter().filter(|d| manifests.contains_key(*d)).count()).sum();
    println!("{} crates, {edges} edges", manifests.len());
    assert!(manifests.len() <= MAX_CRATES, "{} crates", manifests.len());
    assert!(edges <= MAX_EDGES, "{edges} edges between crates");
}

#[test]
fn pure_crates_touch_nothing() {
    let manifests = manifests();
    for (name, dependencies) in &manifests {
        let forbidden: &[&str] = match layer(name) {
            0 | 1 => &WORLDLY,
            // Faces know HTTP values, and no socket that they go through.
            3 | 4 => &NOT_IN_STORIES,
            _ => &[],
        };
        for worldly in forbidden {
            assert!(!dependencies.contains(*worldly), "{name} is {} and must not use {worldly}", LAYERS[layer(name)].0);
        }
        if layer(name) <= 1 && name != "clamav-sys" {
            for (file, text) in sources(&root().join("crates").join(name).join("src")) {
                for word in ["std::fs", "std::net::Tcp", "SystemTime::now", "Instant::now", "std::env", "async fn"] {
                    let used = production(&text).any(|line| line.contains(word));
                    assert!(!used, "{}: {name} is pure and must not use {word}", file.display());
                }
            }
        }
    }
}

#[test]
fn files_are_short() {
    let mut lengths: Vec<(usize, PathBuf)> = all_sources()
        .into_iter()
        .map(|(file, text)| {
            let lines = production(&text).filter(|l| !l.trim().is_empty() && !l.trim_start().starts_with("//")).count();
            (lines, file)
        })
        .collect();
    lengths.sort();
    let median = lengths[lengths.len() / 2].0;
    let ninetieth = lengths[lengths.len() * 9 / 10].0;
    let longest = lengths.last().expect("files");
    println!(
        "production lines per file: median {median}, 90th {ninetieth}, longest {} ({})",
        longest.0,
        longest.1.display()
    );
    assert!(longest.0 <= MAX_FILE_LINES, "{} has {} lines", longest.1.display(), longest.0);
    assert!(median <= MAX_MEDIAN);
}

#[test]
fn files_say_what_they_are() {
    for (file, text) in all_sources() {
        assert!(text.starts_with("//!"), "{}: begin with `//!` and one sentence", file.display());
    }
}

#[test]
fn unsafe_is_forbidden_but_in_two_crates() {
    for name in manifests().into_keys().filter(|n| n != "tests" && n != "clamav-sys" && n != "avscan") {
        let src = root().join("crates").join(&name).join("src");
        let top = ["lib.rs", "main.rs"].iter().find_map(|f| fs::read_to_string(src.join(f)).ok()).unwrap();
        assert!(top.contains("#![forbid(unsafe_code)]"), "{name} does not forbid unsafe code");
    }
}

#[test]
fn nothing_is_left_open() {
    for (file, text) in all_sources() {
        for word in ["todo!(", "unimplemented!(", "TODO", "FIXME", "XXX:"] {
            assert!(!production(&text).any(|l| l.contains(word)), "{} has {word}", file.display());
        }
    }
}

/// The lines before the unit tests.
fn production(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| line.trim() != "#[cfg(test)]")
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    crates.flat_map(|entry| sources(&entry.unwrap().path().join("src"))).collect()
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}
