//! Whose tables these are.

use crate::source::Sources;
use crate::{Directory, DirectoryError};

impl Directory {
    /// Whether the tables are our own: in those of another program nothing is
    /// changed that nobody has asked for, such as a password's hash at a login.
    #[must_use]
    pub fn has_own_tables(&self) -> bool {
        matches!(self.source, Sources::Own(_))
    }

    /// Whether a new password is handed over as it is, for whoever keeps it to
    /// hash ([`Directory::change_password`]).
    #[must_use]
    pub fn hashes_passwords(&self) -> bool {
        matches!(self.source, Sources::Ldap(_))
    }

    /// Whether changes of all kinds are made here.
    ///
    /// # Errors
    ///
    /// Where they are made instead.
    pub fn must_be_own(&self) -> Result<(), DirectoryError> {
        self.own().map(drop)
    }
}
