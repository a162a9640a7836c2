//! `gatepost domain …`: which domains are hosted here.

use clap::{Args, Subcommand};
use directory::{Directory, DomainChange, DomainEntry, NewDomain};
use mail::{Address, Domain};
use serde::Serialize;

use super::known::{self, Known};
use super::table::{OrNone, YesNo, changed, told, yes_no};
use crate::config::Config;
use crate::output::{Failure, Output, Row};

/// What to do with domains.
#[derive(Debug, Clone, Subcommand)]
pub enum DomainCommand {
    /// Host a domain
    Add(Add),
    /// List all domains
    List,
    /// Show one domain
    Show {
        /// The domain
        name: Domain,
    },
    /// Change a domain
    Change(Change),
    /// Host a domain no longer; it must have no users left
    Remove {
        /// The domain
        name: Domain,
    },
}

/// `gatepost domain add`.
#[derive(Debug, Clone, Args)]
pub struct Add {
    /// The domain, such as example.org
    name: Domain,
    /// Another domain here, whose addresses shall be valid in this one too
    #[arg(long, value_name = "DOMAIN")]
    alias_of: Option<Domain>,
    /// Who gets mail for addresses that are not there
    #[arg(long, value_name = "ADDRESS")]
    catch_all: Option<Address>,
    /// Who gets mail for postmaster and abuse
    #[arg(long, value_name = "ADDRESS")]
    postmaster: Option<Address>,
    /// A note for people
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
}

/// `gatepost domain change`.
#[derive(Debug, Clone, Args)]
pub struct Change {
    /// The domain
    name: Domain,
    /// Whether its mail is taken and its users log in
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    active: Option<YesNo>,
    /// Another domain here, whose addresses shall be valid in this one too;
    /// or none
    #[arg(long, value_name = "DOMAIN")]
    alias_of: Option<OrNone<Domain>>,
    /// Who gets mail for addresses that are not there; or none
    #[arg(long, value_name = "ADDRESS")]
    catch_all: Option<OrNone<Address>>,
    /// Who gets mail for postmaster and abuse; or none
    #[arg(long, value_name = "ADDRESS")]
    postmaster: Option<OrNone<Address>>,
    /// A note for people
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

impl DomainCommand {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit status, a code and what to do.
    pub async fn run(self, config: &Config, directory: &Directory, out: Output) -> Result<(), Failure> {
        match self {
            Self::Add(add) => {
                let entry = directory.add_domain(&add.into()).await.map_err(|error| told(&error))?;
                changed(out, &Listed::from(&entry), &format!("domain {} added", entry.name))
            }
            Self::List => {
                let entries = directory.domains().await.map_err(|error| told(&error))?;
                out.list(&entries.iter().map(Listed::from).collect::<Vec<_>>())
            }
            Self::Show { name } => {
                let entry = directory.domain(&name).await.map_err(|error| told(&error))?;
                out.show(&Details(Listed::from(&entry)))
            }
            Self::Change(change) => {
                let (name, change) = change.split()?;
                let entry = directory.change_domain(&name, &change).await.map_err(|error| told(&error))?;
                changed(out, &Listed::from(&entry), &format!("domain {} changed", entry.name))
            }
            Self::Remove { name } => {
                directory.remove_domain(&name).await.map_err(|error| told(&error))?;
                out.done(&format!("domain {name} removed; its mail is refused from now on"))?;
                out.done(&left_in(&name, &known::orphans(config, directory).await))
            }
        }
    }
}

/// Its users went before it, but those whose rows were deleted in the database
/// have left their mail.
fn left_in(name: &Domain, orphans: &Result<Vec<Known>, Failure>) -> String {
    let Ok(orphans) = orphans else {
        return "whether mail of former users is left cannot be told, as the index does not answer".to_owned();
    };
    let ending = format!("@{name}");
    match orphans.iter().filter(|known| known.address.ends_with(&ending)).count() {
        0 => "no mail of former users is left".to_owned(),
        1 => "the mail of 1 former user is left; see gatepost user orphans".to_owned(),
        many => format!("the mail of {many} former users is left; see gatepost user orphans"),
    }
}

impl From<Add> for NewDomain {
    fn from(add: Add) -> Self {
        let Add { name, alias_of, catch_all, postmaster, comment } = add;
        Self { name, alias_of, catch_all, postmaster, comment }
    }
}

impl Change {
    fn split(self) -> Result<(Domain, DomainChange), Failure> {
        let change = DomainChange {
            active: self.active.map(YesNo::is_yes),
            alias_of: self.alias_of.map(|value| value.0),
            catch_all: self.catch_all.map(|value| value.0),
            postmaster: self.postmaster.map(|value| value.0),
            comment: self.comment,
        };
        if matches!(
            change,
            DomainChange { active: None, alias_of: None, catch_all: None, postmaster: None, comment: None }
        ) {
            return Err(Failure::usage("nothing to change was given").hint("See gatepost domain change --help."));
        }
        Ok((self.name, change))
    }
}

/// A domain as programs see it, and as a line of the table.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    active: bool,
    alias_of: Option<String>,
    catch_all: Option<String>,
    postmaster: Option<String>,
    comment: String,
    users: u64,
    aliases: u64,
    /// Null where another program's tables do not say it.
    created: Option<String>,
}

impl From<&DomainEntry> for Listed {
    fn from(entry: &DomainEntry) -> Self {
        Self {
            name: entry.name.to_string(),
            active: entry.active,
            alias_of: entry.alias_of.as_ref().map(Domain::to_string),
            catch_all: entry.catch_all.as_ref().map(Address::to_string),
            postmaster: entry.postmaster.as_ref().map(Address::to_string),
            comment: entry.comment.clone(),
            users: entry.accounts,
            aliases: entry.aliases,
            created: Some(entry.created.clone()).filter(|created| !created.is_empty()),
        }
    }
}

impl Row for Listed {
    const COLUMNS: &'static [&'static str] =
        &["domain", "active", "users", "aliases", "alias of", "catch-all", "comment"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            yes_no(self.active),
            self.users.to_string(),
            self.aliases.to_string(),
            self.alias_of.clone().unwrap_or_default(),
            self.catch_all.clone().unwrap_or_default(),
            self.comment.clone(),
        ]
    }
}

/// The same with everything, for one.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Details(Listed);

impl Row for Details {
    const COLUMNS: &'static [&'static str] =
        &["domain", "active", "users", "aliases", "alias of", "catch-all", "postmaster", "comment", "created"];

    fn cells(&self) -> Vec<String> {
        let mut cells = self.0.cells();
        cells.insert(6, self.0.postmaster.clone().unwrap_or_default());
        cells.push(self.0.created.clone().unwrap_or_else(|| "not known".to_owned()));
        cells.into_iter().map(|cell| if cell.is_empty() { "none".to_owned() } else { cell }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Exit, Format};
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: DomainCommand,
    }

    const SMALL: &str = "[server]\nhostname = \"a.example\"\ndata = \"/nowhere\"\n";

    async fn run(directory: &Directory, line: &str) -> Result<(), Exit> {
        let words = std::iter::once("domain").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|_| Exit::Usage)?;
        let config = Config::parse(SMALL, std::path::Path::new("/nowhere/gatepost.toml")).unwrap();
        line.command.run(&config, directory, Output::new(Format::Json)).await.map_err(|failure| failure.exit())
    }

    #[tokio::test]
    async fn lines_and_exit_statuses() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("d.db").display());
        let directory = Directory::open(&directory::Settings::new(url)).await.unwrap();
        let cases = [
            ("list", Ok(())),
            ("add example.org --catch-all a@example.org --comment two", Ok(())),
            ("add Example.ORG", Err(Exit::Failed)),
            ("add exa_mple..org", Err(Exit::Usage)),
            ("add alias.example --alias-of example.org", Ok(())),
            ("add other.example --alias-of nowhere.example", Err(Exit::Missing)),
            ("change example.org --active no --catch-all none", Ok(())),
            ("change example.org --active maybe", Err(Exit::Usage)),
            ("change example.org --alias-of alias.example", Err(Exit::Failed)),
            ("change example.org", Err(Exit::Usage)),
            ("show example.org", Ok(())),
            ("show nowhere.example", Err(Exit::Missing)),
            ("remove example.org", Err(Exit::Failed)),
            ("remove alias.example", Ok(())),
            ("remove example.org", Ok(())),
            ("remove example.org", Err(Exit::Missing)),
        ];
        for (line, expected) in cases {
            assert_eq!(run(&directory, line).await, expected, "{line}");
        }
    }

    #[test]
    fn mail_that_is_left_is_said() {
        let known = |address: &str| Known {
            id: 1,
            source: known::DIRECTORY.to_owned(),
            foreign_key: "1@x".to_owned(),
            address: address.to_owned(),
            path: "p".to_owned(),
        };
        let name = Domain::parse("example.org").unwrap();
        let cases = [
            (Ok(vec![known("a@sub.example.org"), known("a@example.net")]), "no mail"),
            (Ok(vec![known("a@example.org"), known("a@example.net")]), "mail of 1 former user is left"),
            (Ok(vec![known("a@example.org"); 2]), "mail of 2 former users is left"),
            (Err(Failure::failed("x")), "does not answer"),
        ];
        for (orphans, said) in cases {
            assert!(left_in(&name, &orphans).contains(said), "{said}");
        }
    }

    #[test]
    fn as_programs_and_people_see_it() {
        let entry = DomainEntry {
            name: Domain::parse("example.org").unwrap(),
            active: true,
            alias_of: None,
            catch_all: Address::parse("a@example.org").ok(),
            postmaster: None,
            comment: "c".to_owned(),
            created: "2026-01-31T12:00:00Z".to_owned(),
            accounts: 2,
            aliases: 1,
        };
        let json = serde_json::to_value(Details(Listed::from(&entry))).unwrap();
        let expected = serde_json::json!({
            "name": "example.org", "active": true, "alias_of": null, "catch_all": "a@example.org",
            "postmaster": null, "comment": "c", "users": 2, "aliases": 1, "created": "2026-01-31T12:00:00Z"
        });
        assert_eq!(json, expected);
        let listed = Listed::from(&entry);
        assert_eq!(listed.cells(), ["example.org", "yes", "2", "1", "", "a@example.org", "c"]);
        assert_eq!(Details::COLUMNS.len(), Details(listed).cells().len());
    }
}
