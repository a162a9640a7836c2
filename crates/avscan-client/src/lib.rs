//! The daemon's side of the virus scanner: workers, restarts, retries.
#![forbid(unsafe_code)]
