//! What tests share: a private MariaDB, a running server, dialogues.
#![forbid(unsafe_code)]
