//! What SQL knows of every message: UID, MODSEQ, flags.
#![forbid(unsafe_code)]

mod words;

pub use words::{
    AccountId, Flags, InternalDate, Keyword, KeywordSet, MailboxId, Message, ModSeq, QuarantineId, SpecialUse, Uid,
    UidValidity,
};
