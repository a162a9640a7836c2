//! What can go wrong with the directory, and what to do about it.

use std::path::PathBuf;

use mail::{Address, Class, Classified, Domain};
use sql::SqlError;
use thiserror::Error;

use crate::UsersFileError;

/// An error of the directory. [`Classified::class`] is
/// [`Class::Directory`] whenever the question could not be answered, so that
/// nobody takes "cannot be asked" for "not there".
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// The database: away, or it refuses.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// Not one active domain: a half-done restore or a wrong database looks
    /// like that, and must not make all mail bounce.
    #[error("the directory has no active domain")]
    NoActiveDomain,
    /// A row that decides the answer cannot be used.
    #[error("a row of the table {table} cannot be used: {reason}")]
    BadRow {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The tables are another program's: what is in them is changed there.
    #[error("the directory's tables belong to another program, and are changed with that one")]
    ForeignTables,
    /// The users file cannot be used, or not be written.
    #[error(transparent)]
    UsersFile(#[from] UsersFileError),
    /// The LDAP server: away, or it refuses.
    #[error(transparent)]
    Ldap(#[from] ldap::LdapError),
    /// Users stand in LDAP.
    #[error("domains, users and aliases stand in LDAP")]
    KeptByLdap,
    /// The server that keeps a password does not take a new one.
    #[error("the LDAP server does not take the new password: {0}")]
    NewPasswordRefused(String),
    /// Users stand in a file that people edit.
    #[error("domains, users and aliases stand in the file {}", .0.display())]
    EditFile(PathBuf),
    /// Work that was begun was not ended.
    #[error("it was interrupted: {0}")]
    Interrupted(String),
    /// Nothing lists these where they stand.
    #[error("the {0} of this directory cannot be listed")]
    NotListed(&'static str),
    /// The setting of this query is missing.
    #[error("[directory] has no {0}_query")]
    NoQuery(&'static str),
    /// A password of another program's tables is the old one still.
    #[error("the password of {0} was changed meanwhile, or [directory] set_password_query changes no row")]
    NotReplaced(Address),
    /// There is no such domain.
    #[error("there is no domain {0}")]
    UnknownDomain(Domain),
    /// There is no such account.
    #[error("there is no user {0}")]
    UnknownAccount(Address),
    /// There is no such alias, or it has no such target.
    #[error("there is no alias {0}")]
    UnknownAlias(Address),
    /// An alias does not have this target.
    #[error("the alias {address} has no target {target}")]
    UnknownTarget {
        /// The alias.
        address: Address,
        /// What it does not point to.
        target: Address,
    },
    /// The domain is there already.
    #[error("the domain {0} is there already")]
    DomainAlreadyThere(Domain),
    /// The account is there already.
    #[error("the user {0} is there already")]
    AccountAlreadyThere(Address),
    /// An alias has this address.
    #[error("{0} is an alias already")]
    AddressIsAlias(Address),
    /// The alias has this target already.
    #[error("the alias {address} has the target {target} already")]
    AliasAlreadyThere {
        /// The alias.
        address: Address,
        /// Its target.
        target: Address,
    },
    /// The alias would lead back to itself.
    #[error("{address} would lead back to itself through {target}")]
    AliasWouldLoop {
        /// The alias, or an address in the alias domain.
        address: Address,
        /// The target that leads back.
        target: Address,
    },
    /// The alias domain would lead back to itself.
    #[error("{domain} as an alias of {alias_of} would lead back to itself")]
    DomainWouldLoop {
        /// The alias domain.
        domain: Domain,
        /// What it should be an alias of.
        alias_of: Domain,
    },
    /// Something still needs the domain.
    #[error("the domain {domain} still has {} and {}", many(*accounts, "user"), many(*domains, "alias domain"))]
    DomainInUse {
        /// The domain.
        domain: Domain,
        /// How many accounts are in it.
        accounts: u64,
        /// How many domains are aliases of it.
        domains: u64,
    },
    /// An address literal cannot be hosted.
    #[error("{0} is an address literal, not a domain")]
    Literal(Domain),
    /// A name that an app password cannot have.
    #[error("the name of an app password has 1 to {most} characters that can be shown")]
    BadName {
        /// The most characters.
        most: usize,
    },
    /// The account has an app password of this name.
    #[error("there is an app password named {0} already")]
    AppPasswordAlreadyThere(String),
    /// The account has no such app password.
    #[error("there is no app password {0}")]
    UnknownAppPassword(String),
    /// The account has as many as it may have.
    #[error("there are {most} app passwords already")]
    TooManyAppPasswords {
        /// So many it may have.
        most: usize,
    },
    /// Two-step login is on already.
    #[error("two-step login is on already for {0}")]
    TwoStepAlreadyOn(Address),
    /// A text is longer than its column.
    #[error("{what} is longer than {max} characters")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// The most characters.
        max: usize,
    },
}

fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

impl DirectoryError {
    /// A word for programs, stable between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Sql(SqlError::Setting(_)) => "bad_setting",
            Self::Sql(error) if error.is_away() => "directory_away",
            Self::Sql(_) => "directory_error",
            Self::NoActiveDomain => "no_active_domain",
            Self::BadRow { .. } => "bad_row",
            Self::ForeignTables => "foreign_tables",
            Self::UsersFile(UsersFileError::NotWritable { .. }) => "not_writable",
            Self::UsersFile(_) => "users_file",
            Self::Ldap(ldap::LdapError::Setting(_)) => "bad_setting",
            Self::Ldap(error) if error.is_away() => "directory_away",
            Self::Ldap(_) => "directory_error",
            Self::KeptByLdap => "kept_by_ldap",
            Self::NewPasswordRefused(_) => "new_password_refused",
            Self::EditFile(_) => "edit_file",
            Self::Interrupted(_) => "interrupted",
            Self::NotListed(_) => "not_listed",
            Self::NoQuery(_) => "no_query",
            Self::NotReplaced(_) => "not_replaced",
            Self::UnknownDomain(_) => "unknown_domain",
            Self::UnknownAccount(_) => "unknown_user",
            Self::UnknownAlias(_) | Self::UnknownTarget { .. } => "unknown_alias",
            Self::DomainAlreadyThere(_) | Self::AccountAlreadyThere(_) => "already_there",
            Self::AddressIsAlias(_) | Self::AliasAlreadyThere { .. } => "already_there",
            Self::AliasWouldLoop { .. } | Self::DomainWouldLoop { .. } => "would_loop",
            Self::DomainInUse { .. } => "domain_in_use",
            Self::Literal(_) => "address_literal",
            Self::TooLong { .. } => "too_long",
            Self::BadName { .. } => "bad_name",
            Self::AppPasswordAlreadyThere(_) | Self::TwoStepAlreadyOn(_) => "already_there",
            Self::UnknownAppPassword(_) => "unknown_app_password",
            Self::TooManyAppPasswords { .. } => "too_many_app_passwords",
        }
    }

    /// What the administrator can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Sql(SqlError::Setting(_)) => "Correct [directory] url in the configuration.".to_owned(),
            Self::Sql(SqlError::Migration(_)) => {
                "The schema was changed by hand or belongs to another version; restore it, or update Gatepost."
                    .to_owned()
            }
            Self::Sql(SqlError::HalfApplied { .. }) => "Do what the error says, then start again.".to_owned(),
            Self::Sql(error) if error.is_away() => {
                "See whether the database runs, and whether [directory] url names the right host, user and password."
                    .to_owned()
            }
            Self::Sql(_) => "Try it again; the log of the database may say more.".to_owned(),
            Self::NoActiveDomain => "Add a domain: gatepost domain add NAME".to_owned(),
            Self::BadRow { .. } => "Correct the row in the database.".to_owned(),
            Self::ForeignTables => "Use the tool that made the tables, such as PostfixAdmin.".to_owned(),
            Self::UsersFile(UsersFileError::NotWritable { path, .. }) => format!(
                "Edit {} by hand (gatepost hash makes a hash), or let the server's user own the file and write in its folder.",
                path.display()
            ),
            Self::UsersFile(UsersFileError::Wrong { .. }) => "docs/directory.md says how its lines look.".to_owned(),
            Self::UsersFile(_) => {
                "The file named in [directory] users must be there, and readable for the server's user.".to_owned()
            }
            Self::Ldap(ldap::LdapError::Several { .. }) => "Make the filter in [ldap] stricter.".to_owned(),
            Self::Ldap(_) => "See whether the LDAP server runs, and what stands in [ldap].".to_owned(),
            Self::KeptByLdap => "Change them there; it counts at once.".to_owned(),
            Self::NewPasswordRefused(_) => "Choose another one; the server has rules of its own.".to_owned(),
            Self::EditFile(path) => format!("Edit {}; it counts within seconds.", path.display()),
            Self::Interrupted(_) => "Try it again.".to_owned(),
            Self::NotListed(_) => "Ask for one by its address, with show.".to_owned(),
            Self::NoQuery(name) => format!("Add {name}_query to [directory]; see docs/configuration.md."),
            Self::NotReplaced(_) => "Try it again.".to_owned(),
            Self::UnknownDomain(domain) => format!("Add it first: gatepost domain add {domain}"),
            Self::UnknownAccount(_) => "See gatepost user list.".to_owned(),
            Self::UnknownAlias(_) => "See gatepost alias list.".to_owned(),
            Self::UnknownTarget { address, .. } => format!("See gatepost alias show {address}"),
            Self::DomainAlreadyThere(domain) => format!("Change it with: gatepost domain change {domain}"),
            Self::AccountAlreadyThere(address) => format!("Change it with: gatepost user change {address}"),
            Self::AddressIsAlias(address) => format!("Remove the alias first: gatepost alias remove {address}"),
            Self::AliasAlreadyThere { .. } => "Nothing needs to be done.".to_owned(),
            Self::AliasWouldLoop { address, .. } => format!("Choose another target; see gatepost alias show {address}"),
            Self::DomainWouldLoop { .. } => "Choose a domain that is no alias of this one.".to_owned(),
            Self::DomainInUse { .. } => {
                "Remove its users and alias domains first, or switch it off with --active no.".to_owned()
            }
            Self::Literal(_) => "Give a domain name such as example.org.".to_owned(),
            Self::TooLong { .. } => "Give a shorter text.".to_owned(),
            Self::BadName { .. } => "Name the device or program, such as --name \"Alice's phone\".".to_owned(),
            Self::AppPasswordAlreadyThere(_) => "Choose another name, or revoke that one first.".to_owned(),
            Self::UnknownAppPassword(_) => "See gatepost user app-passwords ADDRESS.".to_owned(),
            Self::TooManyAppPasswords { .. } => "Revoke those that are not used any more.".to_owned(),
            Self::TwoStepAlreadyOn(address) => format!("Switch it off first: gatepost user totp {address} off"),
        }
    }

    /// Whether what was asked for is not there (and the directory could be
    /// asked).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.class() == Class::Missing
    }

    /// Whether the database cannot be reached.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Sql(error) => error.is_away(),
            Self::Ldap(error) => error.is_away(),
            _ => false,
        }
    }
}

impl Classified for DirectoryError {
    fn class(&self) -> Class {
        match self {
            Self::Sql(error) => match error.class(Class::Directory) {
                // A full database of users is no full disk of mail.
                Class::DiskFull => Class::Directory,
                class => class,
            },
            Self::UsersFile(UsersFileError::NotWritable { .. } | UsersFileError::BadHash) => Class::Invalid,
            Self::Ldap(error) => error.class(),
            Self::NoActiveDomain | Self::BadRow { .. } | Self::UsersFile(_) | Self::Interrupted(_) => Class::Directory,
            Self::UnknownDomain(_) | Self::UnknownAccount(_) | Self::UnknownAlias(_) | Self::UnknownTarget { .. } => {
                Class::Missing
            }
            Self::UnknownAppPassword(_) => Class::Missing,
            _ => Class::Invalid,
        }
    }
}

impl sql::Conflict for DirectoryError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Sql(error) if error.is_conflict())
    }
}
