//! Mail that libclamav meets while it unpacks: an `.eml` inside an archive,
//! say. libclamav may not know it for mail; so it is kept, to be scanned on its
//! own like a message inside a message.

use std::cell::RefCell;

use clamav_sys::Inspected;

use crate::embedded::looks_like_mail;

thread_local! {
    /// A scan runs on one thread from its beginning to its end.
    static COLLECTED: RefCell<Collected> = const { RefCell::new(Collected { mails: Vec::new(), room: 0, overflow: false }) };
}

struct Collected {
    mails: Vec<Vec<u8>>,
    room: u64,
    overflow: bool,
}

/// Runs a scan and returns its result, the mails that were met (together at
/// most `room` bytes) and whether there was room for all.
pub(crate) fn during<T>(room: u64, scan: impl FnOnce() -> T) -> (T, Vec<Vec<u8>>, bool) {
    COLLECTED.set(Collected { mails: Vec::new(), room, overflow: false });
    let result = scan();
    let collected = COLLECTED.replace(Collected { mails: Vec::new(), room: 0, overflow: false });
    (result, collected.mails, !collected.overflow)
}

/// libclamav is about to scan this file.
pub(crate) fn file(file: &Inspected<'_>) {
    if file.level == 0 || file.normalized || !looks_like_mail(file.content) {
        return;
    }
    COLLECTED.with_borrow_mut(|collected| match collected.room.checked_sub(file.content.len() as u64) {
        Some(room) => {
            collected.room = room;
            collected.mails.push(file.content.to_vec());
        }
        None => collected.overflow = true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] = b"X: y\nContent-Type: text/plain\n\nhi";

    fn meet(level: u32, normalized: bool, content: &[u8]) {
        file(&Inspected { kind: "CL_TYPE_TEXT_ASCII", level, normalized, content });
    }

    #[test]
    fn only_mail_inside_another_file_is_kept() {
        let ((), mails, complete) = during(1000, || {
            meet(0, false, MAIL);
            meet(1, true, MAIL);
            meet(1, false, b"no mail");
            meet(2, false, MAIL);
        });
        assert_eq!((mails, complete), (vec![MAIL.to_vec()], true));
        assert_eq!(during(1000, || ()), ((), Vec::new(), true), "nothing is left for the next scan");
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let ((), mails, complete) = during(MAIL.len() as u64, || {
            meet(1, false, MAIL);
            meet(1, false, MAIL);
        });
        assert_eq!((mails.len(), complete), (1, false));
    }
}
