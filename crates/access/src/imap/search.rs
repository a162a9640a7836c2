//! SEARCH (RFC 3501 §6.4.4): what the index knows first, files only where that
//! does not decide.

use std::sync::Arc;

use imap::response::{Code, Reply, esearch, search};
use imap::{Extra, Numbers, SearchKey, SearchReturn, Tag};
use mailbox::StoreError;
use mime::Understands;
use mime::text::{CHARSETS, Charset};

use super::content::{self, Reading};
use super::failure::Failure;
use super::output::{Output, Sink};
use super::search_test::{Facts, Haystack, Test};
use super::selected::Expunges;
use super::session::Session;
use super::turn;

/// What is sought, and how it is told.
pub(super) struct Query {
    pub(super) numbers: Numbers,
    pub(super) returns: Option<Vec<SearchReturn>>,
    pub(super) charset: Option<String>,
    pub(super) key: SearchKey,
}

/// So many messages are looked at in a row: a thousand keys on each take some
/// milliseconds.
const IN_A_ROW: usize = 256;

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    tag: &Tag,
    query: &Query,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let Query { numbers, returns, charset, key } = query;
    // Without a charset, octets beyond ASCII are read as UTF-8 too.
    let charset = match charset {
        Some(name) => Charset::named(name).ok_or_else(unknown_charset)?,
        None => Charset::UNICODE,
    };
    let by_change = names_changes(key);
    if by_change {
        session.enable(Extra::CondStore);
    }
    // Many a script looks for new mail by this command alone, over and over.
    let expunges = if *numbers == Numbers::Uid { Expunges::Told } else { Expunges::Kept };
    session.refresh(expunges, out).await?;
    let (opened, selected) = session.selected()?;
    let test = Arc::new(Test::new(key, charset, selected)?);
    let as_stored = Reading { depth: test.depth(), understands: Understands::Utf8 };
    let keywords = Arc::new(selected.keywords.clone());
    let mut found = Vec::new();
    let mut changes = LastChange::of(returns.as_deref());
    for place in 0..selected.messages.len() {
        if place % IN_A_ROW == IN_A_ROW - 1 {
            turn::give_way().await;
        }
        let numbered = selected.numbered(place);
        let facts = Facts {
            number: numbered.number,
            message: numbered.message,
            recent: selected.is_recent(&numbered.message),
            keywords: Arc::clone(&keywords),
        };
        let fits = match test.decide(&facts, None) {
            Some(fits) => fits,
            None => {
                let test = Arc::clone(&test);
                let work = move |content: &content::Content| {
                    test.decide(&facts, Some(&Haystack::new(content))).unwrap_or(false)
                };
                let uid = numbered.message.uid;
                match content::with(opened.store(), &selected.mailbox, uid, as_stored, work).await {
                    Ok((_, fits)) => fits,
                    // What is not there has no text.
                    Err(StoreError::Expunged | StoreError::FileMissing) => false,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        if fits {
            changes.found(numbered.message.modseq.0);
            found.push(match numbers {
                Numbers::Sequence => numbered.number,
                Numbers::Uid => numbered.message.uid.get(),
            });
        }
    }
    let modseq = Some(changes.told()).filter(|_| by_change && !found.is_empty());
    out.put(&match returns {
        Some(returns) => esearch(tag, *numbers, &found, returns, modseq),
        None => search(&found, modseq),
    })
    .await?;
    Ok(Reply::ok("Searched"))
}

/// Those that are known are told (RFC 3501 §6.4.4, §7.1).
fn unknown_charset() -> Reply {
    Reply::no("This charset is not understood").with(Code::BadCharset(&CHARSETS))
}

/// The last change of the messages that are told of (RFC 4731 §3.2).
struct LastChange {
    /// Where neither all nor their count is told: whether the first is, and the
    /// last.
    ends: Option<(bool, bool)>,
    first: Option<u64>,
    last: u64,
    highest: u64,
}

impl LastChange {
    fn of(returns: Option<&[SearchReturn]>) -> Self {
        let has = |wanted| returns.is_some_and(|returns| returns.contains(&wanted));
        let all = returns.is_none() || has(SearchReturn::All) || has(SearchReturn::Count);
        let ends = (!all).then(|| (has(SearchReturn::Min), has(SearchReturn::Max)));
        Self { ends, first: None, last: 0, highest: 0 }
    }

    /// The next message that was found.
    fn found(&mut self, modseq: u64) {
        self.first.get_or_insert(modseq);
        self.last = modseq;
        self.highest = self.highest.max(modseq);
    }

    fn told(&self) -> u64 {
        let first = self.first.unwrap_or_default();
        match self.ends {
            None => self.highest,
            Some((true, true)) => first.max(self.last),
            Some((true, false)) => first,
            Some((false, _)) => self.last,
        }
    }
}

/// Whether the search asks for changes: then the last of them is told
/// (RFC 7162 §3.1.5).
fn names_changes(key: &SearchKey) -> bool {
    match key {
        SearchKey::ModSeq(_) => true,
        SearchKey::Not(inner) => names_changes(inner),
        SearchKey::Or(a, b) => names_changes(a) || names_changes(b),
        SearchKey::And(all) => all.iter().any(names_changes),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_that_is_told_is_that_of_what_is_told() {
        use SearchReturn::{All, Count, Max, Min};
        let cases: [(Option<&[SearchReturn]>, u64); 7] = [
            (None, 9),
            (Some(&[Min]), 5),
            (Some(&[Max]), 7),
            (Some(&[Max, Min]), 7),
            (Some(&[Min, Count]), 9),
            (Some(&[All]), 9),
            (Some(&[Count]), 9),
        ];
        for (returns, expected) in cases {
            let mut changes = LastChange::of(returns);
            [5, 9, 7].into_iter().for_each(|modseq| changes.found(modseq));
            assert_eq!(changes.told(), expected, "{returns:?}");
        }
    }
}
