//! Evidence in, one verdict out, with its reasons.
#![forbid(unsafe_code)]
