//! Flags as IMAP writes them, and as the index keeps them.

use imap::FlagName;
use imap::response::{Code, Reply};
use mailbox::{Flags, Keyword, KeywordSet, Message};

use super::failure::Failure;

const NAMES: [(Flags, &str); 6] = [
    (Flags::ANSWERED, "\\Answered"),
    (Flags::FLAGGED, "\\Flagged"),
    (Flags::DELETED, "\\Deleted"),
    (Flags::SEEN, "\\Seen"),
    (Flags::DRAFT, "\\Draft"),
    // Maildir has a letter for it, IMAP a keyword (RFC 5788, IANA registry).
    (Flags::PASSED, "$Forwarded"),
];

/// The flags of one message, separated by blanks.
pub(super) fn of_message(message: &Message, keywords: &[Keyword], recent: Recent) -> String {
    let mut words: Vec<&str> =
        NAMES.iter().filter(|(flag, _)| message.flags.has(*flag)).map(|(_, name)| *name).collect();
    words.extend(mailbox::keywords_of(message.keywords, keywords).into_iter().map(Keyword::as_str));
    if recent == Recent::Yes {
        words.push("\\Recent");
    }
    words.join(" ")
}

/// Whether this session is the first that was told of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recent {
    Yes,
    No,
}

/// All flags that messages of a folder may have.
pub(super) fn of_folder(keywords: &[Keyword]) -> String {
    let system = NAMES.iter().map(|(_, name)| *name);
    system.chain(keywords.iter().map(Keyword::as_str)).collect::<Vec<_>>().join(" ")
}

/// The same with `\*`, where new keywords can be made.
pub(super) fn permanent(keywords: &[Keyword]) -> String {
    let more = if keywords.len() < KeywordSet::MAX { " \\*" } else { "" };
    of_folder(keywords) + more
}

/// The flags of a request.
pub(super) fn read(names: &[FlagName]) -> Result<(Flags, Vec<Keyword>), Failure> {
    let mut flags = Flags::NONE;
    let mut keywords: Vec<Keyword> = Vec::new();
    for name in names {
        let flag = match name {
            FlagName::Answered => Flags::ANSWERED,
            FlagName::Deleted => Flags::DELETED,
            FlagName::Draft => Flags::DRAFT,
            FlagName::Flagged => Flags::FLAGGED,
            FlagName::Seen => Flags::SEEN,
            FlagName::Keyword(word) if word.eq_ignore_ascii_case("$Forwarded") => Flags::PASSED,
            FlagName::Keyword(word) => {
                let keyword =
                    Keyword::new(word).ok_or_else(|| Reply::no("This cannot be a keyword").with(Code::Limit))?;
                if !keywords.contains(&keyword) {
                    keywords.push(keyword);
                }
                continue;
            }
        };
        flags = flags.with(flag);
    }
    Ok((flags, keywords))
}

/// Whether a message has a keyword, by its name in a search.
pub(super) fn has_keyword(message: &Message, keywords: &[Keyword], name: &str) -> bool {
    if name.eq_ignore_ascii_case("$Forwarded") {
        return message.flags.has(Flags::PASSED);
    }
    mailbox::keywords_of(message.keywords, keywords).iter().any(|k| k.as_str().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read() {
        let keywords = [Keyword::new("a").unwrap(), Keyword::new("$Junk").unwrap()];
        assert_eq!(of_folder(&keywords), "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded a $Junk");
        assert!(permanent(&keywords).ends_with(" \\*"));
        let names = [FlagName::Seen, FlagName::Keyword("$forwarded".into()), FlagName::Keyword("A".into())];
        let Ok((flags, words)) = read(&names) else { panic!("good flags") };
        assert_eq!((flags, words), (Flags::SEEN.with(Flags::PASSED), vec![Keyword::new("a").unwrap()]));
        assert!(read(&[FlagName::Keyword("k".repeat(65))]).is_err());
    }
}
