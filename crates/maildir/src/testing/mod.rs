//! A file system in memory for tests: it records every change, fails any
//! operation, and shows what a power cut after any change would leave.

mod crash;
mod memory;
mod model;

pub use crash::{Contents, Loss, Names};
pub use memory::MemoryDisk;
pub use model::Fault;
