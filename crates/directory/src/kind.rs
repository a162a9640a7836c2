//! Whose tables these are.

use crate::Directory;
use crate::source::Sources;

impl Directory {
    /// Whether the tables are our own: in those of another program nothing is
    /// changed that nobody has asked for, such as a password's hash at a login.
    #[must_use]
    pub fn has_own_tables(&self) -> bool {
        matches!(self.source, Sources::Own(_))
    }
}
