//! `[directory] preset` and the queries beside it: whose tables the directory
//! has; or `users`, a file in their place.

use std::path::PathBuf;

use directory::{LdapSettings, Queries, Query, Tables};
use toml::Spanned;
use toml::de::DeValue;

use super::super::reader::{Document, Section};
use super::super::value::{Choice, DatabaseUrl, Setting, Words, Wrong, text};
use super::ldap::ldap;

/// Whose tables the directory has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preset {
    Gatepost,
    PostfixAdmin,
    IspMail,
    Custom,
    Ldap,
}

impl Words for Preset {
    const KIND: &'static str = "\"gatepost\", \"postfixadmin\", \"ispmail\", \"custom\" or \"ldap\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("gatepost", Self::Gatepost),
        ("postfixadmin", Self::PostfixAdmin),
        ("ispmail", Self::IspMail),
        ("custom", Self::Custom),
        ("ldap", Self::Ldap),
    ];
}

/// A statement with names in it.
struct Statement(Query);

impl Setting for Statement {
    const KIND: &'static str = "an SQL statement";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        Query::parse(text(value)?).map(Self).map_err(|error| Wrong::new(value.span(), error.to_string(), ""))
    }

    fn show(&self) -> String {
        String::new()
    }
}

const USERS: &str = "A file of users in the place of a database, for tiny sites: a line `address:hash` for each; \
     docs/directory.md describes it. It is read again when it changes. Neither `url` nor `preset` stands beside it then.";

/// `url` is the database that the file names.
pub(in super::super) fn tables(document: &Document<'_>, s: &Section<'_>, url: Option<&DatabaseUrl>) -> Tables {
    let users: Option<PathBuf> = s.optional("users", "none", USERS);
    let Choice(preset) = s.get(
        "preset",
        Choice(Preset::Gatepost),
        "Whose tables they are: `gatepost` for our own, made and kept by us; `postfixadmin` (version 3) and `ispmail` \
         for those of PostfixAdmin and of the ISPmail tutorial; `custom` for any others, by the queries below; `ldap` for \
         none, but the server of `[ldap]`. Tables of others are read, and nothing but passwords is changed in them.",
    );
    let given = given(s);
    let server = ldap(document);
    if let Some(users) = users {
        if url.is_some() || preset != Preset::Gatepost || given.iter().any(Option::is_some) {
            let what = "users is a file in the place of a database, and a database is named too".to_owned();
            document.wrong_key("directory", "users", what, "take out one of them".to_owned());
        }
        return Tables::Users(document.path(users));
    }
    let known = match preset {
        Preset::Ldap => {
            if url.is_some() || given.iter().any(Option::is_some) {
                let what = "users are in LDAP, and a database or a query is named too".to_owned();
                document.wrong_key("directory", "preset", what, "take out one of them".to_owned());
            }
            return in_ldap(document, server);
        }
        Preset::Gatepost if given.iter().all(Option::is_none) => return Tables::Own,
        Preset::Gatepost => {
            let what = "queries are for another program's tables, and the preset is \"gatepost\"".to_owned();
            let hint = "preset = \"custom\", or one of the other presets, whose queries these replace".to_owned();
            document.wrong_key("directory", "preset", what, hint);
            return Tables::Own;
        }
        Preset::PostfixAdmin => Queries::postfixadmin().ok(),
        Preset::IspMail => Queries::ispmail().ok(),
        Preset::Custom => None,
    };
    let [domain, domains, account, alias, accounts, aliases, set_password] = given;
    let known = match known {
        Some(known) => Queries {
            domain: domain.unwrap_or(known.domain),
            domains: domains.unwrap_or(known.domains),
            account: account.unwrap_or(known.account),
            alias: alias.unwrap_or(known.alias),
            accounts: accounts.or(known.accounts),
            aliases: aliases.or(known.aliases),
            set_password: set_password.or(known.set_password),
        },
        None => {
            let needed = |query: Option<Query>, key: &'static str| {
                if query.is_none() {
                    let what = format!("[directory] {key} is missing, and the preset is \"custom\"");
                    let hint = "docs/configuration.md says what each query must return".to_owned();
                    document.wrong_key("directory", key, what, hint);
                }
                query
            };
            let domain = needed(domain, "domain_query");
            let domains = needed(domains, "domains_query");
            let account = needed(account, "account_query");
            let alias = needed(alias, "alias_query");
            let (Some(domain), Some(domains), Some(account), Some(alias)) = (domain, domains, account, alias) else {
                return Tables::Own;
            };
            Queries { domain, domains, account, alias, accounts, aliases, set_password }
        }
    };
    Tables::Foreign(Box::new(known))
}

fn in_ldap(document: &Document<'_>, server: Result<LdapSettings, Vec<&'static str>>) -> Tables {
    match server {
        Ok(settings) => Tables::Ldap(Box::new(settings)),
        Err(missing) => {
            for key in missing {
                let what = format!("[ldap] {key} is missing, and the preset of [directory] is \"ldap\"");
                document.wrong_key("ldap", key, what, "docs/directory.md shows an example".to_owned());
            }
            Tables::Own
        }
    }
}

/// The queries in the file, in the order of [`Queries`].
fn given(s: &Section<'_>) -> [Option<Query>; 7] {
    let query = |key, about| s.optional::<Statement>(key, "the preset's", about).map(|Statement(query)| query);
    [
        query(
            "domain_query",
            "The domain `:domain`. Returns `name`, and if there are such things `active`, `alias_of` (another domain), \
             `catch_all` and `postmaster` (addresses).",
        ),
        query(
            "domains_query",
            "All domains: what `domain_query` returns, and for lists `comment`, `created`, `accounts` and `aliases` \
             (how many).",
        ),
        query(
            "account_query",
            "The account `:address` (also `:local` and `:domain`). Returns `id` (that never changes), `password`, and if \
             there are such things `address`, `name`, `active`, `quota_bytes`, `created`, `language`, `time_zone`.",
        ),
        query(
            "alias_query",
            "Where mail to `:address` goes. Returns `target` (several in rows, or with commas between them), and if \
             there are such things `address` (best always: MySQL takes `jörg` for equal to `jorg`, and such a row is \
             left out), `active` and `exclusive` (1: an account of that address gets a copy only if it is \
             one of the targets).",
        ),
        query("accounts_query", "All accounts, as `account_query`; for `gatepost user list` and `gatepost check`."),
        query("aliases_query", "All aliases: `address`, and what `alias_query` returns; for `gatepost alias list`."),
        query(
            "set_password_query",
            "Puts the hash `:new` in the place of `:old` for `:address`; where there is none, nobody changes a password \
             here.",
        ),
    ]
}
