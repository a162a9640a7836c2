//! The state of the file system in memory, and the changes it is made of.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::{Kind, Name, Space, Timestamp};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `EIO`, once. What a failed synchronisation should have made durable
    /// never becomes durable, as in Linux.
    Io,
    /// `ENOSPC`, once. A write has written half by then.
    NoSpace,
    /// The process dies: neither this operation nor any later one has an
    /// effect.
    Death,
}

/// What happened, in order; from these a power cut is computed.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Make {
        kind: Kind,
    },
    Link {
        dir: usize,
        name: Name,
        node: usize,
    },
    Unlink {
        dir: usize,
        name: Name,
    },
    Append {
        node: usize,
        bytes: Vec<u8>,
    },
    Touch {
        node: usize,
        secs: i64,
    },
    Sync {
        node: usize,
    },
    /// A synchronisation failed: what was not durable stays so for ever.
    SyncFailed {
        node: usize,
    },
}

/// A file, a directory, or something that must not be opened.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) names: BTreeMap<Name, usize>,
    pub(crate) content: Vec<u8>,
    pub(crate) modified: Timestamp,
}

type Interruption = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(crate) struct State {
    /// What was durable before the first change.
    pub(crate) origin: Vec<Node>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) roots: BTreeMap<PathBuf, usize>,
    pub(crate) log: Vec<Change>,
    pub(crate) steps: Vec<&'static str>,
    pub(crate) fault: Option<(usize, Fault)>,
    pub(crate) interruption: Option<(usize, Interruption)>,
    pub(crate) dead: bool,
    pub(crate) now: i64,
    pub(crate) ticks: u32,
    pub(crate) space: Option<Space>,
}

impl Node {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, names: BTreeMap::new(), content: Vec::new(), modified: Timestamp::default() }
    }
}

impl State {
    /// Counts an operation; `Err` if it is the one that fails.
    pub(crate) fn step(&mut self, what: &'static str) -> Result<(), Fault> {
        let at = self.steps.len();
        self.steps.push(what);
        if self.dead {
            return Err(Fault::Death);
        }
        match self.fault {
            Some((step, fault)) if step == at => {
                self.dead = fault == Fault::Death;
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn apply(&mut self, change: Change) {
        self.ticks += 1;
        let now = Timestamp { secs: self.now, nanos: self.ticks };
        match &change {
            Change::Make { kind } => self.nodes.push(Node { modified: now, ..Node::new(*kind) }),
            Change::Link { dir, name, node } => {
                self.nodes[*dir].names.insert(name.clone(), *node);
                self.nodes[*dir].modified = now;
            }
            Change::Unlink { dir, name } => {
                self.nodes[*dir].names.remove(name);
                self.nodes[*dir].modified = now;
            }
            Change::Append { node, bytes } => {
                self.nodes[*node].content.extend_from_slice(bytes);
                self.nodes[*node].modified = now;
            }
            Change::Touch { node, secs } => self.nodes[*node].modified = Timestamp { secs: *secs, nanos: 0 },
            Change::Sync { .. } | Change::SyncFailed { .. } => {}
        }
        self.log.push(change);
    }

    /// Makes a node and gives it a name.
    pub(crate) fn make(&mut self, dir: usize, name: &Name, kind: Kind) -> io::Result<usize> {
        if self.nodes[dir].names.contains_key(name) {
            return Err(Errno::EXIST.into());
        }
        let node = self.nodes.len();
        self.apply(Change::Make { kind });
        self.apply(Change::Link { dir, name: name.clone(), node });
        Ok(node)
    }

    /// The node of a name, if it is of this kind.
    pub(crate) fn look(&self, dir: usize, name: &Name, kind: Kind) -> io::Result<usize> {
        let node = *self.nodes[dir].names.get(name).ok_or(Errno::NOENT)?;
        match (self.nodes[node].kind, kind) {
            (found, wanted) if found == wanted => Ok(node),
            (Kind::Other, _) => Err(Errno::LOOP.into()),
            (_, Kind::Directory) => Err(Errno::NOTDIR.into()),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
        }
    }

    pub(crate) fn append(&mut self, node: usize, bytes: &[u8]) {
        self.apply(Change::Append { node, bytes: bytes.to_vec() });
    }
}

impl Fault {
    pub(crate) fn error(self) -> io::Error {
        match self {
            Self::Io | Self::Death => Errno::IO.into(),
            Self::NoSpace => Errno::NOSPC.into(),
        }
    }
}
