//! A message's way through the spool, with power cuts and failing disks.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

use mail::{Class, Classified, SpoolId};
use maildir::testing::{Contents, Fault, Loss, MemoryDisk, Names};
use maildir::{AccountPath, MailRoot, OsDisk, Piece};
use spool::{Moved, Owed, OwedDelivery, Removal, Spool, Spooled};
use uidlist::{BaseName, Flags, FolderDir};

const TRACE: &[u8] = b"Received: by mx\n";
const MESSAGE: &[u8] = b"From: a\nSubject: b\n\nbody\nof two lines\n";

fn id() -> SpoolId {
    SpoolId::new(77)
}

fn open(disk: &MemoryDisk) -> Spool {
    Spool::open(Arc::new(disk.clone()), Path::new("/spool")).unwrap()
}

fn arrive(spool: &Spool) -> Result<Spooled, spool::Error> {
    let mut incoming = spool.create(id(), TRACE)?;
    for chunk in MESSAGE.chunks(7) {
        incoming.write(chunk)?;
    }
    incoming.finish()
}

fn owed(bases: &[&str]) -> Owed {
    let delivery = |base: &&str| OwedDelivery {
        account: 4,
        path: AccountPath::parse("example.org/älice").unwrap(),
        folder: FolderDir::new(b".Junk\xff%").unwrap(),
        base: BaseName::new(*base).unwrap(),
        flags: Flags::parse(b"Sa"),
        received_secs: 1_700_000_000,
        trace: b"Delivered-To: \xff\n".to_vec(),
    };
    Owed { header: b"From: a\nSubject: b\n\n".to_vec(), deliveries: bases.iter().map(delivery).collect() }
}

fn names(disk: &MemoryDisk) -> Vec<String> {
    disk.files().into_keys().collect()
}

#[test]
fn what_arrives_can_be_read_in_every_way() {
    let disk = MemoryDisk::new();
    let message = arrive(&open(&disk)).unwrap();
    let survey = message.survey();
    assert_eq!(message.header(), b"From: a\nSubject: b\n\n");
    assert_eq!((survey.body_len, survey.header_lf, survey.body_lf, survey.header_lines), (18, 3, 2, 2));
    assert_eq!((message.trace_len(), message.body_offset()), (16, 36));
    assert_eq!((message.message_len(), message.message_lf()), (MESSAGE.len() as u64, 5));
    let mut content = Vec::new();
    message.descriptor().unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, [TRACE, MESSAGE].concat());
    assert_eq!(message.read(0, 1_000).unwrap(), MESSAGE);
    assert_eq!(message.read(20, 4).unwrap(), b"body");
    assert!(message.read(u64::MAX, 4).unwrap().is_empty());
    let Piece::Range { offset, len, .. } = message.body() else { panic!("not a range") };
    assert_eq!((offset, len), (36, 18));
    assert_eq!(message.path(), Path::new("/spool").join(format!("{}.msg", id())));
    drop(message);
    assert!(names(&disk).is_empty());
}

#[test]
fn an_arrival_that_ends_early_leaves_nothing() {
    let disk = MemoryDisk::new();
    let spool = open(&disk);
    let mut incoming = spool.create(id(), TRACE).unwrap();
    assert!(spool.create(id(), TRACE).is_err());
    incoming.write(b"From: a\n").unwrap();
    assert_eq!((incoming.received(), incoming.id()), (8, id()));
    assert_eq!(names(&disk).len(), 1);
    drop(incoming);
    assert!(names(&disk).is_empty());
}

#[test]
fn what_is_dropped_is_removed_where_it_may_block() {
    let disk = MemoryDisk::new();
    let removals: Arc<Mutex<Vec<Removal>>> = Arc::default();
    let elsewhere = Arc::clone(&removals);
    let spool = open(&disk).removing_by(move |removal| elsewhere.lock().unwrap().push(removal));
    let message = arrive(&spool).unwrap();
    let opener = message.opener();
    assert!(opener.open().is_ok());
    drop(message);
    assert_eq!(names(&disk).len(), 1, "not by whoever drops it");
    let waiting: Vec<Removal> = removals.lock().unwrap().drain(..).collect();
    waiting.into_iter().for_each(|removal| removal());
    assert!(names(&disk).is_empty() && opener.open().is_err());
    arrive(&spool).unwrap().done().unwrap();
    assert_eq!(removals.lock().unwrap().len(), 1);
}

#[test]
fn a_message_with_a_hole_is_never_finished() {
    let disk = MemoryDisk::new();
    let spool = open(&disk);
    let mut incoming = spool.create(id(), TRACE).unwrap();
    // The trace header is written first, when the buffer is full.
    disk.fail_at(disk.steps().len(), Fault::NoSpace);
    assert_eq!(incoming.write(&[b'x'; 100_000]).unwrap_err().class(), Class::DiskFull);
    assert!(matches!(incoming.write(&[b'y'; 100_000]), Err(spool::Error::Incomplete)));
    assert!(matches!(incoming.finish(), Err(spool::Error::Incomplete)));
    assert!(names(&disk).is_empty());
}

#[test]
fn large_messages_are_written_as_they_come() {
    let disk = MemoryDisk::new();
    let mut incoming = open(&disk).create(id(), TRACE).unwrap();
    let chunk = b"0123456789abcde\n".repeat(600);
    let mut whole = b"A: b\n\n".to_vec();
    incoming.write(&whole).unwrap();
    for size in [chunk.len(), 1, chunk.len(), 100_000, 3] {
        let part = chunk.iter().copied().cycle().take(size).collect::<Vec<_>>();
        incoming.write(&part).unwrap();
        whole.extend_from_slice(&part);
    }
    let message = incoming.finish().unwrap();
    assert_eq!(message.read(0, 1 << 20).unwrap(), whole);
    assert_eq!(message.survey().body_len, whole.len() as u64 - 6);
}

#[test]
fn what_is_owed_survives_and_is_paid_in_parts() {
    let disk = MemoryDisk::new();
    let spool = open(&disk);
    let message = arrive(&spool).unwrap();
    message.owe(owed(&["1.a", "2.b"])).unwrap();
    drop(message);
    let recovery = spool.recover().unwrap();
    assert_eq!((recovery.pending, recovery.broken, recovery.leftovers), (vec![id()], vec![], 0));
    let pending = spool.load(id()).unwrap().unwrap();
    assert_eq!(pending.owed, owed(&["1.a", "2.b"]));
    assert_eq!(pending.message.survey(), arrive(&open(&MemoryDisk::new())).unwrap().survey());
    pending.message.settle(owed(&["2.b"])).unwrap();
    assert_eq!(spool.load(id()).unwrap().unwrap().owed, owed(&["2.b"]));
    pending.message.done().unwrap();
    assert!(names(&disk).is_empty());
    assert!(spool.load(id()).unwrap().is_none());
}

#[test]
fn an_entry_is_readable_json() {
    let disk = MemoryDisk::new();
    let message = arrive(&open(&disk)).unwrap();
    message.owe(owed(&["1.a"])).unwrap();
    let files = disk.files();
    let entry: serde_json::Value = serde_json::from_slice(&files[&format!("/spool/{}.owed", id())]).unwrap();
    assert_eq!(entry["id"], id().to_string());
    assert_eq!(entry["deliveries"][0]["folder"], ".Junk%ff%25");
    assert_eq!(entry["deliveries"][0]["path"], "example.org/älice");
    assert_eq!(entry["deliveries"][0]["flags"], "Sa");
}

#[test]
fn after_every_change_what_is_owed_is_whole_or_unknown() {
    let disk = MemoryDisk::new();
    let message = arrive(&open(&disk)).unwrap();
    message.owe(owed(&["1.a", "2.b"])).unwrap();
    let promised = disk.changes();
    message.settle(owed(&["2.b"])).unwrap();
    let paid = disk.changes();
    message.done().unwrap();
    for changes in 0..=disk.changes() {
        for loss in Loss::all() {
            let survivor = disk.after_power_cut(changes, loss);
            let spool = open(&survivor);
            let recovery = spool.recover().unwrap();
            let found = recovery.pending.first().map(|id| spool.load(*id).unwrap().unwrap());
            if let Some(found) = &found {
                assert_eq!(found.message.read(0, 1_000).unwrap(), MESSAGE, "{changes} {loss:?}");
                let count = found.owed.deliveries.len();
                assert!(count == 2 && changes < paid || count == 1 && changes > promised, "{changes} {loss:?}");
            }
            assert!(found.is_some() || changes < promised || changes > paid, "{changes} {loss:?}");
            // Only an entry whose content was cut off, which was not promised
            // yet, or one whose end was half forgotten, is for a human to see.
            let odd = loss.contents == Contents::Torn || loss.names == Names::Mixed;
            assert!(recovery.broken.is_empty() || odd, "{changes} {loss:?}");
            if found.is_none() {
                assert!(names(&survivor).iter().all(|name| name.contains("/broken/")), "{changes} {loss:?}");
            }
            assert_eq!(spool.recover().unwrap().leftovers, 0);
        }
    }
}

#[test]
fn every_operation_may_fail() {
    let total = {
        let disk = MemoryDisk::new();
        arrive(&open(&disk)).unwrap().owe(owed(&["1.a"])).unwrap();
        disk.steps().len()
    };
    for step in 1..total {
        for fault in [Fault::NoSpace, Fault::Io, Fault::Death] {
            let disk = MemoryDisk::new();
            let spool = open(&disk);
            disk.fail_at(step, fault);
            let error = arrive(&spool).and_then(|message| message.owe(owed(&["1.a"]))).unwrap_err();
            let what = disk.steps()[step];
            let full = fault == Fault::NoSpace && what != "sync_dir";
            assert_eq!(error.class(), if full { Class::DiskFull } else { Class::Disk }, "{what}");
            if fault == Fault::Death {
                // The restart may find the entry complete by chance, never torn.
                let spool = open(&disk.after_power_cut(disk.changes(), Loss::all()[0]));
                assert!(spool.recover().unwrap().pending.len() <= 1);
                continue;
            }
            assert!(names(&disk).is_empty(), "{what} left something");
            if what == "sync_dir" {
                assert!(spool.health().is_out_of_service());
                assert!(matches!(spool.create(id(), TRACE), Err(spool::Error::Disk(maildir::Error::OutOfService))));
            } else {
                arrive(&spool).unwrap().owe(owed(&["1.a"])).unwrap();
            }
        }
    }
}

#[test]
fn a_failed_settlement_leaves_the_earlier_entry() {
    let steps = {
        let disk = MemoryDisk::new();
        let message = arrive(&open(&disk)).unwrap();
        message.owe(owed(&["1.a", "2.b"])).unwrap();
        let before = disk.steps().len();
        message.settle(owed(&["2.b"])).unwrap();
        // The first removes a draft that is not there.
        before + 1..disk.steps().len()
    };
    for step in steps {
        let disk = MemoryDisk::new();
        let spool = open(&disk);
        let message = arrive(&spool).unwrap();
        message.owe(owed(&["1.a", "2.b"])).unwrap();
        disk.fail_at(step, Fault::NoSpace);
        assert!(message.settle(owed(&["2.b"])).is_err());
        let left = spool.load(id()).unwrap().unwrap().owed.deliveries.len();
        assert_eq!(left, if disk.steps()[step] == "sync_dir" { 1 } else { 2 });
    }
}

#[test]
fn entries_that_make_no_sense_are_set_aside() {
    let good = {
        let disk = MemoryDisk::new();
        arrive(&open(&disk)).unwrap().owe(owed(&["1.a"])).unwrap();
        String::from_utf8(disk.files()[&format!("/spool/{}.owed", id())].clone()).unwrap()
    };
    let other = SpoolId::new(78).to_string();
    let cases = [
        "{".to_owned(),
        "\0\0\0\0".to_owned(),
        good[..good.len() / 2].to_owned(),
        good.replace("\"version\":1", "\"version\":2"),
        good.replace(&id().to_string(), &other),
        good.replace("\"body_len\":18", "\"body_len\":17"),
        good.replace("\"body_len\":18", "\"body_len\":18446744073709551615"),
        good.replace("\"header_len\":20", "\"header_len\":99999999999"),
        good.replace("\"header_len\":20", "\"header_len\":21").replace("\"body_len\":18", "\"body_len\":17"),
        good.replace("\"header_lf\":3", "\"header_lf\":2"),
        good.replace("example.org/älice", "../../etc"),
        good.replace(".Junk%ff%25", ".a%2fb"),
        good.replace("\"1.a\"", "\"a/b\""),
        good.replace("\"flags\"", "\"flogs\""),
    ];
    for entry in cases {
        let disk = MemoryDisk::new();
        let spool = open(&disk);
        disk.put(&format!("/spool/{}.msg", id()), &[TRACE, MESSAGE].concat()).unwrap();
        disk.put(&format!("/spool/{}.owed", id()), entry.as_bytes()).unwrap();
        assert_ne!(entry, good);
        let recovery = spool.recover().unwrap();
        assert_eq!(recovery.broken.len(), 1, "{entry}");
        assert_eq!((recovery.broken[0].id, recovery.broken[0].moved), (id(), Moved::Aside));
        let broken = ["msg", "owed"].map(|ending| format!("/spool/broken/{}.{ending}", id()));
        assert_eq!((names(&disk), recovery.pending.len()), (broken.to_vec(), 0));
    }
}

#[test]
fn a_start_removes_what_was_never_answered_and_nothing_else() {
    let disk = MemoryDisk::new();
    let spool = open(&disk);
    let mine = |n: i64, ending: &str| format!("/spool/{}.{ending}", SpoolId::new(n));
    for file in [mine(1, "msg"), mine(2, "msg"), mine(2, "owed"), mine(3, "draft"), "/spool/README".to_owned()] {
        let content = if file.ends_with("README") { b"x".as_slice() } else { b"" };
        disk.put(&file, content).unwrap();
    }
    disk.put("/spool/etc.msg", b"not an id").unwrap();
    let recovery = spool.recover().unwrap();
    assert_eq!((recovery.leftovers, recovery.broken.len()), (4, 0));
    assert_eq!(names(&disk), ["/spool/README", "/spool/etc.msg"]);
}

#[test]
fn a_disk_that_cannot_be_read_sets_nothing_aside() {
    let disk = MemoryDisk::new();
    let spool = open(&disk);
    arrive(&spool).unwrap().owe(owed(&["1.a"])).unwrap();
    // Steps of recover: list, open, stat, read_at (the entry) ...
    disk.fail_at(disk.steps().len() + 3, Fault::Io);
    let recovery = spool.recover().unwrap();
    assert_eq!((recovery.broken.len(), recovery.broken[0].moved), (1, Moved::Not));
    assert_eq!(spool.recover().unwrap().pending, [id()]);
}

#[test]
fn on_the_real_disk_a_delivery_is_made_from_the_spool() {
    let temp = tempfile::tempdir().unwrap();
    let disk = Arc::new(OsDisk);
    let spool = Spool::open(disk.clone(), temp.path()).unwrap();
    let message = arrive(&spool).unwrap();
    let mut content = Vec::new();
    message.descriptor().unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, [TRACE, MESSAGE].concat());
    let mail = tempfile::tempdir().unwrap();
    let root = MailRoot::open(disk, mail.path()).unwrap();
    let account = root.create_account(&AccountPath::parse("example.org/alice").unwrap()).unwrap();
    let folder = account.folder(&FolderDir::inbox()).unwrap();
    let base = BaseName::new("1.a,S=27,W=29").unwrap();
    message.owe(owed(&["1.a,S=27,W=29"])).unwrap();
    let staged = folder.stage(&base, &[Piece::Bytes(b"From: b\n\n"), message.body()], 0).unwrap();
    let located = folder.settle(vec![staged.publish(maildir::Arrival::New).unwrap()]).unwrap().remove(0);
    let read = folder.open_message(&located).unwrap().read(0, 100).unwrap();
    assert_eq!(read, b"From: b\n\nbody\nof two lines\n");
    assert_eq!(spool.recover().unwrap().pending, [id()]);
    message.done().unwrap();
    assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
}
