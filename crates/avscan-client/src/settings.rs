//! What the scanner is started with.

use std::path::PathBuf;
use std::time::Duration;

use avscan_wire::{Limits, Options, Sandbox};

use crate::error::StartError;

/// The copy of the last good signature set, in a folder of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copies {
    /// There is none: a broken signature folder leaves no scanner.
    None,
    /// Another process keeps it here: it is loaded where the signature folder
    /// cannot be.
    Read(PathBuf),
    /// It is kept here: at most one scanner at a time may do so. Workers load
    /// copies only.
    Keep(PathBuf),
}

/// The scanner's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The program `gatepost-avscan`.
    pub worker: PathBuf,
    /// The folder of signature files.
    pub signatures: PathBuf,
    /// The copy of the last set that could be loaded.
    pub copies: Copies,
    /// Where each worker gets a folder of its own for what libclamav unpacks;
    /// should be in memory.
    pub scratch: PathBuf,
    /// What to do where the kernel cannot hold a worker in.
    pub sandbox: Sandbox,
    /// Where a scan gives up. `limits.max_file` must be at least the largest
    /// message that is taken.
    pub limits: Limits,
    /// How many messages one worker scans at once.
    pub threads: u16,
    /// How many messages may wait for their turn; beyond, scans are refused.
    pub waiting: usize,
    /// How long a worker may be silent about one message before it is killed.
    /// More than twice `limits.max_time_ms`, which ends a scan in an orderly way.
    pub hang_after: Duration,
    /// How long a worker may take to load the signatures.
    pub load_within: Duration,
}

impl Settings {
    /// The usual settings for a worker and a signature folder: two messages at
    /// once, 512 may wait, scratch in `/dev/shm`, the sandbox required, no copy
    /// kept.
    #[must_use]
    pub fn new(worker: PathBuf, signatures: PathBuf) -> Self {
        Self {
            worker,
            signatures,
            copies: Copies::None,
            scratch: PathBuf::from("/dev/shm"),
            sandbox: Sandbox::Required,
            limits: Limits::default(),
            threads: 2,
            waiting: 512,
            hang_after: Duration::from_secs(60),
            load_within: Duration::from_secs(300),
        }
    }

    /// The same for the server, which keeps the copy that others read.
    #[must_use]
    pub fn keeping(mut self) -> Self {
        if let Copies::Read(folder) = self.copies {
            self.copies = Copies::Keep(folder);
        }
        self
    }

    /// The same with paths from the root: a worker starts in another folder.
    pub(crate) fn absolute(mut self) -> Self {
        let copies = match &mut self.copies {
            Copies::None => None,
            Copies::Read(folder) | Copies::Keep(folder) => Some(folder),
        };
        for path in [&mut self.worker, &mut self.signatures, &mut self.scratch].into_iter().chain(copies) {
            // Fails for an empty path only, which then fails by name.
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        }
        self
    }

    pub(crate) fn check(&self) -> Result<(), StartError> {
        if !self.worker.is_file() {
            return Err(StartError::NoWorker(self.worker.clone()));
        }
        for (name, is_zero) in [
            ("threads", self.threads == 0),
            ("waiting", self.waiting == 0),
            ("hang_after", self.hang_after.is_zero()),
            ("load_within", self.load_within.is_zero()),
        ] {
            if is_zero {
                return Err(StartError::Zero(name));
            }
        }
        Ok(())
    }

    pub(crate) fn options(&self, signatures: PathBuf, scratch: PathBuf) -> Options {
        Options { signatures, scratch, threads: self.threads, sandbox: self.sandbox, limits: self.limits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_taken_from_here() {
        let here = std::env::current_dir().unwrap();
        let settings = Settings::new("./worker".into(), "var/signatures".into()).absolute();
        assert_eq!(settings.worker, here.join("worker"));
        assert_eq!(settings.signatures, here.join("var/signatures"));
        assert_eq!(settings.scratch, PathBuf::from("/dev/shm"));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let good = Settings::new("/proc/self/exe".into(), "/nowhere".into());
        assert_eq!(good.check(), Ok(()));
        let check = |change: fn(&mut Settings), expected| {
            let mut settings = good.clone();
            change(&mut settings);
            assert_eq!(settings.check(), Err(expected));
        };
        check(|s| s.worker = "/nowhere/w".into(), StartError::NoWorker("/nowhere/w".into()));
        check(|s| s.worker = "/".into(), StartError::NoWorker("/".into()));
        check(|s| s.threads = 0, StartError::Zero("threads"));
        check(|s| s.waiting = 0, StartError::Zero("waiting"));
        check(|s| s.hang_after = Duration::ZERO, StartError::Zero("hang_after"));
        check(|s| s.load_within = Duration::ZERO, StartError::Zero("load_within"));
    }
}
