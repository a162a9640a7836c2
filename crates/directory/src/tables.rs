//! Whose tables the directory reads: our own, or those of another program by
//! statements that name what they return; or what stands in the place of tables.

use std::path::PathBuf;

use crate::ldap_settings::LdapSettings;
use crate::query::{Query, QueryError};

/// Whose tables they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tables {
    /// Our own, made and brought up to date by us.
    #[default]
    Own,
    /// Another program's; the schema is not touched.
    Foreign(Box<Queries>),
    /// None: users stand in this file, a line for each.
    Users(PathBuf),
    /// None: users stand in an LDAP server.
    Ldap(Box<LdapSettings>),
}

/// How another program's tables are asked. Columns are found by their names, in
/// any order; those in brackets may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queries {
    /// The domain `:domain`: `name`, `[active]`, `[alias_of]`, `[catch_all]`,
    /// `[postmaster]`; the last two may name several addresses with commas
    /// between them.
    pub domain: Query,
    /// All domains: as `domain`, and `[comment]`, `[accounts]`, `[aliases]`
    /// (how many are in it).
    pub domains: Query,
    /// The account `:address`: `id`, `password`, `[address]`, `[name]`,
    /// `[quota_bytes]`, `[active]`, `[created]`, `[language]`, `[time_zone]`.
    pub account: Query,
    /// Where mail to `:address` goes: `target` (several with commas between
    /// them), `[address]` (a row of another one, which a collation takes for the
    /// same, is left out), `[active]`, `[exclusive]` (an account of the address
    /// gets a copy only if it is one of the targets).
    pub alias: Query,
    /// All accounts, as `account`; for lists only.
    pub accounts: Option<Query>,
    /// All aliases: `address` and the columns of `alias`; for lists only.
    pub aliases: Option<Query>,
    /// Puts the hash `:new` in the place of `:old` for `:address`. Without it
    /// nobody changes a password here.
    pub set_password: Option<Query>,
}

/// The texts of a preset, in the order of [`Queries`].
struct Texts {
    domain: &'static str,
    domains: &'static str,
    account: &'static str,
    alias: &'static str,
    accounts: &'static str,
    aliases: &'static str,
    set_password: &'static str,
}

/// `PostfixAdmin` 3 on MySQL. Each mailbox has an alias of its own address, and
/// mail goes where that says. The domain `ALL` stands for its own
/// administrators.
const POSTFIXADMIN: Texts = Texts {
    domain: "SELECT d.domain AS name, d.active, \
        (SELECT x.target_domain FROM alias_domain x WHERE x.alias_domain = d.domain AND x.active = 1) AS alias_of, \
        (SELECT x.goto FROM alias x WHERE x.address = CONCAT('@', d.domain) AND x.active = 1) AS catch_all \
        FROM domain d WHERE d.domain = :domain AND d.domain <> 'ALL' AND d.backupmx = 0",
    domains: "SELECT d.domain AS name, d.active, d.description AS comment, \
        (SELECT x.target_domain FROM alias_domain x WHERE x.alias_domain = d.domain AND x.active = 1) AS alias_of, \
        (SELECT x.goto FROM alias x WHERE x.address = CONCAT('@', d.domain) AND x.active = 1) AS catch_all, \
        (SELECT COUNT(*) FROM mailbox x WHERE x.domain = d.domain) AS accounts, \
        (SELECT COUNT(*) FROM alias x WHERE x.domain = d.domain AND x.address <> x.goto) AS aliases, \
        CAST(d.created AS CHAR) AS created \
        FROM domain d WHERE d.domain <> 'ALL' AND d.backupmx = 0 ORDER BY d.domain",
    account: "SELECT username AS id, username AS address, password, name, active, \
        CASE WHEN quota > 0 THEN quota END AS quota_bytes, CAST(created AS CHAR) AS created \
        FROM mailbox WHERE username = :address",
    alias: "SELECT address, goto AS target, active, 1 AS exclusive FROM alias WHERE address = :address",
    accounts: "SELECT username AS id, username AS address, password, name, active, \
        CASE WHEN quota > 0 THEN quota END AS quota_bytes, CAST(created AS CHAR) AS created \
        FROM mailbox ORDER BY domain, local_part",
    aliases: "SELECT address, goto AS target, active FROM alias \
        WHERE address <> goto AND address NOT LIKE '@%' ORDER BY domain, address",
    set_password: "UPDATE mailbox SET password = :new, modified = CURRENT_TIMESTAMP \
        WHERE username = :address AND password = :old",
};

/// The tables of the ISPmail tutorial (workaround.org), since Debian 9.
const ISPMAIL: Texts = Texts {
    domain: "SELECT d.name, (SELECT GROUP_CONCAT(x.destination) FROM virtual_aliases x \
        WHERE x.source = CONCAT('@', d.name)) AS catch_all FROM virtual_domains d WHERE d.name = :domain",
    domains: "SELECT d.name, (SELECT GROUP_CONCAT(x.destination) FROM virtual_aliases x \
        WHERE x.source = CONCAT('@', d.name)) AS catch_all, \
        (SELECT COUNT(*) FROM virtual_users x WHERE x.domain_id = d.id) AS accounts, \
        (SELECT COUNT(DISTINCT x.source) FROM virtual_aliases x WHERE x.domain_id = d.id) AS aliases \
        FROM virtual_domains d ORDER BY d.name",
    account: "SELECT id, email AS address, password, CASE WHEN quota > 0 THEN quota END AS quota_bytes \
        FROM virtual_users WHERE email = :address",
    alias: "SELECT source AS address, destination AS target, 1 AS exclusive FROM virtual_aliases WHERE source = :address ORDER BY id",
    accounts: "SELECT id, email AS address, password, CASE WHEN quota > 0 THEN quota END AS quota_bytes \
        FROM virtual_users ORDER BY domain_id, email",
    aliases: "SELECT source AS address, destination AS target FROM virtual_aliases \
        WHERE source NOT LIKE '@%' ORDER BY domain_id, source, id",
    set_password: "UPDATE virtual_users SET password = :new WHERE email = :address AND password = :old",
};

impl Queries {
    /// For the tables of `PostfixAdmin`.
    ///
    /// # Errors
    ///
    /// None; a test reads the texts.
    pub fn postfixadmin() -> Result<Self, QueryError> {
        Self::read(&POSTFIXADMIN)
    }

    /// For the tables of the ISPmail tutorial.
    ///
    /// # Errors
    ///
    /// None; a test reads the texts.
    pub fn ispmail() -> Result<Self, QueryError> {
        Self::read(&ISPMAIL)
    }

    fn read(texts: &Texts) -> Result<Self, QueryError> {
        Ok(Self {
            domain: Query::parse(texts.domain)?,
            domains: Query::parse(texts.domains)?,
            account: Query::parse(texts.account)?,
            alias: Query::parse(texts.alias)?,
            accounts: Some(Query::parse(texts.accounts)?),
            aliases: Some(Query::parse(texts.aliases)?),
            set_password: Some(Query::parse(texts.set_password)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_can_be_read() {
        Queries::postfixadmin().unwrap();
        Queries::ispmail().unwrap();
    }
}
