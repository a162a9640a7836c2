//! The folder that is open in a session: which messages the client knows, in
//! which order, and what it has not been told yet.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Range, RangeInclusive};

use imap::response::{Code, Reply, data};
use imap::{Numbers, SequenceSet};
use mailbox::{Changes, Keyword, Mailbox, Message, ModSeq, Mode, Uid, View, Watch};

use super::flags::{self, Recent};
use super::pieces::Pieces;

/// Whether messages may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
}

/// Whether EXPUNGE may be sent now. It must not while a command with message
/// numbers runs: the client could not tell which numbers are meant
/// (RFC 3501 §7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expunges {
    Told,
    Kept,
}

/// Whether the client is told of MODSEQs (RFC 7162 §3.1): once it asked for
/// anything that has to do with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModSeqs {
    Told,
    Kept,
}

/// Of how many messages it is remembered that they are shown in another size
/// than they have; of further ones the size is that of the file, unless they
/// are read for it.
const MAX_RESIZED: usize = 10_000;

pub(super) struct Selected {
    pub(super) mailbox: Mailbox,
    pub(super) access: Access,
    pub(super) keywords: Vec<Keyword>,
    /// By ascending UID; a message's number is its place.
    pub(super) messages: Vec<Message>,
    pub(super) uid_next: u32,
    pub(super) modseq: ModSeq,
    /// UIDs that are `\Recent` here, in ascending order.
    recent: Vec<Range<u32>>,
    /// The largest UID that the client was told of.
    told_up_to: u32,
    /// Gone, and the client does not know.
    untold: BTreeSet<Uid>,
    pub(super) modseqs: ModSeqs,
    /// Octets that messages shown in ASCII have more than their files.
    resized: HashMap<Uid, i64>,
    /// Kept between one IDLE and the next.
    pub(super) watch: Option<Watch>,
    /// For a large message that is fetched in pieces.
    pub(super) pieces: Pieces,
}

/// A message and its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbered {
    pub(super) number: u32,
    pub(super) message: Message,
}

impl Selected {
    pub(super) fn new(mut view: View, access: Access, modseqs: ModSeqs) -> Self {
        // It is kept for as long as the session lives.
        view.messages.shrink_to_fit();
        Self {
            mailbox: view.mailbox,
            access,
            keywords: view.keywords,
            told_up_to: view.messages.last().map_or(0, |message| message.uid.get()),
            messages: view.messages,
            uid_next: view.uid_next,
            modseq: view.highest_modseq,
            recent: std::iter::once(view.recent_from..view.uid_next).collect(),
            untold: BTreeSet::new(),
            modseqs,
            resized: HashMap::new(),
            watch: None,
            pieces: Pieces::default(),
        }
    }

    pub(super) fn exists(&self) -> u32 {
        number(self.messages.len())
    }

    pub(super) fn recent(&self) -> u32 {
        number(self.messages.iter().filter(|message| self.is_recent(message) == Recent::Yes).count())
    }

    pub(super) fn is_recent(&self, message: &Message) -> Recent {
        let uid = message.uid.get();
        let behind = self.recent.partition_point(|uids| uids.end <= uid);
        if self.recent.get(behind).is_some_and(|uids| uids.contains(&uid)) { Recent::Yes } else { Recent::No }
    }

    /// Whether there are messages that the client was not told of.
    pub(super) fn has_new(&self, changes: &Changes) -> bool {
        changes.changed.last().is_some_and(|message| message.uid.get() > self.told_up_to)
    }

    /// Of the messages that the client is about to be told of, those from `first`
    /// on are `\Recent`; all are below `uid_next`.
    pub(super) fn expect_recent(&mut self, first: u32, uid_next: u32) {
        let first = first.max(self.told_up_to + 1);
        match self.recent.last_mut() {
            Some(last) if last.end >= first => last.end = uid_next.max(last.end),
            _ if first < uid_next => self.recent.push(first..uid_next),
            _ => {}
        }
    }

    pub(super) fn mode(&self) -> Mode {
        match self.access {
            Access::ReadWrite => Mode::ReadWrite,
            Access::ReadOnly => Mode::ReadOnly,
        }
    }

    pub(super) fn flags(&self, message: &Message) -> String {
        flags::of_message(message, &self.keywords, self.is_recent(message))
    }

    /// The place of a UID in the list.
    pub(super) fn place(&self, uid: Uid) -> Option<usize> {
        self.messages.binary_search_by_key(&uid, |message| message.uid).ok()
    }

    /// The messages of a set, by ascending number. UIDs that are not there are
    /// left out (RFC 3501 §6.4.8).
    ///
    /// # Errors
    ///
    /// A number that no message has: BAD.
    pub(super) fn pick(&self, numbers: Numbers, set: &SequenceSet) -> Result<Vec<Numbered>, Reply> {
        let ranges = self.ranges(numbers, set);
        if numbers == Numbers::Sequence {
            let in_range = |range: &RangeInclusive<u32>| *range.start() >= 1 && *range.end() <= self.exists();
            if !ranges.iter().all(in_range) {
                return Err(Reply::bad("There is no message with that number"));
            }
        }
        let mut picked = Vec::new();
        for range in ranges {
            picked.extend(self.places(numbers, &range).map(|place| self.numbered(place)));
        }
        Ok(picked)
    }

    /// `*` is the last message's number; of an empty folder it is no number.
    pub(super) fn ranges(&self, numbers: Numbers, set: &SequenceSet) -> Vec<RangeInclusive<u32>> {
        let last = match numbers {
            Numbers::Sequence => self.exists(),
            Numbers::Uid => self.messages.last().map_or(0, |message| message.uid.get()),
        };
        set.ranges(last)
    }

    /// Whether a set of UIDs has some that no message had yet.
    pub(super) fn is_beyond(&self, set: &SequenceSet) -> bool {
        set.ranges(u32::MAX).last().is_some_and(|range| *range.end() >= self.uid_next)
    }

    fn places(&self, numbers: Numbers, range: &RangeInclusive<u32>) -> std::ops::Range<usize> {
        let (start, end) = (*range.start(), *range.end());
        match numbers {
            Numbers::Sequence => place(start).saturating_sub(1)..place(end).min(self.messages.len()),
            Numbers::Uid => {
                let from = self.messages.partition_point(|message| message.uid.get() < start);
                from..self.messages.partition_point(|message| message.uid.get() <= end)
            }
        }
    }

    pub(super) fn numbered(&self, place: usize) -> Numbered {
        Numbered { number: number(place + 1), message: self.messages[place] }
    }

    /// Takes a message as the store says it is now; whether its flags are
    /// others than the client was told.
    pub(super) fn update(&mut self, message: &Message) -> Option<Numbered> {
        let place = self.place(message.uid)?;
        let before = std::mem::replace(&mut self.messages[place], *message);
        let flags = before.flags != message.flags || before.keywords != message.keywords;
        let changed = flags || (self.modseqs == ModSeqs::Told && before.modseq != message.modseq);
        changed.then(|| self.numbered(place))
    }

    /// What the client is told of these changes.
    pub(super) fn take(&mut self, changes: Changes, expunges: Expunges) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        self.modseq = changes.highest_modseq;
        self.uid_next = self.uid_next.max(changes.uid_next);
        if changes.keywords.len() > self.keywords.len() {
            self.keywords = changes.keywords;
            lines.extend(self.flag_lines());
        }
        self.untold.extend(changes.vanished);
        if expunges == Expunges::Told {
            lines.extend(self.expunge());
        }
        let mut arrived = false;
        for message in changes.changed {
            if message.uid.get() > self.told_up_to {
                self.told_up_to = message.uid.get();
                self.messages.push(message);
                arrived = true;
            } else if let Some(numbered) = self.update(&message) {
                lines.push(self.flags_line(numbered, Numbers::Sequence));
            }
        }
        if arrived {
            lines.push(data(&format!("{} EXISTS", self.exists())));
            lines.push(data(&format!("{} RECENT", self.recent())));
        }
        lines
    }

    /// FLAGS and PERMANENTFLAGS, when there are new keywords and at SELECT.
    pub(super) fn flag_lines(&self) -> Vec<Vec<u8>> {
        let permanent = match self.access {
            Access::ReadWrite => flags::permanent(&self.keywords),
            Access::ReadOnly => String::new(),
        };
        vec![
            data(&format!("FLAGS ({})", flags::of_folder(&self.keywords))),
            Reply::ok("Flags that are kept").with(Code::PermanentFlags(permanent)).untagged(),
        ]
    }

    /// `* n FETCH (FLAGS (…))`, with the UID in the answer to a UID command.
    pub(super) fn flags_line(&self, numbered: Numbered, numbers: Numbers) -> Vec<u8> {
        let uid = match numbers {
            Numbers::Sequence => String::new(),
            Numbers::Uid => format!("UID {} ", numbered.message.uid),
        };
        let message = &numbered.message;
        let modseq = match self.modseqs {
            ModSeqs::Told => format!(" MODSEQ ({})", message.modseq),
            ModSeqs::Kept => String::new(),
        };
        data(&format!("{} FETCH ({uid}FLAGS ({}){modseq})", numbered.number, self.flags(message)))
    }

    /// `* n FETCH (MODSEQ (…))`: what a silent STORE answers to who counts.
    pub(super) fn modseq_line(&self, numbered: Numbered, numbers: Numbers) -> Vec<u8> {
        let uid = match numbers {
            Numbers::Sequence => String::new(),
            Numbers::Uid => format!("UID {} ", numbered.message.uid),
        };
        data(&format!("{} FETCH ({uid}MODSEQ ({}))", numbered.number, numbered.message.modseq))
    }

    /// The last change that this session knows of.
    pub(super) fn highest_modseq(&self) -> Reply {
        Reply::ok("The last change").with(Code::HighestModSeq(self.modseq.0.max(1)))
    }

    /// Octets of a message as this client is sent it.
    pub(super) fn size(&self, message: &Message) -> u64 {
        let more = self.resized.get(&message.uid).copied().unwrap_or_default();
        message.wsize.saturating_add_signed(more)
    }

    /// From now on messages are shown as they are.
    pub(super) fn shown_as_stored(&mut self) {
        self.resized.clear();
        self.pieces.forget();
    }

    /// Remembers that a message is shown with so many octets more than it has.
    pub(super) fn resize(&mut self, uid: Uid, more: i64) {
        if more != 0 && self.resized.len() < MAX_RESIZED {
            self.resized.insert(uid, more);
        }
    }

    /// Tells what is gone. From the end, so that no number moves that is still
    /// to be told.
    pub(super) fn expunge(&mut self) -> Vec<Vec<u8>> {
        let untold = std::mem::take(&mut self.untold);
        let places: BTreeSet<usize> = untold.into_iter().filter_map(|uid| self.place(uid)).collect();
        let mut place = 0;
        self.messages.retain(|_| {
            place += 1;
            !places.contains(&(place - 1))
        });
        places.iter().rev().map(|place| data(&format!("{} EXPUNGE", place + 1))).collect()
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
