//! Holds every dialogue under `tests/dialogues/{smtp,lmtp}`: line by line,
//! octet by octet, and with all that the client says in one write.
//!
//! ```text
//! # a comment
//! ! set max-errors 2          a setting, by its name with hyphens
//! ! refuse rcpt A@B CASE      a decision; also connect, hello, mail, data,
//!                             starttls, end, and end A@B in LMTP
//! ! lockstep                  the client must wait for replies: no single write
//! C: NOOP                     the client says this line
//! R: NOOP\r\n\0\x80           the client says these octets
//! S: 250 2.0.0 Done.          the server says this line; a * at the end
//!                             stands for anything
//! E: quit                     this happened, after what the last E names
//! M: Subject: x               a line of the next message that was taken
//! ! tls / hang-up / shut CASE the handshake succeeds, the peer is gone, the
//!                             server ends it
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod shell;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use shell::{Shell, Table, case};
use smtp::{BareNewline, Mode, Refusal, Settings};

#[derive(Debug, Clone)]
enum Step {
    Client(Vec<u8>),
    Server(String),
    Event(String),
    Message(String),
    Tls,
    HangUp,
    Shut(Refusal),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Lines,
    Octets,
    OneWrite,
}

struct Dialogue {
    name: String,
    mode: Mode,
    settings: Settings,
    table: Table,
    lockstep: bool,
    steps: Vec<Step>,
}

#[test]
fn smtp() {
    hold_all("smtp", Mode::Smtp);
}

#[test]
fn lmtp() {
    hold_all("lmtp", Mode::Lmtp);
}

#[test]
fn every_command_and_every_code_has_a_dialogue() {
    let names: BTreeSet<String> =
        files("smtp").iter().map(|f| f.file_stem().unwrap().to_string_lossy().into()).collect();
    for command in "ehlo helo starttls mail rcpt rset data bdat noop vrfy expn help auth quit".split(' ') {
        assert!(names.contains(command), "no dialogue for {command}");
    }
    for (folder, codes) in [
        ("smtp", "214 220 221 250 252 354 421 451 452 454 500 501 502 503 550 552 553 554 555"),
        ("lmtp", "220 221 250 354 421 451 452 500 501 503 550 552"),
    ] {
        let said: String = files(folder).iter().map(|f| fs::read_to_string(f).unwrap()).collect();
        for code in codes.split(' ') {
            let start = format!("S: {code}");
            assert!(said.lines().any(|line| line.starts_with(&start)), "{folder}: no dialogue has {code}");
        }
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogues").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn hold_all(folder: &str, mode: Mode) {
    let mut failures = Vec::new();
    for file in files(folder) {
        let dialogue = Dialogue::read(&file, mode);
        for manner in [Manner::Lines, Manner::Octets, Manner::OneWrite] {
            if manner == Manner::OneWrite && dialogue.lockstep {
                continue;
            }
            if let Err(what) = dialogue.hold(manner) {
                failures.push(format!("{folder}/{} ({manner:?}): {what}", dialogue.name));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

impl Dialogue {
    fn read(file: &Path, mode: Mode) -> Self {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let settings = Settings::new("mx.example.org".parse().unwrap());
        let mut dialogue = Self { name, mode, settings, table: Table::new(), lockstep: false, steps: Vec::new() };
        for line in fs::read_to_string(file).unwrap().lines() {
            dialogue.line(line);
        }
        assert!(
            dialogue.steps.iter().any(|step| matches!(step, Step::Server(_))),
            "{}: nothing is said",
            dialogue.name
        );
        dialogue
    }

    fn line(&mut self, line: &str) {
        let (mark, rest) = line.split_at_checked(2).unwrap_or((line, ""));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let step = match mark {
            "" => return,
            _ if mark.starts_with('#') => return,
            "! " => return self.directive(rest),
            "C:" => Step::Client(format!("{rest}\r\n").into_bytes()),
            "R:" => Step::Client(unescape(rest)),
            "S:" => Step::Server(rest.to_owned()),
            "E:" => Step::Event(rest.to_owned()),
            "M:" => Step::Message(rest.to_owned()),
            _ => panic!("{}: {line:?} is no line of a dialogue", self.name),
        };
        self.steps.push(step);
    }

    fn directive(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let refusal = |name: &str| case(name).unwrap_or_else(|| panic!("{}: no case {name}", self.name));
        match words.as_slice() {
            ["lockstep"] => self.lockstep = true,
            ["tls"] => self.steps.push(Step::Tls),
            ["hang-up"] => self.steps.push(Step::HangUp),
            ["shut", name] => self.steps.push(Step::Shut(refusal(name))),
            ["refuse", place @ .., name] => {
                let refusal = refusal(name);
                self.table.insert(place.join(" "), refusal);
            }
            ["set", key, value] => self.set(key, value),
            _ => panic!("{}: {text:?} is no directive", self.name),
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        let settings = &mut self.settings;
        let number = || value.parse::<u32>().unwrap();
        match key {
            "max-line" => settings.max_line = number() as usize,
            "max-errors" => settings.max_errors = number(),
            "max-idle-commands" => settings.max_idle_commands = number(),
            "max-recipients" => settings.max_recipients = number() as usize,
            "max-message" => settings.max_message = number().into(),
            "max-skip" => settings.max_skip = number().into(),
            "max-transactions" => settings.max_transactions = number(),
            "starttls" => settings.starttls = value == "on",
            "smtputf8" => settings.smtputf8 = value == "on",
            "bare-newline-in-bdat" if value == "refuse" => settings.bare_newline_in_bdat = BareNewline::Refuse,
            _ => panic!("{}: no setting {key} {value}", self.name),
        }
    }

    fn hold(&self, manner: Manner) -> Result<(), String> {
        let mut shell = Shell::new(self.mode, self.settings.clone(), self.table.clone());
        if manner == Manner::OneWrite {
            let all: Vec<u8> = self.steps.iter().flat_map(Step::said).copied().collect();
            shell.receive(&all);
        }
        let mut seen = Seen::default();
        for step in &self.steps {
            match step {
                Step::Client(_) if manner == Manner::OneWrite => {}
                Step::Client(bytes) => {
                    seen.nothing_more(&shell)?;
                    let size = if manner == Manner::Octets { 1 } else { bytes.len() };
                    bytes.chunks(size).for_each(|piece| shell.receive(piece));
                }
                Step::Server(line) => seen.reply(&shell, line)?,
                Step::Event(event) => seen.event(&shell, event)?,
                Step::Message(line) => seen.message_line(&shell, line)?,
                Step::Tls => shell.secured(),
                Step::HangUp => {
                    shell.session.hang_up();
                    shell.pump();
                }
                Step::Shut(refusal) => {
                    shell.session.shut(refusal);
                    shell.pump();
                }
            }
        }
        seen.nothing_more(&shell)?;
        seen.all_of_each_message(&shell)
    }
}

impl Step {
    fn said(&self) -> &[u8] {
        if let Self::Client(bytes) = self { bytes } else { &[] }
    }
}

/// How much of what happened was looked at.
#[derive(Default)]
struct Seen {
    output: usize,
    events: usize,
    message_bytes: usize,
    asked_for_messages: bool,
}

impl Seen {
    fn reply(&mut self, shell: &Shell, pattern: &str) -> Result<(), String> {
        let rest = std::str::from_utf8(&shell.output[self.output..]).map_err(|_| "a reply is not UTF-8")?;
        let (line, _) = rest.split_once("\r\n").ok_or_else(|| format!("{pattern:?} expected, nothing said"))?;
        self.output += line.len() + 2;
        let fits = pattern.strip_suffix('*').map_or(line == pattern, |start| line.starts_with(start));
        if fits { Ok(()) } else { Err(format!("{pattern:?} expected, {line:?} said")) }
    }

    fn nothing_more(&self, shell: &Shell) -> Result<(), String> {
        match &shell.output[self.output..] {
            [] => Ok(()),
            more => Err(format!("{:?} was not expected", String::from_utf8_lossy(more))),
        }
    }

    fn event(&mut self, shell: &Shell, event: &str) -> Result<(), String> {
        let found = shell.log[self.events..].iter().position(|what| what == event);
        let at = found.ok_or_else(|| format!("{event:?} expected, {:?} happened", &shell.log[self.events..]))?;
        self.events += at + 1;
        Ok(())
    }

    fn message_line(&mut self, shell: &Shell, line: &str) -> Result<(), String> {
        self.asked_for_messages = true;
        let all = shell.messages.concat();
        let line = [&unescape(line)[..], b"\n"].concat();
        let rest = &all[self.message_bytes..];
        self.message_bytes += line.len();
        if rest.starts_with(&line) { Ok(()) } else { Err(format!("{line:?} expected, {rest:?} came")) }
    }

    fn all_of_each_message(&self, shell: &Shell) -> Result<(), String> {
        let length = shell.messages.concat().len();
        let seen = !self.asked_for_messages || self.message_bytes == length;
        if seen { Ok(()) } else { Err(format!("{} of {length} octets were expected", self.message_bytes)) }
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'\\' => match rest.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'0') => 0,
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    let digits: Vec<u8> = rest.by_ref().take(2).collect();
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => panic!("{text:?}: {other:?} is no escape"),
            },
            byte => byte,
        };
        out.push(byte);
    }
    out
}
