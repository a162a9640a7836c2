//! Whether the mail folder is the one that the index knows, and whose mail lies
//! there without a user.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use directory::Directory;

use super::{Finding, some};
use crate::commands::known::{self, DIRECTORY};
use crate::config::Config;
use crate::serve::mount;

const NAME: &str = "mail";
/// The file beside a Maildir that says whose it is.
const OWNER: &str = ".gatepost-account";
/// More Maildirs are not looked at: a check is to take seconds.
const MOST: usize = 200_000;

/// Whether the server would start on this mail folder.
pub(super) async fn mounted(config: &Config) -> Option<Finding> {
    // An index that is away is a finding of its own.
    let failure = mount::check(config).await.err().filter(|failure| failure.code() == "mail_folder")?;
    Some(Finding::fail("mail folder", failure.message(), failure.what_to_do()))
}

/// Mail whose user is not in the directory, as far as both can be asked.
pub(super) async fn without_user(config: &Config, directory: &Directory) -> Option<Finding> {
    let there = directory.identities().await.ok()?;
    let known = known::accounts(config).await.ok()?;
    let lost = known.iter().filter(|known| known.source == DIRECTORY && !there.contains(&known.foreign_key));
    let lost: Vec<String> = lost.map(|known| format!("{} ({})", known.address, known.id)).collect();
    if !lost.is_empty() {
        return Some(orphans(&lost, there.is_empty()));
    }
    let known: HashSet<String> = known.into_iter().map(|known| known.foreign_key).chain(there).collect();
    let root = config.mail.path.clone();
    let strangers = tokio::task::spawn_blocking(move || strangers(&root, &known)).await.ok()?;
    Some(if strangers.is_empty() { Finding::ok(NAME, "each Maildir has its user") } else { unknown(&strangers) })
}

fn orphans(lost: &[String], no_user_at_all: bool) -> Finding {
    if no_user_at_all {
        let hint = "is [directory] url right, and was the database restored completely?";
        return Finding::warn(NAME, "the directory has no user at all, but there is mail of former ones", hint);
    }
    let message = format!("{}: there is mail, but no user in the directory", some(lost));
    let hint = "if they were removed on purpose, move it away: gatepost user orphans --move NUMBER";
    Finding::warn(NAME, message, hint)
}

fn unknown(strangers: &[PathBuf]) -> Finding {
    let shown: Vec<String> = strangers.iter().map(|path| path.display().to_string()).collect();
    let message = format!("{}: neither the directory nor the index knows whose these are", some(&shown));
    Finding::warn(NAME, message, "if nobody needs them, move them away with mv")
}

/// Maildirs of accounts of the directory that nobody knows.
fn strangers(root: &Path, known: &HashSet<String>) -> Vec<PathBuf> {
    let folders = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let visible = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        visible.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
    };
    let accounts = folders(root).flat_map(|domain| folders(&domain).collect::<Vec<_>>()).take(MOST);
    let mut found: Vec<PathBuf> = accounts
        .filter(|path| {
            let owner = fs::read_to_string(path.join(OWNER)).unwrap_or_default();
            owner.trim_end().split_once(' ').is_some_and(|(source, key)| source == DIRECTORY && !known.contains(key))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;
    use crate::serve::open::{self, Parts};
    use directory::{NewAccount, NewDomain};
    use mail::{Address, Domain};
    use mailbox::{AccountKey, Quota};

    async fn user(parts: &Parts, address: &str) -> Address {
        let address: Address = address.parse().unwrap();
        let new = NewAccount { address: address.clone(), password: None, name: String::new(), quota: None };
        let account = parts.directory.add_account(&new).await.unwrap();
        let key = AccountKey { source: DIRECTORY, foreign_key: account.identity() };
        parts.store.account(&key, &address, Quota::Unlimited).await.unwrap();
        address
    }

    #[tokio::test]
    async fn mail_without_a_user_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[server]\nhostname = \"a.example\"\ndata = \".\"\n";
        let config = Config::parse(text, &dir.path().join("gatepost.toml")).unwrap();
        let parts = open::open(&config).await.unwrap();
        parts.store.recover().await.unwrap();
        parts.directory.add_domain(&NewDomain::new(Domain::parse("example.org").unwrap())).await.unwrap();
        user(&parts, "alice@example.org").await;
        let bob = user(&parts, "bob@example.org").await;
        parts.store.system_account("postmaster").await.unwrap();
        let look = || async { without_user(&config, &parts.directory).await.unwrap() };
        assert_eq!(look().await.status, Status::Ok, "{:?}", look().await);
        assert_eq!(mounted(&config).await, None);

        // As a row that somebody deletes in MySQL.
        parts.directory.remove_account(&bob).await.unwrap();
        let said = look().await;
        assert!(said.status == Status::Warn && said.message.starts_with("bob@example.org ("), "{said:?}");
        assert!(said.hint.contains("gatepost user orphans --move"), "{said:?}");
        let identity = parts.directory.account(&"alice@example.org".parse().unwrap()).await.unwrap().identity();
        parts.directory.remove_account(&"alice@example.org".parse().unwrap()).await.unwrap();
        assert!(look().await.message.contains("no user at all"), "{:?}", look().await);
        // What was moved away on purpose waits for nobody.
        for lost in known::accounts(&config).await.unwrap().into_iter().filter(|known| known.source == DIRECTORY) {
            let key = AccountKey { source: DIRECTORY, foreign_key: lost.foreign_key };
            parts.store.remove_account(&key).await.unwrap();
        }
        assert_eq!(look().await.status, Status::Ok, "{:?}", look().await);
        parts.store.close().await;

        // Not even the index knows it.
        let stranger = dir.path().join("mail/example.org/carol");
        fs::create_dir_all(&stranger).unwrap();
        fs::write(stranger.join(OWNER), format!("directory {identity}\n")).unwrap();
        assert!(strangers(&config.mail.path, &HashSet::from([identity])).is_empty());
        let found = strangers(&config.mail.path, &HashSet::new());
        assert_eq!(found, [stranger]);
        assert!(unknown(&found).message.contains("example.org/carol"));

        fs::rename(&config.mail.path, dir.path().join("unmounted")).unwrap();
        fs::create_dir(&config.mail.path).unwrap();
        let said = mounted(&config).await.unwrap();
        assert!(said.status == Status::Fail && said.message.contains("mounted?"), "{said:?}");
    }
}
