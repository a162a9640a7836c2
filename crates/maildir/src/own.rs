//! Changes of our own in folders that are watched: the kernel tells of them as
//! of those of others, and nobody need look because of them.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Name;

/// How many changes may be awaited; further ones are taken for somebody
/// else's, which costs a look.
const MAX_EXPECTED: usize = 20_000;

/// What we did ourselves, or are about to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Own(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// How often each folder is watched.
    watched: HashMap<PathBuf, usize>,
    expected: HashSet<Change>,
}

/// A name that comes to be in `new/` or `cur/`, or is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    In(Box<[u8]>),
    Out(Box<[u8]>),
}

/// Changes that are about to be made; forgotten when it is dropped.
#[must_use = "what was not done must be forgotten"]
pub(crate) struct Expected<'a> {
    own: &'a Own,
    changes: Vec<Change>,
}

impl Change {
    pub(crate) fn into(name: &Name) -> Self {
        Self::In(name.as_bytes().into())
    }

    pub(crate) fn out(name: &Name) -> Self {
        Self::Out(name.as_bytes().into())
    }
}

impl Own {
    /// To be called before the change, since the kernel tells of it at once. In
    /// a folder that nobody watches nothing is expected.
    pub(crate) fn expect<const N: usize>(&self, folder: &Path, changes: [Change; N]) -> Expected<'_> {
        let mut state = self.state();
        if !state.watched.contains_key(folder) || state.expected.len() >= MAX_EXPECTED {
            return Expected { own: self, changes: Vec::new() };
        }
        state.expected.extend(changes.iter().cloned());
        Expected { own: self, changes: changes.into() }
    }

    /// Whether a change that the kernel tells of was ours.
    pub(crate) fn was(&self, change: &Change) -> bool {
        self.state().expected.remove(change)
    }

    /// The kernel lost what it had to tell.
    pub(crate) fn forget_all(&self) {
        self.state().expected.clear();
    }

    pub(crate) fn watch(&self, folder: &Path) {
        *self.state().watched.entry(folder.to_owned()).or_default() += 1;
    }

    pub(crate) fn unwatch(&self, folder: &Path) {
        let mut state = self.state();
        match state.watched.get_mut(folder) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(state.watched.remove(folder)),
        }
        if state.watched.is_empty() {
            state.expected = HashSet::new();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected<'_> {
    /// They were made.
    pub(crate) fn happened(mut self) {
        self.changes.clear();
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        if !self.changes.is_empty() {
            let mut state = self.own.state();
            self.changes.iter().for_each(|change| drop(state.expected.take(change)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_done_in_a_watched_folder() {
        let (own, folder) = (Own::default(), Path::new("/m"));
        let name = Name::new(b"a").unwrap();
        let both = || [Change::into(&name), Change::out(&name)];
        own.expect(folder, both()).happened();
        assert!(!own.was(&Change::into(&name)), "nobody watches");
        own.watch(folder);
        own.watch(folder);
        own.expect(folder, both()).happened();
        assert!(own.was(&Change::into(&name)) && own.was(&Change::out(&name)));
        assert!(!own.was(&Change::into(&name)), "once");
        drop(own.expect(folder, both()));
        assert!(!own.was(&Change::into(&name)), "it was not done");
        own.unwatch(folder);
        own.expect(folder, both()).happened();
        own.unwatch(folder);
        assert!(!own.was(&Change::out(&name)), "nobody watches any more");
        assert!(own.state().watched.is_empty());
    }
}
