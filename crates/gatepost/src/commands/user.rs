//! `gatepost user …`: who has a mailbox here. A password is read from standard
//! input or asked for, never taken from an argument, which others could see.

mod password;
mod removal;
mod second_factor;
mod shown;

use clap::{Args, Subcommand};
use directory::{Account, AccountChange, Directory, DirectoryError, NewAccount, StoredHash};
use login::{Cost, hash_like, hash_password};
use mail::{Address, Domain};
use serde::Serialize;

use super::table::{Bytes, OrNone, YesNo, changed, shown_bytes, told, yes_no};
use crate::config::Config;
use crate::output::{Exit, Failure, Output, Row};

/// What to do with users.
#[derive(Debug, Clone, Subcommand)]
pub enum UserCommand {
    /// Add a user; the password is one line on standard input, or is asked for
    Add(Add),
    /// List all users
    List {
        /// Only those of this domain
        domain: Option<Domain>,
    },
    /// Show one user
    Show {
        /// The address
        address: Address,
    },
    /// Change a user
    Change(Change),
    /// Remove a user; the mail is moved away and kept, and the catch-all does
    /// not take the address' mail then
    Remove {
        /// The address
        address: Address,
    },
    /// List mail whose user is not in the directory any more, such as after a
    /// row was deleted in MySQL
    Orphans {
        /// Move this mail away, as `user remove` does, instead of listing it
        #[arg(long = "move", value_name = "ID", num_args = 1..)]
        ids: Vec<i64>,
    },
    /// List the app passwords of a user
    AppPasswords {
        /// The address
        address: Address,
    },
    /// Make or revoke an app password
    AppPassword {
        /// Which of the two
        #[command(subcommand)]
        command: second_factor::AppPasswordCommand,
    },
    /// Show whether two-step login is on, or switch it off
    Totp {
        /// The address
        address: Address,
        /// Switch it off, for somebody who lost phone and recovery codes
        state: Option<second_factor::TotpState>,
    },
}

/// `gatepost user add`.
#[derive(Debug, Clone, Args)]
pub struct Add {
    /// The address, such as alice@example.org
    address: Address,
    /// What the person is called
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// The most mail, such as 500M or 2G; no limit if not given
    #[arg(long, value_name = "BYTES")]
    quota: Option<OrNone<Bytes>>,
    /// Set no password: nobody can log in until there is one
    #[arg(long)]
    no_password: bool,
}

/// `gatepost user change`.
#[derive(Debug, Clone, Args)]
pub struct Change {
    /// The address
    address: Address,
    /// Whether mail is taken and the user logs in
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    active: Option<YesNo>,
    /// What the person is called
    #[arg(long)]
    name: Option<String>,
    /// The most mail, such as 500M or 2G; or none
    #[arg(long, value_name = "BYTES")]
    quota: Option<OrNone<Bytes>>,
    /// Set a new password: one line on standard input, or it is asked for
    #[arg(long)]
    password: bool,
}

impl UserCommand {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit status, a code and what to do.
    pub async fn run(self, config: &Config, directory: &Directory, out: Output) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(directory, out).await,
            Self::List { domain } => {
                let accounts = directory.accounts(domain.as_ref()).await.map_err(|error| told(&error))?;
                out.list(&accounts.iter().map(Listed::from).collect::<Vec<_>>())
            }
            Self::Show { address } => shown::show(&address, config, directory, out).await,
            Self::Change(change) => change.run(directory, out).await,
            Self::Remove { address } => removal::remove(&address, config, directory, out).await,
            Self::Orphans { ids } => removal::orphans(&ids, config, directory, out).await,
            Self::AppPasswords { address } => second_factor::list(&address, directory, out).await,
            Self::AppPassword { command } => command.run(directory, out).await,
            Self::Totp { address, state } => second_factor::totp(&address, state, directory, out).await,
        }
    }
}

impl Add {
    async fn run(self, directory: &Directory, out: Output) -> Result<(), Failure> {
        // Before anybody types a password for nothing.
        directory.is_free(&self.address).await.map_err(|error| told(&error))?;
        let password = if self.no_password { None } else { Some(new_password(None).await?) };
        let quota = self.quota.and_then(|quota| quota.0).map(|bytes| bytes.0);
        let new = NewAccount { address: self.address, password, name: self.name, quota };
        let account = directory.add_account(&new).await.map_err(|error| told(&error))?;
        changed(out, &Listed::from(&account), &format!("user {} added", account.address))
    }
}

impl Change {
    async fn run(self, directory: &Directory, out: Output) -> Result<(), Failure> {
        if self.active.is_none() && self.name.is_none() && self.quota.is_none() && !self.password {
            return Err(Failure::usage("nothing to change was given").hint("See gatepost user change --help."));
        }
        let present = self.present(directory).await.map_err(|error| told(&error))?;
        let change = AccountChange {
            active: self.active.map(YesNo::is_yes),
            name: self.name,
            quota: self.quota.map(|quota| quota.0.map(|bytes| bytes.0)),
            password: if self.password { Some(new_password(present).await?) } else { None },
        };
        let account = directory.change_account(&self.address, &change).await.map_err(|error| told(&error))?;
        changed(out, &Listed::from(&account), &format!("user {} changed", account.address))
    }

    /// The present hash where a new one must be of its kind, since another
    /// program reads it too. What is refused is refused before anybody types a
    /// password.
    async fn present(&self, directory: &Directory) -> Result<Option<StoredHash>, DirectoryError> {
        let account = directory.account(&self.address).await?;
        let Err(elsewhere) = directory.must_be_own() else { return Ok(None) };
        let only_password = self.active.is_none() && self.name.is_none() && self.quota.is_none();
        let present = directory.credentials(&account.address).await?.and_then(|found| found.hash);
        present.filter(|hash| only_password && !hash.is_elsewhere()).map(Some).ok_or(elsewhere)
    }
}

/// Reads and hashes a password, both where blocking hurts nobody; as `like` is
/// hashed, if it is given.
pub(super) async fn new_password(like: Option<StoredHash>) -> Result<StoredHash, Failure> {
    let work = move || {
        let password = password::read()?;
        let hashed = match &like {
            Some(like) => hash_like(&password, like, Cost::default()),
            None => hash_password(&password, Cost::default()),
        };
        hashed.map_err(|error| Failure::new(Exit::Failed, "password", error.to_string()))
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::failed(error.to_string()))?
}

/// A user as programs see it, and as a line of the table.
#[derive(Debug, Serialize)]
struct Listed {
    id: i64,
    address: String,
    name: String,
    active: bool,
    quota_bytes: Option<u64>,
    has_password: bool,
    language: Option<String>,
    time_zone: Option<String>,
    /// Null where another program's tables do not say it.
    created: Option<String>,
}

impl From<&Account> for Listed {
    fn from(account: &Account) -> Self {
        let set = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Self {
            id: account.key.as_i64(),
            address: account.address.to_string(),
            name: account.name.clone(),
            active: account.active,
            quota_bytes: account.quota,
            has_password: account.has_password,
            language: set(&account.language),
            time_zone: set(&account.time_zone),
            created: set(&account.created),
        }
    }
}

impl Row for Listed {
    const COLUMNS: &'static [&'static str] = &["address", "active", "quota", "password", "name"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.address.clone(),
            yes_no(self.active),
            self.quota_bytes.map_or_else(|| "no limit".to_owned(), shown_bytes),
            if self.has_password { "set" } else { "none" }.to_owned(),
            self.name.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: UserCommand,
    }

    fn config(folder: &std::path::Path) -> Config {
        let text = "[server]\nhostname = \"a.example\"\ndata = \".\"\n";
        Config::parse(text, &folder.join("gatepost.toml")).unwrap()
    }

    async fn run(config: &Config, directory: &Directory, line: &str) -> Result<(), Exit> {
        let words = std::iter::once("user").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|_| Exit::Usage)?;
        line.command.run(config, directory, Output::new(Format::Json)).await.map_err(|failure| failure.exit())
    }

    #[tokio::test]
    async fn lines_and_exit_statuses() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("d.db").display());
        let directory = Directory::open(&directory::Settings::new(url)).await.unwrap();
        let domain = Domain::parse("example.org").unwrap();
        directory.add_domain(&directory::NewDomain::new(domain)).await.unwrap();
        let cases = [
            ("add alice@example.org --no-password --name Alice --quota 2G", Ok(())),
            // Nobody is asked for a password first: there is no terminal here.
            ("add ALICE@example.org", Err(Exit::Failed)),
            ("add alice --no-password", Err(Exit::Usage)),
            ("add alice@example.org --password secret", Err(Exit::Usage)),
            ("add alice@nowhere.example --no-password", Err(Exit::Missing)),
            ("add bob@example.org --no-password --quota lots", Err(Exit::Usage)),
            ("change alice@example.org --active no --quota none", Ok(())),
            ("change alice@example.org", Err(Exit::Usage)),
            ("change bob@example.org --active no", Err(Exit::Missing)),
            ("list", Ok(())),
            ("list example.org", Ok(())),
            ("list nowhere.example", Err(Exit::Missing)),
            ("show alice@example.org", Ok(())),
            ("show bob@example.org", Err(Exit::Missing)),
            ("remove alice@example.org", Ok(())),
            ("remove alice@example.org", Err(Exit::Missing)),
            ("orphans", Ok(())),
            ("orphans --move", Err(Exit::Usage)),
            ("orphans --move 1", Err(Exit::Missing)),
        ];
        for (line, expected) in cases {
            assert_eq!(run(&config(folder.path()), &directory, line).await, expected, "{line}");
        }
    }

    #[tokio::test]
    async fn a_directory_that_is_away() {
        let settings = directory::Settings::new("mysql://root@127.0.0.1:1/none");
        let mut settings = settings;
        settings.sql.acquire_timeout = std::time::Duration::from_millis(100);
        let directory = Directory::open(&settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run(&config(folder.path()), &directory, "list").await, Err(Exit::Database));
    }

    #[test]
    fn as_people_see_it() {
        let account = Account {
            key: directory::AccountKey::new(7),
            address: Address::parse("alice@example.org").unwrap(),
            name: "Alice".to_owned(),
            quota: Some(2 << 30),
            active: true,
            has_password: false,
            language: String::new(),
            time_zone: "Europe/Berlin".to_owned(),
            created: "2026-01-31T12:00:00Z".to_owned(),
        };
        assert_eq!(Listed::from(&account).cells(), ["alice@example.org", "yes", "2G", "none", "Alice"]);
    }
}
