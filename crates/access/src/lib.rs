//! What IMAP and POP3 requests do to a mailbox.
#![forbid(unsafe_code)]
