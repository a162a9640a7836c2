//! Maildir file names and Dovecot's uidlist and keyword files, as text.
#![forbid(unsafe_code)]
