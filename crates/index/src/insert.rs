//! New rows for messages: numbers by one atomic UPDATE for each folder, then
//! the rows, in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sql::{Arg, AssertSqlSafe, Row, SqlError, Transaction, args};
use uidlist::BaseName;

use crate::account::to_sql;
use crate::folder::{FolderRow, resolve_keywords, shrink};
use crate::list::{MAX_LIST, padded, placeholders};
use crate::{Flags, IndexError, InternalDate, Keyword, MailboxId, Uid};

/// A message whose file is there and whose row is not.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The folder.
    pub mailbox: MailboxId,
    /// The UID that a sidecar file gives it; `None`: the next one.
    pub uid: Option<Uid>,
    /// The file's name without flags.
    pub base: BaseName,
    /// How it came.
    pub arrival: Arrival,
    /// System flags.
    pub flags: Flags,
    /// Keywords.
    pub keywords: Vec<Keyword>,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes on the wire.
    pub wsize: u64,
    /// INTERNALDATE.
    pub internal_date: InternalDate,
    /// When it came into this folder, in seconds since 1970.
    pub saved: i64,
    /// The letters that the file's name has.
    pub letters: uidlist::Flags,
}

/// How a message came to us: what a tombstone of the same base name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// We wrote its file under a name that we made: with a tombstone it is
    /// gone already.
    Ours,
    /// A scan found its file: a name that reappears is a new message, unless
    /// we owe it an unlink.
    Found,
}

/// What became of one [`NewMessage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has this UID.
    Inserted(Uid),
    /// It had a row before, with this UID.
    Known(Uid),
    /// It was here and is gone already.
    Gone,
    /// The folder is gone, or has no more numbers or keywords to give.
    Refused,
    /// Its UID would be one that the folder's sidecar file does not promise
    /// yet: raise that first, see [`crate::Index::promise_uids`].
    Unpromised,
}

/// How many rows one INSERT has: few different texts.
const SIZES: [usize; 4] = [64, 16, 4, 1];
const COLUMNS: usize = 12;

/// Inserts all of them within the transaction. Folders are locked in the order
/// of their ids.
pub(crate) async fn insert(tx: &mut Transaction, messages: &[NewMessage]) -> Result<Vec<Outcome>, IndexError> {
    let mut by_folder: BTreeMap<MailboxId, Vec<usize>> = BTreeMap::new();
    for (at, message) in messages.iter().enumerate() {
        by_folder.entry(message.mailbox).or_default().push(at);
    }
    // All locks come before the first reading of rows: a snapshot that began
    // before a lock was got would not show what its last holder wrote.
    let mut taken = BTreeSet::new();
    for (id, places) in &by_folder {
        if take_numbers(tx, *id, messages, places).await? {
            taken.insert(*id);
        }
    }
    let mut outcomes = vec![Outcome::Refused; messages.len()];
    for (id, places) in &by_folder {
        match crate::folder::row(tx, *id).await {
            Ok(_) if !taken.contains(id) => places.iter().for_each(|at| outcomes[*at] = Outcome::Unpromised),
            Ok(folder) => insert_into(tx, folder, messages, places, &mut outcomes).await?,
            Err(IndexError::NoSuchRow) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(outcomes)
}

/// Takes numbers for all, or for none where the sidecar file does not promise
/// that many, or the folder is gone; tells which. The last number of all needs
/// no further promise.
async fn take_numbers(
    tx: &mut Transaction,
    id: MailboxId,
    messages: &[NewMessage],
    places: &[usize],
) -> Result<bool, IndexError> {
    let given = places.iter().filter_map(|at| messages[*at].uid).map(|uid| i64::from(uid.get()) + 1).max();
    let least = given.unwrap_or(0);
    let count = to_sql(places.iter().filter(|at| messages[**at].uid.is_none()).count() as u64);
    let bytes: u64 = places.iter().map(|at| messages[*at].size).sum();
    let text = "UPDATE mailbox SET uidnext = CASE WHEN uidnext < ? THEN ? ELSE uidnext END + ?, \
         modseq = modseq + 1, messages = messages + ?, bytes = bytes + ? WHERE id = ? AND \
         (CASE WHEN uidnext < ? THEN ? ELSE uidnext END + ? <= uid_promised OR uid_promised >= ?)";
    let (messages, last) = (to_sql(places.len() as u64), i64::from(u32::MAX));
    let values = args![least, least, count, messages, to_sql(bytes), id.number(), least, least, count, last];
    Ok(tx.execute(text, values).await?.rows > 0)
}

async fn insert_into(
    tx: &mut Transaction,
    mut folder: FolderRow,
    messages: &[NewMessage],
    places: &[usize],
    outcomes: &mut [Outcome],
) -> Result<(), IndexError> {
    let mut known = known_bases(tx, folder.id, messages, places).await?;
    let numbered = places.iter().filter(|at| messages[**at].uid.is_none()).count() as u64;
    let mut next = u64::from(folder.uid_next).saturating_sub(numbered);
    let mut rows: Vec<(Uid, &NewMessage, crate::KeywordSet)> = Vec::with_capacity(places.len());
    let mut counted_twice = (0, 0);
    for at in places {
        let message = &messages[*at];
        let uid = message.uid.or_else(|| {
            next += 1;
            // The last number of all is never given out, so that UIDNEXT
            // stays above every UID.
            u32::try_from(next - 1).ok().filter(|uid| *uid < u32::MAX).and_then(Uid::new)
        });
        outcomes[*at] = match (known.get(&message.base), uid) {
            (Some(Some(uid)), _) => Outcome::Known(*uid),
            (Some(None), _) => Outcome::Gone,
            (None, Some(uid)) => match resolve_keywords(tx, &mut folder, &message.keywords).await {
                Ok(keywords) => {
                    rows.push((uid, message, keywords));
                    // A delivery and a scan that found its file may be in one
                    // group.
                    known.insert(message.base.clone(), Some(uid));
                    Outcome::Inserted(uid)
                }
                Err(IndexError::TooManyKeywords) => Outcome::Refused,
                Err(error) => return Err(error),
            },
            (None, None) => Outcome::Refused,
        };
        if !matches!(outcomes[*at], Outcome::Inserted(_)) {
            counted_twice = (counted_twice.0 + 1, counted_twice.1 + message.size);
        }
    }
    if counted_twice.0 > 0 {
        shrink(tx, folder.id, counted_twice.0, counted_twice.1).await?;
    }
    insert_rows(tx, &folder, &rows).await
}

/// Which of the base names have a row, or (`None`) a tombstone.
async fn known_bases(
    tx: &mut Transaction,
    id: MailboxId,
    messages: &[NewMessage],
    places: &[usize],
) -> Result<HashMap<BaseName, Option<Uid>>, IndexError> {
    let mut known = HashMap::new();
    for piece in places.chunks(MAX_LIST) {
        let bases = padded(piece.iter().map(|at| Arg::Bytes(messages[*at].base.as_bytes())));
        let marks = placeholders(bases.len());
        let mut values = vec![Arg::Int(id.number())];
        values.extend_from_slice(&bases);
        let text = format!("SELECT base, unlink_owed FROM vanished WHERE mailbox_id = ? AND base IN ({marks})");
        for (base, owed) in tx.fetch_all(AssertSqlSafe(text), &values, base_and_number).await? {
            let found = piece.iter().map(|at| &messages[*at]).find(|message| message.base.as_bytes() == base);
            let Some(message) = found else { continue };
            if message.arrival == Arrival::Ours || owed != 0 {
                known.insert(message.base.clone(), None);
            }
        }
        let text = format!("SELECT base, uid FROM message WHERE mailbox_id = ? AND base IN ({marks})");
        for (base, uid) in tx.fetch_all(AssertSqlSafe(text), &values, base_and_number).await? {
            let Ok(base) = BaseName::new(base) else { continue };
            known.insert(base, Uid::from_sql(uid));
        }
    }
    Ok(known)
}

fn base_and_number(row: &Row) -> Result<(Vec<u8>, i64), SqlError> {
    Ok((row.bytes(0)?.to_vec(), row.int(1)?))
}

async fn insert_rows(
    tx: &mut Transaction,
    folder: &FolderRow,
    rows: &[(Uid, &NewMessage, crate::KeywordSet)],
) -> Result<(), IndexError> {
    let mut rest = rows;
    while !rest.is_empty() {
        let size = SIZES.into_iter().find(|size| *size <= rest.len()).unwrap_or(1);
        let (piece, behind) = rest.split_at(size);
        rest = behind;
        let mut values: Vec<Arg<'_>> = Vec::with_capacity(size * COLUMNS);
        for (uid, message, keywords) in piece {
            values.extend_from_slice(args![
                folder.id.number(),
                uid.get(),
                message.base.as_bytes(),
                folder.modseq.to_sql(),
                i64::from(message.flags.bits()),
                to_sql(keywords.bits()),
                to_sql(message.size),
                to_sql(message.wsize),
                message.internal_date.secs,
                i64::from(message.internal_date.offset_minutes),
                message.saved,
                to_sql(message.letters.bits())
            ]);
        }
        let text = format!(
            "INSERT INTO message (mailbox_id, uid, base, modseq, flags, keywords, size, wsize, internal_secs, \
             internal_offset, saved, disk_flags) VALUES {}",
            vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; size].join(", ")
        );
        tx.execute(AssertSqlSafe(text), &values).await?;
    }
    Ok(())
}
