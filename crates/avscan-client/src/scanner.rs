//! The door to the scanner: one message in, one finding out.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use avscan_wire::{Hello, Limit, Prefix};
use mail::Text;
use tokio::sync::{mpsc, oneshot};

use crate::error::{ReloadError, ScanError, StartError};
use crate::fingerprint::Fingerprint;
use crate::settings::Settings;
use crate::status::{State, Status};
use crate::supervisor::{Command, Supervisor};

/// A running scanner. Clones are the same scanner; it stops when the last one
/// is gone, or by [`Scanner::stop`].
#[derive(Debug, Clone)]
pub struct Scanner {
    commands: mpsc::Sender<Command>,
    status: Arc<Mutex<Status>>,
    signatures: Arc<Path>,
}

/// One message to scan.
#[derive(Debug)]
pub struct Message {
    /// The message's file, open for reading; its position does not matter.
    pub file: OwnedFd,
    /// Bytes of the file that belong to the message.
    pub length: u64,
    /// Whether the file begins with a `Received` line of our own.
    pub prefix: Prefix,
    /// The SHA-256 of what the sender sent: by this a message is known again
    /// that has crashed the scanner before.
    pub sha256: [u8; 32],
    /// When nobody waits for the answer any more.
    pub deadline: Instant,
}

/// What came of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// What was found.
    pub outcome: Outcome,
    /// How long the worker took; zero where it was not asked.
    pub took: Duration,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Clean,
    /// A virus, or whatever the signature of this name stands for.
    Virus(Text),
    /// Something in it could not be looked into.
    Unscannable(Limit),
    /// It crashed or hung the scanner alone for the third time: to be refused,
    /// with a copy kept.
    Poison,
}

impl Scanner {
    /// Starts the scanner and begins to load its first worker. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`] where the settings cannot work. A worker that fails later
    /// is tried again, and [`Scanner::status`] says why.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        settings.check()?;
        let settings = settings.absolute();
        let signatures = Arc::from(settings.signatures.as_path());
        let (commands, receiver) = mpsc::channel(64);
        let status = Arc::new(Mutex::new(Status::starting()));
        tokio::spawn(Supervisor::new(settings, Arc::clone(&status)).run(receiver));
        Ok(Self { commands, status, signatures })
    }

    /// Scans a message. It waits its turn, and while the first worker loads.
    ///
    /// # Errors
    ///
    /// [`ScanError`] where it was not scanned; the same message may be tried
    /// again later.
    pub async fn scan(&self, message: Message) -> Result<Scan, ScanError> {
        let (answer, result) = oneshot::channel();
        self.commands.send(Command::Scan { message, answer }).await.map_err(|_| ScanError::Stopped)?;
        result.await.map_err(|_| ScanError::Stopped)?
    }

    /// Loads the signature folder into a new worker beside the serving one.
    /// When it is ready it takes over, and the old one ends after its last
    /// message. Returns what is loaded now.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]; the old set stays in use.
    pub async fn reload(&self) -> Result<Hello, ReloadError> {
        let (answer, result) = oneshot::channel();
        self.commands.send(Command::Reload { answer }).await.map_err(|_| ReloadError::Stopped)?;
        result.await.map_err(|_| ReloadError::Stopped)?
    }

    /// What the signature folder looks like right now.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    pub async fn fingerprint(&self) -> io::Result<Fingerprint> {
        let folder = Arc::clone(&self.signatures);
        tokio::task::spawn_blocking(move || Fingerprint::of(&folder)).await.map_err(io::Error::other)?
    }

    /// Waits until a worker serves, and returns what it has loaded.
    ///
    /// # Errors
    ///
    /// [`ScanError::Away`] with the reason where the worker could not be loaded.
    pub async fn ready(&self) -> Result<Hello, ScanError> {
        let (answer, result) = oneshot::channel();
        self.commands.send(Command::Ready { answer }).await.map_err(|_| ScanError::Stopped)?;
        result.await.map_err(|_| ScanError::Stopped)?
    }

    /// How the scanner is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether messages are scanned right now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.status().state == State::Ready
    }

    /// Stops the scanner: messages that wait are answered
    /// [`ScanError::Stopped`], the workers are ended. Returns when they have.
    pub async fn stop(&self) {
        let (answer, done) = oneshot::channel();
        if self.commands.send(Command::Stop { answer }).await.is_ok() {
            let _ = done.await;
        }
    }
}
