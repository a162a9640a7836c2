//! What the listeners answer while an order waits: a file over HTTP
//! (RFC 8555 §8.3), or a certificate over TLS (RFC 8737).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The longest token that is looked up; those of authorities have 22 to 43
/// characters.
const MAX_TOKEN: usize = 128;

/// Both kinds of answers; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// Over HTTP.
    pub http: Tokens,
    /// Over TLS.
    pub tls: tls::Challenges,
}

/// Tokens and what is answered to them; clones share them.
#[derive(Clone, Default)]
pub struct Tokens(Arc<Mutex<HashMap<String, String>>>);

/// One token, which is answered as long as this lives.
#[must_use]
#[derive(Debug)]
pub(crate) struct Offered {
    tokens: Tokens,
    token: String,
}

impl Tokens {
    /// The path under which tokens are asked for.
    pub const PATH: &'static str = "/.well-known/acme-challenge/";

    /// What is to be answered at this path; none where nothing waits for it.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(Self::PATH).filter(|token| token.len() <= MAX_TOKEN)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    pub(crate) fn offer(&self, token: &str, answer: &str) -> Offered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token.to_owned(), answer.to_owned());
        Offered { tokens: self.clone(), token: token.to_owned() }
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        self.tokens.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.token);
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.lock().unwrap_or_else(PoisonError::into_inner).len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_answered_only_while_it_waits() {
        let tokens = Tokens::default();
        let offered = tokens.offer("abc", "abc.thumb");
        let cases = [
            ("/.well-known/acme-challenge/abc", Some("abc.thumb")),
            ("/.well-known/acme-challenge/", None),
            ("/.well-known/acme-challenge/abcd", None),
            ("/.well-known/acme-challenge/../abc", None),
            ("/.well-known/acme-challenge/abc/", None),
            ("/abc", None),
        ];
        for (path, expected) in cases {
            assert_eq!(tokens.answer(path).as_deref(), expected, "{path}");
        }
        drop(offered);
        assert_eq!(tokens.answer("/.well-known/acme-challenge/abc"), None);
    }
}
