//! Certificates: our own CA, and what TLS listeners use.
#![forbid(unsafe_code)]
