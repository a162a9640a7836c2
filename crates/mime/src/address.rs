//! Address lists as an ENVELOPE shows them (RFC 5322 §3.4, RFC 3501 §7.4.2).
//!
//! Encoded words are left as they are: IMAP's clients decode them. Mail comes
//! with every kind of broken list, so each is read as far as it makes sense,
//! in one pass.

/// Mailboxes beyond this many in one field are not listed.
const MAX_ITEMS: usize = 10_000;

/// One element of an address list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressItem {
    /// A mailbox.
    Mailbox {
        /// The display name, or the comment that stands for it.
        name: Option<Vec<u8>>,
        /// The source route of old times: `@a,@b`.
        route: Option<Vec<u8>>,
        /// The local part without quotes.
        local: Vec<u8>,
        /// The domain; empty where none is written.
        domain: Vec<u8>,
    },
    /// A group begins: its name.
    GroupStart(Vec<u8>),
    /// The group ends.
    GroupEnd,
}

/// Reads the value of an address field.
#[must_use]
pub fn addresses(value: &[u8]) -> Vec<AddressItem> {
    let mut reader = Reader { rest: value, items: Vec::new(), current: Current::default(), in_group: false };
    while reader.items.len() < MAX_ITEMS && reader.step() {}
    reader.flush();
    if reader.in_group {
        reader.items.push(AddressItem::GroupEnd);
    }
    reader.items
}

/// What is read of the mailbox that is not complete yet.
#[derive(Default)]
struct Current {
    /// Words of a display name, or a bare address.
    phrase: Vec<u8>,
    /// White space was seen since the last word.
    gap: bool,
    /// Where in `phrase` the last unquoted `@` is.
    at: Option<usize>,
    comment: Option<Vec<u8>>,
    /// Route, local part and domain of what stood in angle brackets.
    angle: Option<(Option<Vec<u8>>, Vec<u8>, Vec<u8>)>,
}

struct Reader<'a> {
    rest: &'a [u8],
    items: Vec<AddressItem>,
    current: Current,
    in_group: bool,
}

impl Reader<'_> {
    fn step(&mut self) -> bool {
        let Some((first, rest)) = self.rest.split_first() else { return false };
        self.rest = rest;
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => self.current.gap = true,
            b'"' => {
                let quoted = self.until(b'"');
                self.current.word(&quoted);
            }
            b'(' => {
                let comment = self.comment();
                self.current.comment = Some(comment);
            }
            b'<' => self.angle(),
            b',' => self.flush(),
            b';' => self.end_group(),
            b':' if !self.in_group && self.current.at.is_none() && self.current.angle.is_none() => self.begin_group(),
            b'@' => {
                self.current.gap = false;
                self.current.at = Some(self.current.phrase.len());
                self.current.phrase.push(b'@');
            }
            other => {
                self.current.word(&[*other]);
            }
        }
        true
    }

    fn begin_group(&mut self) {
        let current = std::mem::take(&mut self.current);
        self.in_group = true;
        self.items.push(AddressItem::GroupStart(current.phrase));
    }

    fn end_group(&mut self) {
        self.flush();
        if self.in_group {
            self.in_group = false;
            self.items.push(AddressItem::GroupEnd);
        }
    }

    fn flush(&mut self) {
        if let Some(mailbox) = std::mem::take(&mut self.current).finish() {
            self.items.push(mailbox);
        }
    }

    /// Unquoted text up to the closing mark, which may be missing.
    fn until(&mut self, end: u8) -> Vec<u8> {
        let mut text = Vec::new();
        while let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            if *first == end {
                break;
            }
            let byte = if *first == b'\\' { self.escaped() } else { *first };
            if !matches!(byte, b'\r' | b'\n') {
                text.push(byte);
            }
        }
        text
    }

    fn escaped(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return b'\\' };
        self.rest = rest;
        *first
    }

    fn comment(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut depth = 1_usize;
        while let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            match first {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            let byte = if *first == b'\\' { self.escaped() } else { *first };
            if !matches!(byte, b'\r' | b'\n') {
                text.push(byte);
            }
        }
        text
    }

    /// `<route:local@domain>`.
    fn angle(&mut self) {
        let mut spec = Vec::new();
        let (mut at, mut colon) = (None, None);
        while let Some((first, rest)) = self.rest.split_first() {
            self.rest = rest;
            match first {
                b'>' => break,
                b'"' => spec.extend(self.until(b'"')),
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b':' if spec.first() == Some(&b'@') && colon.is_none() => {
                    colon = Some(spec.len());
                    spec.push(b':');
                }
                b'@' => {
                    at = Some(spec.len());
                    spec.push(b'@');
                }
                b'\\' => spec.push(self.escaped()),
                other => spec.push(*other),
            }
        }
        let route = colon.map(|colon| spec[..colon].to_vec());
        let from = colon.map_or(0, |colon| colon + 1);
        let (local, domain) = split(&spec, from, at);
        self.current.angle = Some((route, local, domain));
    }
}

impl Current {
    fn word(&mut self, word: &[u8]) {
        if self.gap && !self.phrase.is_empty() && self.phrase.last() != Some(&b'@') {
            self.phrase.push(b' ');
        }
        self.gap = false;
        self.phrase.extend_from_slice(word);
    }

    fn finish(self) -> Option<AddressItem> {
        let comment = self.comment.filter(|comment| !comment.is_empty());
        if let Some((route, local, domain)) = self.angle {
            let name = Some(self.phrase).filter(|name| !name.is_empty()).or(comment);
            return Some(AddressItem::Mailbox { name, route, local, domain });
        }
        if self.phrase.is_empty() {
            return None;
        }
        let (local, domain) = split(&self.phrase, 0, self.at);
        Some(AddressItem::Mailbox { name: comment, route: None, local, domain })
    }
}

fn split(spec: &[u8], from: usize, at: Option<usize>) -> (Vec<u8>, Vec<u8>) {
    match at.filter(|at| *at >= from) {
        Some(at) => (spec[from..at].to_vec(), spec[at + 1..].to_vec()),
        None => (spec[from..].to_vec(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `name|route|local|domain`, `-` for nothing.
    fn show(value: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let optional = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or("-".to_owned(), |b| text(b));
        let items = addresses(value.as_bytes());
        let shown = items.iter().map(|item| match item {
            AddressItem::Mailbox { name, route, local, domain } => {
                format!("{}|{}|{}|{}", optional(name), optional(route), text(local), text(domain))
            }
            AddressItem::GroupStart(name) => format!("{}:", text(name)),
            AddressItem::GroupEnd => ";".to_owned(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lists() {
        let cases = [
            ("", ""),
            ("alice@example.org", "-|-|alice|example.org"),
            (
                " Alice  Smith <alice@example.org>,\r\n bob@example.net",
                "Alice Smith|-|alice|example.org -|-|bob|example.net",
            ),
            ("\"Smith, A. \\\"x\\\"\" <a@b>", "Smith, A. \"x\"|-|a|b"),
            ("=?utf-8?q?caf=C3=A9?= <a@b>", "=?utf-8?q?caf=C3=A9?=|-|a|b"),
            ("a@b (Bob (the) one)", "Bob (the) one|-|a|b"),
            ("\"a b\"@c", "-|-|a b|c"),
            ("\"a@b\"@c", "-|-|a@b|c"),
            ("<@x,@y:a@b>", "-|@x,@y|a|b"),
            ("A Group: a@b, C <c@d>;, e@f", "A Group: -|-|a|b C|-|c|d ; -|-|e|f"),
            ("undisclosed-recipients:;", "undisclosed-recipients: ;"),
            ("open: a@b", "open: -|-|a|b ;"),
            ("a @ b", "-|-|a|b"),
            ("<>", "-|-||"),
            ("just words", "-|-|just words|"),
            (",,;", ""),
            ("\"open", "-|-|open|"),
            ("a@[192.0.2.1]", "-|-|a|[192.0.2.1]"),
        ];
        for (value, expected) in cases {
            assert_eq!(show(value), expected, "{value:?}");
        }
    }

    #[test]
    fn the_list_is_bounded() {
        assert!(addresses("a,".repeat(100_000).as_bytes()).len() <= MAX_ITEMS + 1);
        assert!(addresses("a:;".repeat(300_000).as_bytes()).len() <= MAX_ITEMS + 2);
        let _ = addresses("(".repeat(1 << 20).as_bytes());
    }

    proptest! {
        #[test]
        fn never_panics(value in proptest::collection::vec(proptest::sample::select(b"a@<>\"\\(),:; \r\n".to_vec()), 0..40)) {
            let _ = addresses(&value);
        }
    }
}
