//! `gatepost user app-passwords`, `app-password` and `totp`: what opens besides
//! the password, or together with it. For whoever helps somebody at a desk, or
//! has lost the phone.

use clap::{Args, Subcommand, ValueEnum};
use directory::{Account, AppPassword, Directory, NewAppPassword, Scope};
use login::Letters;
use mail::Address;
use serde::Serialize;

use crate::commands::table::{changed, told, yes_no};
use crate::output::{Exit, Failure, Format, Output, Row};

/// What to do with app passwords.
#[derive(Debug, Clone, Subcommand)]
pub enum AppPasswordCommand {
    /// Make an app password; it is printed once and can never be read again
    Add(Add),
    /// Revoke an app password; sessions that were opened with it end within
    /// seconds
    Revoke(Revoke),
}

/// `gatepost user app-password add`.
#[derive(Debug, Clone, Args)]
pub struct Add {
    /// The address
    address: Address,
    /// The device or program that it is for
    #[arg(long)]
    name: String,
    /// What it opens: any of imap, pop3 and submission, with commas between them
    #[arg(long, default_value = "imap,pop3,submission")]
    scope: Scope,
}

/// `gatepost user app-password revoke`.
#[derive(Debug, Clone, Args)]
pub struct Revoke {
    /// The address
    address: Address,
    /// Which one
    #[arg(long, required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// All that the user has
    #[arg(long)]
    all: bool,
}

/// What to do with two-step login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TotpState {
    /// Switch it off, for somebody who lost phone and recovery codes
    Off,
}

impl AppPasswordCommand {
    pub(super) async fn run(self, directory: &Directory, out: Output) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(directory, out).await,
            Self::Revoke(revoke) => revoke.run(directory, out).await,
        }
    }
}

/// `gatepost user app-passwords`.
pub(super) async fn list(address: &Address, directory: &Directory, out: Output) -> Result<(), Failure> {
    let account = owner(address, directory).await?;
    let all = directory.app_passwords(&account.address).await.map_err(|error| told(&error))?;
    out.list(&all.iter().map(Listed::from).collect::<Vec<_>>())
}

/// `gatepost user totp`.
pub(super) async fn totp(
    address: &Address,
    state: Option<TotpState>,
    directory: &Directory,
    out: Output,
) -> Result<(), Failure> {
    let account = owner(address, directory).await?;
    if state == Some(TotpState::Off) {
        let was_on = directory.switch_two_step_off(&account.address).await.map_err(|error| told(&error))?;
        if !was_on {
            return Err(Failure::new(Exit::Missing, "not_on", format!("two-step login of {address} is not on"))
                .hint("Nothing needs to be done."));
        }
    }
    let found = directory.two_step(&account.address).await.map_err(|error| told(&error))?;
    let shown = TwoStep {
        address: account.address.to_string(),
        on: found.is_some(),
        since: found.as_ref().map(|on| on.since.clone()),
        recovery_codes: found.map(|on| on.recovery_codes),
    };
    match state {
        Some(TotpState::Off) => changed(out, &shown, &format!("two-step login of {} is off", account.address)),
        None => out.show(&shown),
    }
}

impl Add {
    async fn run(self, directory: &Directory, out: Output) -> Result<(), Failure> {
        let account = owner(&self.address, directory).await?;
        let letters = Letters::app_password(rand::random());
        let new = NewAppPassword { name: self.name, scope: self.scope, hash: letters.hash() };
        let made = directory.add_app_password(&account.address, &new).await.map_err(|error| told(&error))?;
        match out.format() {
            Format::Json => out.json(&Made { listed: Listed::from(&made), password: letters.shown() }),
            Format::Text => out.print(&format!("{}\n", letters.shown())),
        }
    }
}

impl Revoke {
    async fn run(self, directory: &Directory, out: Output) -> Result<(), Failure> {
        let address = owner(&self.address, directory).await?.address;
        let all = directory.app_passwords(&address).await.map_err(|error| told(&error))?;
        let Some(name) = self.name else {
            let count = directory.revoke_app_passwords(&address).await.map_err(|error| told(&error))?;
            return after(out, &all, &format!("{count} app passwords of {address} revoked"));
        };
        let unknown = || told(&directory::DirectoryError::UnknownAppPassword(name.clone()));
        let which = all.into_iter().find(|app| app.name == name).ok_or_else(unknown)?;
        let was_there = directory.revoke_app_password(&address, which.key).await.map_err(|error| told(&error))?;
        if !was_there {
            return Err(unknown());
        }
        after(out, &[which], &format!("app password {name} of {address} revoked"))
    }
}

/// A line for people, what there was for programs.
fn after(out: Output, revoked: &[AppPassword], line: &str) -> Result<(), Failure> {
    match out.format() {
        Format::Json => out.list(&revoked.iter().map(Listed::from).collect::<Vec<_>>()),
        Format::Text => out.done(line),
    }
}

/// The account, in tables that have room for this.
async fn owner(address: &Address, directory: &Directory) -> Result<Account, Failure> {
    let account = directory.account(address).await.map_err(|error| told(&error))?;
    if directory.has_own_tables() {
        return Ok(account);
    }
    let message = "app passwords and two-step login need tables of our own, and the users are kept elsewhere";
    Err(Failure::new(Exit::Failed, "foreign_tables", message).hint(
        "Users of [directory] preset = \"gatepost\" can have them; nothing is written into the tables of others.",
    ))
}

/// An app password as programs see it, and as a line of the table.
#[derive(Debug, Serialize)]
struct Listed {
    id: i64,
    name: String,
    scope: Vec<&'static str>,
    active: bool,
    created: String,
    /// The day of the last login with it.
    used: Option<String>,
}

impl From<&AppPassword> for Listed {
    fn from(app: &AppPassword) -> Self {
        Self {
            id: app.key.as_i64(),
            name: app.name.clone(),
            scope: app.scope.doors().map(directory::Door::as_str).collect(),
            active: app.active,
            created: app.created.clone(),
            used: app.used.clone(),
        }
    }
}

impl Row for Listed {
    const COLUMNS: &'static [&'static str] = &["name", "scope", "active", "made", "last used"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.scope.join(","),
            yes_no(self.active),
            self.created.get(..10).unwrap_or(&self.created).to_owned(),
            self.used.clone().unwrap_or_else(|| "never".to_owned()),
        ]
    }
}

/// The same with what it is, once.
#[derive(Debug, Serialize)]
struct Made {
    #[serde(flatten)]
    listed: Listed,
    password: String,
}

/// Two-step login as programs and people see it.
#[derive(Debug, Serialize)]
struct TwoStep {
    address: String,
    on: bool,
    since: Option<String>,
    /// How many are left.
    recovery_codes: Option<u64>,
}

impl Row for TwoStep {
    const COLUMNS: &'static [&'static str] = &["address", "two-step login", "since", "recovery codes left"];

    fn cells(&self) -> Vec<String> {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            self.address.clone(),
            if self.on { "on" } else { "off" }.to_owned(),
            or_none(self.since.clone()),
            or_none(self.recovery_codes.map(|left| left.to_string())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use mail::Domain;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: crate::commands::user::UserCommand,
    }

    async fn run(directory: &Directory, words: &[&str]) -> Result<(), Exit> {
        let folder = tempfile::tempdir().unwrap();
        let text = "[server]\nhostname = \"a.example\"\ndata = \".\"\n";
        let config = crate::config::Config::parse(text, &folder.path().join("gatepost.toml")).unwrap();
        let line = Line::try_parse_from([&["user"], words].concat()).map_err(|_| Exit::Usage)?;
        let done = line.command.run(&config, directory, Output::new(Format::Json)).await;
        done.map_err(|failure| failure.exit())
    }

    #[tokio::test]
    async fn lines_and_exit_statuses() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("d.db").display());
        let directory = Directory::open(&directory::Settings::new(url)).await.unwrap();
        directory.add_domain(&directory::NewDomain::new(Domain::parse("example.org").unwrap())).await.unwrap();
        let alice = Address::parse("alice@example.org").unwrap();
        let new = directory::NewAccount { address: alice.clone(), password: None, name: String::new(), quota: None };
        directory.add_account(&new).await.unwrap();
        directory.switch_two_step_on(&alice, ("GEZDGNBV", 1), &[]).await.unwrap();
        let (who, nobody) = ("alice@example.org", "bob@example.org");
        let cases: [(&[&str], Result<(), Exit>); 19] = [
            (&["app-passwords", who], Ok(())),
            (&["app-passwords", nobody], Err(Exit::Missing)),
            (&["app-password", "add", who, "--name", "Phone", "--scope", "imap,pop3"], Ok(())),
            (&["app-password", "add", who, "--name", "Phone"], Err(Exit::Failed)),
            (&["app-password", "add", who, "--name", " "], Err(Exit::Failed)),
            (&["app-password", "add", who], Err(Exit::Usage)),
            (&["app-password", "add", who, "--name", "Laptop", "--scope", "web"], Err(Exit::Usage)),
            (&["app-password", "add", who, "--name", "Laptop", "--scope", ""], Err(Exit::Usage)),
            (&["app-password", "add", nobody, "--name", "Phone"], Err(Exit::Missing)),
            (&["app-password", "revoke", who], Err(Exit::Usage)),
            (&["app-password", "revoke", who, "--name", "Phone", "--all"], Err(Exit::Usage)),
            (&["app-password", "revoke", who, "--name", "Laptop"], Err(Exit::Missing)),
            (&["app-password", "revoke", who, "--name", "Phone"], Ok(())),
            (&["app-password", "revoke", who, "--all"], Ok(())),
            (&["totp", who], Ok(())),
            (&["totp", who, "on"], Err(Exit::Usage)),
            (&["totp", who, "off"], Ok(())),
            (&["totp", who, "off"], Err(Exit::Missing)),
            (&["totp", nobody], Err(Exit::Missing)),
        ];
        for (words, expected) in cases {
            assert_eq!(run(&directory, words).await, expected, "{words:?}");
        }
        assert!(directory.app_passwords(&alice).await.unwrap().is_empty());
        assert!(directory.two_step(&alice).await.unwrap().is_none());
    }

    #[test]
    fn as_programs_and_people_see_it() {
        let app = AppPassword {
            key: directory::AppPasswordKey::new(7),
            name: "Phone".to_owned(),
            scope: "pop3,imap".parse().unwrap(),
            active: true,
            created: "2026-01-31T12:00:00Z".to_owned(),
            used: None,
        };
        let listed = Listed::from(&app);
        assert_eq!(listed.cells(), ["Phone", "imap,pop3", "yes", "2026-01-31", "never"]);
        let made = Made { listed, password: "abcd efgh".to_owned() };
        let expected = serde_json::json!({
            "id": 7, "name": "Phone", "scope": ["imap", "pop3"], "active": true, "created": "2026-01-31T12:00:00Z",
            "used": null, "password": "abcd efgh"
        });
        assert_eq!(serde_json::to_value(&made).unwrap(), expected);
    }
}
