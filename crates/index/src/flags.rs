//! Changes of flags: by a client, or found in the name of a file.

use std::collections::BTreeMap;

use sql::{Arg, AssertSqlSafe, Transaction, args, retry};

use crate::account::to_sql;
use crate::folder::{lock, resolve_keywords};
use crate::list::{MAX_LIST, padded, placeholders};
use crate::view::{letters_to_sql, read_known};
use crate::words::meaning_of;
use crate::{DiskChange, Flags, Index, IndexError, Keyword, KeywordSet, Known, MailboxId, ModSeq, Uid};

/// A change of flags that a client asks for (RFC 3501 §6.4.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is done with them.
    pub how: FlagAction,
    /// System flags.
    pub flags: Flags,
    /// Keywords.
    pub keywords: Vec<Keyword>,
}

/// `FLAGS`, `+FLAGS` or `-FLAGS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagAction {
    /// Set those, clear the others.
    Replace,
    /// Set those.
    Add,
    /// Clear those.
    Remove,
}

/// A message after a change.
#[derive(Debug, Clone)]
pub struct Flagged {
    /// As it is now; the letters are still those of before.
    pub known: Known,
    /// Whether the change changed it.
    pub changed: bool,
}

/// Flags and keywords that several messages get.
type Groups = BTreeMap<(u8, u64), Vec<Uid>>;

impl Index {
    /// Changes flags, in transactions of at most 512 messages, and returns
    /// those of the messages that are there, by ascending UID.
    ///
    /// # Errors
    ///
    /// [`IndexError::TooManyKeywords`], [`IndexError::NoSuchRow`]; earlier
    /// pieces are then done.
    pub async fn store_flags(&self, id: MailboxId, uids: &[Uid], change: &Change) -> Result<Vec<Flagged>, IndexError> {
        self.store_flags_unchanged(id, uids, change, ModSeq(u64::MAX)).await
    }

    /// The same for those messages alone that did not change after `since`
    /// (RFC 7162 §3.1.3); the others are left out.
    ///
    /// # Errors
    ///
    /// As [`Index::store_flags`].
    pub async fn store_flags_unchanged(
        &self,
        id: MailboxId,
        uids: &[Uid],
        change: &Change,
        since: ModSeq,
    ) -> Result<Vec<Flagged>, IndexError> {
        self.ready().await?;
        let mut done = Vec::with_capacity(uids.len());
        for piece in uids.chunks(MAX_LIST) {
            done.extend(retry(|| self.store_piece(id, piece, change, since)).await?);
        }
        done.sort_unstable_by_key(|flagged: &Flagged| flagged.known.message.uid);
        done.dedup_by_key(|flagged| flagged.known.message.uid);
        Ok(done)
    }

    async fn store_piece(
        &self,
        id: MailboxId,
        uids: &[Uid],
        change: &Change,
        since: ModSeq,
    ) -> Result<Vec<Flagged>, IndexError> {
        let mut tx = self.pool.begin().await?;
        let mut folder = lock(&mut tx, id).await?;
        let named = match change.how {
            // A keyword that no message has need not be invented to be taken
            // away.
            FlagAction::Remove => known_keywords(&folder.keywords, &change.keywords),
            _ => resolve_keywords(&mut tx, &mut folder, &change.keywords).await?,
        };
        let mut groups = Groups::new();
        let mut done = Vec::with_capacity(uids.len());
        for mut known in rows(&mut tx, id, uids).await? {
            let message = &mut known.message;
            if message.modseq > since {
                continue;
            }
            let before = (message.flags, message.keywords);
            (message.flags, message.keywords) = match change.how {
                FlagAction::Replace => (change.flags, named),
                FlagAction::Add => (before.0.with(change.flags), before.1.with(named)),
                FlagAction::Remove => (before.0.without(change.flags), before.1.without(named)),
            };
            let changed = before != (message.flags, message.keywords);
            if changed {
                message.modseq = folder.modseq;
                groups.entry((message.flags.bits(), message.keywords.bits())).or_default().push(message.uid);
            }
            done.push(Flagged { known, changed });
        }
        if groups.is_empty() {
            tx.rollback().await?;
            return Ok(done);
        }
        write(&mut tx, id, folder.modseq, &groups).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Takes over what another program wrote into the names of files: letters
    /// that appeared there are set, letters that went are cleared, all others
    /// stay as the rows have them.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn merge_disk_flags(&self, id: MailboxId, changes: &[DiskChange]) -> Result<(), IndexError> {
        self.ready().await?;
        for piece in changes.chunks(MAX_LIST) {
            retry(|| self.merge_piece(id, piece)).await?;
        }
        Ok(())
    }

    async fn merge_piece(&self, id: MailboxId, changes: &[DiskChange]) -> Result<(), IndexError> {
        let mut tx = self.pool.begin().await?;
        let folder = lock(&mut tx, id).await?;
        let uids: Vec<Uid> = changes.iter().map(|change| change.uid).collect();
        let mut groups = Groups::new();
        for known in rows(&mut tx, id, &uids).await? {
            let Some(change) = changes.iter().find(|change| change.uid == known.message.uid) else { continue };
            let (set, words_set) = meaning_of(change.letters.without(known.letters));
            let (cleared, words_cleared) = meaning_of(known.letters.without(change.letters));
            let nameable = all_keywords(folder.keywords.len());
            let words_set = words_set.without(KeywordSet::from_bits(!nameable.bits()));
            let flags = known.message.flags.without(cleared).with(set);
            let keywords = known.message.keywords.without(words_cleared).with(words_set);
            if (flags, keywords) != (known.message.flags, known.message.keywords) {
                groups.entry((flags.bits(), keywords.bits())).or_default().push(known.message.uid);
            }
        }
        let seen: Vec<(Uid, uidlist::Flags)> = changes.iter().map(|change| (change.uid, change.letters)).collect();
        write_letters(&mut tx, id, &seen).await?;
        write(&mut tx, id, folder.modseq, &groups).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notes what the names of files say now.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn set_letters(&self, id: MailboxId, seen: &[(Uid, uidlist::Flags)]) -> Result<(), IndexError> {
        self.ready().await?;
        for piece in seen.chunks(MAX_LIST) {
            retry(|| async {
                let mut tx = self.pool.begin().await?;
                write_letters(&mut tx, id, piece).await?;
                Ok::<_, IndexError>(tx.commit().await?)
            })
            .await?;
        }
        Ok(())
    }
}

/// The rows of these messages within a transaction; at most [`MAX_LIST`].
pub(crate) async fn rows(tx: &mut Transaction, id: MailboxId, uids: &[Uid]) -> Result<Vec<Known>, IndexError> {
    let mut values = vec![Arg::Int(id.number())];
    values.extend(padded(uids.iter().map(|uid| Arg::from(uid.get()))));
    let text = format!(
        "SELECT uid, modseq, flags, keywords, size, wsize, internal_secs, internal_offset, base, disk_flags \
         FROM message WHERE mailbox_id = ? AND uid IN ({})",
        placeholders(values.len() - 1)
    );
    Ok(tx.fetch_all(AssertSqlSafe(text), &values, read_known).await?.into_iter().flatten().collect())
}

async fn write(tx: &mut Transaction, id: MailboxId, modseq: ModSeq, groups: &Groups) -> Result<(), IndexError> {
    for ((flags, keywords), uids) in groups {
        let mut values = args![i64::from(*flags), to_sql(*keywords), modseq.to_sql(), id.number()].to_vec();
        values.extend(padded(uids.iter().map(|uid| Arg::from(uid.get()))));
        let text = format!(
            "UPDATE message SET flags = ?, keywords = ?, modseq = ? WHERE mailbox_id = ? AND uid IN ({})",
            placeholders(values.len() - 4)
        );
        tx.execute(AssertSqlSafe(text), &values).await?;
    }
    Ok(())
}

async fn write_letters(tx: &mut Transaction, id: MailboxId, seen: &[(Uid, uidlist::Flags)]) -> Result<(), IndexError> {
    let mut groups: BTreeMap<uidlist::Flags, Vec<Uid>> = BTreeMap::new();
    for (uid, letters) in seen {
        groups.entry(*letters).or_default().push(*uid);
    }
    for (letters, uids) in groups {
        let mut values = args![letters_to_sql(letters), id.number()].to_vec();
        values.extend(padded(uids.iter().map(|uid| Arg::from(uid.get()))));
        let marks = placeholders(values.len() - 2);
        let text = format!("UPDATE message SET disk_flags = ? WHERE mailbox_id = ? AND uid IN ({marks})");
        tx.execute(AssertSqlSafe(text), &values).await?;
    }
    Ok(())
}

fn known_keywords(list: &[Keyword], wanted: &[Keyword]) -> KeywordSet {
    let places = wanted.iter().filter_map(|keyword| list.iter().position(|known| known == keyword));
    KeywordSet::from_bits(places.fold(0, |bits, at| bits | 1 << at.min(63)))
}

/// The set of the first `count` keywords.
fn all_keywords(count: usize) -> KeywordSet {
    KeywordSet::from_bits((0..count.min(KeywordSet::MAX)).fold(0, |bits, at| bits | 1 << at))
}
