//! LIST (RFC 3501 §6.3.8), with the attributes of RFC 3348 and RFC 6154, the
//! selections of RFC 5258 and the counts of RFC 5819.

use imap::response::{Name, Reply, list};
use imap::{ListRequest, ListReturn, ListSelect, StatusItem};
use mailbox::{Folder, FolderName, SEPARATOR, SpecialUse, StoreError};
use mime::Understands;

use super::failure::Failure;
use super::output::{Output, Sink};
use super::pattern::Pattern;
use super::session::Session;
use super::status;

/// What stands for no folder.
pub(super) const NOTHING: Name<'static> = Name { text: "", separator: SEPARATOR, understands: Understands::Ascii };

/// Added to a folder that is listed because of one below it (RFC 5258 §3.5).
const CHILD_INFO: &str = " (\"CHILDINFO\" (\"SUBSCRIBED\"))";

/// A folder in the answer.
struct Line {
    folder: Folder,
    /// Whether the folder itself was selected, or is listed for those below.
    itself: bool,
    /// Whether folders below it were selected that fit no pattern.
    below: bool,
}

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    request: ListRequest,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let ListRequest { select, reference, patterns, returns } = request;
    let is_basic = select.is_empty() && returns.is_empty();
    // An empty pattern asks for the separator alone.
    if is_basic && patterns.iter().all(|pattern| pattern.as_str().is_empty()) {
        out.put(&list("LIST", &["\\Noselect"], &NOTHING, "")).await?;
        return Ok(Reply::ok("Done"));
    }
    let patterns: Vec<Pattern> =
        patterns.iter().map(|pattern| Pattern::new(&reference, pattern)).collect::<Result<_, _>>()?;
    let mut folders = session.opened()?.folders().await?;
    if select.contains(&ListSelect::Subscribed) {
        add_missing(&mut folders, session.opened()?.subscriptions().await?);
    }
    let wanted = select.clone();
    let lines = session.services.blocking.run(move || fitting(folders, &patterns, &wanted)).await;
    for line in lines {
        let told = attributes(&line, &select, &returns);
        let extended = if line.below { CHILD_INFO } else { "" };
        out.put(&list("LIST", &told, &session.name(&line.folder.name), extended)).await?;
        for items in returns.iter().filter_map(status_items).filter(|_| line.folder.exists) {
            match status::line(session, &line.folder.name, items).await {
                Ok(counts) => out.put(&counts).await?,
                // It went while we listed, and its line says that it was there.
                Err(StoreError::NoSuchFolder) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(Reply::ok("Done"))
}

fn status_items(option: &ListReturn) -> Option<&[StatusItem]> {
    match option {
        ListReturn::Status(items) => Some(items),
        _ => None,
    }
}

/// Names that are subscribed to without a folder.
fn add_missing(folders: &mut Vec<Folder>, subscribed: Vec<FolderName>) {
    let known: std::collections::HashSet<FolderName> = folders.iter().map(|folder| folder.name.clone()).collect();
    let missing = subscribed.into_iter().filter(|name| !known.contains(name));
    let folder = |name| Folder { name, exists: false, special_use: None, subscribed: true, has_children: false };
    folders.extend(missing.map(folder).collect::<Vec<_>>());
}

fn fitting(folders: Vec<Folder>, patterns: &[Pattern], select: &[ListSelect]) -> Vec<Line> {
    let selected = |folder: &Folder| {
        (!select.contains(&ListSelect::Subscribed) || folder.subscribed)
            && (!select.contains(&ListSelect::SpecialUse) || folder.special_use.is_some())
    };
    let fits = |name: &FolderName| patterns.iter().any(|pattern| pattern.fits(name));
    let mut above = std::collections::HashSet::new();
    if select.contains(&ListSelect::RecursiveMatch) {
        for folder in folders.iter().filter(|folder| selected(folder) && !fits(&folder.name)) {
            above.extend(std::iter::successors(folder.name.parent(), FolderName::parent));
        }
    }
    let line = |folder: Folder| {
        let (itself, below) = (selected(&folder), above.contains(&folder.name));
        Line { folder, itself, below }
    };
    let lines = folders.into_iter().filter(|folder| fits(&folder.name)).map(line);
    lines.filter(|line| line.itself || line.below).collect()
}

fn attributes(line: &Line, select: &[ListSelect], returns: &[ListReturn]) -> Vec<&'static str> {
    let folder = &line.folder;
    let mut attributes = vec![if folder.has_children { "\\HasChildren" } else { "\\HasNoChildren" }];
    if !folder.exists {
        let is_extended = !(select.is_empty() && returns.is_empty());
        attributes.push(if is_extended { "\\NonExistent" } else { "\\Noselect" });
    }
    let asked = select.contains(&ListSelect::Subscribed) || returns.contains(&ListReturn::Subscribed);
    if asked && folder.subscribed {
        attributes.push("\\Subscribed");
    }
    attributes.extend(folder.special_use.map(SpecialUse::attribute));
    attributes
}
