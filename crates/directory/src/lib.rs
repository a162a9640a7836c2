//! Domains, accounts and aliases: who is a recipient.
#![forbid(unsafe_code)]
