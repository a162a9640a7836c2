//! Whether the mail folder is the one that the index knows: a file system that
//! is not mounted leaves an empty folder behind, and mail that was put there
//! would be out of sight as soon as it is mounted.

use crate::commands::known;
use crate::config::Config;
use crate::output::{Exit, Failure, with_causes};

/// What the store writes into the mail folder when it is first used.
const MARK: &str = ".gatepost-generation";

/// Fails where the mail folder has never been used, but the index knows
/// accounts, or does not answer: then nobody can tell.
///
/// # Errors
///
/// [`Failure`] with what to do.
pub async fn check(config: &Config) -> Result<(), Failure> {
    let mail = &config.mail.path;
    match std::fs::symlink_metadata(mail.join(MARK)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        // Whoever may not look into it cannot open it either.
        _ => return Ok(()),
    }
    let shown = mail.display();
    let known = known::accounts(config).await.map_err(|error| {
        let message = format!(
            "{shown} has never held mail, and whether it should cannot be told, as the index does not answer: {}",
            with_causes(&error)
        );
        Failure::new(Exit::Database, "index", message).hint("is [index] url right, and is its database running?")
    })?;
    if known.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{shown} has never held mail, but the index knows {}: is its file system mounted?",
        match known.len() {
            1 => "1 account".to_owned(),
            many => format!("{many} accounts"),
        }
    );
    let hint = format!("mount it, or correct [mail] path; if its mail is really gone: touch {shown}/{MARK}");
    Err(Failure::new(Exit::Failed, "mail_folder", message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::open;
    use mail::Address;
    use mailbox::{AccountKey, Quota};
    use std::path::Path;

    fn config(dir: &Path) -> Config {
        let text = "[server]\nhostname = \"a.example\"\ndata = \".\"\n[mail]\npath = \"mail\"\n";
        Config::parse(text, &dir.join("gatepost.toml")).unwrap()
    }

    #[tokio::test]
    async fn a_folder_that_was_used_and_is_empty_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path());
        assert!(check(&config).await.is_ok(), "nothing was ever used");

        let parts = open::open(&config).await.unwrap();
        parts.store.recover().await.unwrap();
        assert!(check(&config).await.is_ok(), "the index knows nobody");
        let key = AccountKey { source: known::DIRECTORY, foreign_key: "1@now".to_owned() };
        let address: Address = "alice@example.org".parse().unwrap();
        parts.store.account(&key, &address, Quota::Unlimited).await.unwrap();
        parts.store.close().await;
        assert!(check(&config).await.is_ok(), "the mark is there");

        std::fs::rename(dir.path().join("mail"), dir.path().join("elsewhere")).unwrap();
        for empty in [false, true] {
            if empty {
                std::fs::create_dir(dir.path().join("mail")).unwrap();
            }
            let failure = check(&config).await.unwrap_err();
            assert!(
                failure.message().contains("the index knows 1 account: is its file system mounted?"),
                "{failure:?}"
            );
        }
        std::fs::write(dir.path().join("mail").join(MARK), "").unwrap();
        assert!(check(&config).await.is_ok(), "the administrator says so");
    }

    #[tokio::test]
    async fn an_index_that_is_away_decides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[server]\nhostname = \"a.example\"\ndata = \".\"\n[mail]\npath = \"mail\"\n\
             [index]\nurl = \"mysql://root@127.0.0.1:1/none\"\n";
        let config = Config::parse(text, &dir.path().join("gatepost.toml")).unwrap();
        assert_eq!(check(&config).await.unwrap_err().exit(), Exit::Database);
        std::fs::create_dir(dir.path().join("mail")).unwrap();
        std::fs::write(dir.path().join("mail").join(MARK), "1\n").unwrap();
        assert!(check(&config).await.is_ok());
    }
}
