//! Folders among other programs: names change, vanish, and lie.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use mail::{Address, Class, Classified};
use maildir::testing::MemoryDisk;
use maildir::{
    Account, AccountPath, Arrival, Error, Folder, Located, Made, MailRoot, Name, Piece, Place, RemovalId, SideFile,
};
use uidlist::{BaseName, FileName, Flags, FolderDir};

const CUR: &str = "/mail/example.org/alice/Maildir/cur";
const NEW: &str = "/mail/example.org/alice/Maildir/new";

fn account(disk: &MemoryDisk) -> Account {
    let root = MailRoot::open(Arc::new(disk.clone()), Path::new("/mail")).unwrap();
    root.create_account(&AccountPath::parse("example.org/alice").unwrap()).unwrap()
}

fn inbox(disk: &MemoryDisk) -> Folder {
    account(disk).folder(&FolderDir::inbox()).unwrap()
}

fn base(name: &str) -> BaseName {
    BaseName::new(name).unwrap()
}

fn dir(name: &str) -> FolderDir {
    FolderDir::new(name.as_bytes()).unwrap()
}

fn add(folder: &Folder, name: &str, arrival: Arrival) -> Located {
    let staged = folder.stage(&base(name), &[Piece::Bytes(b"To: a\n\nbody\n")], 1_000).unwrap();
    folder.settle(vec![staged.publish(arrival).unwrap()]).unwrap().remove(0)
}

#[test]
fn a_name_is_never_given_twice() {
    let disk = MemoryDisk::new();
    let folder = inbox(&disk);
    let first = folder.stage(&base("1.a"), &[Piece::Bytes(b"first")], 0).unwrap();
    assert!(matches!(folder.stage(&base("1.a"), &[Piece::Bytes(b"second")], 0), Err(Error::Exists(_))));
    folder.settle(vec![first.publish(Arrival::New).unwrap()]).unwrap();
    let second = folder.stage(&base("1.a"), &[Piece::Bytes(b"second")], 0).unwrap();
    assert!(matches!(second.publish(Arrival::New), Err(Error::Exists(_))));
    assert_eq!(disk.files().into_iter().collect::<Vec<_>>(), [(format!("{NEW}/1.a"), b"first".to_vec())]);
}

#[test]
fn a_name_must_not_lie_about_the_size() {
    let disk = MemoryDisk::new();
    let error = inbox(&disk).stage(&base("1.a,S=6,W=6"), &[Piece::Bytes(b"12345")], 0).unwrap_err();
    assert!(matches!(error, Error::WrongSize { claimed: 6, written: 5 }));
    assert_eq!(error.class(), Class::Internal);
    assert!(disk.files().is_empty());
}

#[test]
fn what_is_staged_and_dropped_is_gone() {
    let disk = MemoryDisk::new();
    let staged = inbox(&disk).stage(&base("1.a"), &[], 0).unwrap();
    assert_eq!(disk.files().len(), 1);
    staged.discard();
    assert!(disk.files().is_empty());
    // As a crash leaves it.
    std::mem::forget(inbox(&disk).stage(&base("2.b"), &[], 0).unwrap());
    inbox(&disk).unstage(&base("2.b")).unwrap();
    inbox(&disk).unstage(&base("2.b")).unwrap();
    assert!(disk.files().is_empty());
}

#[test]
fn opened_in_spite_of_renames() {
    let disk = MemoryDisk::new();
    let folder = inbox(&disk);
    let told = add(&folder, "1.a", Arrival::New);
    disk.move_file(&format!("{NEW}/1.a"), &format!("{CUR}/1.a:2,S")).unwrap();
    // Its flags change once more between the listing and the second attempt:
    // open, stat_dir, list, stat_dir (new), the same (cur), open.
    let racer = disk.clone();
    disk.interrupt_at(disk.steps().len() + 7, move || {
        racer.move_file(&format!("{CUR}/1.a:2,S"), &format!("{CUR}/1.a:2,RS")).unwrap();
    });
    let file = folder.open_message(&told).unwrap();
    assert_eq!(file.located(), &Located::in_cur(&base("1.a"), Flags::parse(b"RS")));
    assert_eq!((file.size(), file.received_secs()), (12, 1_000));
    assert_eq!(file.read(4, 100).unwrap(), b"a\n\nbody\n");
    assert_eq!(file.read(4, 1).unwrap(), b"a");
    assert!(file.read(u64::MAX, 9).unwrap().is_empty());
    disk.take_away(&format!("{CUR}/1.a:2,RS")).unwrap();
    assert_eq!(file.read(0, 2).unwrap(), b"To");
    assert!(matches!(folder.open_message(&told), Err(Error::Missing(_))));
}

#[test]
fn what_has_no_flags_is_found_without_a_listing() {
    let disk = MemoryDisk::new();
    let folder = inbox(&disk);
    let (in_new, in_cur) = (Located::in_new(&base("1.a")), Located::in_cur(&base("1.a"), Flags::default()));
    for (arrival, sought) in [(Arrival::New, &in_cur), (Arrival::Cur(Flags::default()), &in_new)] {
        add(&folder, "1.a", arrival);
        let before = disk.steps().len();
        assert_ne!(folder.open_message(sought).unwrap().located(), sought);
        let seen = folder.set_flags(sought, Flags::SEEN).unwrap();
        assert!(!disk.steps()[before..].contains(&"list"), "{:?}", &disk.steps()[before..]);
        // What is not there has not got these flags.
        folder.remove(&[seen]).unwrap();
        assert!(matches!(folder.set_flags(sought, Flags::default()), Err(Error::Missing(_))));
    }
}

#[test]
fn flags() {
    let disk = MemoryDisk::new();
    let folder = inbox(&disk);
    let at = add(&folder, "1.a", Arrival::New);
    let at = folder.set_flags(&at, Flags::parse(b"SF")).unwrap();
    assert_eq!((at.place, at.name.as_bytes()), (Place::Cur, b"1.a:2,FS".as_slice()));
    assert_eq!(folder.set_flags(&at, Flags::parse(b"FS")).unwrap(), at);
    disk.move_file(&format!("{CUR}/1.a:2,FS"), &format!("{CUR}/1.a:2,T")).unwrap();
    let at = folder.set_flags(&at, Flags::NONE).unwrap();
    folder.sync().unwrap();
    assert_eq!(disk.files().into_keys().collect::<Vec<_>>(), [format!("{CUR}/1.a:2,")]);
    disk.take_away(&format!("{CUR}/1.a:2,")).unwrap();
    assert!(matches!(folder.set_flags(&at, Flags::SEEN), Err(Error::Missing(_))));
}

#[test]
fn removing_finds_what_was_renamed_and_tells_what_it_did_not_find() {
    let disk = MemoryDisk::new();
    let folder = inbox(&disk);
    let told: Vec<Located> = ["1.a", "2.b", "3.c"].iter().map(|name| add(&folder, name, Arrival::New)).collect();
    disk.move_file(&format!("{NEW}/2.b"), &format!("{CUR}/2.b:2,S")).unwrap();
    disk.take_away(&format!("{NEW}/3.c")).unwrap();
    let removed = folder.remove(&told).unwrap();
    assert_eq!((removed.gone, removed.not_found), (vec![base("1.a"), base("2.b")], vec![base("3.c")]));
    assert!(disk.files().is_empty());
}

#[test]
fn a_listing_says_what_is_foreign_and_when_it_was_made() {
    let disk = MemoryDisk::new();
    let folder = inbox(&disk);
    add(&folder, "1.a", Arrival::New);
    add(&folder, "2.b", Arrival::Cur(Flags::SEEN));
    for hostile in ["\\xff:2,S", ".hidden", "a\nb", "3.c"] {
        disk.put(&format!("{CUR}/{hostile}"), b"x").unwrap();
    }
    disk.put_symlink(&format!("{CUR}/4.d:2,S")).unwrap();
    let listing = folder.list().unwrap();
    let names: Vec<&[u8]> = listing.iter().map(|(_, name)| name.as_bytes()).collect();
    assert_eq!(names, [b"1.a".as_slice(), b"2.b:2,S", b"3.c", b"\\xff:2,S"]);
    assert_eq!((listing.new.foreign, listing.cur.foreign), (0, 3));
    assert_eq!(listing.cur.before, listing.cur.after);
    // stat_dir, list, stat_dir of new, then stat_dir, and before the list of
    // cur somebody delivers.
    let racer = disk.clone();
    disk.interrupt_at(disk.steps().len() + 4, move || racer.put(&format!("{CUR}/5.e"), b"x").unwrap());
    let listing = folder.list().unwrap();
    assert!(listing.cur.before < listing.cur.after && listing.new.before == listing.new.after);
    let link = Located { place: Place::Cur, name: FileName::parse(b"4.d:2,S").unwrap() };
    assert_eq!(folder.open_message(&link).unwrap_err().class(), Class::Disk);
}

#[test]
fn tmp_is_swept_by_the_later_of_both_times() {
    let disk = MemoryDisk::new();
    let folder = inbox(&disk);
    let tmp = "/mail/example.org/alice/Maildir/tmp";
    disk.set_now(100);
    disk.put(&format!("{tmp}/100.M1P1Q1.mx"), b"old").unwrap();
    disk.put(&format!("{tmp}/900.M1P1Q2.mx"), b"young by its name").unwrap();
    disk.set_now(900);
    disk.put(&format!("{tmp}/foreign"), b"young by its time").unwrap();
    assert_eq!(folder.sweep(1_000, 500).unwrap(), 1);
    assert_eq!(disk.files().len(), 2);
    assert_eq!(folder.sweep(10_000, 500).unwrap(), 2);
}

#[test]
fn side_files() {
    let disk = MemoryDisk::new();
    let folder = inbox(&disk);
    assert_eq!(folder.read_side(SideFile::UidList, 100).unwrap(), None);
    assert!(matches!(folder.append_side(SideFile::UidList, b"x"), Err(Error::Missing(_))));
    folder.replace_side(SideFile::UidList, b"one\n").unwrap();
    folder.append_side(SideFile::UidList, b"two\n").unwrap();
    assert_eq!(folder.read_side(SideFile::UidList, 8).unwrap().unwrap(), b"one\ntwo\n");
    assert!(matches!(folder.read_side(SideFile::UidList, 7), Err(Error::TooLarge(_))));
    let names = disk.files().into_keys().collect::<Vec<_>>();
    assert_eq!(names, ["/mail/example.org/alice/Maildir/dovecot-uidlist"]);
}

#[test]
fn files_of_the_mail_root() {
    let disk = MemoryDisk::new();
    let root = MailRoot::open(Arc::new(disk.clone()), Path::new("/mail")).unwrap();
    let name = Name::new(b".generation").unwrap();
    assert_eq!(root.read_file(&name, 9).unwrap(), None);
    for content in ["1", "22"] {
        root.replace_file(&name, content.as_bytes()).unwrap();
        assert_eq!(root.read_file(&name, 9).unwrap().unwrap(), content.as_bytes());
    }
    assert_eq!(disk.files().into_keys().collect::<Vec<_>>(), ["/mail/.generation"]);
}

#[test]
fn dovecots_lock_is_honoured() {
    let disk = MemoryDisk::new();
    disk.set_now(1_000);
    let folder = inbox(&disk);
    let lock = folder.lock_side(SideFile::UidList, 1_000, 0).unwrap().unwrap();
    assert!(folder.lock_side(SideFile::UidList, 1_004, 0).unwrap().is_none());
    drop(lock);
    std::mem::forget(folder.lock_side(SideFile::UidList, 1_000, 0).unwrap().unwrap());
    assert!(folder.lock_side(SideFile::UidList, 1_001, 999).unwrap().is_none());
    assert!(folder.lock_side(SideFile::UidList, 1_001, 1_000).unwrap().is_some(), "of an earlier life");
    // What a crash of ours left is not in the way for long, and neither is one
    // of before the clock was set back.
    for (taken, again) in [(1_060, 1_065), (1_060, 10)] {
        disk.set_now(taken);
        std::mem::forget(folder.lock_side(SideFile::UidList, taken, 0).unwrap().unwrap());
        assert!(folder.lock_side(SideFile::UidList, again, 0).unwrap().is_some(), "{again}");
    }
    disk.set_now(1_000);
    disk.put("/mail/example.org/alice/Maildir/dovecot-uidlist.lock", b"4711:mx").unwrap();
    assert!(folder.lock_side(SideFile::UidList, 1_119, 5_000).unwrap().is_none());
    assert!(folder.lock_side(SideFile::UidList, 1_120, 0).unwrap().is_some());
    assert!(disk.files().is_empty());
}

#[test]
fn folders_of_an_account() {
    let disk = MemoryDisk::new();
    let account = account(&disk);
    assert!(matches!(account.folder(&dir(".Junk")), Err(Error::Missing(_))));
    assert_eq!(account.create_folder(&dir(".Junk")).unwrap().1, Made::Now);
    assert_eq!(account.create_folder(&dir(".Junk")).unwrap().1, Made::Before);
    account.create_folder(&dir(".A.B")).unwrap();
    disk.put_symlink("/mail/example.org/alice/Maildir/.Link").unwrap();
    let listed = || account.folders().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(listed(), ["", ".A.B", ".Junk"]);
    assert!(account.folder(&dir(".Link")).is_err());
    assert!(matches!(account.rename_folder(&dir(".Junk"), &dir(".A.B")), Err(Error::Exists(_))));
    account.rename_folder(&dir(".Junk"), &dir(".Spam")).unwrap();
    account.remove_folder(&dir(".A.B"), RemovalId(1)).unwrap();
    assert!(matches!(account.remove_folder(&dir(".A.B"), RemovalId(2)), Err(Error::Missing(_))));
    assert!(matches!(account.remove_folder(&dir(".Spam"), RemovalId(1)), Err(Error::Exists(_))));
    assert_eq!(listed(), ["", ".Spam"]);
    for inbox in [account.remove_folder(&FolderDir::inbox(), RemovalId(3)).unwrap_err(), {
        account.rename_folder(&FolderDir::inbox(), &dir(".X")).unwrap_err()
    }] {
        assert!(matches!(inbox, Error::BadName(_)));
    }
}

#[test]
fn paths_of_accounts() {
    let cases = [
        ("alice@example.org", "example.org/alice"),
        ("a/b@example.org", "example.org/a%2fb"),
        ("\"..\"@example.org", "example.org/%2e."),
        ("\".removed\"@example.org", "example.org/%2eremoved"),
        ("a%2fb@example.org", "example.org/a%252fb"),
        ("ä@example.org", "example.org/ä"),
        ("a@[192.0.2.1]", "[192.0.2.1]/a"),
    ];
    for (address, path) in cases {
        let made = AccountPath::for_address(&Address::parse(address).unwrap()).unwrap();
        assert_eq!(made.as_str(), path);
        assert_eq!(AccountPath::parse(path), Ok(made));
    }
    let long = "a".repeat(256);
    for bad in ["", "/", "/etc", "a//b", "a/..", "../a", "a/.removed", ".", "a\0", "a\n", "1/2/3/4/5/6/7/8/9", &long] {
        assert!(AccountPath::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_removed_account_is_kept_and_its_path_is_free_again() {
    let disk = MemoryDisk::new();
    add(&inbox(&disk), "1.a", Arrival::New);
    let root = MailRoot::open(Arc::new(disk.clone()), Path::new("/mail")).unwrap();
    let path = AccountPath::parse("example.org/alice").unwrap();
    root.remove_account(&path, RemovalId(5)).unwrap();
    assert!(matches!(root.account(&path), Err(Error::Missing(_))));
    assert!(matches!(root.remove_account(&path, RemovalId(6)), Err(Error::Missing(_))));
    assert_eq!(inbox(&disk).list().unwrap().iter().count(), 0);
    assert_eq!(disk.files().into_keys().collect::<Vec<_>>(), ["/mail/.removed/5/Maildir/new/1.a"]);
}
