//! The administrator's ordered form rules.
#![forbid(unsafe_code)]
