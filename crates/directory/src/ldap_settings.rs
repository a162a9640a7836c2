//! How an LDAP server is asked: by which filters, and what its attributes are
//! called.

use ldap::Template;
use mail::Domain;

/// Settings of a directory in LDAP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapSettings {
    /// Which server, and as whom things are looked up.
    pub server: ldap::Settings,
    /// The entry below which everything is.
    pub base: String,
    /// Which domains are hosted.
    pub domains: Domains,
    /// The account `:address` (also `:local` and `:domain`).
    pub account_filter: Template,
    /// The alias `:address`; nothing: there are none.
    pub alias_filter: Option<Template>,
    /// Where an alias leads: of these attributes the first that its entry has.
    pub alias_targets: Vec<String>,
    /// What never changes of an account, and is never given to another.
    pub id: String,
    /// Its addresses.
    pub address: String,
    /// What the person is called.
    pub name: String,
    /// The most bytes of mail.
    pub quota: Option<String>,
    /// How a password is verified.
    pub verification: Verification,
}

/// Which domains are hosted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domains {
    /// Those of the configuration.
    These(Vec<Domain>),
    /// Those that the filter finds, `:domain`; listed by this attribute.
    Found {
        /// The filter.
        filter: Template,
        /// The attribute with the name.
        attribute: String,
    },
}

/// How a password is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// By a bind as the person.
    Bind,
    /// Here, against `userPassword`, which we must be able to read.
    Hash,
}
