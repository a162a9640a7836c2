//! What tests of the whole tree share: the bodies of the fuzz targets, which
//! plain tests replay over the kept corpora.
#![forbid(unsafe_code)]

pub mod fuzz;
