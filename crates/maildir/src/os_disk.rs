//! The real file system: every call is relative to an open directory and
//! follows no symlink.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps};
use rustix::io::Errno;

use crate::disk::{DirHandle, Disk, Entry, FileHandle, Kind, Space, Stat, Timestamp};
use crate::{BadName, Name};

/// The most names that one listing returns: ten times the largest folder that
/// the server is made for. A directory stuffed with more is an error, not an
/// allocation.
const MAX_ENTRIES: usize = 10_000_000;
/// Octets copied at a time where the kernel cannot copy by itself.
const COPY_OCTETS: usize = 64 << 10;
/// Octets asked of one `copy_file_range`.
const KERNEL_COPY_OCTETS: u64 = 1 << 30;

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn open_root(&self, path: &Path) -> io::Result<DirHandle> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(DirHandle::new(fs::open(path, flags, Mode::empty())?))
    }

    fn open_dir(&self, dir: &DirHandle, name: &Name) -> io::Result<DirHandle> {
        Ok(DirHandle::new(open_at(dir, name, OFlags::RDONLY | OFlags::DIRECTORY)?))
    }

    fn make_dir(&self, dir: &DirHandle, name: &Name) -> io::Result<()> {
        Ok(fs::mkdirat(dir_fd(dir)?, name.as_bytes(), Mode::RWXU)?)
    }

    fn create(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        Ok(FileHandle::new(open_at(dir, name, flags)?))
    }

    fn open(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle> {
        Ok(FileHandle::new(open_regular(dir, name, OFlags::RDONLY)?))
    }

    fn open_append(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle> {
        let fd = open_regular(dir, name, OFlags::RDWR)?;
        // Not O_APPEND, since copy_file_range refuses such descriptors.
        fs::seek(&fd, fs::SeekFrom::End(0))?;
        Ok(FileHandle::new(fd))
    }

    fn write(&self, file: &FileHandle, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(file_fd(file)?, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn copy_range(&self, from: &FileHandle, offset: u64, len: u64, to: &FileHandle) -> io::Result<()> {
        let (mut offset, mut left) = (offset, len);
        while left > 0 {
            let wanted = usize::try_from(left.min(KERNEL_COPY_OCTETS)).unwrap_or(COPY_OCTETS);
            match fs::copy_file_range(file_fd(from)?, Some(&mut offset), file_fd(to)?, None, wanted) {
                // The end of the file, or a file system that only says so.
                Ok(0) => return self.copy_by_hand(from, offset, left, to),
                Ok(copied) => left -= copied as u64,
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF | Errno::PERM) => {
                    return self.copy_by_hand(from, offset, left, to);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read_at(&self, file: &FileHandle, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::io::pread(file_fd(file)?, &mut *buffer, offset) {
                Err(Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    fn sync_file(&self, file: &FileHandle) -> io::Result<()> {
        Ok(fs::fsync(file_fd(file)?)?)
    }

    fn sync_dir(&self, dir: &DirHandle) -> io::Result<()> {
        Ok(fs::fsync(dir_fd(dir)?)?)
    }

    fn set_modified(&self, file: &FileHandle, secs: i64) -> io::Result<()> {
        let time = Timespec { tv_sec: secs, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(fs::futimens(file_fd(file)?, &times)?)
    }

    fn rename(&self, from_dir: &DirHandle, from: &Name, to_dir: &DirHandle, to: &Name) -> io::Result<()> {
        let (from_fd, to_fd) = (dir_fd(from_dir)?, dir_fd(to_dir)?);
        match fs::renameat_with(from_fd, from.as_bytes(), to_fd, to.as_bytes(), RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => link_and_unlink(from_fd, from, to_fd, to),
            result => Ok(result?),
        }
    }

    fn replace(&self, dir: &DirHandle, from: &Name, to: &Name) -> io::Result<()> {
        let dir = dir_fd(dir)?;
        Ok(fs::renameat(dir, from.as_bytes(), dir, to.as_bytes())?)
    }

    fn unlink(&self, dir: &DirHandle, name: &Name) -> io::Result<()> {
        Ok(fs::unlinkat(dir_fd(dir)?, name.as_bytes(), AtFlags::empty())?)
    }

    fn list(&self, dir: &DirHandle) -> io::Result<Vec<Entry>> {
        let dir = dir_fd(dir)?;
        let mut entries = Vec::new();
        for entry in fs::Dir::read_from(dir)? {
            let entry = entry?;
            let Ok(name) = Name::new(entry.file_name().to_bytes()) else { continue };
            if entries.len() == MAX_ENTRIES {
                return Err(io::Error::other("too many names in one directory"));
            }
            let Some(kind) = kind_of(dir, &name, entry.file_type())? else { continue };
            entries.push(Entry { name, kind });
        }
        Ok(entries)
    }

    fn stat(&self, file: &FileHandle) -> io::Result<Stat> {
        Ok(stat_of(&fs::fstat(file_fd(file)?)?))
    }

    fn stat_dir(&self, dir: &DirHandle) -> io::Result<Stat> {
        Ok(stat_of(&fs::fstat(dir_fd(dir)?)?))
    }

    fn space(&self, dir: &DirHandle) -> io::Result<Space> {
        let room = fs::fstatvfs(dir_fd(dir)?)?;
        Ok(Space {
            free: room.f_bavail.saturating_mul(room.f_frsize),
            total: room.f_blocks.saturating_mul(room.f_frsize),
            // Some file systems have no fixed number of files and say 0.
            free_files: if room.f_files == 0 { u64::MAX } else { room.f_favail },
        })
    }

    fn descriptor(&self, dir: &DirHandle, name: &Name) -> io::Result<std::fs::File> {
        Ok(open_regular(dir, name, OFlags::RDONLY)?.into())
    }
}

impl OsDisk {
    fn copy_by_hand(&self, from: &FileHandle, mut offset: u64, mut left: u64, to: &FileHandle) -> io::Result<()> {
        let mut buffer = vec![0; COPY_OCTETS];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(COPY_OCTETS).min(COPY_OCTETS);
            let read = self.read_at(from, offset, &mut buffer[..wanted])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.write(to, &buffer[..read])?;
            offset += read as u64;
            left -= read as u64;
        }
        Ok(())
    }
}

/// For file systems without `RENAME_NOREPLACE`: a hard link fails where the
/// name is taken. A power cut between the two calls leaves both names, and the
/// one in `tmp/` is swept up later. Directories cannot be linked; a rename
/// onto one that holds something fails by itself.
fn link_and_unlink(from_dir: &OwnedFd, from: &Name, to_dir: &OwnedFd, to: &Name) -> io::Result<()> {
    let stat = fs::statat(from_dir, from.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Ok(fs::renameat(from_dir, from.as_bytes(), to_dir, to.as_bytes())?);
    }
    fs::linkat(from_dir, from.as_bytes(), to_dir, to.as_bytes(), AtFlags::empty())?;
    Ok(fs::unlinkat(from_dir, from.as_bytes(), AtFlags::empty())?)
}

fn open_at(dir: &DirHandle, name: &Name, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(dir_fd(dir)?, name.as_bytes(), flags, Mode::RUSR | Mode::WUSR)?)
}

/// `O_NONBLOCK`, since opening a pipe that somebody put into a Maildir would
/// wait for ever; then only a regular file is taken.
fn open_regular(dir: &DirHandle, name: &Name, flags: OFlags) -> io::Result<OwnedFd> {
    let fd = open_at(dir, name, flags | OFlags::NONBLOCK)?;
    if FileType::from_raw_mode(fs::fstat(&fd)?.st_mode) == FileType::RegularFile {
        return Ok(fd);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// `None` for a name that went away meanwhile.
fn kind_of(dir: &OwnedFd, name: &Name, told: FileType) -> io::Result<Option<Kind>> {
    let kind = if told == FileType::Unknown {
        match fs::statat(dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => FileType::from_raw_mode(stat.st_mode),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    } else {
        told
    };
    Ok(Some(match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        _ => Kind::Other,
    }))
}

fn stat_of(stat: &fs::Stat) -> Stat {
    let modified = Timestamp { secs: stat.st_mtime, nanos: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) };
    Stat { size: u64::try_from(stat.st_size).unwrap_or(0), modified }
}

fn dir_fd(dir: &DirHandle) -> io::Result<&OwnedFd> {
    dir.inner()
}

fn file_fd(file: &FileHandle) -> io::Result<&OwnedFd> {
    file.inner()
}

impl From<BadName> for io::Error {
    fn from(error: BadName) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_kernels_help_a_rename_takes_no_name_either() {
        let temp = tempfile::tempdir().unwrap();
        let fd: OwnedFd = std::fs::File::open(temp.path()).unwrap().into();
        let name = |text: &str| Name::new(text.as_bytes()).unwrap();
        std::fs::write(temp.path().join("a"), "a").unwrap();
        std::fs::write(temp.path().join("b"), "b").unwrap();
        let taken = link_and_unlink(&fd, &name("a"), &fd, &name("b")).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        link_and_unlink(&fd, &name("a"), &fd, &name("c")).unwrap();
        assert!(!temp.path().join("a").exists());
        assert_eq!(std::fs::read(temp.path().join("c")).unwrap(), b"a");
        std::fs::create_dir(temp.path().join("dir")).unwrap();
        std::fs::create_dir_all(temp.path().join("full/sub")).unwrap();
        assert!(link_and_unlink(&fd, &name("dir"), &fd, &name("full")).is_err());
        link_and_unlink(&fd, &name("dir"), &fd, &name("moved")).unwrap();
        assert!(temp.path().join("moved").is_dir());
        assert_eq!(std::fs::read(temp.path().join("b")).unwrap(), b"b");
    }

    #[test]
    fn a_directory_entry_of_unknown_kind_is_looked_at() {
        let temp = tempfile::tempdir().unwrap();
        let fd: OwnedFd = std::fs::File::open(temp.path()).unwrap().into();
        std::fs::write(temp.path().join("a"), "a").unwrap();
        std::os::unix::fs::symlink("a", temp.path().join("link")).unwrap();
        let kind = |text: &str| kind_of(&fd, &Name::new(text.as_bytes()).unwrap(), FileType::Unknown).unwrap();
        assert_eq!((kind("a"), kind("link"), kind("gone")), (Some(Kind::File), Some(Kind::Other), None));
    }
}
