//! LIST (RFC 3501 §6.3.8), with the attributes of RFC 3348 and RFC 6154, the
//! selections of RFC 5258 and the counts of RFC 5819.

use std::collections::{BTreeMap, HashSet};

use imap::response::{Name, Reply, list};
use imap::{ListRequest, ListReturn, ListSelect, MailboxName, StatusItem};
use mailbox::{Folder, FolderName, SEPARATOR, SpecialUse, StoreError};
use mime::Understands;

use super::failure::Failure;
use super::output::{Output, Sink};
use super::pattern::Pattern;
use super::session::Session;
use super::status;

/// What stands for no folder.
pub(super) const NOTHING: Name<'static> = Name { text: "", separator: SEPARATOR, understands: Understands::Ascii };

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
    if is_basic && patterns.iter().all(MailboxName::is_empty) {
        out.put(&list("LIST", &["\\Noselect"], &NOTHING, "")).await?;
        return Ok(Reply::ok("Done"));
    }
    let by = session.understands;
    let patterns: Vec<Pattern> =
        patterns.iter().map(|pattern| Pattern::new(&reference, pattern, by)).collect::<Result<_, _>>()?;
    let mut folders = session.opened()?.folders().await?;
    if select.contains(&ListSelect::Subscribed) {
        add_missing(&mut folders, session.opened()?.subscriptions().await?);
    }
    let wanted = select.clone();
    let lines = session.services.blocking.run(move || fitting(folders, &patterns, &wanted)).await;
    for line in lines {
        let told = attributes(&line, &select, &returns);
        let extended = if line.below { child_info(&select) } else { "" };
        out.put(&list("LIST", &told, &session.name(&line.folder.name), extended)).await?;
        // One that is listed for those below it is not counted (RFC 5819 §2).
        for items in returns.iter().filter_map(status_items).filter(|_| line.folder.exists && line.itself) {
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

/// Added to a folder that is listed because of one below it: what that one is
/// (RFC 5258 §3.5, RFC 6154 §6).
fn child_info(select: &[ListSelect]) -> &'static str {
    match (select.contains(&ListSelect::Subscribed), select.contains(&ListSelect::SpecialUse)) {
        (true, true) => " (\"CHILDINFO\" (\"SUBSCRIBED\" \"SPECIAL-USE\"))",
        (false, true) => " (\"CHILDINFO\" (\"SPECIAL-USE\"))",
        _ => " (\"CHILDINFO\" (\"SUBSCRIBED\"))",
    }
}

/// Names that are subscribed to without a folder, and the levels above them,
/// which are listed where somebody asks for what is below.
fn add_missing(folders: &mut Vec<Folder>, subscribed: Vec<FolderName>) {
    let known: HashSet<FolderName> = folders.iter().map(|folder| folder.name.clone()).collect();
    let mut missing = BTreeMap::new();
    for name in subscribed.into_iter().filter(|name| !known.contains(name)) {
        let levels = std::iter::successors(name.parent(), FolderName::parent);
        for level in levels.take_while(|level| !known.contains(level)) {
            missing.entry(level).or_insert(Level { subscribed: false, has_children: true }).has_children = true;
        }
        missing.entry(name).or_insert(Level { subscribed: true, has_children: false }).subscribed = true;
    }
    let folder = |(name, Level { subscribed, has_children })| Folder {
        name,
        exists: false,
        special_use: None,
        subscribed,
        has_children,
    };
    folders.extend(missing.into_iter().map(folder));
}

/// What is known of a name without a folder.
struct Level {
    subscribed: bool,
    has_children: bool,
}

fn fitting(folders: Vec<Folder>, patterns: &[Pattern], select: &[ListSelect]) -> Vec<Line> {
    let selected = |folder: &Folder| {
        (!select.contains(&ListSelect::Subscribed) || folder.subscribed)
            && (!select.contains(&ListSelect::SpecialUse) || folder.special_use.is_some())
    };
    let fits = |name: &FolderName| patterns.iter().any(|pattern| pattern.fits(name));
    let mut above = HashSet::new();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, exists: bool, special_use: Option<SpecialUse>) -> Folder {
        let name = FolderName::parse(name).unwrap();
        Folder { name, exists, special_use, subscribed: exists, has_children: false }
    }

    #[test]
    fn who_is_listed_for_those_below() {
        let mut folders = vec![folder("a", true, None), folder("a.Sent", true, Some(SpecialUse::Sent))];
        add_missing(&mut folders, ["a.x.y", "b", "b.c", "d.e"].map(|name| FolderName::parse(name).unwrap()).into());
        let names: Vec<String> =
            folders.iter().map(|f| format!("{} {} {}", f.name, f.subscribed, f.has_children)).collect();
        let missing = ["a.x false true", "a.x.y true false", "b true true", "b.c true false"];
        assert_eq!(names[2..], [&missing[..], &["d false true", "d.e true false"]].concat());
        use ListSelect::{RecursiveMatch, SpecialUse as Special, Subscribed};
        for (select, listed, info) in [
            (&[Subscribed, RecursiveMatch][..], "a+,b+,d", "(\"SUBSCRIBED\")"),
            (&[Special, RecursiveMatch], "a", "(\"SPECIAL-USE\")"),
            (&[Special, Subscribed, RecursiveMatch], "a", "(\"SUBSCRIBED\" \"SPECIAL-USE\")"),
        ] {
            let name = |text: &str| MailboxName::from_sent(text.as_bytes()).unwrap();
            let pattern = Pattern::new(&name(""), &name("%"), Understands::Ascii).unwrap();
            let lines = fitting(folders.clone(), &[pattern], select);
            assert!(lines.iter().all(|line| line.below));
            let shown: Vec<String> =
                lines.iter().map(|l| format!("{}{}", l.folder.name, if l.itself { "+" } else { "" })).collect();
            assert_eq!(shown.join(","), listed, "{select:?}");
            assert_eq!(child_info(select), format!(" (\"CHILDINFO\" {info})"));
        }
    }
}
