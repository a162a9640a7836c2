//! Domains, accounts and aliases: who is a recipient, and whose password it
//! is. Read from the administrator's own database at every question, so that a
//! row edited by hand counts at once.
#![forbid(unsafe_code)]

mod admin;
mod app_password;
mod credentials;
mod directory;
mod error;
mod explain;
mod find;
mod kind;
mod ldap_settings;
mod query;
mod resolve;
mod rows;
mod source;
mod statements;
mod tables;
mod totp;
mod types;

pub use admin::{AccountChange, DomainChange, NewAccount, NewDomain};
pub use app_password::{AppPassword, AppPasswordKey, Door, MAX_APP_PASSWORDS, NewAppPassword, Scope};
pub use credentials::{Credentials, Replaced, StoredHash};
pub use directory::{Directory, Settings};
pub use error::DirectoryError;
pub use explain::{Explained, Question, ShownRow};
pub use ldap_settings::{Domains, LdapSettings, Verification};
pub use query::{Query, QueryError};
pub use source::UsersFileError;
pub use tables::{Queries, Tables};
pub use totp::TwoStep;
pub use types::{Account, AccountKey, AliasEntry, AliasTarget, DomainEntry, Resolution};
