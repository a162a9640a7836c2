//! What the kernel tells of other programs, and that it tells nothing of us.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mail::Address;
use maildir::{AccountPath, Arrival, Folder, MailRoot, OsDisk, Piece, Touched, Watcher};
use uidlist::{BaseName, Flags, FolderDir};

const PATIENCE: Duration = Duration::from_secs(60);

struct House {
    _temp: tempfile::TempDir,
    root: MailRoot,
}

impl House {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = MailRoot::open(Arc::new(OsDisk), temp.path()).unwrap();
        Self { _temp: temp, root }
    }

    fn inbox(&self, name: &str) -> Folder {
        let address = Address::parse(&format!("{name}@example.org")).unwrap();
        let path = AccountPath::for_address(&address).unwrap();
        self.root.create_account(&path).unwrap().folder(&FolderDir::new(b"").unwrap()).unwrap()
    }
}

async fn told(watcher: &Watcher<u8>) -> Vec<u8> {
    match tokio::time::timeout(PATIENCE, watcher.next()).await.unwrap().unwrap() {
        Touched::These { mut folders, .. } => {
            folders.sort_unstable();
            folders
        }
        Touched::All => panic!("few things happen here"),
    }
}

fn drop_in(folder: &Path, name: &str) {
    fs::write(folder.join("tmp").join(name), "x\n").unwrap();
    fs::rename(folder.join("tmp").join(name), folder.join("new").join(name)).unwrap();
}

fn put(folder: &Folder, name: &str, arrival: Arrival) -> maildir::Located {
    let base = BaseName::new(name).unwrap();
    let published = folder.stage(&base, &[Piece::Bytes(b"x\n")], 1).unwrap().publish(arrival).unwrap();
    folder.settle(vec![published]).unwrap().remove(0)
}

#[tokio::test]
async fn of_others_and_not_of_us() {
    let house = House::new();
    let (one, two) = (house.inbox("one"), house.inbox("two"));
    let watcher = house.root.watcher().unwrap();
    let _watches = (watcher.watch(&one, 1).unwrap(), watcher.watch(&two, 2).unwrap());
    // All that we do to messages, in both.
    let flagged = Flags::parse(b"FS");
    let first = put(&one, "1.a.host", Arrival::New);
    let second = put(&one, "2.a.host", Arrival::Cur(flagged));
    let first = one.set_flags(&first, flagged).unwrap();
    let moved = one.transfer(&second, &two, &BaseName::new("3.a.host").unwrap(), Flags::parse(b"")).unwrap();
    one.remove(&[first]).unwrap();
    two.remove(&[moved]).unwrap();
    // Events come in order: had we been told of ourselves, it would be now.
    drop_in(two.path(), "4.other");
    assert_eq!(told(&watcher).await, [2]);
    fs::rename(two.path().join("new/4.other"), two.path().join("cur/4.other:2,S")).unwrap();
    assert_eq!(told(&watcher).await, [2]);
    // A file of ours that another program renames is another program's affair.
    let ours = put(&one, "5.a.host", Arrival::New);
    fs::rename(one.path().join("new/5.a.host"), one.path().join("cur/5.a.host:2,")).unwrap();
    assert_eq!(told(&watcher).await, [1]);
    one.remove(&[ours]).unwrap();
    fs::remove_file(two.path().join("cur/4.other:2,S")).unwrap();
    assert_eq!(told(&watcher).await, [2]);
}

#[tokio::test]
async fn a_folder_is_watched_until_the_last_one_lets_go() {
    let house = House::new();
    let (one, two) = (house.inbox("one"), house.inbox("two"));
    let watcher = house.root.watcher().unwrap();
    let (first, second) = (watcher.watch(&one, 1).unwrap(), watcher.watch(&one, 1).unwrap());
    let other = watcher.watch(&two, 2).unwrap();
    drop(first);
    drop_in(one.path(), "1.other");
    assert_eq!(told(&watcher).await, [1]);
    drop(second);
    drop_in(one.path(), "2.other");
    drop_in(two.path(), "3.other");
    assert_eq!(told(&watcher).await, [2]);
    drop(other);
}

/// The kernel hands over many events at a time: those behind a pause belong to
/// the next reading.
#[tokio::test]
async fn a_flood_in_one_folder_hides_no_other() {
    let house = House::new();
    let (one, two) = (house.inbox("one"), house.inbox("two"));
    let watcher = house.root.watcher().unwrap();
    let _watches = (watcher.watch(&one, 1).unwrap(), watcher.watch(&two, 2).unwrap());
    // Two events for each, and one for the last, at any place of what is read.
    for flood in (2_000..2_400).step_by(20) {
        for number in 0..flood / 2 {
            fs::write(one.path().join("new/flood"), "").unwrap();
            fs::remove_file(one.path().join("new/flood")).unwrap();
            if number % 97 == 0 {
                fs::write(one.path().join("new/a-longer-name"), "").unwrap();
                fs::remove_file(one.path().join("new/a-longer-name")).unwrap();
            }
        }
        drop_in(two.path(), &format!("{flood}.other"));
        while !told(&watcher).await.contains(&2) {}
    }
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_lost() {
    for how in ["moved", "removed"] {
        let house = House::new();
        let one = house.inbox("one");
        let watcher = house.root.watcher().unwrap();
        let _watch = watcher.watch(&one, 1).unwrap();
        let path = one.path().to_owned();
        // Whoever has it open keeps it, and the kernel tells nothing yet.
        drop(one);
        match how {
            "moved" => fs::rename(path.join("cur"), path.join("cur.bad")).unwrap(),
            _ => fs::remove_dir(path.join("cur")).unwrap(),
        }
        fs::create_dir(path.join("cur")).unwrap();
        let touched = tokio::time::timeout(PATIENCE, watcher.next()).await.unwrap().unwrap();
        assert_eq!(touched, Touched::These { folders: vec![1], lost: vec![1] }, "{how}");
    }
}
