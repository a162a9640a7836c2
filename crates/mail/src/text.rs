//! Text that may stand in a protocol line: no CR, LF or NUL can get in.

use std::fmt;

use thiserror::Error;

/// One line of text for a reply or a header field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text(Box<str>);

/// The text has CR, LF or NUL in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a line of protocol text cannot hold CR, LF or NUL")]
pub struct TextError;

impl Text {
    /// Checks the text.
    ///
    /// # Errors
    ///
    /// [`TextError`] where it holds CR, LF or NUL.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        if text.contains(['\r', '\n', '\0']) {
            return Err(TextError);
        }
        Ok(Self(text.into()))
    }

    /// Takes any text and shows what a line cannot hold as `?`: for data from
    /// outside that must be named in a reply, a header or a log.
    #[must_use]
    pub fn sanitized(text: &str) -> Self {
        let clean: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        Self(clean.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_cannot_be_broken() {
        for bad in ["a\rb", "a\nb", "a\0b"] {
            assert_eq!(Text::new(bad), Err(TextError));
            assert_eq!(Text::sanitized(bad).as_str(), "a?b");
        }
    }
}
