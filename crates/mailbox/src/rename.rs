//! RENAME: a folder with all below it; INBOX gives its messages away.

use index::{AccountId, FolderRow, MailboxId, Uid};
use maildir::AccountPath;
use uidlist::FolderDir;

use crate::store::{dir_of, disk_name, name_of};
use crate::{Expunge, FolderName, Mode, Store, StoreError};

/// One folder that moves.
struct Move {
    id: MailboxId,
    from: FolderDir,
    to: FolderDir,
    name: FolderName,
}

impl Store {
    /// RENAME, with all children; of INBOX: moves its messages into the new
    /// folder (RFC 3501 §6.3.5).
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], [`StoreError::FolderExists`],
    /// [`StoreError::CannotChangeFolder`], disk and index.
    pub async fn rename_folder(
        &self,
        account: AccountId,
        from: &FolderName,
        to: &FolderName,
    ) -> Result<(), StoreError> {
        if to.is_inbox() || to.is_below(from) && !from.is_inbox() {
            return Err(StoreError::CannotChangeFolder);
        }
        let rows = self.sync_folders(account).await?;
        if rows.iter().any(|row| row.shown_name == to.as_str()) {
            return Err(StoreError::FolderExists);
        }
        if from.is_inbox() {
            return self.empty_inbox(account, to).await;
        }
        let moves = moves(&rows, from, to)?;
        if moves.is_empty() {
            return Err(StoreError::NoSuchFolder);
        }
        if let Some(parent) = to.parent() {
            self.make_parents(account, &parent).await?;
        }
        let path = self.account_state(account).await?.path.clone();
        let renames: Vec<(MailboxId, String, String)> = moves
            .iter()
            .filter_map(|step| Some((step.id, step.name.as_str().to_owned(), disk_name(&step.to)?.to_owned())))
            .collect();
        let ids: Vec<MailboxId> = moves.iter().map(|step| step.id).collect();
        // The disk comes first: folders that a crash leaves under the new
        // name are found there with their numbers.
        let moves = self.blocking(move |store| on_disk(store, &path, moves).map(|moves| (path, moves))).await?;
        let renamed = self.inner.index.rename_folders(account, &renames).await;
        self.forget_targets(account);
        if let Err(error) = renamed {
            let (path, moves) = moves;
            self.blocking(move |store| back(store, &path, &moves)).await;
            return Err(error.into());
        }
        ids.into_iter().for_each(|id| self.inner.watches.wake(id));
        Ok(())
    }

    async fn make_parents(&self, account: AccountId, parent: &FolderName) -> Result<(), StoreError> {
        match self.create_folder(account, parent, None).await {
            Ok(()) | Err(StoreError::FolderExists) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn empty_inbox(&self, account: AccountId, to: &FolderName) -> Result<(), StoreError> {
        self.create_folder(account, to, None).await?;
        let target = self.mailbox(account, to).await?;
        let view = self.select(account, &FolderName::inbox(), Mode::ReadOnly).await?;
        let uids: Vec<Uid> = view.messages.iter().map(|message| message.uid).collect();
        // The quota is not asked: nothing more is kept than before.
        let copied = self.copy_all(&view.mailbox, &uids, &target).await?;
        self.expunge(&view.mailbox, &Expunge::These(copied.from)).await.map(drop)
    }
}

fn moves(rows: &[FolderRow], from: &FolderName, to: &FolderName) -> Result<Vec<Move>, StoreError> {
    let mut moves = Vec::new();
    for row in rows {
        let name = name_of(row)?;
        if &name != from && !name.is_below(from) {
            continue;
        }
        let name = name.moved(from, to)?;
        if rows.iter().any(|other| other.shown_name == name.as_str()) {
            return Err(StoreError::FolderExists);
        }
        moves.push(Move { id: row.id, from: dir_of(row)?, to: name.dir(), name });
    }
    Ok(moves)
}

/// All or none; blocks.
fn on_disk(store: &Store, path: &AccountPath, moves: Vec<Move>) -> Result<Vec<Move>, StoreError> {
    let account = store.inner.root.account(path)?;
    for (at, step) in moves.iter().enumerate() {
        if let Err(error) = account.rename_folder(&step.from, &step.to) {
            back(store, path, &moves[..at]);
            return Err(match error {
                maildir::Error::Exists(_) => StoreError::FolderExists,
                other => other.into(),
            });
        }
    }
    Ok(moves)
}

fn back(store: &Store, path: &AccountPath, moves: &[Move]) {
    for step in moves.iter().rev() {
        let renamed = store.inner.root.account(path).and_then(|account| account.rename_folder(&step.to, &step.from));
        if let Err(error) = renamed {
            tracing::error!(%error, folder = %step.to, "a folder keeps the name that it should not have got");
        }
    }
}
