//! Whether directory and index answer, and what is in the directory.

use std::time::Duration;

use directory::{AliasEntry, Directory, DirectoryError, Resolution, Settings};
use tokio::time::timeout;

use super::{Finding, counted, maildirs, passwords, some};
use crate::config::{Config, DatabaseUrl};
use crate::output::with_causes;

/// An administrator waits so long for a database, and so long for one
/// connection to it.
const PATIENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(3);

/// The directory, its domains and its aliases.
pub(super) async fn directory(config: &Config) -> Vec<Finding> {
    let name = "directory";
    let url = &config.directory.url;
    if let Some(finding) = not_made_yet(name, url) {
        return vec![finding];
    }
    let settings = config.directory_settings();
    let settings = Settings { sql: impatient(settings.sql), ..settings };
    let asked = async {
        let directory = Directory::open(&settings).await?;
        let aliases = directory.aliases().await?;
        let people = people(config, &directory).await?;
        let answer = (directory.active_domains().await?, dead_ends(&directory, &aliases).await?, aliases, people);
        directory.close().await;
        Ok::<_, DirectoryError>(answer)
    };
    match timeout(PATIENCE, asked).await {
        Err(_) => vec![away(name, url, "no answer within 20 s")],
        Ok(Err(error)) => vec![away(name, url, &with_causes(&error))],
        Ok(Ok((domains, ..))) if domains.is_empty() => {
            let message = format!("{url}: it answers, but there is no active domain: every recipient is told 451");
            vec![Finding::warn(name, message, "gatepost domain add example.org")]
        }
        Ok(Ok((domains, dead, list, people))) => {
            let message = format!("{url}: it answers, {}", counted(domains.len(), "active domain"));
            let mut findings = vec![Finding::ok(name, message), aliases(&list)];
            findings.extend(astray(&dead));
            findings.extend(people);
            findings
        }
    }
}

/// Whether the users can log in, and whether all mail has its user.
async fn people(config: &Config, directory: &Directory) -> Result<Vec<Finding>, DirectoryError> {
    let stored = match directory.stored_passwords().await {
        // What is in another program's tables is that program's business.
        Err(DirectoryError::ForeignTables) => return Ok(Vec::new()),
        stored => stored?,
    };
    // Verifying a password keeps a processor busy.
    let judged = tokio::task::spawn_blocking(move || passwords::judge(&stored)).await.ok();
    Ok(judged.into_iter().chain(maildirs::without_user(config, directory).await).collect())
}

/// Aliases with a target in a domain of ours where nobody gets the mail: a
/// slip of the pen, a user who was removed, or aliases that lead in a circle.
async fn dead_ends(directory: &Directory, list: &[AliasEntry]) -> Result<Vec<String>, DirectoryError> {
    let mut dead = Vec::new();
    for entry in list {
        for target in entry.targets.iter().filter(|target| target.active && !target.outside) {
            let end = directory.resolve_address(&target.address).await?;
            if matches!(end, Resolution::NoSuchUser | Resolution::InactiveAccount | Resolution::InactiveDomain) {
                dead.push(format!("{} -> {}", entry.address, target.address));
            }
        }
    }
    Ok(dead)
}

fn astray(dead: &[String]) -> Option<Finding> {
    if dead.is_empty() {
        return None;
    }
    let message = format!("{}: nobody gets mail there", some(dead));
    Some(Finding::warn("aliases", message, "see gatepost alias show ADDRESS; add the user, or remove the target"))
}

/// Mail cannot be sent yet, so an alias to the outside gets no mail.
fn aliases(list: &[AliasEntry]) -> Finding {
    let name = "aliases";
    let outside = |entry: &&AliasEntry| entry.targets.iter().any(|target| target.active && target.outside);
    let outside: Vec<String> = list.iter().filter(outside).map(|entry| entry.address.to_string()).collect();
    if outside.is_empty() {
        return Finding::ok(name, format!("{} aliases, none leads outside", list.len()));
    }
    let message = format!("{}: leads outside, and sending does not exist yet; senders are told 451", some(&outside));
    Finding::warn(name, message, "give these aliases a target here: gatepost alias change ADDRESS TARGET")
}

/// The index.
pub(super) async fn index(config: &Config) -> Finding {
    let name = "index";
    let url = &config.index.url;
    if let Some(finding) = not_made_yet(name, url) {
        return finding;
    }
    let asked = async {
        let pool = sql::Pool::open(&impatient(config.index_sql()))?;
        let answer = pool.ping().await;
        pool.close().await;
        answer
    };
    match timeout(PATIENCE, asked).await {
        Err(_) => away(name, url, "no answer within 20 s"),
        Ok(Err(error)) => away(name, url, &with_causes(&error)),
        Ok(Ok(())) => Finding::ok(name, format!("{url}: it answers")),
    }
}

fn impatient(settings: sql::Settings) -> sql::Settings {
    sql::Settings { acquire_timeout: CONNECT, ..settings }
}

/// A check makes no database: run by root, the server's user could not use it.
fn not_made_yet(name: &'static str, url: &DatabaseUrl) -> Option<Finding> {
    let path = url.sqlite_path().filter(|path| !path.exists())?;
    let folder_there = path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    Some(match folder_there {
        true => Finding::warn(name, format!("{url}: is not there yet"), "it is made at the first start of the server"),
        false => Finding::fail(name, format!("{url}: its folder is not there"), "gatepost init makes the folders"),
    })
}

fn away(name: &'static str, url: &DatabaseUrl, why: &str) -> Finding {
    let hint = match url.sqlite_path() {
        Some(_) => "the file and its folder must belong to the server's user, and its disk must not be full",
        None => "is the database running, and are host, user, password and database name in its url right?",
    };
    Finding::fail(name, format!("{url}: {why}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;
    use directory::AliasTarget;

    #[tokio::test]
    async fn aliases_that_lead_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("[server]\nhostname = \"mx.example.org\"\ndata = \"{}\"\n", dir.path().display());
        let config = Config::parse(&url, std::path::Path::new("gatepost.toml")).unwrap();
        let place = Directory::open(&config.directory_settings()).await.unwrap();
        place.add_domain(&directory::NewDomain::new(mail::Domain::parse("example.org").unwrap())).await.unwrap();
        let address = |local: &str| format!("{local}@example.org").parse::<mail::Address>().unwrap();
        for (alias, target) in [("info", "alice"), ("fine", "postmaster"), ("away", "info")] {
            place.add_alias(&address(alias), &[address(target)]).await.unwrap();
        }
        let dead = dead_ends(&place, &place.aliases().await.unwrap()).await.unwrap();
        place.close().await;
        assert_eq!(dead, ["away@example.org -> info@example.org", "info@example.org -> alice@example.org"]);
        let finding = astray(&dead).unwrap();
        assert_eq!((finding.status, astray(&[]).is_none()), (Status::Warn, true), "{finding:?}");
    }

    #[test]
    fn aliases_that_lead_outside() {
        let target =
            |address: &str, (active, outside)| AliasTarget { address: address.parse().unwrap(), active, outside };
        let entry = |targets| AliasEntry { address: "info@example.org".parse().unwrap(), targets };
        let cases = [
            (vec![], Status::Ok),
            (vec![entry(vec![target("alice@example.org", (true, false))])], Status::Ok),
            (vec![entry(vec![target("a@elsewhere.example", (false, true))])], Status::Ok),
            (vec![entry(vec![target("a@elsewhere.example", (true, true))])], Status::Warn),
            (vec![entry(vec![target("a@elsewhere.example", (true, true))]); 7], Status::Warn),
        ];
        for (list, status) in cases {
            let finding = aliases(&list);
            assert_eq!(finding.status, status, "{finding:?}");
            assert_eq!(list.len() > 5, finding.message.contains("and 2 more"));
        }
    }
}
