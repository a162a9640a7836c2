//! Message files: durable writes, names, listings.
#![forbid(unsafe_code)]
