//! Whether directory and index answer, and what is in the directory.

use std::time::Duration;

use directory::{AliasEntry, Directory, DirectoryError, Settings};
use tokio::time::timeout;

use super::{Finding, counted};
use crate::config::{Config, DatabaseUrl};
use crate::output::with_causes;

/// An administrator waits so long for a database, and so long for one
/// connection to it.
const PATIENCE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(3);

/// The directory, its domains and its aliases.
pub(super) async fn directory(config: &Config) -> Vec<Finding> {
    let name = "directory";
    let url = &config.directory.url;
    if let Some(finding) = not_made_yet(name, url) {
        return vec![finding];
    }
    let settings = Settings { sql: impatient(config.directory_sql()), separator: Some('+') };
    let asked = async {
        let directory = Directory::open(&settings).await?;
        let answer = (directory.active_domains().await?, directory.aliases().await?);
        directory.close().await;
        Ok::<_, DirectoryError>(answer)
    };
    match timeout(PATIENCE, asked).await {
        Err(_) => vec![away(name, url, "no answer within 10 s")],
        Ok(Err(error)) => vec![away(name, url, &with_causes(&error))],
        Ok(Ok((domains, _))) if domains.is_empty() => {
            let message = format!("{url}: it answers, but there is no active domain: every recipient is told 451");
            vec![Finding::warn(name, message, "gatepost domain add example.org")]
        }
        Ok(Ok((domains, list))) => {
            let message = format!("{url}: it answers, {}", counted(domains.len(), "active domain"));
            vec![Finding::ok(name, message), aliases(&list)]
        }
    }
}

/// Mail cannot be sent yet, so an alias to the outside gets no mail.
fn aliases(list: &[AliasEntry]) -> Finding {
    let name = "aliases";
    let outside = |entry: &&AliasEntry| entry.targets.iter().any(|target| target.active && target.outside);
    let outside: Vec<String> = list.iter().filter(outside).map(|entry| entry.address.to_string()).collect();
    if outside.is_empty() {
        return Finding::ok(name, format!("{} aliases, none leads outside", list.len()));
    }
    let shown = outside.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let more = if outside.len() > 5 { format!(" and {} more", outside.len() - 5) } else { String::new() };
    let message = format!("{shown}{more}: leads outside, and sending does not exist yet; senders are told 451");
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
        Err(_) => away(name, url, "no answer within 10 s"),
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
