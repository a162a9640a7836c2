//! The token at the end of a refusal's link: 128 random bits that nobody guesses.

use std::fmt;

use data_encoding::{Encoding, Specification};
use thiserror::Error;

/// Names one refused message to whoever holds the link to it.
///
/// It is a secret between us and the sender, so `Debug` does not show it; only
/// a hash of [`Token::bytes`] is to be stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

/// Some text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a token: 26 characters of a-z and 2-7 are expected")]
pub struct TokenError;

impl Token {
    /// From 128 bits, which must come from the system's random source.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The bits, for the one place that hashes them.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Token {
    /// 26 lower-case characters of base32 (RFC 4648 §6) without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl std::str::FromStr for Token {
    type Err = TokenError;

    /// Upper case is taken too: people retype links.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        if text.len() != 26 {
            return Err(TokenError);
        }
        let bytes = base32()?.decode(text.to_ascii_lowercase().as_bytes()).map_err(|_| TokenError)?;
        Ok(Self(bytes.try_into().map_err(|_| TokenError)?))
    }
}

fn base32() -> Result<Encoding, TokenError> {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    spec.encoding().map_err(|_| TokenError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text() {
        assert_eq!(Token::new([0; 16]).to_string(), "a".repeat(26));
        assert_eq!(Token::new([255; 16]).to_string(), format!("{}4", "7".repeat(25)));
        assert!(!format!("{:?}", Token::new([0; 16])).contains("aaaa"));
    }

    #[test]
    fn refused() {
        let bits_behind_the_end = format!("{}7", "7".repeat(25));
        let two_bytes_a_character = "ä".repeat(13);
        for bad in ["", "a", "1aaaaaaaaaaaaaaaaaaaaaaaaa", &bits_behind_the_end, &two_bytes_a_character] {
            assert_eq!(bad.parse::<Token>(), Err(TokenError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reads_back(bytes in proptest::array::uniform16(0_u8..)) {
            let token = Token::new(bytes);
            prop_assert_eq!(token.to_string().len(), 26);
            prop_assert_eq!(token.to_string().parse(), Ok(token));
            prop_assert_eq!(token.to_string().to_uppercase().parse(), Ok(token));
        }
    }
}
