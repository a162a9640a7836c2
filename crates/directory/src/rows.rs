//! Rows checked like data from outside: people write into these tables.

use mail::{Address, AddressError, Domain, LocalPart};
use sql::{Row, SqlError};
use tracing::warn;

use crate::{Account, AccountKey, DirectoryError, DomainEntry};

/// What resolution needs of a domain.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) name: Domain,
    pub(crate) active: bool,
    pub(crate) alias_of: Option<Domain>,
    pub(crate) catch_all: Vec<Address>,
    pub(crate) postmaster: Option<Address>,
    /// A column that cannot be used. Who is found without it gets mail
    /// nevertheless; all others are put off, since they may be meant by it.
    pub(crate) unusable: Option<String>,
}

/// Where an alias leads.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) active: bool,
    /// An account of the alias' own address gets a copy only if it is one of
    /// the targets.
    pub(crate) exclusive: bool,
}

/// A row, or what is wrong with it. The outer result is the database's.
pub(crate) type Checked<T> = Result<T, DirectoryError>;

/// Puts a local part without quotes and a domain together.
pub(crate) fn address(local: &str, domain: &str) -> Result<Address, AddressError> {
    let domain = Domain::parse(domain)?;
    let plain = if local.starts_with('"') { Err(AddressError::BadQuoting) } else { LocalPart::parse(local) };
    let local = plain.or_else(|_| {
        let escaped = local.replace('\\', "\\\\").replace('"', "\\\"");
        LocalPart::parse(&format!("\"{escaped}\""))
    })?;
    Ok(Address::new(local, domain))
}

pub(crate) fn hosted(row: &Row) -> Checked<Hosted> {
    let name = domain_at(row, 0)?;
    let (alias_of, no_domain) = usable_or_not(optional(row, 2, Domain::parse), "alias_of", &name)?;
    let (catch_all, no_address) = usable_or_not(optional(row, 3, Address::parse), "catch_all", &name)?;
    // Without one, mail to postmaster goes where it goes without a column.
    let (postmaster, _) = usable_or_not(optional(row, 4, Address::parse), "postmaster", &name)?;
    Ok(Hosted {
        active: row.int(1)? != 0,
        alias_of,
        catch_all: catch_all.into_iter().collect(),
        postmaster,
        unusable: no_domain.or(no_address),
        name,
    })
}

pub(crate) fn domain_entry(row: &Row) -> Checked<DomainEntry> {
    let hosted = hosted(row)?;
    Ok(DomainEntry {
        name: hosted.name,
        active: hosted.active,
        alias_of: hosted.alias_of,
        catch_all: hosted.catch_all.into_iter().next(),
        postmaster: hosted.postmaster,
        comment: row.text(5)?.to_owned(),
        created: rfc3339(row.text(6)?),
        accounts: count(row, 7)?,
        aliases: count(row, 8)?,
    })
}

pub(crate) fn account(row: &Row) -> Checked<Account> {
    account_from(row, 0)
}

/// A domain, the account in it where there is one, and how many targets an
/// alias of the address has.
pub(crate) fn looked_up(row: &Row) -> Checked<(Hosted, Option<Account>, u64)> {
    let account = if row.opt_int(6)?.is_some() { Some(account_from(row, 6)?) } else { None };
    Ok((hosted(row)?, account, count(row, 5)?))
}

/// The ten columns of an account, of which the first is this one.
fn account_from(row: &Row, first: usize) -> Checked<Account> {
    let key = AccountKey::new(row.int(first)?);
    let address = address(row.text(first + 1)?, row.text(first + 2)?)
        .map_err(|error| bad("account", format!("the address of id {key}: {error}")))?;
    Ok(Account {
        key,
        address,
        name: row.text(first + 3)?.to_owned(),
        quota: row.opt_int(first + 4)?.map(|bytes| u64::try_from(bytes).unwrap_or(0)),
        active: row.int(first + 5)? != 0,
        has_password: row.int(first + 6)? != 0,
        language: row.text(first + 7)?.to_owned(),
        time_zone: row.text(first + 8)?.to_owned(),
        created: rfc3339(row.text(first + 9)?),
    })
}

pub(crate) fn domain_at(row: &Row, column: usize) -> Checked<Domain> {
    let text = row.text(column)?;
    Domain::parse(text).map_err(|error| bad("domain", format!("{text:?}: {error}")))
}

pub(crate) fn count(row: &Row, column: usize) -> Result<u64, SqlError> {
    Ok(u64::try_from(row.int(column)?).unwrap_or(0))
}

pub(crate) fn bad(table: &'static str, reason: String) -> DirectoryError {
    DirectoryError::BadRow { table, reason }
}

/// For lists: what cannot be used is logged and left out.
pub(crate) fn usable<T>(rows: Vec<Checked<T>>) -> Vec<T> {
    rows.into_iter().filter_map(|row| row.inspect_err(|error| warn!(%error, "row is skipped")).ok()).collect()
}

/// A column that people wrote something else into is said and left out.
pub(crate) fn usable_or_not<T>(
    read: Checked<Option<T>>,
    column: &str,
    domain: &Domain,
) -> Result<(Option<T>, Option<String>), DirectoryError> {
    match read {
        Ok(value) => Ok((value, None)),
        Err(DirectoryError::BadRow { reason, .. }) => {
            let reason = format!("{domain}: {column}: {reason}");
            warn!(reason, "a column of the domain cannot be used");
            Ok((None, Some(reason)))
        }
        Err(error) => Err(error),
    }
}

/// NULL and empty text both mean "none": web tools write the latter.
fn optional<T, E: std::fmt::Display>(
    row: &Row,
    column: usize,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Checked<Option<T>> {
    let Some(text) = row.opt_text(column)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    parse(text).map(Some).map_err(|error| bad("domain", format!("{text:?}: {error}")))
}

/// `2026-01-31 12:00:00`, as both engines write it, in the form of RFC 3339.
pub(crate) fn rfc3339(text: &str) -> String {
    format!("{}Z", text.replacen(' ', "T", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_parts_are_stored_without_quotes() {
        for local in ["alice", "a b", "\"", "\"a\"", "a\\b", "a@b", ".a"] {
            let address = address(local, "example.org").unwrap();
            assert_eq!(address.local().as_str(), local);
            assert_eq!(Address::parse(&address.to_string()).unwrap(), address);
        }
        for bad in ["", "a\nb", "a\0"] {
            assert!(address(bad, "example.org").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(rfc3339("2026-01-31 12:00:00"), "2026-01-31T12:00:00Z");
    }
}
