//! IMAP as a pure protocol: framing, commands and responses.
#![forbid(unsafe_code)]
