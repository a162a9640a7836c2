//! Power cuts and failing disks during a delivery: nothing torn is ever
//! visible, and what was acknowledged is there.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use mail::{Class, Classified};
use maildir::testing::{Fault, Loss, MemoryDisk};
use maildir::{AccountPath, Arrival, Error, Folder, MailRoot, Piece, SideFile, Withdrawn};
use uidlist::{BaseName, Flags, FolderDir};

const FIRST: (&str, &[u8]) = ("1.M1P1Q1.mx,S=14,W=17", b"To: a\n\nfirst\n\n");
const SECOND: (&str, &[u8]) = ("1.M1P1Q2.mx,S=14,W=17", b"To: a\n\nsecond\n");

fn open(disk: &MemoryDisk) -> MailRoot {
    MailRoot::open(Arc::new(disk.clone()), Path::new("/mail")).unwrap()
}

fn base(name: &str) -> BaseName {
    BaseName::new(name).unwrap()
}

fn path() -> AccountPath {
    AccountPath::parse("example.org/alice").unwrap()
}

fn junk() -> FolderDir {
    FolderDir::new(b".Junk").unwrap()
}

/// Two deliveries together: one into `new/`, one into `cur/`.
fn deliver(folder: &Folder) -> Result<(), Error> {
    let first = folder.stage(&base(FIRST.0), &[Piece::Bytes(&FIRST.1[..7]), Piece::Bytes(&FIRST.1[7..])], 5)?;
    let second = folder.stage(&base(SECOND.0), &[Piece::Bytes(SECOND.1)], 6)?;
    let published = vec![first.publish(Arrival::New)?, second.publish(Arrival::Cur(Flags::SEEN))?];
    folder.settle(published).map(|_| ())
}

fn all(root: &MailRoot) -> Result<(), Error> {
    let (folder, _) = root.create_account(&path())?.create_folder(&junk())?;
    deliver(&folder)
}

/// The files that a reader would see, which must be whole; how many of the two
/// there are.
fn visible(disk: &MemoryDisk) -> usize {
    let mut seen = 0;
    for (path, content) in disk.files() {
        if !path.contains("/new/") && !path.contains("/cur/") {
            continue;
        }
        let expected = if path.contains("Q1") { FIRST.1 } else { SECOND.1 };
        assert_eq!(content, expected, "{path} is torn");
        seen += 1;
    }
    seen
}

#[test]
fn after_every_change_nothing_is_torn_and_the_acknowledged_is_there() {
    let disk = MemoryDisk::new();
    all(&open(&disk)).unwrap();
    let acknowledged = disk.changes();
    open(&disk).account(&path()).unwrap().folder(&FolderDir::inbox()).unwrap();
    for changes in 0..=disk.changes() {
        for loss in Loss::all() {
            let seen = visible(&disk.after_power_cut(changes, loss));
            assert!(seen == 2 || changes < acknowledged, "lost after {changes} changes with {loss:?}");
        }
    }
}

#[test]
fn without_the_last_synchronisation_a_power_cut_would_lose_it() {
    // Shows that the check above can fail: published, not settled.
    let disk = MemoryDisk::new();
    let (folder, _) = open(&disk).create_account(&path()).unwrap().create_folder(&junk()).unwrap();
    let staged = folder.stage(&base(FIRST.0), &[Piece::Bytes(FIRST.1)], 5).unwrap();
    let published = staged.publish(Arrival::New).unwrap();
    assert_eq!(visible(&disk), 1);
    let lost = Loss::all().into_iter().any(|loss| visible(&disk.after_power_cut(disk.changes(), loss)) == 0);
    assert!(lost);
    folder.settle(vec![published]).unwrap();
    for loss in Loss::all() {
        assert_eq!(visible(&disk.after_power_cut(disk.changes(), loss)), 1);
    }
}

#[test]
fn every_operation_may_fail() {
    let steps = {
        let disk = MemoryDisk::new();
        let folder = open(&disk).create_account(&path()).unwrap().create_folder(&junk()).unwrap().0;
        let before = disk.steps().len();
        deliver(&folder).unwrap();
        before..disk.steps().len()
    };
    assert!(steps.len() >= 10);
    for step in steps {
        for fault in [Fault::Io, Fault::NoSpace] {
            let disk = MemoryDisk::new();
            let folder = open(&disk).create_account(&path()).unwrap().create_folder(&junk()).unwrap().0;
            disk.fail_at(step, fault);
            let error = deliver(&folder).unwrap_err();
            let what = disk.steps()[step];
            let class = if fault == Fault::NoSpace && what != "sync_dir" { Class::DiskFull } else { Class::Disk };
            assert_eq!(error.class(), class, "{what}");
            let left: Vec<_> = disk.files().into_keys().filter(|path| !path.ends_with("maildirfolder")).collect();
            // A first message that was published when the second failed stays
            // visible: that delivery goes on from the spool.
            let went_on = what == "rename" && left.len() == 1 && left[0].contains("/new/");
            assert!(left.is_empty() || went_on, "{what} left {left:?}");
            if what == "sync_dir" {
                assert!(matches!(error, Error::DirectorySync { names: Withdrawn::All, .. }));
                assert!(matches!(deliver(&folder), Err(Error::OutOfService)));
                assert!(disk.steps().iter().filter(|step| **step == "sync_dir").count() <= 8 + 2);
            } else if !went_on {
                deliver(&folder).unwrap();
                assert_eq!(visible(&disk), 2);
            }
        }
    }
}

#[test]
fn every_moment_may_be_the_last() {
    let total = {
        let disk = MemoryDisk::new();
        all(&open(&disk)).unwrap();
        disk.steps().len()
    };
    for step in 1..total {
        let disk = MemoryDisk::new();
        let root = open(&disk);
        disk.fail_at(step, Fault::Death);
        // What is in memory unwinds without effect on the disk.
        assert!(all(&root).is_err());
        for loss in Loss::all() {
            let survivor = disk.after_power_cut(disk.changes(), loss);
            visible(&survivor);
            // The same delivery works after the restart, unless it is there.
            let (folder, _) = open(&survivor).create_account(&path()).unwrap().create_folder(&junk()).unwrap();
            folder.sweep(1_000_000_000, 0).unwrap();
            if folder.list().unwrap().iter().count() == 0 {
                deliver(&folder).unwrap();
                assert_eq!(visible(&survivor), 2);
            }
        }
    }
}

#[test]
fn a_synchronisation_that_failed_is_never_repeated() {
    let disk = MemoryDisk::new();
    let (folder, _) = open(&disk).create_account(&path()).unwrap().create_folder(&junk()).unwrap();
    let before = disk.steps().len();
    deliver(&folder).unwrap();
    let sync = before + disk.steps()[before..].iter().position(|step| *step == "sync_file").unwrap();
    let disk = MemoryDisk::new();
    let (folder, _) = open(&disk).create_account(&path()).unwrap().create_folder(&junk()).unwrap();
    disk.fail_at(sync, Fault::Io);
    assert_eq!(deliver(&folder).unwrap_err().class(), Class::Disk);
    assert_eq!(disk.steps()[sync + 1..], ["unlink"]);
}

#[test]
fn a_side_file_is_the_old_one_or_the_new() {
    let disk = MemoryDisk::new();
    let folder = open(&disk).create_account(&path()).unwrap().folder(&FolderDir::inbox()).unwrap();
    folder.replace_side(SideFile::UidList, b"old").unwrap();
    let begin = disk.changes();
    folder.replace_side(SideFile::UidList, b"new one").unwrap();
    for changes in begin..=disk.changes() {
        for loss in Loss::all() {
            let survivor = disk.after_power_cut(changes, loss);
            let folder = open(&survivor).account(&path()).unwrap().folder(&FolderDir::inbox()).unwrap();
            let content = folder.read_side(SideFile::UidList, 100).unwrap().unwrap();
            assert!(content == b"new one" || (content == b"old" && changes < disk.changes()), "{content:?}");
            folder.replace_side(SideFile::UidList, b"next").unwrap();
        }
    }
}

#[test]
fn removed_messages_do_not_come_back() {
    let disk = MemoryDisk::new();
    let (folder, _) = open(&disk).create_account(&path()).unwrap().create_folder(&junk()).unwrap();
    deliver(&folder).unwrap();
    let located: Vec<_> = [FIRST.0, SECOND.0].iter().map(|name| folder.find(&base(name)).unwrap().unwrap()).collect();
    assert_eq!(folder.remove(&located).unwrap().gone.len(), 2);
    for loss in Loss::all() {
        let survivor = disk.after_power_cut(disk.changes(), loss);
        assert_eq!(survivor.files().keys().filter(|path| path.contains("/new/") || path.contains("/cur/")).count(), 0);
    }
}

#[test]
fn folders_and_accounts_move_as_a_whole() {
    let disk = MemoryDisk::new();
    let root = open(&disk);
    let account = root.create_account(&path()).unwrap();
    let (folder, _) = account.create_folder(&junk()).unwrap();
    deliver(&folder).unwrap();
    let begin = disk.changes();
    account.rename_folder(&junk(), &FolderDir::new(b".Old").unwrap()).unwrap();
    for loss in Loss::all() {
        let renamed = disk.after_power_cut(disk.changes(), loss);
        assert!(renamed.files().keys().all(|path| path.contains("/.Old/")));
    }
    account.remove_folder(&FolderDir::new(b".Old").unwrap(), maildir::RemovalId(7)).unwrap();
    root.remove_account(&path(), maildir::RemovalId(8)).unwrap();
    assert!(disk.files().keys().all(|path| path.starts_with("/mail/.removed/8/.removed/7/")));
    for changes in begin..=disk.changes() {
        for loss in Loss::all() {
            let seen = visible(&disk.after_power_cut(changes, loss));
            assert!(seen >= 2, "{changes} {loss:?}");
        }
    }
}
