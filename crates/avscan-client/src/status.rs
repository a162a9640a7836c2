//! What the scanner says about itself, for checks and metrics.

use avscan_wire::Hello;

/// A snapshot of the scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether messages are scanned.
    pub state: State,
    /// What the serving worker has loaded; `None` before the first one.
    pub loaded: Option<Hello>,
    /// The process of the serving worker.
    pub pid: Option<u32>,
    /// All processes: the serving one, those that load, drain or try a message
    /// alone.
    pub pids: Vec<u32>,
    /// Workers that ended without having been asked to, since the start.
    pub crashes: u64,
    /// Signature sets taken over since the start, without the first one.
    pub reloads: u64,
    /// Messages that wait for their turn.
    pub waiting: usize,
    /// Messages that are being scanned.
    pub running: usize,
    /// Why the signature folder as it is cannot be loaded, while an earlier set
    /// is in use; `None` where the set in use is that of the folder.
    pub refused: Option<String>,
    /// The last failure to load, crash or hang, as one sentence.
    pub last_problem: Option<String>,
}

/// Whether messages are scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The first worker is being loaded, or one that crashed is replaced;
    /// messages wait.
    Loading,
    /// A worker serves.
    Ready,
    /// No worker could be loaded; the reason. It is tried again by itself.
    Away(String),
}

impl Status {
    pub(crate) fn starting() -> Self {
        Self {
            state: State::Loading,
            loaded: None,
            pid: None,
            pids: Vec::new(),
            crashes: 0,
            reloads: 0,
            waiting: 0,
            running: 0,
            refused: None,
            last_problem: None,
        }
    }
}
