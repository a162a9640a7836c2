//! LIST (RFC 3501 §6.3.8), with the attributes of RFC 3348 and RFC 6154.

use imap::MailboxName;
use imap::response::{Reply, list};
use mailbox::{Folder, SEPARATOR, SpecialUse};

use super::failure::Failure;
use super::output::{Output, Sink};
use super::pattern::Pattern;
use super::session::Session;

pub(super) async fn run<S: Sink>(
    session: &Session,
    reference: &MailboxName,
    pattern: &MailboxName,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    // An empty pattern asks for the separator alone.
    if pattern.as_str().is_empty() {
        out.put(&list("LIST", &["\\Noselect"], SEPARATOR, "")).await?;
        return Ok(Reply::ok("Done"));
    }
    let pattern = Pattern::new(reference, pattern)?;
    let folders = session.opened()?.folders().await?;
    let fitting = move || folders.into_iter().filter(|folder| pattern.fits(&folder.name)).collect::<Vec<_>>();
    for folder in session.services.blocking.run(fitting).await {
        out.put(&list("LIST", &attributes(&folder), SEPARATOR, folder.name.as_str())).await?;
    }
    Ok(Reply::ok("Done"))
}

fn attributes(folder: &Folder) -> Vec<&'static str> {
    let mut attributes = vec![if folder.has_children { "\\HasChildren" } else { "\\HasNoChildren" }];
    if !folder.exists {
        attributes.push("\\Noselect");
    }
    attributes.extend(folder.special_use.map(SpecialUse::attribute));
    attributes
}
