//! One server for each data folder: a second one would take the messages that
//! the first has under way for those of a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::output::Failure;

/// The data folder is ours until this is dropped or the process ends, however
/// it ends.
#[derive(Debug)]
pub struct DataLock(#[expect(dead_code, reason = "it is held, not read")] File);

impl DataLock {
    /// Takes the folder, which is there.
    ///
    /// # Errors
    ///
    /// [`Failure`] where another server has it, or the lock file cannot be
    /// made.
    pub fn take(data: &Path) -> Result<Self, Failure> {
        let path = data.join("gatepost.lock");
        let failed = |error: io::Error| Failure::failed(format!("{} cannot be locked: {error}", path.display()));
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(taken(data, file)),
            Err(error) => return Err(failed(error.into())),
        }
        // The number is only for people; on a full disk the lock holds as well.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }
}

fn taken(data: &Path, mut file: File) -> Failure {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.take(20).read_to_string(&mut text));
    let process = text.trim().parse::<u32>().map_or_else(|_| String::new(), |id| format!(" (process {id})"));
    Failure::failed(format!("another server{process} uses {}", data.display()))
        .hint("stop that one first, or give this one a folder of its own in [server] data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataLock::take(dir.path()).unwrap();
        let second = DataLock::take(dir.path()).unwrap_err();
        assert!(second.message().contains(&format!("(process {})", std::process::id())), "{second:?}");
        drop(first);
        // What a killed server has left is in nobody's way.
        std::fs::write(dir.path().join("gatepost.lock"), "4000000000 and more than a number").unwrap();
        let third = DataLock::take(dir.path()).unwrap();
        assert!(DataLock::take(dir.path()).is_err());
        drop(third);
        assert!(DataLock::take(&dir.path().join("nowhere")).is_err());
    }
}
