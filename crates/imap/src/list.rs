//! LIST with its selection and return options (RFC 3501 §6.3.8, RFC 5258,
//! RFC 5819, RFC 6154), which imap-codec does not read.
//!
//! ```abnf
//! list = "LIST" [SP "(" [select-opts] ")"] SP mailbox SP mbox-or-pat
//!        [SP "RETURN" SP "(" [return-opts] ")"]
//! mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"
//! ```

use crate::reader::{Reader, Unexpected};
use crate::request::{MailboxName, Request, StatusItem};

/// Options of each kind, and patterns; more than anybody needs.
const MAX_OPTIONS: usize = 20;

/// Which folders are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListSelect {
    /// Those subscribed to, whether or not they exist.
    Subscribed,
    /// Those with a special use.
    SpecialUse,
    /// Those that have such a folder below them too.
    RecursiveMatch,
    /// Those of other servers too: there are none.
    Remote,
}

/// What is told of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListReturn {
    /// Whether it is subscribed to.
    Subscribed,
    /// Whether it has children.
    Children,
    /// What it is for.
    SpecialUse,
    /// Its counts (RFC 5819).
    Status(Vec<StatusItem>),
}

/// All that LIST is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// Which folders.
    pub select: Vec<ListSelect>,
    /// What the patterns are relative to.
    pub reference: MailboxName,
    /// The patterns; a folder is listed that fits one of them.
    pub patterns: Vec<MailboxName>,
    /// What is told.
    pub returns: Vec<ListReturn>,
}

/// Reads all behind `LIST `, to the end of the command.
pub(crate) fn arguments(text: &[u8]) -> Option<Request> {
    read(&mut Reader { rest: text }).ok().map(Request::List)
}

fn read(reader: &mut Reader<'_>) -> Result<ListRequest, Unexpected> {
    let mut select = Vec::new();
    if reader.rest.starts_with(b"(") {
        select = reader.parenthesized(MAX_OPTIONS, selection)?;
        reader.space()?;
    }
    // RECURSIVEMATCH says how another option is meant (RFC 5258 §3.1).
    let base = |option: &ListSelect| matches!(option, ListSelect::Subscribed | ListSelect::SpecialUse);
    if select.contains(&ListSelect::RecursiveMatch) && !select.iter().any(base) {
        return Err(Unexpected);
    }
    let reference = name(reader)?;
    reader.space()?;
    let patterns = match reader.rest.starts_with(b"(") {
        true => reader.parenthesized(MAX_OPTIONS, name)?,
        false => vec![name(reader)?],
    };
    let returns = match reader.keyword(b" RETURN ") {
        true => reader.parenthesized(MAX_OPTIONS, returned)?,
        false => Vec::new(),
    };
    if patterns.is_empty() || reader.rest != b"\r\n" {
        return Err(Unexpected);
    }
    Ok(ListRequest { select, reference, patterns, returns })
}

fn name(reader: &mut Reader<'_>) -> Result<MailboxName, Unexpected> {
    MailboxName::from_sent(&reader.astring()?).ok_or(Unexpected)
}

fn selection(reader: &mut Reader<'_>) -> Result<ListSelect, Unexpected> {
    match reader.word()?.as_str() {
        "SUBSCRIBED" => Ok(ListSelect::Subscribed),
        "SPECIAL-USE" => Ok(ListSelect::SpecialUse),
        "RECURSIVEMATCH" => Ok(ListSelect::RecursiveMatch),
        "REMOTE" => Ok(ListSelect::Remote),
        _ => Err(Unexpected),
    }
}

fn returned(reader: &mut Reader<'_>) -> Result<ListReturn, Unexpected> {
    match reader.word()?.as_str() {
        "SUBSCRIBED" => Ok(ListReturn::Subscribed),
        "CHILDREN" => Ok(ListReturn::Children),
        "SPECIAL-USE" => Ok(ListReturn::SpecialUse),
        "STATUS" => {
            reader.space()?;
            let items =
                reader.parenthesized(MAX_OPTIONS, |reader| StatusItem::named(&reader.word()?).ok_or(Unexpected))?;
            Ok(ListReturn::Status(items))
        }
        _ => Err(Unexpected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mime::Understands;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        match arguments(format!("{text}\r\n").as_bytes()) {
            Some(Request::List(list)) => {
                let patterns = list.patterns.iter().map(|name| name.meant(Understands::Ascii)).collect::<Vec<_>>();
                format!(
                    "{:?} {:?} {} {:?}",
                    list.select,
                    list.reference.meant(Understands::Ascii),
                    patterns.join("|"),
                    list.returns
                )
            }
            _ => "unreadable".to_owned(),
        }
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("\"\" *", "[] \"\" * []"),
            ("a. \"%\"", "[] \"a.\" % []"),
            ("\"\" {1}\r\n%", "[] \"\" % []"),
            ("\"\" &APw-*", "[] \"\" ü* []"),
            ("() \"\" (INBOX Sent.*)", "[] \"\" INBOX|Sent.* []"),
            ("(SUBSCRIBED RecursiveMatch) \"\" %", "[Subscribed, RecursiveMatch] \"\" % []"),
            ("\"\" % return (children special-use)", "[] \"\" % [Children, SpecialUse]"),
            (
                "(SPECIAL-USE) \"\" * RETURN (SUBSCRIBED STATUS (MESSAGES HIGHESTMODSEQ))",
                "[SpecialUse] \"\" * [Subscribed, Status([Messages, HighestModSeq])]",
            ),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        for bad in [
            "",
            "\"\"",
            "\"\" ()",
            "(ODD) \"\" *",
            "(RECURSIVEMATCH) \"\" *",
            "\"\" * RETURN",
            "\"\" * RETURN (STATUS)",
            "\"\" * RETURN (STATUS (ODD))",
            "\"\" * RETURN (CHILDREN) x",
            "\"\" (a b",
        ] {
            assert_eq!(shown(bad), "unreadable", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(words in proptest::collection::vec(proptest::sample::select(vec![
            "(", ")", " ", "\"\"", "*", "RETURN ", "STATUS ", "SUBSCRIBED", "{1}\r\n", "\"", "\\", "\u{e4}",
        ]), 0..14)) {
            let _ = shown(&words.concat());
        }
    }
}
