//! Several sessions and another program in one mailbox, at random: what each
//! client can conclude from what it is told is always what is there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end at what it did not expect")]

mod house;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use access::imap::{Gone, Next, Session, Settings, Sink};

use house::{House, here};

/// Each is one day of several people; others can be tried with `CASES`.
const SEEDS: u64 = 6;
const STEPS: usize = 50;
const FLAGS: [&str; 4] = ["\\Seen", "\\Flagged", "\\Answered", "\\Deleted"];

/// Numbers at random, the same for the same seed (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }
}

#[derive(Default)]
struct Heard(Vec<u8>);

impl Sink for Heard {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        self.0.extend(bytes);
        Ok(())
    }
}

/// What has ever been said of the mailbox to anybody.
#[derive(Default)]
struct Said {
    /// A number is that of one message for ever.
    envelopes: BTreeMap<u32, String>,
    highest_modseq: u64,
    highest_uid: u32,
}

/// A message as a client knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    uid: Option<u32>,
    /// Without `\Recent`, which is each session's own.
    flags: Option<BTreeSet<String>>,
    modseq: u64,
}

/// A session, and what its client concludes.
struct Client {
    runtime: Rc<tokio::runtime::Runtime>,
    session: Session,
    heard: Heard,
    next: Next,
    view: Vec<Known>,
    gone: BTreeSet<u32>,
    said: Rc<RefCell<Said>>,
    idle: bool,
    name: usize,
    log: Vec<String>,
}

impl Client {
    fn new(house: &House, name: usize, said: &Rc<RefCell<Said>>) -> Self {
        let session = Session::new(Arc::clone(&house.services), Settings::default(), here());
        let mut client = Self {
            runtime: Rc::clone(&house.runtime),
            session,
            heard: Heard::default(),
            next: Next::Read,
            view: Vec::new(),
            gone: BTreeSet::new(),
            said: Rc::clone(said),
            idle: false,
            name,
            log: Vec::new(),
        };
        client.ask("LOGIN alice@example.org secret");
        if name == 1 {
            client.ask("ENABLE CONDSTORE");
        }
        client.select();
        client
    }

    fn select(&mut self) {
        self.view.clear();
        self.gone.clear();
        self.ask(if self.name == 2 { "EXAMINE INBOX" } else { "SELECT INBOX" });
        if !self.view.is_empty() {
            self.ask("FETCH 1:* (UID FLAGS)");
        }
    }

    fn say(&mut self, text: &str) -> String {
        self.log.push(text.to_owned());
        self.session.input(text.as_bytes());
        self.next = self.runtime.block_on(self.session.step(&mut self.heard)).unwrap();
        String::from_utf8(std::mem::take(&mut self.heard.0)).unwrap()
    }

    /// One command; all that comes is taken in, and its last line returned.
    fn ask(&mut self, command: &str) -> String {
        let heard = self.say(&format!("t {command}\r\n"));
        self.take(&heard, command);
        let last = heard.lines().last().unwrap_or_default().to_owned();
        assert!(last.starts_with("t OK") || last.starts_with("t NO"), "{command}: {heard}{}", self.story());
        assert!(self.next != Next::Close, "{heard}{}", self.story());
        last
    }

    fn idle(&mut self) {
        let heard = self.say("t IDLE\r\n");
        self.take(&heard, "IDLE");
        self.idle = true;
    }

    fn done(&mut self) {
        let heard = self.say("DONE\r\n");
        self.take(&heard, "IDLE");
        self.idle = false;
    }

    /// As the shell does when news come, or the clock says so.
    fn hear(&mut self) {
        self.next = self.runtime.block_on(self.session.announce(&mut self.heard)).unwrap();
        let heard = String::from_utf8(std::mem::take(&mut self.heard.0)).unwrap();
        self.take(&heard, "IDLE");
    }

    fn take(&mut self, heard: &str, command: &str) {
        for line in heard.lines() {
            self.log.push(format!("  {line}"));
            let words: Vec<&str> = line.split(' ').collect();
            let ["*", number, kind, ..] = words.as_slice() else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            match *kind {
                "EXISTS" => {
                    assert!(number >= self.view.len(), "messages go by EXPUNGE alone{}", self.story());
                    self.view.resize_with(number, Known::default);
                }
                "EXPUNGE" => self.expunged(number, command),
                "FETCH" => self.fetched(number, line),
                _ => {}
            }
        }
        self.modseq_of(heard);
    }

    /// "An EXPUNGE response MUST NOT be sent when no command is in progress, nor
    /// while responding to a FETCH, STORE, or SEARCH command" (RFC 3501 §7.4.1).
    fn expunged(&mut self, number: usize, command: &str) {
        let numbers_in_use = ["FETCH", "STORE", "SEARCH", "COPY"].iter().any(|verb| command.starts_with(verb));
        assert!(!numbers_in_use, "EXPUNGE in {command}{}", self.story());
        assert!((1..=self.view.len()).contains(&number), "no message {number}{}", self.story());
        if let Some(uid) = self.view.remove(number - 1).uid {
            self.gone.insert(uid);
        }
    }

    fn fetched(&mut self, number: usize, line: &str) {
        assert!((1..=self.view.len()).contains(&number), "no message {number}{}", self.story());
        let uid = after(line, "UID ").map(number_at);
        if let Some(uid) = uid {
            let uid = u32::try_from(uid).unwrap();
            let story = self.story();
            let known = self.view[number - 1].uid.get_or_insert(uid);
            assert_eq!(*known, uid, "a number means another message{story}");
            assert!(!self.gone.contains(&uid), "{uid} came back{story}");
            let mut said = self.said.borrow_mut();
            said.highest_uid = said.highest_uid.max(uid);
            if let Some(envelope) = after(line, "ENVELOPE ") {
                let before = said.envelopes.entry(uid).or_insert_with(|| envelope.to_owned());
                assert_eq!(before, envelope, "{uid} is another message{story}");
            }
        }
        if let Some(flags) = after(line, "FLAGS (") {
            let words = flags.split(')').next().unwrap().split(' ');
            let words = words.filter(|word| !word.is_empty() && *word != "\\Recent").map(str::to_owned);
            self.view[number - 1].flags = Some(words.collect());
        }
        if let Some(modseq) = after(line, "MODSEQ (") {
            let modseq = number_at(modseq);
            let before = std::mem::replace(&mut self.view[number - 1].modseq, modseq);
            assert!(before <= modseq, "MODSEQ goes back{}", self.story());
        }
    }

    fn modseq_of(&self, heard: &str) {
        if let Some(told) = after(heard, "[HIGHESTMODSEQ ") {
            let highest = &mut self.said.borrow_mut().highest_modseq;
            assert!(number_at(told) >= *highest, "HIGHESTMODSEQ goes back{}", self.story());
            *highest = number_at(told);
        }
    }

    /// What the server thinks that this client knows is what it knows.
    fn check(&mut self) {
        let heard = self.say("t UID SEARCH ALL\r\n");
        let found = heard.lines().find_map(|line| line.strip_prefix("* SEARCH")).unwrap_or_default();
        let uids: Vec<u32> = found.split_ascii_whitespace().map(|uid| uid.parse().unwrap()).collect();
        // UID SEARCH may tell of what went; plain ones of the index do not.
        self.take(&heard, "UID SEARCH");
        assert_eq!(uids.len(), self.view.len(), "{heard}{}", self.story());
        assert!(uids.is_sorted_by(|a, b| a < b), "{heard}{}", self.story());
        for (known, uid) in self.view.iter().zip(&uids) {
            assert!(known.uid.is_none_or(|known| known == *uid), "{heard}{}", self.story());
        }
        for (known, uid) in self.view.iter_mut().zip(uids) {
            known.uid = Some(uid);
        }
    }

    fn story(&self) -> String {
        let from = self.log.len().saturating_sub(60);
        format!("\nclient {}:\n{}", self.name, self.log[from..].join("\n"))
    }

    /// A set of message numbers.
    fn some(&self, dice: &mut Dice) -> String {
        let (a, b) = (dice.roll(self.view.len()) + 1, dice.roll(self.view.len()) + 1);
        if dice.roll(2) == 0 { a.to_string() } else { format!("{a}:{b}") }
    }

    /// Does something, as people do.
    fn act(&mut self, dice: &mut Dice) {
        if self.idle {
            return if dice.roll(2) == 0 { self.hear() } else { self.done() };
        }
        match dice.roll(10) {
            0 => self.idle(),
            1 => drop(self.ask("NOOP")),
            2 if dice.roll(3) == 0 => self.select(),
            3 if self.name != 2 => {
                let message = format!("Subject: {}\r\n\r\nx\r\n", dice.0);
                let heard = self.say(&format!("t APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len()));
                self.take(&heard, "APPEND");
            }
            4 if self.name != 2 => drop(self.ask("EXPUNGE")),
            _ if self.view.is_empty() => drop(self.ask("CHECK")),
            roll => self.act_on(roll, dice),
        }
    }

    fn act_on(&mut self, roll: usize, dice: &mut Dice) {
        let uid = if dice.roll(2) == 0 { "" } else { "UID " };
        let set = self.some(dice);
        let set = if uid.is_empty() { set } else { self.uids(&set) };
        match roll {
            5 => drop(self.ask(&format!("{uid}FETCH {set} (UID FLAGS ENVELOPE)"))),
            6 => drop(self.ask(&format!("{uid}COPY {set} INBOX"))),
            7 => drop(self.ask(&format!("{uid}SEARCH UNSEEN SUBJECT 1"))),
            8 if self.name != 2 && dice.roll(3) == 0 => drop(self.ask(&format!("{uid}MOVE {set} Archive"))),
            _ if self.name != 2 => {
                let how = dice.pick(&["+FLAGS", "-FLAGS", "FLAGS"]);
                let (one, two) = (dice.pick(&FLAGS), dice.pick(&FLAGS));
                drop(self.ask(&format!("{uid}STORE {set} {how} ({one} {two})")));
            }
            _ => drop(self.ask(&format!("{uid}FETCH {set} (UID MODSEQ)"))),
        }
    }

    /// The same messages by UID, where the client knows them.
    fn uids(&self, set: &str) -> String {
        let number = |text: &str| text.parse::<usize>().ok().and_then(|number| self.view[number - 1].uid);
        let uids: Vec<String> = set.split(':').filter_map(number).map(|uid| uid.to_string()).collect();
        if uids.is_empty() { "1:*".to_owned() } else { uids.join(":") }
    }
}

fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let at = text.find(mark)?;
    Some(&text[at + mark.len()..])
}

fn number_at(text: &str) -> u64 {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// Another program in the Maildir.
struct Outsider {
    maildir: PathBuf,
    count: u32,
}

impl Outsider {
    fn files(&self) -> Vec<PathBuf> {
        let list = |sub: &str| fs::read_dir(self.maildir.join(sub)).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<PathBuf> = list("new").chain(list("cur")).collect();
        files.sort();
        files
    }

    fn act(&mut self, dice: &mut Dice) {
        let files = self.files();
        match dice.roll(3) {
            1 if !files.is_empty() => {
                let file = dice.pick(&files);
                let name = file.file_name().unwrap().to_str().unwrap().split(":2,").next().unwrap().to_owned();
                let letters: String = "FRST".chars().filter(|_| dice.roll(2) == 0).collect();
                fs::rename(file, self.maildir.join("cur").join(format!("{name}:2,{letters}"))).unwrap();
            }
            2 if !files.is_empty() => fs::remove_file(dice.pick(&files)).unwrap(),
            _ => {
                self.count += 1;
                let name = format!("17000000{:02}.M1P1.other", self.count);
                fs::write(self.maildir.join("tmp").join(&name), format!("Subject: from outside {name}\n\nx\n"))
                    .unwrap();
                fs::rename(self.maildir.join("tmp").join(&name), self.maildir.join("new").join(&name)).unwrap();
            }
        }
    }

    /// Flags of all messages as the names of their files say them.
    fn flags(&self) -> Vec<BTreeSet<String>> {
        let letters = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            name.split_once(":2,").map(|(_, letters)| letters.to_owned()).unwrap_or_default()
        };
        let names = [('S', "\\Seen"), ('F', "\\Flagged"), ('R', "\\Answered"), ('T', "\\Deleted")];
        let flags = |letters: String| {
            names.iter().filter(|(letter, _)| letters.contains(*letter)).map(|(_, name)| (*name).to_owned()).collect()
        };
        let mut all: Vec<BTreeSet<String>> = self.files().iter().map(|path| flags(letters(path))).collect();
        all.sort();
        all
    }
}

/// Until all that is owed is paid, and everybody heard of all.
fn settle(house: &House, clients: &mut [Client]) {
    for _ in 0..5 {
        house.clock.pass(70);
        house.tick();
        for client in &mut *clients {
            if client.idle {
                client.done();
            }
            client.ask("NOOP");
        }
    }
}

fn day(seed: u64) {
    let (house, mut dice, said) = (House::new(), Dice(seed), Rc::<RefCell<Said>>::default());
    let mut clients: Vec<Client> = (0..3).map(|name| Client::new(&house, name, &said)).collect();
    let mut outsider = Outsider { maildir: house.maildir("alice"), count: 0 };
    for _ in 0..STEPS {
        house.clock.pass(1 + dice.roll(4) as u64);
        match dice.roll(6) {
            0 => outsider.act(&mut dice),
            1 => house.tick(),
            _ => {
                let client = &mut clients[dice.roll(3)];
                client.act(&mut dice);
                if !client.idle {
                    client.check();
                }
            }
        }
    }
    settle(&house, &mut clients);
    // Everybody sees the same, by what was told alone; the files say so too.
    let told: Vec<Vec<Known>> = clients.iter_mut().map(all_told).collect();
    let mut fresh = Client::new(&house, 0, &said);
    let there = all_told(&mut fresh);
    for (client, told) in clients.iter().zip(&told) {
        assert_eq!(*told, there, "seed {seed}{}", client.story());
    }
    let mut flags: Vec<BTreeSet<String>> = there.iter().map(|known| known.flags.clone().unwrap()).collect();
    flags.sort();
    assert_eq!(flags, outsider.flags(), "seed {seed}{}", fresh.story());
}

/// UIDs and flags as a client knows them; what it was told of flags must be what
/// it is told when it asks.
fn all_told(client: &mut Client) -> Vec<Known> {
    client.check();
    let before = client.view.clone();
    if !client.view.is_empty() {
        client.ask("FETCH 1:* (UID FLAGS)");
    }
    for (told, asked) in before.iter().zip(&client.view) {
        assert!(told.flags.is_none() || told.flags == asked.flags, "{told:?} {asked:?}{}", client.story());
    }
    client.view.iter().map(|known| Known { modseq: 0, ..known.clone() }).collect()
}

#[test]
fn what_clients_conclude_is_what_is_there() {
    let cases = std::env::var("CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(SEEDS);
    for seed in 1..=cases {
        day(seed);
    }
}
