//! Certificate files: read with a cap, written so that a power cut leaves the
//! old file or the new one, and a private key never readable by others, not
//! even for a moment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::TlsError;

/// No chain of certificates comes near this.
const MAX_FILE: u64 = 1 << 20;

/// Whom a written file shall belong to, where the writer is root and the
/// server is somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Mode 0644: certificates.
    Public,
    /// Mode 0600: keys.
    Private,
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Private => 0o600,
        }
    }
}

/// Whether a key file can be read by others than its owner (group or world).
///
/// # Errors
///
/// [`TlsError::Read`] where the file cannot be looked at.
pub fn others_can_read(file: &Path) -> Result<bool, TlsError> {
    let meta = fs::metadata(file).map_err(|error| TlsError::read(file, error))?;
    Ok(meta.mode() & 0o077 != 0)
}

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let fail = |error| TlsError::read(file, error);
    let mut bytes = Vec::new();
    File::open(file).map_err(fail)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(TlsError::TooLarge { file: file.to_owned() });
    }
    Ok(bytes)
}

/// Puts the text in place of whatever the file was.
pub(crate) fn replace(file: &Path, text: &str, access: Access, owner: Option<Owner>) -> Result<(), TlsError> {
    let temporary = stage(file, text, access, owner).map_err(|error| TlsError::write(file, error))?;
    let done = fs::rename(&temporary, file).and_then(|()| sync_folder(file));
    done.map_err(|error| {
        let _ = fs::remove_file(&temporary);
        TlsError::write(file, error)
    })
}

/// Puts the text there only if there is no such file yet: a link fails where
/// the name is taken, which a rename would not.
pub(crate) fn create(file: &Path, text: &str, access: Access, owner: Option<Owner>) -> Result<(), TlsError> {
    let temporary = stage(file, text, access, owner).map_err(|error| TlsError::write(file, error))?;
    let linked = fs::hard_link(&temporary, file);
    let _ = fs::remove_file(&temporary);
    match linked.and_then(|()| sync_folder(file)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(TlsError::Exists { file: file.to_owned() }),
        Err(error) => Err(TlsError::write(file, error)),
    }
}

/// Puts the text in place of whatever the file was, durably, with mode 0600.
///
/// # Errors
///
/// [`TlsError::Write`]; the file is then what it was.
pub fn replace_private(file: &Path, text: &str) -> Result<(), TlsError> {
    replace(file, text, Access::Private, None)
}

/// Makes a folder that only its owner can enter, or narrows one that is there.
///
/// # Errors
///
/// [`TlsError::Write`].
pub fn private_folder(folder: &Path) -> Result<(), TlsError> {
    fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))
        .and_then(|()| sync_folder(folder))
        .map_err(|error| TlsError::write(folder, error))
}

fn stage(file: &Path, text: &str, access: Access, owner: Option<Owner>) -> io::Result<PathBuf> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = file.with_file_name(name);
    let _ = fs::remove_file(&temporary);
    let written = write_synced(&temporary, text, access, owner);
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map(|()| temporary)
}

/// Opened with mode 0600 first, so that no umask and no moment shows a key.
fn write_synced(temporary: &Path, text: &str, access: Access, owner: Option<Owner>) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    if let Some(Owner { uid, gid }) = owner {
        fchown(&out, Some(uid), Some(gid))?;
    }
    out.set_permissions(fs::Permissions::from_mode(access.mode()))?;
    out.write_all(text.as_bytes())?;
    out.sync_all()
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_private_and_nothing_half_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("k");
        create(&key, "one", Access::Private, None).unwrap();
        assert!(!others_can_read(&key).unwrap());
        assert!(matches!(create(&key, "two", Access::Private, None), Err(TlsError::Exists { .. })));
        assert_eq!(read(&key).unwrap(), b"one");
        replace(&key, "three", Access::Public, None).unwrap();
        assert_eq!(read(&key).unwrap(), b"three");
        assert!(others_can_read(&key).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_huge_file_is_not_read_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("big");
        File::create(&file).unwrap().set_len(MAX_FILE + 1).unwrap();
        assert!(matches!(read(&file), Err(TlsError::TooLarge { .. })));
        assert!(matches!(read(&folder.path().join("none")), Err(TlsError::Read { .. })));
    }
}
