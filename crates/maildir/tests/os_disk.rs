//! The real file system: symlinks, pipes, modes, times, and a whole delivery.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use maildir::{AccountPath, Arrival, Disk, Error, Kind, Located, MailRoot, Name, OsDisk, Piece};
use uidlist::{BaseName, Flags, FolderDir};

fn name(text: &str) -> Name {
    Name::new(text.as_bytes()).unwrap()
}

#[test]
fn a_delivery_from_a_spool_file() {
    let temp = tempfile::tempdir().unwrap();
    let disk = OsDisk;
    let dir = disk.open_root(temp.path()).unwrap();
    let spool = disk.create(&dir, &name("spool")).unwrap();
    let body = b"0123456789".repeat(20_000);
    disk.write(&spool, b"Received: x\n").unwrap();
    disk.write(&spool, &body).unwrap();

    let root = MailRoot::open(Arc::new(disk), temp.path()).unwrap();
    let path = AccountPath::parse("example.org/alice").unwrap();
    let account = root.create_account(&path).unwrap();
    let (folder, _) = account.create_folder(&FolderDir::new(b".Junk").unwrap()).unwrap();
    let base = BaseName::new("1.M1P1Q1.mx,S=200002,W=200004").unwrap();
    let pieces =
        [Piece::Bytes(b"A\n"), Piece::Range { file: &spool, offset: 12, len: 100_000 }, Piece::Bytes(&body[100_000..])];
    let staged = folder.stage(&base, &pieces, 86_400).unwrap();
    assert!(folder.list().unwrap().iter().next().is_none());
    folder.settle(vec![staged.publish(Arrival::New).unwrap()]).unwrap();

    let file = folder.path().join("new").join("1.M1P1Q1.mx,S=200002,W=200004");
    let meta = fs::metadata(&file).unwrap();
    assert_eq!((meta.len(), meta.mtime(), meta.permissions().mode() & 0o777), (200_002, 86_400, 0o600));
    assert_eq!(fs::read(&file).unwrap(), [b"A\n".as_slice(), &body].concat());
    let private = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for dir in ["example.org", "example.org/alice", "example.org/alice/Maildir/.Junk/tmp"] {
        assert_eq!(private(&temp.path().join(dir)), 0o700);
    }
    let at = folder.set_flags(&Located::in_new(&base), Flags::SEEN).unwrap();
    assert!(folder.open_message(&at).unwrap().read(0, 3).unwrap().starts_with(b"A\n0"));
    let copy = BaseName::new("2.M1P1Q2.mx").unwrap();
    let source = folder.open_message(&at).unwrap();
    let staged = folder.stage(&copy, &[source.as_piece()], 5).unwrap();
    folder.settle(vec![staged.publish(Arrival::Cur(Flags::NONE)).unwrap()]).unwrap();
    assert_eq!(folder.list().unwrap().cur.names.len(), 2);
    assert_eq!(folder.remove(&[at]).unwrap().gone, [base]);
    assert!(root.space().unwrap().free > 0);
}

#[test]
fn a_range_that_is_not_there_is_an_error() {
    let temp = tempfile::tempdir().unwrap();
    let disk = OsDisk;
    let dir = disk.open_root(temp.path()).unwrap();
    let (from, to) = (disk.create(&dir, &name("from")).unwrap(), disk.create(&dir, &name("to")).unwrap());
    disk.write(&from, b"12345").unwrap();
    assert_eq!(disk.copy_range(&from, 3, 3, &to).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    // From another file system the kernel may refuse, and we copy by hand.
    let shm = tempfile::tempdir_in("/dev/shm").unwrap();
    let other = disk.open_root(shm.path()).unwrap();
    let far = disk.create(&other, &name("far")).unwrap();
    disk.write(&far, &[7; 100_000]).unwrap();
    let fresh = disk.create(&dir, &name("fresh")).unwrap();
    disk.copy_range(&far, 1, 99_999, &fresh).unwrap();
    assert_eq!(fs::read(temp.path().join("fresh")).unwrap(), [7; 99_999]);
}

#[test]
fn nothing_follows_a_symlink_or_waits_for_a_pipe() {
    let temp = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path().join("secret"), temp.path().join("file")).unwrap();
    symlink(outside.path(), temp.path().join("dir")).unwrap();
    symlink(outside.path().join("made"), temp.path().join("dangling")).unwrap();
    let pipe = rustix::fs::CWD;
    rustix::fs::mkfifoat(pipe, temp.path().join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    fs::create_dir(temp.path().join("real")).unwrap();

    let disk = OsDisk;
    let dir = disk.open_root(temp.path()).unwrap();
    for link in ["file", "pipe", "dangling", "real"] {
        assert!(disk.open(&dir, &name(link)).is_err(), "{link}");
        assert!(disk.open_append(&dir, &name(link)).is_err(), "{link}");
        assert!(disk.descriptor(&dir, &name(link)).is_err(), "{link}");
        assert_eq!(disk.create(&dir, &name(link)).unwrap_err().kind(), ErrorKind::AlreadyExists, "{link}");
    }
    assert!(disk.open_dir(&dir, &name("dir")).is_err());
    assert!(!outside.path().join("made").exists());
    let mut entries = disk.list(&dir).unwrap();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let kinds: Vec<Kind> = entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [Kind::Other, Kind::Other, Kind::Other, Kind::Other, Kind::Directory]);
}

#[test]
fn an_account_that_is_a_symlink_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(temp.path().join("example.org")).unwrap();
    symlink(outside.path(), temp.path().join("example.org/alice")).unwrap();
    let root = MailRoot::open(Arc::new(OsDisk), temp.path()).unwrap();
    let path = AccountPath::parse("example.org/alice").unwrap();
    assert!(root.account(&path).is_err());
    assert!(root.create_account(&path).is_err());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_rename_takes_no_name_away() {
    let temp = tempfile::tempdir().unwrap();
    let disk = OsDisk;
    let dir = disk.open_root(temp.path()).unwrap();
    fs::write(temp.path().join("a"), "a").unwrap();
    fs::write(temp.path().join("b"), "b").unwrap();
    assert_eq!(disk.rename(&dir, &name("a"), &dir, &name("b")).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read(temp.path().join("b")).unwrap(), b"b");
    disk.replace(&dir, &name("a"), &name("b")).unwrap();
    assert_eq!(fs::read(temp.path().join("b")).unwrap(), b"a");
    disk.rename(&dir, &name("b"), &dir, &name("c")).unwrap();
    assert_eq!(disk.unlink(&dir, &name("b")).unwrap_err().kind(), ErrorKind::NotFound);
    disk.unlink(&dir, &name("c")).unwrap();
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
}

#[test]
fn a_descriptor_reads_and_does_not_write() {
    let temp = tempfile::tempdir().unwrap();
    let disk = OsDisk;
    let dir = disk.open_root(temp.path()).unwrap();
    fs::write(temp.path().join("a"), "content").unwrap();
    let mut file = disk.descriptor(&dir, &name("a")).unwrap();
    let mut content = String::new();
    file.read_to_string(&mut content).unwrap();
    assert_eq!(content, "content");
    assert!(std::io::Write::write(&mut file, b"x").is_err());
    let handle = disk.open_append(&dir, &name("a")).unwrap();
    disk.write(&handle, b" and more").unwrap();
    assert_eq!(fs::read(temp.path().join("a")).unwrap(), b"content and more");
}

#[test]
fn what_is_not_there_is_missing() {
    let temp = tempfile::tempdir().unwrap();
    let missing = MailRoot::open(Arc::new(OsDisk), &temp.path().join("nowhere")).unwrap_err();
    assert!(matches!(missing, Error::Missing(_)));
    let root = MailRoot::open(Arc::new(OsDisk), temp.path()).unwrap();
    assert!(matches!(root.account(&AccountPath::parse("a/b").unwrap()), Err(Error::Missing(_))));
}

#[test]
fn a_folder_that_lacks_a_directory_is_completed() {
    let temp = tempfile::tempdir().unwrap();
    let root = MailRoot::open(Arc::new(OsDisk), temp.path()).unwrap();
    let account = root.create_account(&AccountPath::parse("example.org/alice").unwrap()).unwrap();
    fs::remove_dir(account.path().join("new")).unwrap();
    fs::remove_dir(account.path().join("tmp")).unwrap();
    let folder = account.folder(&FolderDir::inbox()).unwrap();
    let staged = folder.stage(&BaseName::new("1.a").unwrap(), &[], 0).unwrap();
    folder.settle(vec![staged.publish(Arrival::New).unwrap()]).unwrap();
    assert!(account.path().join("new/1.a").exists());
}

#[test]
fn a_file_beside_a_maildir_has_many_writers() {
    let temp = tempfile::tempdir().unwrap();
    let root = MailRoot::open(Arc::new(OsDisk), temp.path()).unwrap();
    let account = root.create_account(&AccountPath::parse("example.org/alice").unwrap()).unwrap();
    std::thread::scope(|scope| {
        let write = || {
            for _ in 0..20 {
                account.replace_beside(&name(".owner"), b"alice\n").unwrap();
            }
        };
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(write)).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    assert_eq!(account.read_beside(&name(".owner"), 100).unwrap().unwrap(), b"alice\n");
}
