//! The path of a MAIL or RCPT line, taken apart from what follows it.
//!
//! ```text
//! Path = "<" [ A-d-l ":" ] Mailbox ">"
//! A-d-l = At-domain *( "," At-domain )
//! ```
//!
//! RFC 5321 §4.1.2. A source route is accepted and ignored (§3.3, appendix C).

use mail::Domain;

/// A path without its brackets and route, and the parameters behind it.
pub(crate) struct Path<'a> {
    /// `local@domain`, empty for `<>`.
    pub(crate) mailbox: &'a str,
    /// What follows the path, without the spaces around it.
    pub(crate) rest: &'a str,
}

impl<'a> Path<'a> {
    /// Reads `KEYWORD:<path> parameters`. Spaces behind the colon are
    /// tolerated, since many clients send one. `None` where it is no path.
    pub(crate) fn parse(keyword: &str, arguments: &'a str) -> Option<Self> {
        let (head, tail) = arguments.split_at_checked(keyword.len())?;
        if !head.eq_ignore_ascii_case(keyword) {
            return None;
        }
        let inner = tail.strip_prefix(':')?.trim_start_matches(' ').strip_prefix('<')?;
        let end = closing_bracket(inner)?;
        let rest = &inner[end + 1..];
        if !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        Some(Self { mailbox: without_route(&inner[..end])?, rest: rest.trim_matches(' ') })
    }
}

/// Where the path ends: a `>` within a quoted local part does not count.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Strips `@a,@b:`; the hosts of the route must be domains, so that nothing
/// else hides there.
fn without_route(path: &str) -> Option<&str> {
    let mut rest = path;
    while let Some(route) = rest.strip_prefix('@') {
        let bracketed = if route.starts_with('[') { route.find(']')? } else { 0 };
        let end = bracketed + route[bracketed..].find([',', ':'])?;
        Domain::parse(&route[..end]).ok()?;
        rest = &route[end + 1..];
        match (route.as_bytes()[end], rest.starts_with('@')) {
            (b',', true) | (b':', false) => {}
            _ => return None,
        }
    }
    (rest.len() == path.len() || !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths() {
        let cases = [
            ("FROM:<>", Some(("", ""))),
            ("from:<a@b>", Some(("a@b", ""))),
            ("FROM: <a@b>  SIZE=1  BODY=7BIT ", Some(("a@b", "SIZE=1  BODY=7BIT"))),
            ("FROM:<@a,@b:user@c>", Some(("user@c", ""))),
            ("FROM:<@[IPv6:::1],@b:user@c>", Some(("user@c", ""))),
            ("FROM:<\"a>b\"@c> X", Some(("\"a>b\"@c", "X"))),
            ("FROM:<\"a\\\">b\"@c>", Some(("\"a\\\">b\"@c", ""))),
            ("FROM:<@a,b:user@c>", None),
            ("FROM:<@a:@b:user@c>", None),
            ("FROM:<@a:>", None),
            ("FROM:<@>", None),
            ("FROM:<@a b:user@c>", None),
            ("FROM:a@b", None),
            ("FROM<a@b>", None),
            ("FROM :<a@b>", None),
            ("FROM:<a@b>SIZE=1", None),
            ("FROM:<\"a@b>", None),
            ("FROM:<a@b", None),
            ("TO:<a@b>", None),
            ("FRO", None),
            ("", None),
        ];
        for (line, expected) in cases {
            let found = Path::parse("FROM", line);
            assert_eq!(found.map(|p| (p.mailbox, p.rest)), expected, "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn nothing_panics(line in "(FROM:<)?[\\PC]{0,40}|FROM:<[@a-c,:\\[\\]\"\\\\> é]{0,20}>?") {
            let _ = Path::parse("FROM", &line);
        }
    }
}
