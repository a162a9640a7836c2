//! LSUB (RFC 3501 §6.3.9).

use std::collections::BTreeSet;

use imap::MailboxName;
use imap::response::{Reply, list};
use mailbox::FolderName;

use super::failure::Failure;
use super::list::NOTHING;
use super::output::{Output, Sink};
use super::pattern::Pattern;
use super::session::Session;

pub(super) async fn run<S: Sink>(
    session: &Session,
    reference: &MailboxName,
    pattern: &MailboxName,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    if pattern.is_empty() {
        out.put(&list("LSUB", &["\\Noselect"], &NOTHING, "")).await?;
        return Ok(Reply::ok("Done"));
    }
    let pattern = Pattern::new(reference, pattern, session.understands)?;
    let subscribed: BTreeSet<FolderName> = session.opened()?.subscriptions().await?.into_iter().collect();
    for (name, attributes) in session.services.blocking.run(move || listed(&pattern, &subscribed)).await {
        out.put(&list("LSUB", attributes, &session.name(&name), "")).await?;
    }
    Ok(Reply::ok("Done"))
}

/// With `%` a name is also listed, as `\Noselect`, because something below it
/// is subscribed to and itself does not fit.
fn listed(pattern: &Pattern, subscribed: &BTreeSet<FolderName>) -> Vec<(FolderName, &'static [&'static str])> {
    let mut fitting: BTreeSet<(FolderName, bool)> = BTreeSet::new();
    for name in subscribed {
        if pattern.fits(name) {
            fitting.insert((name.clone(), true));
            continue;
        }
        let parents = std::iter::successors(name.parent(), FolderName::parent);
        fitting.extend(parents.filter(|p| pattern.fits(p) && !subscribed.contains(p)).map(|p| (p, false)));
    }
    let attributes = |itself: bool| -> &'static [&'static str] { if itself { &[] } else { &["\\Noselect"] } };
    fitting.into_iter().map(|(name, itself)| (name, attributes(itself))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_of_what_is_subscribed() {
        let name = |text: &str| MailboxName::from_sent(text.as_bytes()).unwrap();
        let subscribed = ["INBOX", "a.b.c", "a.d", "e"].map(|n| FolderName::parse(n).unwrap()).into_iter().collect();
        for (text, expected) in [("%", "INBOX a\\ e"), ("*", "INBOX a.b.c a.d e"), ("a.%", "a.b\\ a.d"), ("x", "")] {
            let pattern = Pattern::new(&name(""), &name(text), mime::Understands::Ascii).unwrap();
            let shown = listed(&pattern, &subscribed)
                .into_iter()
                .map(|(n, a)| format!("{n}{}", if a.is_empty() { "" } else { "\\" }));
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{text}");
        }
    }
}
