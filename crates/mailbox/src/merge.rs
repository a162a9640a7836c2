//! What a look into a folder's directory means: new messages, changed flags,
//! owed renames and unlinks, messages that are gone.
//!
//! A pure function of rows, listing and what earlier looks saw. Three sides are
//! compared for each message: what the row says, what we believe the name to
//! say (`disk_flags`), and what it says.

use std::collections::HashMap;

use index::{DiskChange, Known, KnownFolder, Uid, letters_of, meaning_of};
use maildir::{Listing, Located, Timestamp};
use uidlist::BaseName;

/// How old a directory's time must be to be trusted, and how far apart two
/// looks must be, in milliseconds.
const TRUST_MS: i64 = 2_000;

/// What earlier looks left.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Messages that a trusted listing missed: when, and the directories'
    /// times then.
    missing: HashMap<BaseName, Suspicion>,
    /// Where files are that are not where their row would let them be sought.
    pub(crate) elsewhere: HashMap<BaseName, Located>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Suspicion {
    at_ms: i64,
    times: (Timestamp, Timestamp),
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Files without a row, in the order in which they get their numbers.
    pub(crate) new: Vec<Located>,
    /// Names that say something else than was believed.
    pub(crate) changed: Vec<DiskChange>,
    /// Messages whose name does not say what their row says.
    pub(crate) renames: Vec<Uid>,
    /// Messages whose file is gone.
    pub(crate) lost: Vec<Uid>,
    /// Files that we owe an unlink.
    pub(crate) unlink: Vec<(Uid, Located)>,
    /// Owed unlinks of files that are gone already.
    pub(crate) unlinked: Vec<Uid>,
    /// Whether the listing can be trusted to have missed nothing.
    pub(crate) trusted: bool,
    /// Whether another look is needed although nothing changes.
    pub(crate) look_again: bool,
}

/// How many files elsewhere are remembered.
const MAX_ELSEWHERE: usize = 200_000;

/// Compares. The rows must have been read before the directory was listed.
pub(crate) fn merge(rows: &KnownFolder, listing: &Listing, now_ms: i64, memory: &mut Memory) -> Plan {
    let times = (listing.new.after, listing.cur.after);
    let mut plan = Plan { trusted: is_trusted(listing, now_ms), ..Plan::default() };
    let mut there: HashMap<&BaseName, Located> = HashMap::new();
    for (place, name) in listing.iter() {
        // What moved from new/ to cur/ meanwhile is seen twice; cur/ counts.
        there.insert(name.base(), Located { place, name: name.clone() });
    }
    memory.elsewhere.clear();
    let mut missing = HashMap::new();
    for known in &rows.messages {
        match there.remove(&known.base) {
            Some(located) => seen(known, located, memory, &mut plan),
            None => {
                let before = memory.missing.get(&known.base).copied();
                if let Some(suspicion) = not_seen(known, before, (times, now_ms), &mut plan) {
                    missing.insert(known.base.clone(), suspicion);
                }
            }
        }
    }
    for (uid, base) in &rows.owed {
        match there.remove(base) {
            Some(located) => plan.unlink.push((*uid, located)),
            None if plan.trusted => plan.unlinked.push(*uid),
            None => {}
        }
    }
    plan.new = there.into_values().collect();
    plan.new.sort_by(|a, b| {
        let key = |located: &Located| (located.name.base().secs(), located.name.base().clone());
        key(a).cmp(&key(b))
    });
    plan.look_again = !plan.trusted || !missing.is_empty();
    memory.missing = missing;
    plan
}

fn seen(known: &Known, located: Located, memory: &mut Memory, plan: &mut Plan) {
    let letters = located.name.flags();
    if letters != known.letters {
        plan.changed.push(DiskChange { uid: known.message.uid, letters });
    } else if wanted(known) != letters {
        plan.renames.push(known.message.uid);
    }
    if located != guess(known) && memory.elsewhere.len() < MAX_ELSEWHERE {
        memory.elsewhere.insert(known.base.clone(), located);
    }
}

/// A message is gone when two trusted looks at least two seconds apart missed
/// it, and nothing happened in the directories between them.
fn not_seen(
    known: &Known,
    before: Option<Suspicion>,
    (times, now_ms): ((Timestamp, Timestamp), i64),
    plan: &mut Plan,
) -> Option<Suspicion> {
    let first = Suspicion { at_ms: now_ms, times };
    if !plan.trusted {
        // Something happens there; where the times changed, the next quiet
        // look begins anew.
        return before.filter(|before| before.times == times);
    }
    match before {
        Some(before) if before.times == times && now_ms - before.at_ms >= TRUST_MS => {
            plan.lost.push(known.message.uid);
            None
        }
        Some(before) if before.times == times => Some(before),
        _ => Some(first),
    }
}

/// The name that the row asks for: its flags, and the letters that we do not
/// know as they are.
pub(crate) fn wanted(known: &Known) -> uidlist::Flags {
    let (flags, keywords) = meaning_of(known.letters);
    let foreign = known.letters.without(letters_of(flags, keywords));
    letters_of(known.message.flags, known.message.keywords).with(foreign)
}

/// Where a message is sought first.
pub(crate) fn guess(known: &Known) -> Located {
    if known.letters.is_empty() { Located::in_new(&known.base) } else { Located::in_cur(&known.base, known.letters) }
}

fn is_trusted(listing: &Listing, now_ms: i64) -> bool {
    let quiet = |before: Timestamp, after: Timestamp| {
        let changed_ms = after.secs.saturating_mul(1000).saturating_add(i64::from(after.nanos / 1_000_000));
        before == after && now_ms.saturating_sub(changed_ms) >= TRUST_MS
    };
    quiet(listing.new.before, listing.new.after) && quiet(listing.cur.before, listing.cur.after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use index::{
        AccountId, Flags, FolderRow, InternalDate, Keyword, KeywordSet, MailboxId, Message, ModSeq, UidValidity,
    };
    use maildir::{Place, PlaceListing};
    use uidlist::FileName;

    const OLD: Timestamp = Timestamp { secs: 100, nanos: 0 };

    fn known(uid: u32, base: &str, row: &str, believed: &str) -> Known {
        let flags = Flags::of_letters(uidlist::Flags::parse(row.as_bytes()));
        let message = Message {
            uid: Uid::new(uid).unwrap(),
            modseq: ModSeq(1),
            flags,
            keywords: KeywordSet::default(),
            size: 1,
            wsize: 1,
            internal_date: InternalDate::default(),
        };
        let letters = uidlist::Flags::parse(believed.as_bytes());
        Known { message, base: BaseName::new(base).unwrap(), letters }
    }

    fn rows(messages: Vec<Known>, owed: &[(u32, &str)]) -> KnownFolder {
        let folder = FolderRow {
            id: MailboxId::new(1),
            account: AccountId::new(1),
            shown_name: "INBOX".to_owned(),
            disk_name: String::new(),
            uid_validity: UidValidity(1),
            uid_next: 100,
            modseq: ModSeq(1),
            first_recent: 1,
            messages: 0,
            bytes: 0,
            special_use: None,
            keywords: Vec::<Keyword>::new(),
            adopted: true,
            uid_promised: 0,
            vanished_floor: ModSeq(0),
        };
        let owed = owed.iter().map(|(uid, base)| (Uid::new(*uid).unwrap(), BaseName::new(*base).unwrap())).collect();
        KnownFolder { folder, messages, owed }
    }

    fn listing(new: &[&str], cur: &[&str], time: Timestamp) -> Listing {
        let place = |names: &[&str]| PlaceListing {
            names: names.iter().map(|name| FileName::parse(name.as_bytes()).unwrap()).collect(),
            foreign: 0,
            before: time,
            after: time,
        };
        Listing { new: place(new), cur: place(cur) }
    }

    fn uids(uids: &[Uid]) -> Vec<u32> {
        uids.iter().map(|uid| uid.get()).collect()
    }

    #[test]
    fn three_sides() {
        // row, believed, name on disk: letters changed to, rename owed
        let cases = [
            ("", "", "new:m", None, false),
            ("S", "S", "cur:m:2,S", None, false),
            ("S", "", "new:m", None, true),
            ("", "", "cur:m:2,", None, false),
            ("", "", "cur:m:2,F", Some("F"), false),
            ("S", "S", "cur:m:2,", Some(""), false),
            ("S", "", "cur:m:2,S", Some("S"), false),
            ("S", "", "cur:m:2,F", Some("F"), false),
            ("SX", "SX", "cur:m:2,SX", None, false),
        ];
        for (row, believed, name, changed, rename) in cases {
            let rows = rows(vec![known(7, "m", row, believed)], &[]);
            let (place, name) = name.split_once(':').unwrap();
            let seen = if place == "new" { listing(&[name], &[], OLD) } else { listing(&[], &[name], OLD) };
            let plan = merge(&rows, &seen, 200_000, &mut Memory::default());
            let got = plan.changed.first().map(|change| change.letters.letters());
            assert_eq!((got.as_deref(), !plan.renames.is_empty()), (changed, rename), "{row} {believed} {name}");
            assert!(plan.new.is_empty() && plan.lost.is_empty() && plan.trusted);
        }
    }

    #[test]
    fn new_files_in_the_order_of_their_arrival() {
        let seen = listing(&["20.b", "3.c"], &["20.a:2,S", "3.c:2,"], OLD);
        let plan = merge(&rows(vec![], &[]), &seen, 200_000, &mut Memory::default());
        let names: Vec<_> = plan.new.iter().map(|l| (l.place, l.name.base().to_string())).collect();
        let wanted = [(Place::Cur, "3.c"), (Place::Cur, "20.a"), (Place::New, "20.b")];
        assert_eq!(names, wanted.map(|(place, base)| (place, base.to_owned())));
    }

    #[test]
    fn gone_after_two_quiet_looks_only() {
        let later = Timestamp { secs: 150, nanos: 0 };
        // (time of the look in ms, time of the directories) …, lost at the last
        type Looks<'a> = &'a [(i64, Timestamp)];
        let cases: [(Looks<'_>, bool); 6] = [
            (&[(200_000, OLD)], false),
            (&[(200_000, OLD), (201_999, OLD)], false),
            (&[(200_000, OLD), (202_000, OLD)], true),
            (&[(200_000, OLD), (202_000, later)], false),
            (&[(200_000, OLD), (202_000, later), (204_000, later)], true),
            (&[(101_000, OLD), (103_500, OLD)], false),
        ];
        for (looks, lost) in cases {
            let (rows, mut memory) = (rows(vec![known(7, "m", "", "")], &[]), Memory::default());
            let mut last = Vec::new();
            for (now, time) in looks {
                assert!(last.is_empty());
                let plan = merge(&rows, &listing(&[], &[], *time), *now, &mut memory);
                assert!(plan.look_again || !plan.lost.is_empty());
                last = uids(&plan.lost);
            }
            assert_eq!(last == [7], lost, "{looks:?}");
        }
    }

    #[test]
    fn a_file_that_is_back_is_not_gone() {
        let (rows, mut memory) = (rows(vec![known(7, "m", "", "")], &[]), Memory::default());
        for (now, there) in [(200_000, false), (203_000, true), (206_000, false)] {
            let names: &[&str] = if there { &["m"] } else { &[] };
            assert!(merge(&rows, &listing(names, &[], OLD), now, &mut memory).lost.is_empty());
        }
    }

    #[test]
    fn owed_unlinks() {
        let rows = rows(vec![], &[(3, "m"), (4, "n")]);
        let plan = merge(&rows, &listing(&[], &["m:2,T", "o:2,"], OLD), 200_000, &mut Memory::default());
        assert_eq!(plan.unlink.iter().map(|(uid, _)| uid.get()).collect::<Vec<_>>(), [3]);
        assert_eq!(uids(&plan.unlinked), [4]);
        assert_eq!(plan.new.len(), 1);
        let young = merge(&rows, &listing(&[], &[], OLD), 101_000, &mut Memory::default());
        assert!(young.unlinked.is_empty(), "a listing that is not trusted clears no debt");
    }

    #[test]
    fn where_a_file_is_sought() {
        let (rows, mut memory) = (rows(vec![known(7, "m", "", ""), known(8, "n", "", "")], &[]), Memory::default());
        merge(&rows, &listing(&["m"], &["n:2,"], OLD), 200_000, &mut memory);
        assert_eq!(memory.elsewhere.keys().map(ToString::to_string).collect::<Vec<_>>(), ["n"]);
    }
}
