//! One message's scan: the whole of it, then every message inside it, each put
//! behind a `Received` line so that libclamav takes it for mail.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use avscan_wire::{Limit, Limits, Outcome, Prefix, Request};
use clamav_rs::ClamError;
use clamav_rs::engine::ScanResult;
use clamav_rs::fmap::Fmap;
use clamav_sys::cl_error_t;

use crate::collect;
use crate::embedded::{self, Bounds};
use crate::engine::{Loaded, scan_settings};

/// Three header lines, 276 bytes.
macro_rules! pad {
    () => {
        concat!(
            "X-Scan: ----------------------------------------------------------------------------------\r\n",
            "X-Scan: ----------------------------------------------------------------------------------\r\n",
            "X-Scan: ----------------------------------------------------------------------------------\r\n",
        )
    };
}

/// What makes libclamav take any file for mail: without it a first line of the
/// sender's choice (`received:`, `MZ-Header:`) makes it something else, and no
/// attachment is looked into. The block is longer than the part of a file that
/// libclamav tells types by, for some types show further in: with a short line
/// before it, a message only had to have `ustar` that much earlier.
const PREFIX: &[u8] = concat!("Received: by scan\r\n", pad!(), pad!(), pad!(), pad!()).as_bytes();

/// Bytes at the beginning of a file by which libclamav tells its type.
const MAGIC: usize = 1028;

/// Types of the built-in list that show further in than our own line ends.
const MAGICS_INSIDE: [&[u8]; 2] = [b"ustar", b"EFI PART"];

/// Scans with one engine; shared by all threads.
#[derive(Clone, Copy)]
pub(crate) struct Scanner {
    loaded: Loaded,
    limits: Limits,
}

/// The messages of one scan, each with its depth.
struct Work {
    waiting: VecDeque<(Vec<u8>, u32)>,
    seen: HashSet<(usize, u64)>,
    hasher: RandomState,
    embedded: u32,
    room: u64,
    until: Instant,
    worst: Outcome,
}

impl Scanner {
    pub(crate) fn new(loaded: Loaded, limits: Limits) -> Self {
        Self { loaded, limits }
    }

    /// Scans the message in this file.
    pub(crate) fn scan(&self, file: OwnedFd, request: &Request) -> Outcome {
        let until = Instant::now() + Duration::from_millis(request.budget_ms.min(self.limits.max_time_ms).into());
        if request.length > self.limits.max_file {
            return Outcome::Unscannable(Limit::Size);
        }
        match self.scan_all(&File::from(file), request, until) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn scan_all(&self, file: &File, request: &Request, until: Instant) -> io::Result<Outcome> {
        // The prefix stays in front of it, so that no second copy is made where
        // it is needed.
        let framed = read(file, request.length)?;
        let message = &framed[PREFIX.len()..];
        let mut work = Work {
            waiting: VecDeque::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            embedded: 0,
            room: self.limits.max_scan,
            until,
            worst: Outcome::Clean,
        };
        let as_it_is = request.prefix == Prefix::Ours && self.loaded.known_types && begins_as_mail(message);
        self.one(if as_it_is { message } else { &framed }, message, 0, &mut work);
        drop(framed);
        while let Some((inner, depth)) = work.waiting.pop_front() {
            if matches!(work.worst, Outcome::Found(_)) {
                break;
            }
            if Instant::now() >= work.until {
                work.note(Outcome::Unscannable(Limit::Time));
                break;
            }
            let framed = [PREFIX, &inner].concat();
            drop(inner);
            self.one(&framed, &framed[PREFIX.len()..], depth, &mut work);
        }
        Ok(work.worst)
    }

    /// Scans one message, as `framed` for libclamav, and adds those inside it to
    /// the work. Memory is scanned rather than a file: it is here anyway, and a
    /// file of our own would be made, filled, mapped and read again for nothing.
    fn one(&self, framed: &[u8], message: &[u8], depth: u32, work: &mut Work) {
        let mut settings = scan_settings();
        let map = match Fmap::new_from_memory(framed.as_ptr(), framed.len() as u64) {
            Ok(map) => map,
            Err(error) => return work.note(Outcome::Failed(error.to_string())),
        };
        // The name is `None`: clamav-rs frees a name before the library reads it.
        let (result, met, complete) =
            collect::during(work.room, || self.loaded.engine.scan_map(&map, None, &mut settings));
        drop(map);
        work.note(outcome(result));
        if !complete {
            work.note(Outcome::Unscannable(Limit::Size));
        }
        let bounds = Bounds { parts: self.limits.max_files, work: self.limits.max_scan, until: work.until };
        let (cut, hit) = embedded::embedded(message, bounds);
        if let Some(limit) = hit {
            work.note(Outcome::Unscannable(limit));
        }
        for inner in cut.into_iter().chain(met) {
            work.add(inner, depth + 1, &self.limits);
        }
    }
}

impl Work {
    /// Keeps the finding that says most: a virus before a limit before an
    /// error, and the first of each.
    fn note(&mut self, outcome: Outcome) {
        let rank = |outcome: &Outcome| match outcome {
            Outcome::Clean => 0,
            Outcome::Failed(_) => 1,
            Outcome::Unscannable(_) => 2,
            Outcome::Found(_) => 3,
        };
        if rank(&outcome) > rank(&self.worst) {
            self.worst = outcome;
        }
    }

    /// A message inside another is scanned once, however often it was met.
    fn add(&mut self, message: Vec<u8>, depth: u32, limits: &Limits) {
        if message.is_empty() || !self.seen.insert((message.len(), self.hasher.hash_one(&message))) {
            return;
        }
        self.embedded += 1;
        let room = self.room.checked_sub(message.len() as u64);
        match room {
            _ if depth > limits.max_depth => self.note(Outcome::Unscannable(Limit::Recursion)),
            _ if self.embedded > limits.max_embedded => self.note(Outcome::Unscannable(Limit::Files)),
            None => self.note(Outcome::Unscannable(Limit::Size)),
            Some(room) => {
                self.room = room;
                self.waiting.push_back((message, depth));
            }
        }
    }
}

/// Whether libclamav takes these bytes for mail as they are.
fn begins_as_mail(message: &[u8]) -> bool {
    let head = &message[..message.len().min(MAGIC)];
    let inside = |magic: &&[u8]| head.windows(magic.len()).any(|window| window == *magic);
    head.starts_with(b"Received: ") && !MAGICS_INSIDE.iter().any(inside)
}

/// The prefix and the message.
fn read(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() < length {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message's file is shorter than was said"));
    }
    let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut framed = vec![0; PREFIX.len() + length];
    let (prefix, message) = framed.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX);
    file.read_exact_at(message, 0)?;
    Ok(framed)
}

fn outcome(result: Result<ScanResult, ClamError>) -> Outcome {
    match result {
        Ok(ScanResult::Clean | ScanResult::Whitelisted) => Outcome::Clean,
        Ok(ScanResult::Virus(name)) => found(name),
        Err(error) => failed(&error),
    }
}

/// What the library reports like a virus but is none.
fn found(name: String) -> Outcome {
    if name.starts_with("Heuristics.Encrypted") {
        return Outcome::Unscannable(Limit::Encrypted);
    }
    let Some(limit) = name.strip_prefix("Heuristics.Limits.Exceeded") else {
        return Outcome::Found(if name.is_empty() { "unnamed".to_owned() } else { name });
    };
    Outcome::Unscannable(match limit.trim_start_matches('.') {
        "MaxFileSize" | "MaxScanSize" | "EmailHeaderBytes" => Limit::Size,
        "MaxRecursion" | "EmailMIMERecursion" => Limit::Recursion,
        "MaxFiles" | "EmailMIMEPartsPerMessage" | "EmailHeaders" => Limit::Files,
        "MaxScanTime" => Limit::Time,
        _ => Limit::Other,
    })
}

fn failed(error: &ClamError) -> Outcome {
    const TIME: i32 = cl_error_t::CL_ETIMEOUT as i32;
    const RECURSION: i32 = cl_error_t::CL_EMAXREC as i32;
    const SIZE: i32 = cl_error_t::CL_EMAXSIZE as i32;
    const FILES: i32 = cl_error_t::CL_EMAXFILES as i32;
    const TRUSTED: i32 = cl_error_t::CL_VERIFIED as i32;
    match error.code() {
        TIME => Outcome::Unscannable(Limit::Time),
        RECURSION => Outcome::Unscannable(Limit::Recursion),
        SIZE => Outcome::Unscannable(Limit::Size),
        FILES => Outcome::Unscannable(Limit::Files),
        TRUSTED => Outcome::Clean,
        _ => Outcome::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_mistaken_is_scanned_as_it_is() {
        assert!(PREFIX.len() > MAGIC);
        let at = |offset: usize, magic: &str| format!("Received: x\n{}{magic}", " ".repeat(offset)).into_bytes();
        for (message, expected) in [
            (b"Received: from a".to_vec(), true),
            (b"received: from a".to_vec(), false),
            (b"".to_vec(), false),
            (at(245, "ustar"), false),
            (at(10, "ustar"), false),
            (at(500, "EFI PART"), false),
            (at(MAGIC, "ustar"), true),
        ] {
            assert_eq!(begins_as_mail(&message), expected);
        }
    }

    #[test]
    fn limits_are_no_viruses() {
        let check = |name: &str, expected: Outcome| assert_eq!(found(name.to_owned()), expected, "{name}");
        let limit = Outcome::Unscannable;
        check("Heuristics.Limits.Exceeded.MaxFileSize", limit(Limit::Size));
        check("Heuristics.Limits.Exceeded.MaxScanSize", limit(Limit::Size));
        check("Heuristics.Limits.Exceeded.MaxRecursion", limit(Limit::Recursion));
        check("Heuristics.Limits.Exceeded.MaxFiles", limit(Limit::Files));
        check("Heuristics.Limits.Exceeded.EmailMIMEPartsPerMessage", limit(Limit::Files));
        check("Heuristics.Limits.Exceeded.MaxScanTime", limit(Limit::Time));
        check("Heuristics.Limits.Exceeded.EmailLineFoldCnt", limit(Limit::Other));
        check("Heuristics.Limits.Exceeded", limit(Limit::Other));
        check("Heuristics.Encrypted.Zip", limit(Limit::Encrypted));
        check("Heuristics.Encrypted.PDF", limit(Limit::Encrypted));
        check("Heuristics.Phishing.Email", Outcome::Found("Heuristics.Phishing.Email".to_owned()));
        check("", Outcome::Found("unnamed".to_owned()));
    }

    #[test]
    fn errors_of_a_limit_are_limits() {
        for (code, expected) in [
            (cl_error_t::CL_ETIMEOUT, Outcome::Unscannable(Limit::Time)),
            (cl_error_t::CL_EMAXREC, Outcome::Unscannable(Limit::Recursion)),
            (cl_error_t::CL_EMAXSIZE, Outcome::Unscannable(Limit::Size)),
            (cl_error_t::CL_EMAXFILES, Outcome::Unscannable(Limit::Files)),
            (cl_error_t::CL_VERIFIED, Outcome::Clean),
        ] {
            assert_eq!(failed(&ClamError::new(code)), expected);
        }
        assert!(matches!(failed(&ClamError::new(cl_error_t::CL_EMEM)), Outcome::Failed(_)));
    }

    #[test]
    fn a_virus_outweighs_a_limit_and_a_limit_an_error() {
        let mut work = work(100);
        let (limit, virus) = (Outcome::Unscannable(Limit::Time), Outcome::Found("v".into()));
        for (noted, worst) in [
            (Outcome::Failed("x".into()), Outcome::Failed("x".into())),
            (limit.clone(), limit.clone()),
            (Outcome::Clean, limit.clone()),
            (Outcome::Unscannable(Limit::Size), limit),
            (virus.clone(), virus.clone()),
            (Outcome::Found("w".into()), virus),
        ] {
            work.note(noted);
            assert_eq!(work.worst, worst);
        }
    }

    #[test]
    fn work_is_bounded_and_done_once() {
        let limits = Limits { max_depth: 2, max_embedded: 4, ..Limits::default() };
        let mut all = work(20);
        all.add(b"one".to_vec(), 1, &limits);
        all.add(b"one".to_vec(), 2, &limits);
        all.add(Vec::new(), 1, &limits);
        assert_eq!((all.waiting.len(), &all.worst), (1, &Outcome::Clean));
        all.add(b"deep".to_vec(), 3, &limits);
        assert_eq!(all.worst, Outcome::Unscannable(Limit::Recursion));
        let mut large = work(2);
        large.add(b"large".to_vec(), 1, &limits);
        assert_eq!(large.worst, Outcome::Unscannable(Limit::Size));
        let mut many = work(100);
        (0..5).for_each(|n| many.add(vec![n], 1, &limits));
        assert_eq!((many.waiting.len(), many.worst), (4, Outcome::Unscannable(Limit::Files)));
    }

    fn work(room: u64) -> Work {
        Work {
            waiting: VecDeque::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            embedded: 0,
            room,
            until: Instant::now(),
            worst: Outcome::Clean,
        }
    }
}
