//! `gatepost user show`: what is known of a user beside the row in the
//! directory: mail, last logins, sessions. Whatever does not answer is left out,
//! and keeps nobody from looking at the rest.

use std::path::PathBuf;

use directory::{Account, Directory};
use index::{Index, IndexError, LastLogin, Seen};
use mail::Address;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Listed;
use crate::commands::CONNECT;
use crate::commands::known::{self, DIRECTORY};
use crate::commands::sessions::{self, Line};
use crate::commands::table::{shown_bytes, told};
use crate::config::Config;
use crate::control::{Session, Sessions};
use crate::output::{Failure, Format, Output, Row, table};

pub(super) async fn show(
    address: &Address,
    config: &Config,
    directory: &Directory,
    out: Output,
) -> Result<(), Failure> {
    let account = directory.account(address).await.map_err(|error| told(&error))?;
    // First: the server writes down the last logins of whom it is asked about.
    let sessions = sessions::of(Some(&account.address), config).await.ok().flatten();
    let kept = kept(config, &account).await.ok().flatten();
    let details = Details::new(&account, config, kept, sessions);
    if out.format() == Format::Json {
        return out.json(&details);
    }
    out.show(&details)?;
    out.print(&details.tables())
}

/// What the index knows; nothing where it was never used.
async fn kept(config: &Config, account: &Account) -> Result<Option<Kept>, IndexError> {
    if config.index.url.sqlite_path().is_some_and(|path| !path.exists()) {
        return Ok(None);
    }
    let pool = sql::Pool::open(&sql::Settings { acquire_timeout: CONNECT, ..config.index_sql() })?;
    let index = Index::open(pool, config.server.node);
    let read = read(&index, account).await;
    index.close().await;
    read.map(Some)
}

async fn read(index: &Index, account: &Account) -> Result<Kept, IndexError> {
    let row = index.account_by_key(DIRECTORY, &account.identity()).await?;
    let folders = match &row {
        Some(row) => index.folders(row.id).await?,
        None => Vec::new(),
    };
    let folders =
        folders.into_iter().map(|row| Folder { name: row.shown_name, messages: row.messages, bytes: row.bytes });
    let logins = index.last_logins(&account.address, account.key.as_i64()).await?;
    Ok(Kept {
        path: row.map(|row| row.maildir_path),
        folders: folders.collect(),
        logins: logins.into_iter().map(LoginRow::from).collect(),
    })
}

struct Kept {
    path: Option<String>,
    folders: Vec<Folder>,
    logins: Vec<LoginRow>,
}

/// A user with everything.
#[derive(Debug, Serialize)]
pub(super) struct Details {
    #[serde(flatten)]
    listed: Listed,
    /// None where there has been no mail yet, or the index does not answer.
    maildir: Option<PathBuf>,
    /// Null where the index does not answer.
    mail: Option<Mail>,
    logins: Option<Vec<LoginRow>>,
    /// Null where no server is running.
    sessions: Option<Vec<Session>>,
}

#[derive(Debug, Serialize)]
struct Mail {
    messages: u64,
    bytes: u64,
    folders: Vec<Folder>,
}

#[derive(Debug, Serialize)]
struct Folder {
    name: String,
    messages: u64,
    bytes: u64,
}

/// The last logins through one door.
#[derive(Debug, Serialize)]
struct LoginRow {
    protocol: String,
    last: Option<String>,
    network: Option<String>,
    refused_since: u64,
    last_refused: Option<String>,
    refused_network: Option<String>,
}

impl From<LastLogin> for LoginRow {
    fn from(login: LastLogin) -> Self {
        let LastLogin { service, succeeded, failures, failed } = login;
        let parts = |seen: Option<Seen>| seen.map(|seen| (shown(seen.at), seen.network)).unzip();
        let ((last, network), (last_refused, refused_network)) = (parts(succeeded), parts(failed));
        Self { protocol: service, last, network, refused_since: failures, last_refused, refused_network }
    }
}

fn shown(at: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

impl Details {
    fn new(account: &Account, config: &Config, kept: Option<Kept>, sessions: Option<Sessions>) -> Self {
        let (path, mail, logins) = match kept {
            Some(Kept { path, folders, logins }) => (path, Some(Mail::of(folders)), Some(logins)),
            None => (None, None, None),
        };
        Self {
            listed: Listed::from(account),
            maildir: path.map(|path| known::absolute(config.mail.path.join(path).join("Maildir"))),
            mail,
            logins,
            sessions: sessions.map(|found| found.sessions),
        }
    }

    /// What has many lines, for people.
    fn tables(&self) -> String {
        let mut text = String::new();
        let mut add = |title: &str, columns: &[&str], rows: Vec<Vec<String>>| {
            if !rows.is_empty() {
                text.push_str(&format!("\n{title}\n{}", table(columns, &rows)));
            }
        };
        if let Some(mail) = &self.mail {
            let row =
                |folder: &Folder| vec![folder.name.clone(), folder.messages.to_string(), shown_bytes(folder.bytes)];
            add("Folders", &["folder", "messages", "size"], mail.folders.iter().map(row).collect());
        }
        let logins = self.logins.iter().flatten();
        let columns = ["by", "last login", "from", "refused since", "last refused", "from"];
        add("Logins", &columns, logins.map(LoginRow::cells).collect());
        let sessions = self.sessions.iter().flatten();
        add("Sessions", Line::COLUMNS, sessions.map(|session| Line(session).cells()).collect());
        text
    }
}

impl Mail {
    fn of(folders: Vec<Folder>) -> Self {
        let messages = folders.iter().map(|folder| folder.messages).sum();
        Self { messages, bytes: folders.iter().map(|folder| folder.bytes).sum(), folders }
    }
}

impl LoginRow {
    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.protocol.clone(),
            or_dash(&self.last),
            or_dash(&self.network),
            self.refused_since.to_string(),
            or_dash(&self.last_refused),
            or_dash(&self.refused_network),
        ]
    }
}

impl Row for Details {
    const COLUMNS: &'static [&'static str] = &[
        "address",
        "active",
        "quota",
        "password",
        "name",
        "language",
        "time zone",
        "created",
        "maildir",
        "mail",
        "logged in",
    ];

    fn cells(&self) -> Vec<String> {
        let mut cells = self.listed.cells();
        let or_default = |text: &Option<String>| text.clone().unwrap_or_else(|| "as the site".to_owned());
        cells.push(or_default(&self.listed.language));
        cells.push(or_default(&self.listed.time_zone));
        cells.push(self.listed.created.clone().unwrap_or_else(|| "not known".to_owned()));
        cells.push(self.maildir.as_ref().map_or_else(|| "none yet".to_owned(), |path| path.display().to_string()));
        cells
            .push(self.mail.as_ref().map_or_else(|| "not known".to_owned(), |mail| mail.line(self.listed.quota_bytes)));
        cells.push(match &self.sessions {
            Some(sessions) => match sessions.len() {
                0 => "nobody".to_owned(),
                1 => "1 session".to_owned(),
                count => format!("{count} sessions"),
            },
            None => "not known: no server is running".to_owned(),
        });
        cells
    }
}

impl Mail {
    /// In one line, with how much of the quota that is.
    fn line(&self, quota: Option<u64>) -> String {
        let messages = if self.messages == 1 { "1 message".to_owned() } else { format!("{} messages", self.messages) };
        let of = quota.filter(|quota| *quota > 0).map(|quota| {
            let percent = u128::from(self.bytes) * 100 / u128::from(quota);
            format!(", {percent} % of the quota")
        });
        format!("{messages}, {}{}", shown_bytes(self.bytes), of.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            key: directory::AccountKey::new(7),
            address: Address::parse("alice@example.org").unwrap(),
            name: "Alice".to_owned(),
            quota: Some(2 << 30),
            active: true,
            has_password: false,
            language: String::new(),
            time_zone: "Europe/Berlin".to_owned(),
            created: "2026-01-31T12:00:00Z".to_owned(),
        }
    }

    fn config() -> Config {
        let text = "[server]\nhostname = \"a.example\"\n[mail]\npath = \"/m\"\n";
        Config::parse(text, std::path::Path::new("/etc/gatepost.toml")).unwrap()
    }

    #[test]
    fn as_programs_and_people_see_it() {
        let login = LastLogin {
            service: "imap".to_owned(),
            succeeded: Some(Seen { at: 1_800_000_000, network: "192.0.2.0/24".to_owned() }),
            failures: 3,
            failed: None,
        };
        let folder = |name: &str, messages, bytes| Folder { name: name.to_owned(), messages, bytes };
        let kept = Kept {
            path: Some("example.org/alice".to_owned()),
            folders: vec![folder("INBOX", 3, 1 << 20), folder("Junk", 1, 1 << 20)],
            logins: vec![login.into()],
        };
        let details = Details::new(&account(), &config(), Some(kept), None);
        assert_eq!(Details::COLUMNS.len(), details.cells().len());
        assert_eq!(details.cells()[9..], ["4 messages, 2M, 0 % of the quota", "not known: no server is running"]);
        let json = serde_json::to_value(&details).unwrap();
        let expected = serde_json::json!({
            "maildir": "/m/example.org/alice/Maildir", "id": 7, "address": "alice@example.org", "name": "Alice",
            "active": true, "quota_bytes": 2_147_483_648_u64, "has_password": false, "language": null,
            "time_zone": "Europe/Berlin", "created": "2026-01-31T12:00:00Z",
            "mail": { "messages": 4, "bytes": 2_097_152, "folders": [
                { "name": "INBOX", "messages": 3, "bytes": 1_048_576 },
                { "name": "Junk", "messages": 1, "bytes": 1_048_576 },
            ] },
            "logins": [{
                "protocol": "imap", "last": "2027-01-15T08:00:00Z", "network": "192.0.2.0/24", "refused_since": 3,
                "last_refused": null, "refused_network": null,
            }],
            "sessions": null,
        });
        assert_eq!(json, expected);
        let tables = details.tables();
        for line in
            ["\nFolders\nFOLDER  MESSAGES  SIZE\nINBOX   3         1M\n", "\nLogins\nBY", "2027-01-15T08:00:00Z"]
        {
            assert!(tables.contains(line), "{tables}");
        }
        assert!(!tables.contains("Sessions"));
    }

    #[test]
    fn nothing_is_known() {
        let details = Details::new(&account(), &config(), None, Some(Sessions { sessions: Vec::new(), total: 0 }));
        assert_eq!(details.cells()[8..], ["none yet", "not known", "nobody"]);
        assert_eq!(details.tables(), "");
    }
}
