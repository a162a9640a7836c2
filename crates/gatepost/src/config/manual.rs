//! The manual of the configuration, made from the definitions of the keys.

use std::path::Path;

use super::Config;
use super::reader::{Document, Entry};

const HEAD: &str = "# Configuration

One TOML file: the one that `--config FILE` names, else `./gatepost.toml`, else `/etc/gatepost/gatepost.toml`.
`gatepost init` writes a short one with comments; `config/gatepost.example.toml` shows every section.

- An unknown key, a wrong kind of value or values that do not fit together are refused, all at once, each as
  `FILE:LINE:COLUMN: what is wrong; what would be right`, with exit status 2.
- Relative paths are relative to the folder that the file is in.
- A size is a number of bytes, or a text with `K`, `M`, `G` or `T` (1024 each); a duration is a text with `ms`, `s`, `m`,
  `h` or `d`.
- SIGHUP reads the file again, and the certificates' files. `[server]`, `[listen]`, `[directory]`, `[index]`, `[mail]`,
  `[tls]`, `[acme]`, `[scan]`, `[imap]`, `[pop3]`, `[login]`, `[web]`, `[limits]` and the numbers of connections
  need a restart; the log names those that have changed.
- DATA stands for `[server] data`, HOSTNAME for `[server] hostname`.

This page is made from the program itself; a test compares the two.
";

/// The page `docs/configuration.md`.
#[must_use]
pub fn manual() -> String {
    let table = toml::de::DeTable::new();
    let document = Document::new(Path::new(""), "", &table);
    let _ = Config::read(&document);
    let (sections, entries) = document.manual();
    let mut page = HEAD.to_owned();
    for (name, about) in sections {
        let title = if name == "rule" { "[[rule]]".to_owned() } else { format!("[{name}]") };
        page.push_str(&format!("\n## `{title}`\n\n{about}\n\n| key | kind | default | |\n|---|---|---|---|\n"));
        entries.iter().filter(|entry| entry.section == name).for_each(|entry| page.push_str(&line(entry)));
    }
    page
}

fn line(entry: &Entry) -> String {
    let Entry { key, kind, default, about, .. } = entry;
    let literal = default.starts_with(['"', '[']) || default.parse::<u64>().is_ok() || default.parse::<bool>().is_ok();
    let default = if literal { format!("`{default}`") } else { default.clone() };
    format!("| `{key}` | {kind} | {default} | {about} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `GATEPOST_WRITE_DOCS=1 cargo test -p gatepost manual` writes the page.
    #[test]
    fn the_page_is_what_the_program_does() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
        if std::env::var_os("GATEPOST_WRITE_DOCS").is_some() {
            std::fs::write(&file, manual()).unwrap();
        }
        let same = std::fs::read_to_string(&file).unwrap() == manual();
        assert!(same, "docs/configuration.md is not up to date: GATEPOST_WRITE_DOCS=1 cargo test -p gatepost manual");
    }

    /// `config/gatepost.example.toml` is what people copy from.
    #[test]
    fn the_example_has_every_key_with_its_default() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/gatepost.example.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let table = toml::de::DeTable::new();
        let document = Document::new(Path::new(""), "", &table);
        let _ = Config::read(&document);
        let (_, entries) = document.manual();
        let mut wrong = Vec::new();
        // Queries belong to a preset; without one they have no place in a file that shows defaults.
        for Entry { section, key, default, .. } in entries.into_iter().filter(|entry| !entry.key.ends_with("_query")) {
            let lines = text.lines().skip_while(|line| line.trim_matches(['[', ']']) != section).skip(1);
            let mut lines = lines.take_while(|line| !line.starts_with('['));
            let start = format!("{key} = ");
            let found = lines.find(|line| line.trim_start_matches('#').starts_with(&start));
            // A default in words is said above the key, and the value is an example.
            let literal = !default.contains(' ') && !default.contains('`') && !default.contains("DATA");
            let literal = literal && !["[]", "none"].contains(&default.as_str());
            match found {
                None => wrong.push(format!("[{section}] {key} is missing")),
                Some(line) if line.starts_with('#') && literal && line != format!("#{start}{default}") => {
                    wrong.push(format!("[{section}] {line}: the default is {default}"));
                }
                Some(_) => {}
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn every_section_has_keys_and_every_key_says_what_it_is_for() {
        let table = toml::de::DeTable::new();
        let document = Document::new(Path::new(""), "", &table);
        let _ = Config::read(&document);
        let (sections, entries) = document.manual();
        assert!(sections.len() > 10);
        for (name, _) in sections {
            assert!(entries.iter().any(|entry| entry.section == name), "{name}");
        }
        for entry in entries {
            assert!(entry.about.ends_with('.') && !entry.about.contains(['|', '\n']), "{entry:?}");
        }
    }
}
