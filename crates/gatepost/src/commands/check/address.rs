//! `gatepost check --address`: what each lookup returns for an address, which
//! setting it came from, and where mail and logins end.

use directory::{Directory, DirectoryError, Explained, Question, Resolution, Settings};
use login::Scheme;
use mail::{Address, Text};
use serde::{Serialize, Serializer};
use tokio::time::timeout;

use super::database::{PATIENCE, impatient, not_made_yet};
use crate::commands::table::told;
use crate::config::Config;
use crate::output::{Exit, Failure, Format, Output, with_causes};

/// Everything about one address.
#[derive(Debug, Serialize)]
struct Report {
    address: String,
    lookups: Vec<Lookup>,
    mail: End,
    login: End,
}

/// One question with its answer.
#[derive(Debug, Serialize)]
struct Lookup {
    question: &'static str,
    about: String,
    /// The table, the setting of the query, or the file.
    from: String,
    rows: Vec<Columns>,
    /// Columns whose values mean nothing here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unused: Vec<String>,
    /// Whether the rows are those of the address.
    counts: bool,
    problem: Option<String>,
}

/// A row: an object with its columns in their order.
#[derive(Debug)]
struct Columns(Vec<(String, Option<String>)>);

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// What comes of it: a word for programs, a sentence for people.
#[derive(Debug, Default, Serialize)]
struct End {
    result: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outside: Vec<String>,
}

impl End {
    fn new(result: &'static str, message: impl Into<String>) -> Self {
        Self { result, message: message.into(), ..Self::default() }
    }
}

/// Looks an address up and says what was found.
///
/// # Errors
///
/// [`Failure`] with exit status 4 where the directory cannot be asked at all.
pub(super) async fn run(address: &Address, config: &Config, out: Output) -> Result<Exit, Failure> {
    if let Some(finding) = not_made_yet("directory", &config.directory.place(), config.directory.sqlite_path()) {
        return Err(Failure::new(Exit::Database, "directory_away", finding.message).hint(finding.hint));
    }
    let settings = config.directory_settings();
    let settings = Settings { sql: impatient(settings.sql), ..settings };
    let looked = timeout(PATIENCE, async {
        let directory = Directory::open(&settings).await?;
        directory.ping().await?;
        let report = report(&directory, address).await;
        directory.close().await;
        Ok::<_, DirectoryError>(report)
    });
    let report = match looked.await {
        Ok(report) => report.map_err(|error| told(&error))?,
        Err(_) => return Err(Failure::new(Exit::Database, "directory_away", "no answer within 20 s")),
    };
    match out.format() {
        Format::Json => out.json(&report)?,
        Format::Text => out.print(&text(&report))?,
    }
    let failed = report.lookups.iter().any(|lookup| lookup.problem.is_some()) || report.mail.result == "error";
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

async fn report(directory: &Directory, address: &Address) -> Report {
    let lookups = directory.explain(address).await.into_iter().map(lookup).collect();
    Report {
        address: address.to_string(),
        lookups,
        mail: mail(directory, address).await,
        login: login(directory, address).await,
    }
}

fn lookup(explained: Explained) -> Lookup {
    let Explained { question, about, place, rows, counts, problem } = explained;
    let has_password = |row: &directory::ShownRow| row.columns.iter().any(|(name, _)| name == "password");
    let no_password = question == Question::Account && rows.first().is_some_and(|row| !has_password(row));
    let missing = || format!("password: {place} returns no such column, so nobody can log in");
    let problem = problem.map(|error| with_causes(&error)).or_else(|| no_password.then(missing));
    let mut unused: Vec<String> = rows.iter().flat_map(|row| row.unused.clone()).collect();
    unused.dedup();
    Lookup {
        question: question.as_str(),
        about: if question == Question::Domain { about.domain().to_string() } else { about.to_string() },
        from: place,
        rows: rows.into_iter().map(|row| Columns(row.columns)).collect(),
        unused,
        counts,
        problem,
    }
}

async fn mail(directory: &Directory, address: &Address) -> End {
    let resolved = match directory.resolve_address(address).await {
        Ok(resolved) => resolved,
        Err(error) => return End::new("error", format!("is put off with 451: {}", with_causes(&error))),
    };
    match resolved {
        Resolution::Deliver { accounts, outside, detail } => {
            let accounts: Vec<String> = accounts.iter().map(|account| account.address.to_string()).collect();
            let outside: Vec<String> = outside.iter().map(ToString::to_string).collect();
            let elsewhere = outside.iter().map(|address| format!("{address} (elsewhere)"));
            let all: Vec<String> = accounts.iter().cloned().chain(elsewhere).collect();
            let detail = detail.map(|detail| format!("; {detail:?} is a detail of the address")).unwrap_or_default();
            End { result: "deliver", message: format!("goes to {}{detail}", all.join(", ")), accounts, outside }
        }
        Resolution::Postmaster { .. } => {
            End::new("postmaster", "goes to the site's own mailbox for postmaster and abuse")
        }
        Resolution::NoSuchUser => End::new("no_such_user", "is refused: no such user (550 5.1.1)"),
        Resolution::InactiveAccount => End::new("inactive_account", "is refused: switched off (550 5.2.1)"),
        Resolution::InactiveDomain => End::new("inactive_domain", "is refused: the domain is switched off (550 5.1.2)"),
        Resolution::ForeignDomain => End::new(
            "foreign_domain",
            format!("is refused: the domain {} is not hosted here (550 5.7.1)", address.domain()),
        ),
        Resolution::AliasLoop { address } => {
            End::new("alias_loop", format!("is put off with 451: aliases run in a circle, or too far, at {address}"))
        }
    }
}

async fn login(directory: &Directory, address: &Address) -> End {
    let found = match directory.credentials(address).await {
        Ok(found) => found,
        Err(error) => return End::new("error", format!("cannot be verified: {}", with_causes(&error))),
    };
    match found {
        None => End::new("no_account", "no account has just this address"),
        Some(found) if !found.active => End::new("inactive", "is refused: the account or its domain is switched off"),
        Some(found) => match &found.hash {
            None => End::new("no_password", "is refused: there is no password"),
            Some(hash) if hash.is_elsewhere() => {
                End::new("ok", format!("{} logs in with the password that the server takes", found.address))
            }
            Some(hash) if Scheme::of(hash).is_none() => {
                End::new("unknown_scheme", "is refused: the form of the stored password is not read")
            }
            Some(_) => End::new("ok", format!("{} logs in with the password", found.address)),
        },
    }
}

/// Lines for people.
fn text(report: &Report) -> String {
    let mut text = format!("address  {}\n\n", report.address);
    for Lookup { question, about, from, rows, unused, counts, problem } in &report.lookups {
        text.push_str(&line(&format!("{question:<7}  {about}: {from}")));
        if rows.is_empty() && problem.is_none() {
            text.push_str("           nothing\n");
        }
        for row in rows {
            let columns =
                row.0.iter().map(|(name, value)| format!("{name} = {}", value.as_deref().unwrap_or("(none)")));
            text.push_str(&line(&format!("           {}", columns.collect::<Vec<_>>().join(", "))));
        }
        if !unused.is_empty() {
            text.push_str(&line(&format!("           not used: {}", unused.join(", "))));
        }
        if !counts && !rows.is_empty() && problem.is_none() {
            text.push_str("           does not count: it is of another address, or leads nowhere\n");
        }
        if let Some(problem) = problem {
            text.push_str(&line(&format!("           -> {problem}; see {from}")));
        }
    }
    text.push('\n');
    text.push_str(&line(&format!("mail     {}", report.mail.message)));
    text.push_str(&line(&format!("login    {}", report.login.message)));
    text
}

/// What stands in a table may be meant for a terminal.
fn line(text: &str) -> String {
    format!("{}\n", Text::sanitized(text).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn looked_up(text: &str, address: &str) -> Report {
        let config = Config::parse(text, std::path::Path::new("gatepost.toml")).unwrap();
        let directory = Directory::open(&config.directory_settings()).await.unwrap();
        let report = report(&directory, &Address::parse(address).unwrap()).await;
        directory.close().await;
        report
    }

    fn config(folder: &std::path::Path, directory: &str) -> String {
        format!("[server]\nhostname = \"mx.example.org\"\ndata = \"{}\"\n[directory]\n{directory}\n", folder.display())
    }

    #[tokio::test]
    async fn a_users_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        std::fs::write(&path, "alice@example.org:{PLAIN}hunter2 name=Alice\ninfo@example.org: alice@example.org\n")
            .unwrap();
        let text = config(folder.path(), &format!("users = \"{}\"", path.display()));
        let report = looked_up(&text, "alice+x@example.org").await;
        let shown = super::text(&report);
        assert!(!shown.contains("hunter2"), "{shown}");
        for line in [
            format!("domain   example.org: the file {}", path.display()),
            "line = 1, name = example.org, active = yes".to_owned(),
            "password = {PLAIN}, 14 characters".to_owned(),
            "mail     goes to alice@example.org; \"x\" is a detail of the address".to_owned(),
            "login    no account has just this address".to_owned(),
        ] {
            assert!(shown.contains(&line), "{line}: {shown}");
        }
        let report = looked_up(&text, "alice@example.org").await;
        assert_eq!((report.mail.result, report.login.result), ("deliver", "ok"));
        let report = looked_up(&text, "info@example.org").await;
        assert_eq!((report.mail.accounts, report.login.result), (vec!["alice@example.org".to_owned()], "no_account"));
        for (address, result) in [("nobody@example.org", "no_such_user"), ("a@elsewhere.example", "foreign_domain")] {
            assert_eq!(looked_up(&text, address).await.mail.result, result);
        }
    }

    #[tokio::test]
    async fn queries_with_mistakes() {
        let folder = tempfile::tempdir().unwrap();
        let directory = format!(
            "url = \"sqlite:{}\"\npreset = \"custom\"\n\
             domain_query = \"SELECT :domain AS name\"\ndomains_query = \"SELECT 'a.example' AS name\"\n\
             account_query = \"SELECT 1 AS id, 'red' AS colour WHERE :local = 'alice'\"\n\
             alias_query = \"SELECT target FROM nowhere WHERE address = :address\"\n",
            folder.path().join("d.db").display()
        );
        drop(sql::Pool::open(&sql::Settings::new(format!("sqlite:{}", folder.path().join("d.db").display()))).unwrap());
        let report = looked_up(&config(folder.path(), &directory), "alice@a.example").await;
        let json = serde_json::to_value(&report).unwrap();
        let lookups = &json["lookups"];
        assert_eq!(lookups[0]["rows"][0]["name"], "a.example");
        assert_eq!(lookups[1]["from"], "[directory] account_query");
        assert_eq!(lookups[1]["unused"], serde_json::json!(["colour"]));
        assert!(lookups[1]["problem"].as_str().unwrap().starts_with("password: "), "{json:#}");
        assert!(lookups[2]["problem"].as_str().unwrap().contains("no such table: nowhere"), "{json:#}");
        assert_eq!(json["mail"]["result"], "error");
        let shown = text(&report);
        assert!(shown.contains("nowhere; see [directory] alias_query"), "{shown}");
        assert!(shown.contains("mail     is put off with 451: "), "{shown}");
    }
}
