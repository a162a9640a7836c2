//! What a program calls itself in ID (RFC 2971 §3.3): for the administrator to
//! read, so that it is short and plays no tricks with a terminal.

use imap_types::core::{IString, NString};
use mail::Text;

/// The most fields that are looked at (RFC 2971 §3.3 allows no more).
const MAX_FIELDS: usize = 30;
/// The most characters of one of them.
const MAX_CHARS: usize = 40;

/// Name, version and system, such as `Thunderbird 140.1 (Linux)`; nothing where
/// it says no name.
pub(crate) fn name(parameters: &[(IString<'_>, NString<'_>)]) -> Option<Text> {
    let field = |wanted: &str| {
        let mut known = parameters.iter().take(MAX_FIELDS);
        let (_, value) = known.find(|(key, _)| key.as_ref().eq_ignore_ascii_case(wanted.as_bytes()))?;
        let value = value.0.as_ref().map(|value| shown(value.as_ref()))?;
        (!value.is_empty()).then_some(value)
    };
    let name = field("name")?;
    let version = field("version").map(|version| format!(" {version}")).unwrap_or_default();
    let system = field("os").map(|system| format!(" ({system})")).unwrap_or_default();
    Some(Text::sanitized(&format!("{name}{version}{system}")))
}

/// Letters, digits and what ASCII has; nothing invisible, nothing that turns the
/// direction of writing.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let plain = |c: char| if c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.trim().chars().take(MAX_CHARS).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use crate::{Request, parse};

    fn client(line: &str) -> Option<String> {
        match parse(format!("a {line}\r\n").as_bytes()).unwrap().request {
            Request::Id { client } => client.map(|name| name.as_str().to_owned()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_programs_say() {
        let long = format!("ID (\"name\" \"{}\")", "x".repeat(500));
        let cases = [
            ("ID NIL", None),
            ("ID (\"name\" NIL)", None),
            ("ID (\"name\" \" \")", None),
            ("ID (\"version\" \"1\")", None),
            ("ID (\"name\" \"Thunderbird\" \"version\" \"140.1\" \"OS\" \"Linux\")", Some("Thunderbird 140.1 (Linux)")),
            ("ID (\"vendor\" \"x\" \"Name\" \"mutt\")", Some("mutt")),
            ("ID (\"name\" \"a\u{1b}[2Jb\")", Some("a?[2Jb")),
            (&long, Some("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")),
        ];
        for (line, expected) in cases {
            assert_eq!(client(line).as_deref(), expected, "{line}");
        }
    }
}
