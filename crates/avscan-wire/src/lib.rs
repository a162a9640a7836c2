//! What the daemon and the virus scanner's worker say to each other.
#![forbid(unsafe_code)]
