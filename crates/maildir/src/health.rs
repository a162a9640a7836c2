//! Whether a file system may still be trusted with new messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

/// The state of one file system, shared by all that write to it.
///
/// After a directory could not be made durable nobody knows what is on disk:
/// writing more would be acknowledging mail that may not be there. Only a
/// restart, after a human looked, clears it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<AtomicBool>);

impl Health {
    /// Whether messages are refused.
    #[must_use]
    pub fn is_out_of_service(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Refuses everything from now on.
    pub fn take_out_of_service(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Checks before new names are made.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfService`].
    pub fn check(&self) -> Result<(), Error> {
        if self.is_out_of_service() { Err(Error::OutOfService) } else { Ok(()) }
    }
}
