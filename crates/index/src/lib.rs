//! What SQL knows of every message: UID, MODSEQ, flags.
#![forbid(unsafe_code)]
