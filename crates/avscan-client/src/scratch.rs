//! The folders in which workers unpack: one for each, removed after it, also
//! after one that was killed.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const NAME: &str = "gatepost-avscan";

/// A worker's folder, `gatepost-avscan.<process of the daemon>.<worker>`, that
/// only its owner can enter. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// Makes the folder. One that is there already is not used: in a folder
    /// that everybody can write, such as `/dev/shm`, it could be another's.
    pub(crate) fn create(parent: &Path, worker: u64) -> io::Result<Self> {
        // A second scanner in the same process has the same numbers.
        for attempt in 0..1000_u32 {
            let folder = parent.join(format!("{NAME}.{}.{worker}.{attempt}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Self { folder }),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!(%error, folder = %self.folder.display(), "a scanner's scratch folder stays");
        }
    }
}

/// Removes what a daemon that was killed has left behind.
pub(crate) fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(NAME)?.strip_prefix('.')?.split('.').next());
        let Some(pid) = owner.and_then(|pid| pid.parse::<u32>().ok()) else { continue };
        let ours = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if ours && !Path::new("/proc").join(pid.to_string()).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn folders_are_private_and_go_away() {
        let parent = tempfile::tempdir().unwrap();
        let first = Scratch::create(parent.path(), 7).unwrap();
        let second = Scratch::create(parent.path(), 7).unwrap();
        assert_ne!(first.path(), second.path());
        assert_eq!(fs::metadata(first.path()).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(first.path().join("unpacked"), "x").unwrap();
        let gone = first.path().to_owned();
        drop(first);
        assert!(!gone.exists() && second.path().exists());
    }

    #[test]
    fn only_what_a_dead_daemon_left_is_swept() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::create(parent.path(), 1).unwrap();
        // Process numbers end at 4194304.
        for name in ["gatepost-avscan.99999999.1.0", "gatepost-avscan.x.1", "other.99999999.1"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        sweep(parent.path());
        let mut left: Vec<_> =
            fs::read_dir(parent.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let own = living.path().file_name().unwrap().to_str().unwrap();
        let mut expected = vec![own, "gatepost-avscan.x.1", "other.99999999.1"];
        expected.sort_unstable();
        assert_eq!(left, expected);
    }
}
