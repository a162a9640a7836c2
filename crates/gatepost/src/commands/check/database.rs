//! Whether directory and index answer, and what is in the directory.

use std::path::PathBuf;
use std::time::Duration;

use directory::{AliasEntry, Directory, DirectoryError, Resolution, Settings, Tables};
use tokio::time::timeout;

use super::folders::others_read;
use super::{Finding, counted, maildirs, passwords, some};
use crate::config::{Config, DatabaseUrl};
use crate::output::with_causes;

/// An administrator waits so long for a database, and so long for one
/// connection to it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(3);

/// The directory, its domains and its aliases.
pub(super) async fn directory(config: &Config) -> Vec<Finding> {
    let name = "directory";
    let place = config.directory.place();
    if let Some(finding) = not_made_yet(name, &place, config.directory.sqlite_path()) {
        return vec![finding];
    }
    let settings = config.directory_settings();
    let settings = Settings { sql: impatient(settings.sql), ..settings };
    let asked = async {
        let directory = Directory::open(&settings).await?;
        let aliases = aliases(&directory).await?;
        let people = slips(&directory).await?.into_iter().chain(people(config, &directory).await?);
        let answer = (directory.active_domains().await?, aliases, people);
        directory.close().await;
        Ok::<_, DirectoryError>(answer)
    };
    match timeout(PATIENCE, asked).await {
        Err(_) => vec![silent(name, &place)],
        Ok(Err(error)) => vec![Finding::fail(name, said(&place, &error), error.hint())],
        Ok(Ok((domains, ..))) if domains.is_empty() => {
            let message = format!("{place}: it answers, but there is no active domain: every recipient is told 451");
            let hint = match config.directory.tables {
                Tables::Own => "gatepost domain add example.org",
                Tables::Foreign(_) => "is [directory] url right, and does domains_query find the domains?",
                Tables::Ldap(_) => "name the domains in [ldap] domains, or see what its domain_filter finds",
                Tables::Users(_) => "write a line: alice@example.org:HASH, with a hash that `gatepost hash` makes",
            };
            vec![Finding::warn(name, message, hint)]
        }
        Ok(Ok((domains, aliases, people))) => {
            let message = format!("{place}: it answers, {}", counted(domains.len(), "active domain"));
            let file = users_file(config);
            std::iter::once(Finding::ok(name, message)).chain(file).chain(aliases).chain(people).collect()
        }
    }
}

/// A file of hashes, or with a password, is nobody's business.
fn users_file(config: &Config) -> Option<Finding> {
    let (path, name, what) = match &config.directory.tables {
        Tables::Users(path) => (path, "users file", "the hashes of the passwords"),
        Tables::Ldap(settings) => (settings.server.bind_password.as_ref()?, "ldap", "the password of bind_dn"),
        Tables::Own | Tables::Foreign(_) => return None,
    };
    let shown = path.display();
    others_read(path).then(|| {
        let message = format!("{shown}: everybody on this machine can read {what}");
        Finding::warn(name, message, format!("chmod o-r {shown}"))
    })
}

/// A users file names itself in what is wrong with it.
fn said(place: &str, error: &DirectoryError) -> String {
    let error = with_causes(error);
    if error.starts_with(place) { error } else { format!("{place}: {error}") }
}

/// Whether mail to each alias reaches somebody.
async fn aliases(directory: &Directory) -> Result<Vec<Finding>, DirectoryError> {
    let aliases = directory.aliases().await;
    if let Err(DirectoryError::NotListed(what)) = aliases {
        return Ok(vec![Finding::ok(what, "not looked at: nothing lists them there")]);
    }
    let Some(list) = listed(aliases)? else { return Ok(vec![not_listed("aliases")]) };
    let dead = dead_ends(directory, &list).await?;
    Ok(std::iter::once(outside(&list)).chain(astray(&dead)).collect())
}

/// Rows that were written by hand and cannot be used.
async fn slips(directory: &Directory) -> Result<Option<Finding>, DirectoryError> {
    let slips = directory.slips().await?;
    let hint = "mail that these rows are about is put off with 451: correct them with an SQL client";
    Ok((!slips.is_empty()).then(|| Finding::fail("rows", some(&slips), hint)))
}

/// Whether the users can log in, and whether all mail has its user.
async fn people(config: &Config, directory: &Directory) -> Result<Vec<Finding>, DirectoryError> {
    let Some(stored) = listed(directory.stored_passwords().await)? else { return Ok(vec![not_listed("accounts")]) };
    // Verifying a password keeps a processor busy.
    let judged = tokio::task::spawn_blocking(move || passwords::judge(&stored)).await.ok();
    Ok(judged.into_iter().chain(maildirs::without_user(config, directory).await).collect())
}

/// Mail is delivered and read without the queries that only list.
fn listed<T>(asked: Result<T, DirectoryError>) -> Result<Option<T>, DirectoryError> {
    match asked {
        Err(DirectoryError::NoQuery(_) | DirectoryError::NotListed(_)) => Ok(None),
        asked => asked.map(Some),
    }
}

fn not_listed(what: &'static str) -> Finding {
    Finding::ok(what, format!("not looked at: [directory] has no {what}_query"))
}

/// Aliases with a target in a domain of ours where nobody gets the mail: a
/// slip of the pen, a user who was removed, or aliases that lead in a circle.
async fn dead_ends(directory: &Directory, list: &[AliasEntry]) -> Result<Vec<String>, DirectoryError> {
    let mut dead = Vec::new();
    for entry in list {
        for target in entry.targets.iter().filter(|target| target.active && !target.outside) {
            let end = match directory.resolve_address(&target.address).await {
                // Said by itself.
                Err(DirectoryError::BadRow { .. }) => continue,
                end => end?,
            };
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
fn outside(list: &[AliasEntry]) -> Finding {
    let name = "aliases";
    let leads = |entry: &&AliasEntry| entry.targets.iter().any(|target| target.active && target.outside);
    let outside: Vec<String> = list.iter().filter(leads).map(|entry| entry.address.to_string()).collect();
    if outside.is_empty() {
        return Finding::ok(name, format!("{}, none leads outside", counted_aliases(list.len())));
    }
    let message = format!("{}: leads outside, and sending does not exist yet; senders are told 451", some(&outside));
    Finding::warn(name, message, "give these aliases a target here: gatepost alias change ADDRESS TARGET")
}

fn counted_aliases(count: usize) -> String {
    if count == 1 { "1 alias".to_owned() } else { format!("{count} aliases") }
}

/// The index.
pub(super) async fn index(config: &Config) -> Finding {
    let name = "index";
    let url = &config.index.url;
    if let Some(finding) = not_made_yet(name, &url.to_string(), url.sqlite_path()) {
        return finding;
    }
    let asked = async {
        let pool = sql::Pool::open(&impatient(config.index_sql()))?;
        let answer = pool.ping().await;
        pool.close().await;
        answer
    };
    match timeout(PATIENCE, asked).await {
        Err(_) => silent(name, &url.to_string()),
        Ok(Err(error)) => away(name, url, &with_causes(&error)),
        Ok(Ok(())) => Finding::ok(name, format!("{url}: it answers")),
    }
}

pub(super) fn impatient(settings: sql::Settings) -> sql::Settings {
    sql::Settings { acquire_timeout: CONNECT, ..settings }
}

/// A check makes no database: run by root, the server's user could not use it.
pub(super) fn not_made_yet(name: &'static str, place: &str, sqlite: Option<PathBuf>) -> Option<Finding> {
    let path = sqlite.filter(|path| !path.exists())?;
    let folder_there = path.parent().is_none_or(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    Some(match folder_there {
        true => {
            Finding::warn(name, format!("{place}: is not there yet"), "it is made at the first start of the server")
        }
        false => Finding::fail(name, format!("{place}: its folder is not there"), "gatepost init makes the folders"),
    })
}

fn silent(name: &'static str, place: &str) -> Finding {
    Finding::fail(name, format!("{place}: no answer within 20 s"), "is it running, and does nothing else keep it busy?")
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
    async fn rows_that_cannot_be_used() {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("[server]\nhostname = \"mx.example.org\"\ndata = \"{}\"\n", dir.path().display());
        let config = Config::parse(&text, std::path::Path::new("gatepost.toml")).unwrap();
        let settings = config.directory_settings();
        let place = Directory::open(&settings).await.unwrap();
        place.add_domain(&directory::NewDomain::new(mail::Domain::parse("example.org").unwrap())).await.unwrap();
        assert_eq!(slips(&place).await.unwrap(), None);
        let pool = sql::Pool::open(&settings.sql).unwrap();
        for statement in [
            "UPDATE domain SET catch_all = 'nonsense'",
            "INSERT INTO alias (local, domain, target) VALUES ('al', 'example.org', 'a@example.org,b@example.org')",
            "INSERT INTO alias (local, domain, target) VALUES ('to', 'example.org', 'al@example.org')",
        ] {
            pool.execute(statement, &[]).await.unwrap();
        }
        pool.close().await;
        place.close().await;
        let findings = directory(&config).await;
        let rows = findings.iter().find(|finding| finding.name == "rows").unwrap();
        assert!(
            rows.message.contains("example.org: catch_all") && rows.message.contains("al@example.org: target"),
            "{rows:?}"
        );
        assert!(
            findings.iter().any(|finding| finding.name == "directory" && finding.status == Status::Ok),
            "{findings:?}"
        );
    }

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

    #[tokio::test]
    async fn tables_of_others_without_lists() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("d.db").display());
        let text = format!(
            "[server]\nhostname = \"mx.example.org\"\n[directory]\nurl = \"{url}\"\npreset = \"custom\"\n\
             domain_query = \"SELECT 'a.example' AS name WHERE :domain = 'a.example'\"\n\
             domains_query = \"SELECT 'a.example' AS name WHERE 1 = NUMBER\"\n\
             account_query = \"SELECT 1 AS id, 'x' AS password WHERE :local = 'alice'\"\n\
             alias_query = \"SELECT 'alice@a.example' AS target WHERE :local = 'info'\"\n"
        );
        drop(Directory::open(&directory::Settings::new(url)).await.unwrap());
        let look = async |number: &str| {
            let config = Config::parse(&text.replace("NUMBER", number), std::path::Path::new("gatepost.toml")).unwrap();
            directory(&config).await
        };
        let findings = look("1").await;
        let names: Vec<_> = findings.iter().map(|finding| (finding.name, finding.status)).collect();
        assert_eq!(
            names,
            [("directory", Status::Ok), ("aliases", Status::Ok), ("accounts", Status::Ok)],
            "{findings:?}"
        );
        assert!(findings[2].message.contains("no accounts_query"), "{findings:?}");
        let empty = look("2").await;
        assert!(empty[0].status == Status::Warn && empty[0].hint.contains("domains_query"), "{empty:?}");
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
            let finding = outside(&list);
            assert_eq!(finding.status, status, "{finding:?}");
            assert_eq!(list.len() > 5, finding.message.contains("and 2 more"));
        }
    }
}
