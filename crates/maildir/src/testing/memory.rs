//! The file system in memory as a [`Disk`], and what tests do to it besides.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::model::{Change, Fault, Node, State};
use crate::{DirHandle, Disk, Entry, FileHandle, Kind, Name, Space, Stat};

/// A file system in memory. Clones are the same file system. Every call of
/// [`Disk`] is one step, counted from 0.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

struct Dir(usize);
struct File(usize);

impl MemoryDisk {
    /// An empty one. A folder that [`Disk::open_root`] asks for is made.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn from_state(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The step with this number (from now on, if it is still to come) fails.
    pub fn fail_at(&self, step: usize, fault: Fault) {
        self.state().fault = Some((step, fault));
    }

    /// Before the step with this number something else happens: what another
    /// program does at the worst moment.
    pub fn interrupt_at(&self, step: usize, interruption: impl FnOnce() + Send + 'static) {
        self.state().interruption = Some((step, Box::new(interruption)));
    }

    /// The steps so far, by the name of the operation.
    #[must_use]
    pub fn steps(&self) -> Vec<&'static str> {
        self.state().steps.clone()
    }

    /// The clock that gives files and directories their time, in seconds since
    /// 1970.
    pub fn set_now(&self, secs: i64) {
        self.state().now = secs;
    }

    /// What [`Disk::space`] tells from now on; nothing becomes full by it.
    pub fn set_space(&self, space: Space) {
        self.state().space = Some(space);
    }

    /// All files by path, with their content.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let mut files = BTreeMap::new();
        for (path, node) in &state.roots {
            collect(&state, *node, &path.to_string_lossy(), &mut files);
        }
        files
    }

    /// Another program writes a file, durably; the directory must be there.
    /// No step.
    ///
    /// # Errors
    ///
    /// `NotFound`, `AlreadyExists`.
    pub fn put(&self, path: &str, content: &[u8]) -> io::Result<()> {
        let (dir, name) = self.walk(path)?;
        let mut state = self.state();
        let node = state.make(dir, &name, Kind::File)?;
        state.append(node, content);
        for node in [node, dir] {
            state.apply(Change::Sync { node });
        }
        Ok(())
    }

    /// Somebody puts a symlink there. No step.
    ///
    /// # Errors
    ///
    /// `NotFound`, `AlreadyExists`.
    pub fn put_symlink(&self, path: &str) -> io::Result<()> {
        let (dir, name) = self.walk(path)?;
        self.state().make(dir, &name, Kind::Other).map(|_| ())
    }

    /// Another program renames a file. No step.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn move_file(&self, from: &str, to: &str) -> io::Result<()> {
        let ((from_dir, from), (dir, name)) = (self.walk(from)?, self.walk(to)?);
        let mut state = self.state();
        let node = state.look(from_dir, &from, Kind::File)?;
        state.apply(Change::Link { dir, name, node });
        state.apply(Change::Unlink { dir: from_dir, name: from });
        Ok(())
    }

    /// Another program removes a file. No step.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn take_away(&self, path: &str) -> io::Result<()> {
        let (dir, name) = self.walk(path)?;
        let mut state = self.state();
        state.look(dir, &name, Kind::File)?;
        state.apply(Change::Unlink { dir, name });
        Ok(())
    }

    /// The directory and the name that a path means.
    fn walk(&self, path: &str) -> io::Result<(usize, Name)> {
        let state = self.state();
        let (root, node) = state
            .roots
            .iter()
            .find(|(root, _)| Path::new(path).starts_with(root))
            .ok_or(io::Error::from(Errno::NOENT))?;
        let rest = Path::new(path).strip_prefix(root).map_err(|_| Errno::NOENT)?;
        let mut names: Vec<Name> = Vec::new();
        for part in rest.iter() {
            names.push(Name::new(part.as_encoded_bytes())?);
        }
        let last = names.pop().ok_or(Errno::INVAL)?;
        let dir = names.iter().try_fold(*node, |dir, name| state.look(dir, name, Kind::Directory))?;
        Ok((dir, last))
    }

    /// Every operation goes through here.
    fn step<T>(&self, what: &'static str, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.failing(what, act, |_| {})
    }

    /// As `step`, with what happens in spite of the failure.
    fn failing<T>(
        &self,
        what: &'static str,
        act: impl FnOnce(&mut State) -> io::Result<T>,
        fail: impl FnOnce(&mut State),
    ) -> io::Result<T> {
        self.interrupt();
        let mut state = self.state();
        match state.step(what) {
            Ok(()) => act(&mut state),
            Err(fault) => {
                if fault != Fault::Death {
                    fail(&mut state);
                }
                Err(fault.error())
            }
        }
    }

    fn interrupt(&self) {
        let due = {
            let mut state = self.state();
            let at = state.steps.len();
            state.interruption.take_if(|(step, _)| *step == at)
        };
        // Not under the lock: it uses this disk too.
        if let Some((_, act)) = due {
            act();
        }
    }

    fn sync(&self, what: &'static str, node: usize) -> io::Result<()> {
        let synced = move |state: &mut State| {
            state.apply(Change::Sync { node });
            Ok(())
        };
        self.failing(what, synced, |state| state.apply(Change::SyncFailed { node }))
    }
}

impl Disk for MemoryDisk {
    fn open_root(&self, path: &Path) -> io::Result<DirHandle> {
        self.step("open_root", |state| {
            let next = state.nodes.len();
            let node = *state.roots.entry(path.to_owned()).or_insert(next);
            if node == next {
                state.apply(Change::Make { kind: Kind::Directory });
            }
            Ok(DirHandle::new(Dir(node)))
        })
    }

    fn open_dir(&self, dir: &DirHandle, name: &Name) -> io::Result<DirHandle> {
        let dir = dir_of(dir)?;
        self.step("open_dir", |state| Ok(DirHandle::new(Dir(state.look(dir, name, Kind::Directory)?))))
    }

    fn make_dir(&self, dir: &DirHandle, name: &Name) -> io::Result<()> {
        let dir = dir_of(dir)?;
        self.step("make_dir", |state| state.make(dir, name, Kind::Directory).map(|_| ()))
    }

    fn create(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle> {
        let dir = dir_of(dir)?;
        self.step("create", |state| Ok(FileHandle::new(File(state.make(dir, name, Kind::File)?))))
    }

    fn open(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle> {
        let dir = dir_of(dir)?;
        self.step("open", |state| Ok(FileHandle::new(File(state.look(dir, name, Kind::File)?))))
    }

    fn open_append(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle> {
        self.open(dir, name)
    }

    fn write(&self, file: &FileHandle, bytes: &[u8]) -> io::Result<()> {
        let node = file_of(file)?;
        let written = |state: &mut State| {
            state.append(node, bytes);
            Ok(())
        };
        self.failing("write", written, |state| state.append(node, &bytes[..bytes.len() / 2]))
    }

    fn copy_range(&self, from: &FileHandle, offset: u64, len: u64, to: &FileHandle) -> io::Result<()> {
        let (from, to) = (file_of(from)?, file_of(to)?);
        let range = |state: &State, len: u64| {
            let begin = usize::try_from(offset).ok()?;
            let end = begin.checked_add(usize::try_from(len).ok()?)?;
            state.nodes[from].content.get(begin..end).map(<[u8]>::to_vec)
        };
        let copied = |state: &mut State| {
            let bytes = range(state, len).ok_or(io::ErrorKind::UnexpectedEof)?;
            state.append(to, &bytes);
            Ok(())
        };
        self.failing("copy_range", copied, |state| {
            if let Some(bytes) = range(state, len / 2) {
                state.append(to, &bytes);
            }
        })
    }

    fn read_at(&self, file: &FileHandle, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let node = file_of(file)?;
        self.step("read_at", |state| {
            let content = &state.nodes[node].content;
            let rest = content.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            buffer[..len].copy_from_slice(&rest[..len]);
            Ok(len)
        })
    }

    fn sync_file(&self, file: &FileHandle) -> io::Result<()> {
        self.sync("sync_file", file_of(file)?)
    }

    fn sync_dir(&self, dir: &DirHandle) -> io::Result<()> {
        self.sync("sync_dir", dir_of(dir)?)
    }

    fn set_modified(&self, file: &FileHandle, secs: i64) -> io::Result<()> {
        let node = file_of(file)?;
        self.step("set_modified", |state| {
            state.apply(Change::Touch { node, secs });
            Ok(())
        })
    }

    fn rename(&self, from_dir: &DirHandle, from: &Name, to_dir: &DirHandle, to: &Name) -> io::Result<()> {
        let (from_dir, dir) = (dir_of(from_dir)?, dir_of(to_dir)?);
        self.step("rename", |state| {
            let node = *state.nodes[from_dir].names.get(from).ok_or(Errno::NOENT)?;
            if state.nodes[dir].names.contains_key(to) {
                return Err(Errno::EXIST.into());
            }
            state.apply(Change::Link { dir, name: to.clone(), node });
            state.apply(Change::Unlink { dir: from_dir, name: from.clone() });
            Ok(())
        })
    }

    fn replace(&self, dir: &DirHandle, from: &Name, to: &Name) -> io::Result<()> {
        let dir = dir_of(dir)?;
        self.step("replace", |state| {
            let node = state.look(dir, from, Kind::File)?;
            state.apply(Change::Link { dir, name: to.clone(), node });
            state.apply(Change::Unlink { dir, name: from.clone() });
            Ok(())
        })
    }

    fn unlink(&self, dir: &DirHandle, name: &Name) -> io::Result<()> {
        let dir = dir_of(dir)?;
        self.step("unlink", |state| {
            let node = *state.nodes[dir].names.get(name).ok_or(Errno::NOENT)?;
            if state.nodes[node].kind == Kind::Directory {
                return Err(Errno::ISDIR.into());
            }
            state.apply(Change::Unlink { dir, name: name.clone() });
            Ok(())
        })
    }

    fn list(&self, dir: &DirHandle) -> io::Result<Vec<Entry>> {
        let dir = dir_of(dir)?;
        self.step("list", |state| {
            let names = state.nodes[dir].names.iter();
            Ok(names.map(|(name, node)| Entry { name: name.clone(), kind: state.nodes[*node].kind }).collect())
        })
    }

    fn stat(&self, file: &FileHandle) -> io::Result<Stat> {
        let node = file_of(file)?;
        self.step("stat", |state| Ok(stat_of(&state.nodes[node])))
    }

    fn stat_dir(&self, dir: &DirHandle) -> io::Result<Stat> {
        let node = dir_of(dir)?;
        self.step("stat_dir", |state| Ok(stat_of(&state.nodes[node])))
    }

    fn space(&self, _dir: &DirHandle) -> io::Result<Space> {
        let plenty = Space { free: 1 << 30, total: 1 << 31, free_files: 1 << 20 };
        self.step("space", |state| Ok(state.space.unwrap_or(plenty)))
    }

    fn descriptor(&self, dir: &DirHandle, name: &Name) -> io::Result<std::fs::File> {
        let dir = dir_of(dir)?;
        let content = self.step("descriptor", |state| {
            let node = state.look(dir, name, Kind::File)?;
            Ok(state.nodes[node].content.clone())
        })?;
        let mut file: std::fs::File = rustix::fs::memfd_create("memory-disk", rustix::fs::MemfdFlags::CLOEXEC)?.into();
        file.write_all(&content)?;
        io::Seek::rewind(&mut file)?;
        Ok(file)
    }
}

fn collect(state: &State, node: usize, path: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for (name, child) in &state.nodes[node].names {
        let path = format!("{path}/{name}");
        match state.nodes[*child].kind {
            Kind::Directory => collect(state, *child, &path, files),
            Kind::File => {
                files.insert(path, state.nodes[*child].content.clone());
            }
            Kind::Other => {}
        }
    }
}

fn stat_of(node: &Node) -> Stat {
    Stat { size: node.content.len() as u64, modified: node.modified }
}

fn dir_of(dir: &DirHandle) -> io::Result<usize> {
    dir.inner::<Dir>().map(|dir| dir.0)
}

fn file_of(file: &FileHandle) -> io::Result<usize> {
    file.inner::<File>().map(|file| file.0)
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDisk")
    }
}
