//! `gatepost alias …`: addresses that stand for others.

use clap::{Args, Subcommand};
use directory::{AliasEntry, Directory, Resolution};
use mail::Address;
use serde::Serialize;

use super::table::{YesNo, changed, told, yes_no};
use crate::output::{Failure, Output, Row};

/// What to do with aliases.
#[derive(Debug, Clone, Subcommand)]
pub enum AliasCommand {
    /// Let an address stand for others; one that is there gets more targets
    Add {
        /// The address, such as info@example.org
        address: Address,
        /// Where its mail goes
        #[arg(required = true)]
        targets: Vec<Address>,
    },
    /// List all aliases
    List,
    /// Show one alias
    Show {
        /// The address
        address: Address,
    },
    /// Change an alias
    Change(Change),
    /// Remove an alias, or some of its targets
    Remove {
        /// The address
        address: Address,
        /// Only these targets
        targets: Vec<Address>,
    },
}

/// `gatepost alias change`.
#[derive(Debug, Clone, Args)]
pub struct Change {
    /// The address
    address: Address,
    /// Where its mail goes, instead of where it went
    targets: Vec<Address>,
    /// Whether mail is taken
    #[arg(long, value_name = "yes|no", hide_possible_values = true)]
    active: Option<YesNo>,
}

impl AliasCommand {
    /// Runs the command.
    ///
    /// # Errors
    ///
    /// [`Failure`] with the exit status, a code and what to do.
    pub async fn run(self, directory: &Directory, out: Output) -> Result<(), Failure> {
        match self {
            Self::Add { address, targets } => {
                let entry = directory.add_alias(&address, &targets).await.map_err(|error| told(&error))?;
                let nobody = nobody_at(directory, &targets).await?;
                let entry = Listed::from(&entry);
                let mut line = format!("alias {} goes to {}", entry.address, entry.all_targets());
                if entry.targets.iter().any(|target| target.outside) {
                    // People would wonder why nothing arrives there.
                    line.push_str("; mail to an outside address is put off until sending is set up");
                }
                if !nobody.is_empty() {
                    line.push_str(&format!("; there is no user {} yet", nobody.join(", ")));
                }
                changed(out, &entry, &line)
            }
            Self::List => {
                let entries = directory.aliases().await.map_err(|error| told(&error))?;
                out.list(&entries.iter().map(Listed::from).collect::<Vec<_>>())
            }
            Self::Show { address } => {
                let entry = directory.alias(&address).await.map_err(|error| told(&error))?;
                out.show(&Listed::from(&entry))
            }
            Self::Change(change) => change.run(directory, out).await,
            Self::Remove { address, targets } => remove(directory, &address, &targets, out).await,
        }
    }
}

/// Which of the targets are in a domain of ours and belong to nobody: mostly
/// slips of the pen, which senders would be the first to notice.
async fn nobody_at(directory: &Directory, targets: &[Address]) -> Result<Vec<String>, Failure> {
    let mut nobody = Vec::new();
    for target in targets {
        let end = directory.resolve_address(target).await.map_err(|error| told(&error))?;
        if matches!(end, Resolution::NoSuchUser) {
            nobody.push(target.to_string());
        }
    }
    Ok(nobody)
}

impl Change {
    async fn run(self, directory: &Directory, out: Output) -> Result<(), Failure> {
        let address = &self.address;
        if self.targets.is_empty() && self.active.is_none() {
            return Err(Failure::usage("nothing to change was given").hint("See gatepost alias change --help."));
        }
        if !self.targets.is_empty() {
            directory.replace_alias(address, &self.targets).await.map_err(|error| told(&error))?;
        }
        let entry = match self.active {
            Some(YesNo::Yes) => directory.enable_alias(address).await,
            Some(YesNo::No) => directory.disable_alias(address).await,
            None => directory.alias(address).await,
        };
        let entry = Listed::from(&entry.map_err(|error| told(&error))?);
        changed(out, &entry, &format!("alias {} changed", entry.address))
    }
}

async fn remove(directory: &Directory, address: &Address, targets: &[Address], out: Output) -> Result<(), Failure> {
    if targets.is_empty() {
        directory.remove_alias(address).await.map_err(|error| told(&error))?;
        return out.done(&format!("alias {address} removed"));
    }
    for target in targets {
        directory.remove_target(address, target).await.map_err(|error| told(&error))?;
        out.done(&format!("alias {address} goes to {target} no longer"))?;
    }
    Ok(())
}

/// An alias as programs see it, and as a line of the table.
#[derive(Debug, Serialize)]
struct Listed {
    address: String,
    active: bool,
    targets: Vec<Target>,
}

#[derive(Debug, Serialize)]
struct Target {
    address: String,
    active: bool,
    outside: bool,
}

impl From<&AliasEntry> for Listed {
    fn from(entry: &AliasEntry) -> Self {
        let targets = entry.targets.iter().map(|target| Target {
            address: target.address.to_string(),
            active: target.active,
            outside: target.outside,
        });
        Self {
            address: entry.address.to_string(),
            active: entry.targets.iter().any(|target| target.active),
            targets: targets.collect(),
        }
    }
}

impl Listed {
    fn all_targets(&self) -> String {
        let shown = self.targets.iter().map(|target| match (target.outside, target.active || !self.active) {
            (false, true) => target.address.clone(),
            (true, true) => format!("{} (outside)", target.address),
            (false, false) => format!("{} (off)", target.address),
            (true, false) => format!("{} (outside, off)", target.address),
        });
        shown.collect::<Vec<_>>().join(", ")
    }
}

impl Row for Listed {
    const COLUMNS: &'static [&'static str] = &["address", "active", "targets"];

    fn cells(&self) -> Vec<String> {
        vec![self.address.clone(), yes_no(self.active), self.all_targets()]
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
        command: AliasCommand,
    }

    async fn run(directory: &Directory, line: &str) -> Result<(), Exit> {
        let words = std::iter::once("alias").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|_| Exit::Usage)?;
        line.command.run(directory, Output::new(Format::Json)).await.map_err(|failure| failure.exit())
    }

    #[tokio::test]
    async fn lines_and_exit_statuses() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("d.db").display());
        let directory = Directory::open(&directory::Settings::new(url)).await.unwrap();
        let domain = mail::Domain::parse("example.org").unwrap();
        directory.add_domain(&directory::NewDomain::new(domain)).await.unwrap();
        let cases = [
            ("add info@example.org a@example.org b@else.example", Ok(())),
            ("add info@example.org a@example.org", Err(Exit::Failed)),
            ("add info@example.org", Err(Exit::Usage)),
            ("add a@example.org info@example.org", Err(Exit::Failed)),
            ("add info@nowhere.example a@example.org", Err(Exit::Missing)),
            ("list", Ok(())),
            ("show INFO@example.org", Ok(())),
            ("show a@example.org", Err(Exit::Missing)),
            ("change info@example.org c@example.org --active no", Ok(())),
            ("change info@example.org", Err(Exit::Usage)),
            ("remove info@example.org a@example.org", Err(Exit::Missing)),
            ("remove info@example.org c@example.org", Ok(())),
            ("remove info@example.org", Err(Exit::Missing)),
        ];
        for (line, expected) in cases {
            assert_eq!(run(&directory, line).await, expected, "{line}");
        }
        let targets = ["slip@example.org", "b@else.example", "postmaster@example.org"];
        let targets = targets.map(|target| Address::parse(target).unwrap());
        assert_eq!(nobody_at(&directory, &targets).await, Ok(vec!["slip@example.org".to_owned()]));
    }

    #[test]
    fn as_programs_and_people_see_it() {
        let target = |text: &str, active, outside| directory::AliasTarget {
            address: Address::parse(text).unwrap(),
            active,
            outside,
        };
        let entry = AliasEntry {
            address: Address::parse("info@example.org").unwrap(),
            targets: vec![target("a@example.org", true, false), target("b@else.example", false, true)],
        };
        let listed = Listed::from(&entry);
        assert_eq!(listed.cells(), ["info@example.org", "yes", "a@example.org, b@else.example (outside, off)"]);
        let json = serde_json::to_value(&listed).unwrap();
        let expected = serde_json::json!({ "address": "info@example.org", "active": true, "targets": [
            { "address": "a@example.org", "active": true, "outside": false },
            { "address": "b@else.example", "active": false, "outside": true },
        ] });
        assert_eq!(json, expected);
    }
}
