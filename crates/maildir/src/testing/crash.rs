//! What a power cut leaves: for each file the content that was synchronised,
//! for each directory the names that were, and of the rest as much or as
//! little as the test wants.

use super::MemoryDisk;
use super::model::{Change, Node, State};

/// What becomes of content that was not synchronised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// It was written by chance.
    Kept,
    /// Half of it was.
    Torn,
    /// Nothing of it was.
    Lost,
}

/// What becomes of names that were not synchronised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// All were written by chance.
    Kept,
    /// Every second change was.
    Mixed,
    /// None was.
    Lost,
}

/// One way in which a power cut can turn out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// Of the content.
    pub contents: Contents,
    /// Of the names.
    pub names: Names,
}

impl Loss {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let contents = [Contents::Kept, Contents::Torn, Contents::Lost];
        let names = [Names::Kept, Names::Mixed, Names::Lost];
        contents.iter().flat_map(|contents| names.map(|names| Self { contents: *contents, names })).collect()
    }
}

/// One node while the log is replayed.
#[derive(Clone)]
struct Replayed {
    live: Node,
    durable: Node,
    /// Changes of names since the last synchronisation.
    pending: Vec<Change>,
    /// A synchronisation failed: nothing more becomes durable.
    stuck: bool,
}

impl Replayed {
    fn durable(node: Node) -> Self {
        Self { live: node.clone(), durable: node, pending: Vec::new(), stuck: false }
    }
}

impl MemoryDisk {
    /// How many changes were made so far.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.state().log.len()
    }

    /// The file system as a restart finds it when the power went after this
    /// many changes.
    #[must_use]
    pub fn after_power_cut(&self, changes: usize, loss: Loss) -> Self {
        let state = self.state();
        let mut nodes: Vec<Replayed> = state.origin.iter().cloned().map(Replayed::durable).collect();
        for change in state.log.iter().take(changes) {
            replay(&mut nodes, change);
        }
        let roots = state.roots.iter().filter(|(_, node)| **node < nodes.len());
        let left: Vec<Node> = nodes.iter().map(|node| survive(node, loss)).collect();
        let survivor = State {
            roots: roots.map(|(path, node)| (path.clone(), *node)).collect(),
            origin: left.clone(),
            nodes: left,
            now: state.now,
            ..State::default()
        };
        Self::from_state(survivor)
    }
}

fn replay(nodes: &mut Vec<Replayed>, change: &Change) {
    match change {
        Change::Make { kind } => {
            nodes.push(Replayed::durable(Node::new(*kind)));
        }
        Change::Link { dir, .. } | Change::Unlink { dir, .. } => {
            rename(&mut nodes[*dir].live, change);
            nodes[*dir].pending.push(change.clone());
        }
        Change::Append { node, bytes } => nodes[*node].live.content.extend_from_slice(bytes),
        Change::Touch { node, secs } => nodes[*node].live.modified.secs = *secs,
        Change::Sync { node } if !nodes[*node].stuck => {
            nodes[*node].durable = nodes[*node].live.clone();
            nodes[*node].pending.clear();
        }
        Change::Sync { .. } => {}
        Change::SyncFailed { node } => nodes[*node].stuck = true,
    }
}

fn rename(dir: &mut Node, change: &Change) {
    match change {
        Change::Link { name, node, .. } => {
            dir.names.insert(name.clone(), *node);
        }
        Change::Unlink { name, .. } => {
            dir.names.remove(name);
        }
        _ => {}
    }
}

fn survive(node: &Replayed, loss: Loss) -> Node {
    let mut left = node.durable.clone();
    let every = match loss.names {
        Names::Kept => 1,
        Names::Mixed => 2,
        Names::Lost => usize::MAX,
    };
    for change in node.pending.iter().skip(usize::from(loss.names == Names::Lost) * node.pending.len()).step_by(every) {
        rename(&mut left, change);
    }
    let (durable, live) = (left.content.len(), node.live.content.len());
    let kept = match loss.contents {
        Contents::Kept => live,
        Contents::Torn => durable + (live - durable) / 2,
        Contents::Lost => durable,
    };
    left.content = node.live.content[..kept].to_vec();
    if loss.contents == Contents::Kept {
        left.modified = node.live.modified;
    }
    left
}
