//! What tests of the whole tree share: the bodies of the fuzz targets, which
//! plain tests replay over the kept corpora, and what the load programs read of
//! a server's processes.
#![forbid(unsafe_code)]

pub mod fuzz;
pub mod process;
