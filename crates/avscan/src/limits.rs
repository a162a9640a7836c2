//! What the kernel lets this process use, whatever a message does to it.

use avscan_wire::Limits;
use rustix::io;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Enough for the temporary files of many archives in archives.
const FILES: u64 = 1024;

/// Sets the limits. There is none of processor time: the worker lives long, and
/// a scan that takes too long is ended by libclamav or by the daemon.
pub(crate) fn set(limits: &Limits) -> io::Result<()> {
    let both = |value| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::Nofile, both(FILES))?;
    if limits.max_memory > 0 {
        setrlimit(Resource::As, both(limits.max_memory))?;
    }
    // No core, and no other process of this user may look into it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
