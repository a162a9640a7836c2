//! SEARCH (RFC 3501 §6.4.4): what the index knows first, files only where that
//! does not decide.

use std::sync::Arc;

use imap::response::{Code, Reply, search};
use imap::{Numbers, SearchKey};
use mailbox::StoreError;

use super::content;
use super::failure::Failure;
use super::output::{Output, Sink};
use super::search_test::{Facts, Haystack, Test};
use super::session::Session;
use super::turn;

/// So many messages are looked at in a row: a thousand keys on each take some
/// milliseconds.
const IN_A_ROW: usize = 256;

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    numbers: Numbers,
    charset: Option<&str>,
    key: &SearchKey,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    if !charset.is_none_or(|name| name.eq_ignore_ascii_case("UTF-8") || name.eq_ignore_ascii_case("US-ASCII")) {
        return Err(Reply::no("Only US-ASCII and UTF-8 are understood").with(Code::BadCharset).into());
    }
    let (opened, selected) = session.selected()?;
    let test = Arc::new(Test::new(key, selected)?);
    let depth = test.depth();
    let keywords = Arc::new(selected.keywords.clone());
    let mut found = Vec::new();
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
                match content::with(opened.store(), &selected.mailbox, uid, depth, work).await {
                    Ok((_, fits)) => fits,
                    // What is not there has no text.
                    Err(StoreError::Expunged | StoreError::FileMissing) => false,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        if fits {
            found.push(match numbers {
                Numbers::Sequence => numbered.number,
                Numbers::Uid => numbered.message.uid.get(),
            });
        }
    }
    out.put(&search(&found)).await?;
    Ok(Reply::ok("Searched"))
}
