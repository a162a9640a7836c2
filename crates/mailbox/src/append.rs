//! APPEND: a message that a client brings.

use index::{Arrival, InternalDate, MailboxId, NewMessage, Outcome};
use maildir::{Folder, Located, Piece};
use spool::Spooled;
use uidlist::{BaseName, Sizes};

use crate::deliver::{count_lf, uid_of};
use crate::publish::arrival;
use crate::{AppendAs, Appended, Mailbox, Store, StoreError};

/// Where the bytes come from, with LF line ends.
enum Source {
    Bytes(Vec<u8>),
    Spooled(Spooled),
}

impl Store {
    /// APPEND of bytes that are in memory, with LF or CRLF; bare CR and LF
    /// become line ends. Durable when it returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::ExceedsQuota`], [`StoreError::HoldsNul`],
    /// [`StoreError::TooMany`] keywords, disk and index.
    pub async fn append(&self, to: &Mailbox, bytes: Vec<u8>, as_: AppendAs) -> Result<Appended, StoreError> {
        if bytes.contains(&0) {
            return Err(StoreError::HoldsNul);
        }
        self.append_source(to, Source::Bytes(repaired(&bytes)), as_).await
    }

    /// APPEND of a literal that came through the spool; whoever wrote it there
    /// has repaired its line ends to LF and refused NUL. Durable when it
    /// returns.
    ///
    /// # Errors
    ///
    /// As [`Store::append`].
    pub async fn append_spooled(&self, to: &Mailbox, spooled: Spooled, as_: AppendAs) -> Result<Appended, StoreError> {
        self.append_source(to, Source::Spooled(spooled), as_).await
    }

    async fn append_source(&self, to: &Mailbox, source: Source, as_: AppendAs) -> Result<Appended, StoreError> {
        self.check().await?;
        let row = self.row(to).await?;
        let (path, dir) = self.place_of(&row).await?;
        let sizes = source.sizes();
        self.room_for(to.account, sizes.disk).await?;
        self.admit(sizes.disk, 1).await?;
        let now_secs = self.now_secs();
        let date = as_.internal_date.unwrap_or(InternalDate { secs: now_secs, offset_minutes: 0 });
        let base = self.inner.names.next(self.now_usecs(), sizes);
        let letters = index::letters_of(as_.flags, index::KeywordSet::default());
        let message = NewMessage {
            mailbox: to.id,
            uid: None,
            base: base.clone(),
            arrival: Arrival::Ours,
            flags: as_.flags,
            keywords: as_.keywords,
            size: sizes.disk,
            wsize: sizes.wire,
            internal_date: date,
            saved: now_secs,
            letters,
        };
        let placed = self
            .blocking(move |store| {
                let folder = store.open_folder(&path, &dir)?;
                let located = place(&folder, &base, &source, letters, date.secs)?;
                Ok::<_, StoreError>((folder, located))
            })
            .await?;
        let outcome = self.commit_or_remove(vec![placed], vec![message]).await?;
        self.changed_here(to.account, to.id);
        let uid = outcome.first().copied().and_then(uid_of).ok_or(StoreError::TooMany)?;
        Ok(Appended { uid_validity: row.uid_validity, uid })
    }

    /// Makes rows for files that are placed; where that fails the files go
    /// again, since the client will hear NO.
    pub(crate) async fn commit_or_remove(
        &self,
        placed: Vec<(Folder, Vec<Located>)>,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Outcome>, StoreError> {
        let ids: Vec<MailboxId> = messages.iter().map(|message| message.mailbox).collect();
        let outcomes = self.commit(messages).await;
        let refused = matches!(&outcomes, Ok(outcomes) if outcomes.contains(&Outcome::Refused));
        if outcomes.is_err() || refused {
            // Rows that came in nevertheless find no file, and go as any
            // message does whose file was taken away.
            self.blocking(move |_| take_back(placed)).await;
            ids.into_iter().for_each(|id| self.inner.watches.wake(id));
        }
        let outcomes = outcomes?;
        if refused { Err(StoreError::TooMany) } else { Ok(outcomes) }
    }
}

fn take_back(placed: Vec<(Folder, Vec<Located>)>) {
    for (folder, located) in placed {
        if let Err(error) = folder.remove(&located) {
            tracing::warn!(%error, "a message that was refused stays, and is taken in later");
        }
    }
}

/// Writes the file and makes it and its name durable; blocks.
fn place(
    folder: &Folder,
    base: &BaseName,
    source: &Source,
    letters: uidlist::Flags,
    received_secs: i64,
) -> Result<Vec<Located>, StoreError> {
    let staged = match source {
        Source::Bytes(bytes) => folder.stage(base, &[Piece::Bytes(bytes)], received_secs)?,
        Source::Spooled(spooled) => {
            folder.stage(base, &[Piece::Bytes(spooled.header()), spooled.body()], received_secs)?
        }
    };
    Ok(folder.settle(vec![staged.publish(arrival(letters))?])?)
}

impl Source {
    fn sizes(&self) -> Sizes {
        let (disk, lines) = match self {
            Self::Bytes(bytes) => (bytes.len() as u64, count_lf(bytes)),
            Self::Spooled(spooled) => (spooled.message_len(), spooled.message_lf()),
        };
        Sizes { disk, wire: disk + lines }
    }
}

/// All of CRLF, CR and LF are one line end, LF on disk.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut last = 0;
    for b in bytes {
        match (last, *b) {
            (b'\r', b'\n') => {}
            (_, b'\r') => out.push(b'\n'),
            (_, other) => out.push(other),
        }
        last = *b;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_repaired() {
        for (given, wanted) in [
            ("a\r\nb", "a\nb"),
            ("a\nb", "a\nb"),
            ("a\rb", "a\nb"),
            ("a\r\r\nb\n\n", "a\n\nb\n\n"),
            ("\r", "\n"),
            ("", ""),
        ] {
            assert_eq!(repaired(given.as_bytes()), wanted.as_bytes(), "{given:?}");
        }
    }
}
