//! Names from a directory that other programs write to: message files, folders,
//! Dovecot's lists.

use imap::MailboxName;
use mime::Understands;
use uidlist::{BaseName, FileName, Flags, FolderDir, FolderName, Keywords, NodeName, UidList, utf7};

/// The name of a message file, of a folder, and of a folder's directory.
pub fn maildir(data: &[u8]) {
    if let Ok(name) = FileName::parse(data) {
        file(data, &name);
    }
    if let Ok(dir) = FolderDir::new(data) {
        assert!(is_one_component(dir.as_bytes()) || dir.is_inbox());
        if let Ok(name) = dir.name() {
            // The name that is shown leads to one directory, by whatever other
            // form this one was written.
            assert_eq!(name.dir().name(), Ok(name));
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        folder(text, '.');
        folder(text, '/');
    }
}

fn file(raw: &[u8], name: &FileName) {
    let base = name.base();
    assert!(raw.starts_with(base.as_bytes()) && name.as_bytes() == raw);
    assert!(is_one_component(base.as_bytes()) && !base.as_bytes().contains(&b':'));
    assert_eq!(BaseName::new(base.as_bytes()).as_ref(), Ok(base));
    let written = FileName::with_flags(base, name.flags());
    assert_eq!(FileName::parse(written.as_bytes()).as_ref(), Ok(&written));
    assert_eq!((written.base(), written.flags()), (base, name.flags()));
    assert_eq!(Flags::from_bits(name.flags().bits()), name.flags());
    assert_eq!(FileName::parse(FileName::bare(base).as_bytes()).map(|bare| bare.flags()), Ok(Flags::NONE));
    let node = NodeName::new("node").unwrap();
    if base.is_of(&node) {
        assert!(base.claimed_sizes().is_some() && base.secs().is_some(), "a name of ours says its size");
    }
}

/// What a path may be joined with: it stays in its folder, on one line.
fn is_one_component(name: &[u8]) -> bool {
    (1..=255).contains(&name.len()) && name != b"." && name != b".." && !name.iter().any(|b| b"/\0\r\n".contains(b))
}

fn folder(text: &str, separator: char) {
    let Ok(name) = FolderName::parse(text, separator) else { return };
    let dir = name.dir();
    assert_eq!(FolderDir::new(dir.as_bytes()).as_ref(), Ok(&dir));
    assert_eq!(dir.name().as_ref(), Ok(&name), "a folder is found under the name that made it");
    assert_eq!(name.is_inbox(), dir.is_inbox());
    let shown = name.shown(separator);
    assert!(!shown.contains(['\r', '\n', '\0']));
    assert_eq!(shown.split(separator).count(), name.levels().count());
}

/// Dovecot's lists: whatever is in them, what is kept reads back, and UIDs only
/// go up.
pub fn uidlist(data: &[u8]) {
    if let Ok(list) = UidList::parse(data) {
        assert!(list.uid_validity > 0);
        assert!(list.records.windows(2).all(|pair| pair[0].uid < pair[1].uid));
        assert!(
            list.records.iter().all(|record| record.uid > 0 && (record.uid < list.next_uid || record.uid == u32::MAX))
        );
        let bases: std::collections::HashSet<_> = list.records.iter().map(|record| &record.base).collect();
        assert_eq!(bases.len(), list.records.len(), "one name has one UID");
        let again = UidList::parse(&list.render()).expect("what is written is read");
        assert_eq!((&again.records, again.skipped), (&list.records, 0));
        assert_eq!((again.uid_validity, again.next_uid, again.guid), (list.uid_validity, list.next_uid, list.guid));
        assert!(list.records.len() + list.skipped <= data.iter().filter(|byte| **byte == b'\n').count() + 1);
    }
    let keywords = Keywords::parse(data);
    assert_eq!(Keywords::parse(keywords.render().as_bytes()), keywords);
}

/// Modified UTF-7: one text, one form; and what a client sends is read so.
pub fn mutf7(data: &[u8]) {
    let sent = |bytes: &[u8]| MailboxName::from_sent(bytes).map(|name| name.meant(Understands::Ascii).into_owned());
    if let Ok(text) = utf7::decode(data) {
        assert_eq!(utf7::encode(&text).as_bytes(), data);
        assert_eq!(sent(data), Some(text));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let written = utf7::encode(text);
    assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    assert_eq!(utf7::decode(written.as_bytes()).as_deref(), Ok(text));
    assert_eq!(sent(written.as_bytes()).as_deref(), Some(text));
}
