//! Reading tables of another program: rows whose columns are found by name, and
//! are looked at as closely as anything from outside.

use mail::{Address, Domain};
use sha2::{Digest, Sha256};
use sql::{Arg, Pool, Row};
use tracing::warn;

use super::{Source, WithHash};
use crate::explain::{Question, ShownRow};
use crate::query::{Query, Values};
use crate::rows::{self, Checked, Hosted, Target, bad, usable, usable_or_not};
use crate::tables::Queries;
use crate::{Account, AccountKey, AliasEntry, AliasTarget, Credentials, DirectoryError, DomainEntry, StoredHash};

/// The most rows of targets that are looked at.
const MAX_ROWS: usize = 1001;

/// The tables of another program; the schema is not touched.
#[derive(Debug)]
pub(crate) struct Foreign {
    pool: Pool,
    queries: Queries,
}

impl Foreign {
    pub(crate) fn new(pool: Pool, queries: Queries) -> Self {
        Self { pool, queries }
    }

    /// Rows of one address, which lie behind each other, as one alias.
    async fn entries(&self, rows: Vec<(Address, Vec<Target>)>) -> Result<Vec<AliasEntry>, DirectoryError> {
        let hosted: Vec<Domain> = self.domains().await?.into_iter().map(|domain| domain.name).collect();
        let mut entries: Vec<AliasEntry> = Vec::new();
        for (address, targets) in rows {
            let targets = targets.into_iter().map(|Target { address, active, .. }| {
                let outside = !hosted.contains(address.domain());
                AliasTarget { address, active, outside }
            });
            match entries.last_mut() {
                Some(entry) if entry.address == address => entry.targets.extend(targets),
                _ => entries.push(AliasEntry { address, targets: targets.collect() }),
            }
        }
        Ok(entries)
    }

    async fn ask<T: Send + Unpin>(
        &self,
        query: &Query,
        values: &Values<'_>,
        read: impl Fn(&Row) -> Checked<T> + Send + Sync,
    ) -> Result<Vec<Checked<T>>, DirectoryError> {
        let args: Vec<Arg<'_>> = query.args(values);
        match self.pool.fetch_all(query.sql(), &args, |row| Ok(read(row))).await {
            // An address in Chinese is in no column of latin1; one in ASCII
            // could be, and then something is wrong with the query.
            Err(error) if error.is_of_other_characters() && !values.are_ascii() => Ok(Vec::new()),
            answer => Ok(answer?),
        }
    }
}

impl Source for Foreign {
    async fn ping(&self) -> Result<(), DirectoryError> {
        Ok(self.pool.ping().await?)
    }

    async fn close(&self) {
        self.pool.close().await;
    }

    async fn hosted(&self, domain: &Domain) -> Result<Option<Hosted>, DirectoryError> {
        let values = Values { domain: domain.as_str(), ..Values::default() };
        let rows = self.ask(&self.queries.domain, &values, |row| hosted(&Fields { row, what: "domain" })).await?;
        first(rows, |hosted| hosted.name == *domain)
    }

    async fn account(&self, address: &Address) -> Result<Option<WithHash>, DirectoryError> {
        let normal = address.normal();
        let read = |row: &Row| account(&Fields { row, what: "account" }, Some(address));
        let rows = self.ask(&self.queries.account, &Values::of(address, &normal), read).await?;
        // Collations take 'jörg' for equal to 'jorg'; we do not.
        first(rows, |(account, _)| account.address == *address)
    }

    /// What cannot be used is logged, and is an error only where nothing else
    /// is left.
    async fn targets(&self, address: &Address) -> Result<Vec<Target>, DirectoryError> {
        let normal = address.normal();
        let read = |row: &Row| {
            let fields = Fields { row, what: "alias" };
            // Collations take 'jörg' for equal to 'jorg'; we do not.
            let is_it = row.position("address").is_none() || fields.address("address")? == *address;
            if is_it { targets(&fields, address) } else { Ok(Vec::new()) }
        };
        let rows = self.ask(&self.queries.alias, &Values::of(address, &normal), read).await?;
        let (mut good, mut wrong) = (Vec::new(), None);
        for row in rows.into_iter().take(MAX_ROWS) {
            match row {
                Ok(targets) => good.extend(targets),
                Err(error) => {
                    warn!(%error, %address, "target of an alias is skipped");
                    wrong = Some(error);
                }
            }
        }
        wrong.filter(|_| good.is_empty()).map_or(Ok(good), Err)
    }

    async fn domains(&self) -> Result<Vec<DomainEntry>, DirectoryError> {
        let read = |row: &Row| domain_entry(&Fields { row, what: "domain" });
        Ok(usable(self.ask(&self.queries.domains, &Values::default(), read).await?))
    }

    async fn accounts(&self, of: Option<&Domain>) -> Result<Vec<Checked<WithHash>>, DirectoryError> {
        let Some(query) = &self.queries.accounts else { return Err(DirectoryError::NoQuery("accounts")) };
        let read = |row: &Row| account(&Fields { row, what: "account" }, None);
        let mut rows = self.ask(query, &Values::default(), read).await?;
        if let Some(domain) = of {
            rows.retain(|row| row.as_ref().is_ok_and(|(account, _)| account.address.domain() == domain));
        }
        Ok(rows)
    }

    async fn aliases(&self) -> Result<Vec<AliasEntry>, DirectoryError> {
        let Some(query) = &self.queries.aliases else { return Err(DirectoryError::NoQuery("aliases")) };
        let read = |row: &Row| {
            let fields = Fields { row, what: "alias" };
            let address = fields.address("address")?;
            let targets = targets(&fields, &address)?;
            Ok((address, targets))
        };
        let rows = usable(self.ask(query, &Values::default(), read).await?);
        self.entries(rows).await
    }

    /// Where no query lists them all, by the one that mail is delivered by.
    async fn alias(&self, address: &Address) -> Result<Option<AliasEntry>, DirectoryError> {
        let entries = match &self.queries.aliases {
            Some(_) => self.aliases().await?,
            None => self.entries(vec![(address.clone(), self.targets(address).await?)]).await?,
        };
        Ok(entries.into_iter().find(|entry| entry.address == *address && !entry.targets.is_empty()))
    }

    async fn place(&self, question: Question) -> String {
        format!("[directory] {}_query", question.as_str())
    }

    /// Just what the query returns, whether it can be used or not.
    async fn shown(&self, question: Question, about: &Address) -> Result<Vec<ShownRow>, DirectoryError> {
        let normal = about.normal();
        let (query, known) = match question {
            Question::Domain => (&self.queries.domain, DOMAIN),
            Question::Account => (&self.queries.account, ACCOUNT),
            Question::Alias => (&self.queries.alias, ALIAS),
        };
        let values = match question {
            Question::Domain => Values { domain: about.domain().as_str(), ..Values::default() },
            _ => Values::of(about, &normal),
        };
        let rows = self.ask(query, &values, |row| Ok(as_it_came(row, known))).await?;
        rows.into_iter().take(MAX_ROWS).collect()
    }

    async fn replace_hash(&self, whose: &Credentials, new: &StoredHash) -> Result<bool, DirectoryError> {
        let Some(old) = &whose.hash else { return Ok(false) };
        let Some(query) = &self.queries.set_password else { return Err(DirectoryError::NoQuery("set_password")) };
        let normal = whose.address.normal();
        let values = Values { old: old.expose(), new: new.expose(), ..Values::of(&whose.address, &normal) };
        Ok(self.pool.execute(query.sql(), &query.args(&values)).await?.rows > 0)
    }
}

/// The columns that mean something.
const DOMAIN: &[&str] = &["name", "active", "alias_of", "catch_all", "postmaster"];
const ACCOUNT: &[&str] =
    &["id", "address", "password", "name", "active", "quota_bytes", "created", "language", "time_zone"];
const ALIAS: &[&str] = &["address", "target", "active", "exclusive"];

fn as_it_came(row: &Row, known: &[&str]) -> ShownRow {
    let mut shown = ShownRow::default();
    for (column, name) in row.names().into_iter().enumerate() {
        let lower = name.to_ascii_lowercase();
        if !known.contains(&lower.as_str()) {
            shown.unused.push(name.to_owned());
            continue;
        }
        let value = match row.any(column) {
            Ok(value) if lower == "password" => value.map(|hash| StoredHash::new(hash).shape()),
            Ok(value) => value,
            Err(_) => Some("(neither a text nor a number)".to_owned()),
        };
        shown.columns.push((lower, value));
    }
    shown
}

/// The row that was asked for. One that cannot be used is an error, since
/// taking it for missing would bounce mail.
fn first<T>(rows: Vec<Checked<T>>, is_it: impl Fn(&T) -> bool) -> Result<Option<T>, DirectoryError> {
    let mut wrong = None;
    for row in rows {
        match row {
            Ok(row) if is_it(&row) => return Ok(Some(row)),
            Ok(_) => {}
            Err(error) => wrong = Some(error),
        }
    }
    wrong.map_or(Ok(None), Err)
}

/// A row, and which question it answers.
struct Fields<'r> {
    row: &'r Row,
    what: &'static str,
}

impl Fields<'_> {
    /// A text or number; `None` where there is no such column, and where it is
    /// NULL or empty.
    fn optional(&self, name: &str) -> Checked<Option<String>> {
        let Some(column) = self.row.position(name) else { return Ok(None) };
        let value = self.row.any(column).map_err(|error| self.wrong(name, error))?;
        Ok(value.filter(|value| !value.trim().is_empty()))
    }

    fn required(&self, name: &str) -> Checked<String> {
        if self.row.position(name).is_none() {
            return Err(self.wrong(name, "the query returns no such column"));
        }
        self.optional(name)?.ok_or_else(|| self.wrong(name, "it is empty"))
    }

    fn text(&self, name: &str) -> Checked<String> {
        Ok(self.optional(name)?.unwrap_or_default())
    }

    /// Yes where there is no such column.
    fn yes(&self, name: &str) -> Checked<bool> {
        let Some(column) = self.row.position(name) else { return Ok(true) };
        let value = self.row.any(column).map_err(|error| self.wrong(name, error))?.unwrap_or_default();
        match value.trim().to_ascii_lowercase().as_str() {
            "1" | "y" | "yes" | "true" | "t" => Ok(true),
            "" | "0" | "n" | "no" | "false" | "f" => Ok(false),
            other => Err(self.wrong(name, format!("{other:?} is neither yes nor no"))),
        }
    }

    fn number(&self, name: &str) -> Checked<Option<u64>> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|error| self.wrong(name, format!("{text:?}: {error}")))
    }

    fn address(&self, name: &str) -> Checked<Address> {
        let text = self.required(name)?;
        Address::parse(text.trim()).map_err(|error| self.wrong(name, format!("{text:?}: {error}")))
    }

    fn domain(&self, name: &str) -> Checked<Option<Domain>> {
        let Some(text) = self.optional(name)? else { return Ok(None) };
        Domain::parse(text.trim()).map(Some).map_err(|error| self.wrong(name, format!("{text:?}: {error}")))
    }

    fn wrong(&self, name: &str, reason: impl std::fmt::Display) -> DirectoryError {
        bad(self.what, format!("{name}: {reason}"))
    }
}

fn hosted(fields: &Fields<'_>) -> Checked<Hosted> {
    let Some(name) = fields.domain("name")? else { return Err(fields.wrong("name", "it is empty")) };
    let (alias_of, no_domain) = usable_or_not(fields.domain("alias_of"), "alias_of", &name)?;
    let (catch_all, no_address) = usable_or_not(addresses(fields, "catch_all").map(Some), "catch_all", &name)?;
    let (postmaster, _) = usable_or_not(addresses(fields, "postmaster").map(Some), "postmaster", &name)?;
    let (catch_all, of_domain) = catch_all.unwrap_or_default();
    Ok(Hosted {
        active: fields.yes("active")?,
        alias_of: alias_of.or(of_domain),
        catch_all,
        postmaster: postmaster.and_then(|(addresses, _)| addresses.into_iter().next()),
        unusable: no_domain.or(no_address),
        name,
    })
}

fn domain_entry(fields: &Fields<'_>) -> Checked<DomainEntry> {
    let hosted = hosted(fields)?;
    Ok(DomainEntry {
        name: hosted.name,
        active: hosted.active,
        alias_of: hosted.alias_of,
        catch_all: hosted.catch_all.into_iter().next(),
        postmaster: hosted.postmaster,
        comment: fields.text("comment")?,
        created: time(&fields.text("created")?),
        accounts: fields.number("accounts")?.unwrap_or(0),
        aliases: fields.number("aliases")?.unwrap_or(0),
    })
}

fn account(fields: &Fields<'_>, asked: Option<&Address>) -> Checked<(Account, Option<StoredHash>)> {
    let address = match asked {
        Some(asked) if fields.row.position("address").is_none() => asked.clone(),
        _ => fields.address("address")?,
    };
    let hash = fields.optional("password")?.map(StoredHash::new);
    let account = Account {
        key: key(&fields.required("id")?),
        name: fields.text("name")?,
        quota: fields.number("quota_bytes")?,
        active: fields.yes("active")?,
        has_password: hash.is_some(),
        language: fields.text("language")?,
        time_zone: fields.text("time_zone")?,
        created: time(&fields.text("created")?),
        address,
    };
    Ok((account, hash))
}

/// A number as it is; of any other key a number that is made of it, which no
/// two keys share for all that can happen (63 bits of its SHA-256).
pub(super) fn key(id: &str) -> AccountKey {
    let made = || {
        let mut first = [0; 8];
        first.copy_from_slice(&Sha256::digest(id.as_bytes())[..8]);
        i64::from_be_bytes(first) & i64::MAX
    };
    AccountKey::new(id.parse().unwrap_or_else(|_| made()))
}

/// A time as SQL writes it, in the form of RFC 3339. Tables of others mostly do
/// not say of which zone it is.
fn time(text: &str) -> String {
    let text = text.trim();
    let of_no_zone = text.len() == 19 && text.as_bytes()[4] == b'-';
    if of_no_zone { rows::rfc3339(text) } else { text.to_owned() }
}

fn targets(fields: &Fields<'_>, of: &Address) -> Checked<Vec<Target>> {
    let (active, exclusive) = (fields.yes("active")?, fields.row.position("exclusive").is_some());
    let exclusive = exclusive && fields.yes("exclusive")?;
    let (addresses, _) = addresses(fields, "target")?;
    let meant = addresses.into_iter().filter(|address| !is_of_vacation(address, of));
    Ok(meant.map(|address| Target { address, active, exclusive }).collect())
}

/// Addresses with commas between them, and the domain of the first `@domain`,
/// which stands for "the same there". What cannot be read is logged, and is an
/// error only where nothing else is left.
fn addresses(fields: &Fields<'_>, name: &str) -> Checked<(Vec<Address>, Option<Domain>)> {
    let (mut good, mut of_domain, mut wrong) = (Vec::new(), None, None);
    let text = fields.text(name)?;
    for one in text.split([',', '\n']).map(str::trim).filter(|one| !one.is_empty()) {
        let read = match one.strip_prefix('@') {
            Some(domain) => Domain::parse(domain)
                .map(|domain| _ = of_domain.get_or_insert(domain))
                .map_err(|error| error.to_string()),
            None => Address::parse(one).map(|address| good.push(address)).map_err(|error| error.to_string()),
        };
        if let Err(error) = read {
            let error = fields.wrong(name, format!("{one:?}: {error}"));
            warn!(%error, "an address is skipped");
            wrong = Some(error);
        }
    }
    wrong.filter(|_| good.is_empty() && of_domain.is_none()).map_or(Ok((good, of_domain)), Err)
}

/// `PostfixAdmin` sends a copy of each message of somebody who is away to
/// `user#example.org@autoreply.example.net`, for a program beside Postfix. Here
/// it would be an address elsewhere that takes no mail. How that domain is
/// called is a setting there.
fn is_of_vacation(address: &Address, of: &Address) -> bool {
    address.local().as_str().split_once('#') == Some((of.local().as_str(), of.domain().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let cases = [
            ("2024-05-06 07:08:09", "2024-05-06T07:08:09Z"),
            ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z"),
            ("2024-05-06T07:08:09+02:00", "2024-05-06T07:08:09+02:00"),
            ("1714979289", "1714979289"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(time(text), expected);
        }
    }

    #[test]
    fn vacations() {
        let address = |text: &str| Address::parse(text).unwrap();
        let away = address("away@example.org");
        for (target, expected) in [
            ("away#example.org@autoreply.example.org", true),
            ("away#example.org@vacation.example.net", true),
            ("other#example.org@autoreply.example.org", false),
            ("away@example.org", false),
        ] {
            assert_eq!(is_of_vacation(&address(target), &away), expected, "{target}");
        }
    }

    #[test]
    fn keys() {
        assert_eq!(key("17"), AccountKey::new(17));
        assert_eq!(key("alice@example.org"), key("alice@example.org"));
        assert_ne!(key("alice@example.org"), key("bob@example.org"));
        assert!(key("alice@example.org").as_i64() > 0);
    }
}
