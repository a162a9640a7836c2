//! Answers as people see them: names and values, and of a password its shape.

use mail::Address;

use super::WithHash;
use crate::explain::ShownRow;
use crate::rows::{Hosted, Target};

pub(super) fn domain(hosted: &Hosted) -> ShownRow {
    let catch_all: Vec<String> = hosted.catch_all.iter().map(Address::to_string).collect();
    row(vec![
        ("name", Some(hosted.name.to_string())),
        ("active", Some(yes_no(hosted.active))),
        ("alias_of", hosted.alias_of.as_ref().map(ToString::to_string)),
        ("catch_all", Some(catch_all.join(", ")).filter(|text| !text.is_empty())),
        ("postmaster", hosted.postmaster.as_ref().map(ToString::to_string)),
    ])
}

pub(super) fn account((account, hash): &WithHash) -> ShownRow {
    let set = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    row(vec![
        ("id", Some(account.key.to_string())),
        ("address", Some(account.address.to_string())),
        ("password", hash.as_ref().map(crate::StoredHash::shape)),
        ("name", set(&account.name)),
        ("active", Some(yes_no(account.active))),
        ("quota_bytes", account.quota.map(|bytes| bytes.to_string())),
        ("created", set(&account.created)),
        ("language", set(&account.language)),
        ("time_zone", set(&account.time_zone)),
    ])
}

pub(super) fn target(target: &Target) -> ShownRow {
    let exclusive = target.exclusive.then(|| ("exclusive", Some(yes_no(true))));
    let columns = [("target", Some(target.address.to_string())), ("active", Some(yes_no(target.active)))];
    row(columns.into_iter().chain(exclusive).collect())
}

fn row(columns: Vec<(&str, Option<String>)>) -> ShownRow {
    let columns = columns.into_iter().map(|(name, value)| (name.to_owned(), value));
    ShownRow { columns: columns.collect(), unused: Vec::new() }
}

fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}
