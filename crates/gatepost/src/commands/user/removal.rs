//! Users who go: their row, and what becomes of their mail. The mail is moved
//! away and kept, so that nobody loses it by a slip, and no later owner of the
//! address reads it.

use std::path::{Path, PathBuf};

use directory::{Account, Directory};
use mail::Address;
use mailbox::AccountKey;
use serde::Serialize;

use crate::commands::known::{self, DIRECTORY, Known};
use crate::commands::sessions;
use crate::commands::table::told;
use crate::config::Config;
use crate::output::{Exit, Failure, Format, Output, Row};
use crate::serve::{mount, open};

/// Removes the user, then moves the mail.
///
/// # Errors
///
/// [`Failure`]: there is no such user, or the mail could not be moved; the user
/// is removed then nevertheless.
pub(super) async fn remove(
    address: &Address,
    config: &Config,
    directory: &Directory,
    out: Output,
) -> Result<(), Failure> {
    // The row goes first: mail that comes meanwhile is refused rather than put
    // into a folder that goes away.
    let account = directory.remove_account(address).await.map_err(|error| told(&error))?;
    // What a running server noted of its logins is written now, rather than
    // after they are forgotten.
    let _ = sessions::of(Some(&account.address), config).await;
    let removed = Removed::of(&account, config, away(config, &account.identity(), Some(&account)).await);
    match &removed.mail {
        Mail::NotMoved { exit, why } => Err(not_moved(&removed.address, *exit, why)),
        _ if out.format() == Format::Json => out.json(&removed),
        _ => out.print(&removed.text()),
    }
}

/// Lists mail without a user, or moves it away.
///
/// # Errors
///
/// [`Failure`] where index or directory are away, or no such mail is there.
pub(super) async fn orphans(
    wanted: &[i64],
    config: &Config,
    directory: &Directory,
    out: Output,
) -> Result<(), Failure> {
    let found = known::orphans(config, directory).await?;
    if wanted.is_empty() {
        return out.list(&found.into_iter().map(|known| Orphan::of(config, known)).collect::<Vec<_>>());
    }
    let missing = |id: &i64| {
        let hint = "see gatepost user orphans; mail whose user is in the directory is never moved by this command";
        Failure::missing(format!("there is no mail without a user under the number {id}")).hint(hint)
    };
    let one = |id: &i64| found.iter().find(|known| known.id == *id).ok_or_else(|| missing(id));
    let chosen = wanted.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let mut moved = Vec::with_capacity(chosen.len());
    for known in chosen {
        let mail = Mail::of(config, away(config, &known.foreign_key, None).await);
        if let Mail::NotMoved { exit, why } = &mail {
            return Err(not_moved(&known.address, *exit, why));
        }
        moved.push(Removed { address: known.address.clone(), mail });
    }
    match out.format() {
        Format::Json => out.json(&moved),
        Format::Text => moved.iter().try_for_each(|moved| out.print(&moved.text())),
    }
}

/// Moves the mail of an account that the directory has no more; also while a
/// server runs, which notices it. When somebody logged in is forgotten where
/// the account is known: who has the address next may get the same number.
async fn away(config: &Config, identity: &str, account: Option<&Account>) -> Result<Option<i64>, Failure> {
    mount::check(config).await?;
    let parts = open::open(config).await?;
    let key = AccountKey { source: DIRECTORY, foreign_key: identity.to_owned() };
    let moved = parts.store.remove_account(&key).await;
    if let Some(account) = account
        && let Err(error) = parts.index.forget_logins_of(&account.address, account.key.as_i64()).await
    {
        tracing::debug!(%error, "last logins of who is removed are not forgotten");
    }
    parts.directory.close().await;
    parts.store.index().close().await;
    Ok(moved?.map(|id| id.number()))
}

fn not_moved(address: &str, exit: Exit, why: &str) -> Failure {
    let message = format!("the user {address} is removed, but the mail could not be moved: {why}");
    Failure::new(exit, "mail_not_moved", message)
        .hint("nobody reads it where it is; `gatepost user orphans` lists it, and moves it when the fault is mended")
}

/// What a removal tells.
#[derive(Debug, Serialize)]
struct Removed {
    address: String,
    mail: Mail,
}

/// What became of the mail.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Mail {
    /// There never was any.
    None,
    /// It is kept here.
    Moved { id: i64, path: PathBuf },
    /// It stays where it was.
    #[serde(skip)]
    NotMoved { exit: Exit, why: String },
}

impl Removed {
    fn of(account: &Account, config: &Config, moved: Result<Option<i64>, Failure>) -> Self {
        Self { address: account.address.to_string(), mail: Mail::of(config, moved) }
    }

    fn text(&self) -> String {
        let address = &self.address;
        match &self.mail {
            Mail::Moved { path, .. } => {
                format!("user {address} removed; the mail is kept in {}\n{}", path.display(), later(path))
            }
            _ => format!("user {address} removed; there was no mail yet\n"),
        }
    }
}

impl Mail {
    fn of(config: &Config, moved: Result<Option<i64>, Failure>) -> Self {
        match moved {
            Ok(None) => Self::None,
            Ok(Some(id)) => Self::Moved { id, path: known::kept(config, id) },
            Err(failure) => Self::NotMoved { exit: failure.exit(), why: failure.message().to_owned() },
        }
    }
}

/// How the mail is given back, and how it is deleted for good.
fn later(path: &Path) -> String {
    let path = quoted(path);
    format!(
        "to delete it for good:\n  rm -r {path}\nto give it to a user who has logged in or got mail once (`gatepost user \
         show ADDRESS` tells his MAILDIR):\n  tar -C {path}/Maildir --exclude='dovecot*' -c . | tar -C MAILDIR -x\n"
    )
}

/// For a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-~@+,:".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Mail without a user, as a line of the table.
#[derive(Debug, Serialize)]
struct Orphan {
    id: i64,
    address: String,
    path: PathBuf,
}

impl Orphan {
    fn of(config: &Config, known: Known) -> Self {
        Self { id: known.id, address: known.address, path: known::absolute(config.mail.path.join(known.path)) }
    }
}

impl Row for Orphan {
    const COLUMNS: &'static [&'static str] = &["id", "address", "path"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.to_string(), self.address.clone(), self.path.display().to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_hear_where_the_mail_is() {
        let config = Config::parse(
            "[server]\nhostname = \"a.example\"\n[mail]\npath = \"/srv/my mail\"\n",
            Path::new("gatepost.toml"),
        );
        let of =
            |moved| Removed { address: "a@example.org".to_owned(), mail: Mail::of(config.as_ref().unwrap(), moved) };
        let moved = of(Ok(Some(7)));
        let text = moved.text();
        for part in ["kept in /srv/my mail/.removed/7\n", "rm -r '/srv/my mail/.removed/7'\n", "--exclude='dovecot*'"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let json = serde_json::json!({
            "address": "a@example.org", "mail": { "state": "moved", "id": 7, "path": "/srv/my mail/.removed/7" }
        });
        assert_eq!(serde_json::to_value(&moved).unwrap(), json);
        let none = of(Ok(None));
        assert_eq!(none.text(), "user a@example.org removed; there was no mail yet\n");
        assert_eq!(serde_json::to_value(&none).unwrap()["mail"], serde_json::json!({ "state": "none" }));
        let failed = of(Err(Failure::new(Exit::Database, "index", "away")));
        let Mail::NotMoved { exit, why } = failed.mail else { panic!("{failed:?}") };
        let failure = not_moved("a@example.org", exit, &why);
        assert_eq!(failure.exit(), Exit::Database);
        assert!(failure.message().contains("a@example.org is removed, but the mail could not be moved: away"));
    }

    #[test]
    fn paths_for_a_shell() {
        for (path, expected) in [("/a/b-c_1~2", "/a/b-c_1~2"), ("/a b", "'/a b'"), ("/it's", "'/it'\\''s'")] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
    }
}
