//! SMTP and LMTP as a pure protocol machine: bytes in, events and bytes out.
#![forbid(unsafe_code)]
