//! The words of a command that are read here rather than by imap-codec
//! (RFC 3501 §9: `atom`, `astring`, `number`).

/// The text is not what is expected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unexpected;

/// Reads a command from left to right.
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl Reader<'_> {
    /// Takes this word, in any case, if it is next.
    pub(crate) fn keyword(&mut self, word: &[u8]) -> bool {
        let found = self.rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        if found {
            self.rest = &self.rest[word.len()..];
        }
        found
    }

    pub(crate) fn space(&mut self) -> Result<(), Unexpected> {
        self.rest = self.rest.strip_prefix(b" ").ok_or(Unexpected)?;
        Ok(())
    }

    /// Up to a blank, a parenthesis or the end; in upper case.
    pub(crate) fn word(&mut self) -> Result<String, Unexpected> {
        let atom = self.atom()?;
        String::from_utf8(atom.to_ascii_uppercase()).map_err(|_| Unexpected)
    }

    pub(crate) fn atom(&mut self) -> Result<Vec<u8>, Unexpected> {
        let end =
            self.rest.iter().position(|b| !b.is_ascii_graphic() || b"()\"{".contains(b)).unwrap_or(self.rest.len());
        let (atom, rest) = self.rest.split_at(end);
        self.rest = rest;
        if atom.is_empty() { Err(Unexpected) } else { Ok(atom.to_vec()) }
    }

    pub(crate) fn flag_word(&mut self) -> Result<String, Unexpected> {
        String::from_utf8(self.atom()?).map_err(|_| Unexpected)
    }

    pub(crate) fn number(&mut self) -> Result<u32, Unexpected> {
        let word = self.word()?;
        if !word.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Unexpected);
        }
        word.parse().map_err(|_| Unexpected)
    }

    pub(crate) fn astring(&mut self) -> Result<Vec<u8>, Unexpected> {
        match self.rest.first() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => self.atom(),
        }
    }

    fn quoted(&mut self) -> Result<Vec<u8>, Unexpected> {
        let mut out = Vec::new();
        let mut bytes = self.rest.iter().enumerate().skip(1);
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(out);
                }
                b'\\' => match bytes.next() {
                    Some((_, escaped @ (b'"' | b'\\'))) => out.push(*escaped),
                    _ => return Err(Unexpected),
                },
                b'\r' | b'\n' | 0 => return Err(Unexpected),
                // Octets beyond ASCII are no lawful quoted text, but clients
                // that say CHARSET UTF-8 send them.
                other => out.push(*other),
            }
        }
        Err(Unexpected)
    }

    fn literal(&mut self) -> Result<Vec<u8>, Unexpected> {
        let end = self.rest.iter().position(|b| *b == b'\n').ok_or(Unexpected)?;
        let announced = crate::framing::announced(&self.rest[..=end]).ok_or(Unexpected)?;
        if self.rest.iter().position(|b| *b == b'}').is_none_or(|brace| brace + 2 != end) {
            return Err(Unexpected);
        }
        let length = usize::try_from(announced.length).map_err(|_| Unexpected)?;
        let behind = &self.rest[end + 1..];
        let bytes = behind.get(..length).filter(|bytes| !bytes.contains(&0)).ok_or(Unexpected)?;
        self.rest = &behind[length..];
        Ok(bytes.to_vec())
    }

    /// Takes this mark, if it is next.
    pub(crate) fn mark(&mut self, mark: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Words or what `item` reads, in parentheses, separated by blanks;
    /// perhaps none.
    pub(crate) fn parenthesized<T>(
        &mut self,
        most: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, Unexpected>,
    ) -> Result<Vec<T>, Unexpected> {
        let mut items = Vec::new();
        if !self.mark(b"(") {
            return Err(Unexpected);
        }
        while !self.mark(b")") {
            if items.len() >= most || !(items.is_empty() || self.mark(b" ")) {
                return Err(Unexpected);
            }
            items.push(item(self)?);
        }
        Ok(items)
    }
}
