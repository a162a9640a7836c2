//! That a form was filled in on our own page, and not sent here by somebody
//! else's: a signed token in the form that belongs to a cookie, and what the
//! browser itself says about where the request was made.
//!
//! The cookie's name begins with `__Host-`, so no other host, and nobody
//! without TLS, can have set it; being `SameSite=Strict`, it does not come
//! along with requests that another site makes.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HOST, ORIGIN};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use mail::Secret;
use sha2::Sha256;

const COOKIE_NAME: &str = "__Host-gatepost";
/// 128 bits in base32.
const COOKIE_LENGTH: usize = 26;
/// Bytes of the signature that are shown.
const SIGNATURE: usize = 20;

/// Signs forms, and knows its own again.
pub(crate) struct Guard(Secret);

/// What belongs to one visitor's forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit(String);

impl Guard {
    pub(crate) fn new(key: Secret) -> Self {
        Self(key)
    }

    /// The token for the forms of this visit.
    pub(crate) fn token(&self, visit: &Visit) -> String {
        let signature = self.signed(visit).map(|mac| mac.finalize().into_bytes());
        signature.map(|bytes| BASE32_NOPAD.encode(&bytes[..SIGNATURE])).unwrap_or_default()
    }

    /// Whether the token was made for this visit.
    pub(crate) fn accepts(&self, visit: &Visit, token: &str) -> bool {
        let Ok(signature) = BASE32_NOPAD.decode(token.as_bytes()) else { return false };
        let right_length = signature.len() == SIGNATURE;
        right_length && self.signed(visit).is_some_and(|mac| mac.verify_truncated_left(&signature).is_ok())
    }

    /// A key of any length will do for HMAC, so there always is one.
    fn signed(&self, visit: &Visit) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).ok()?;
        Some(mac.chain_update("form\0").chain_update(&visit.0))
    }
}

impl Visit {
    /// A new one, from 128 random bits.
    pub(crate) fn new(random: [u8; 16]) -> Self {
        Self(BASE32_NOPAD.encode(&random))
    }

    /// The one that the browser's cookie names.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        cookie(headers, COOKIE_NAME).map(Self)
    }

    /// The header that sets the cookie.
    pub(crate) fn cookie(&self) -> String {
        format!("{COOKIE_NAME}={}; Path=/; Secure; HttpOnly; SameSite=Strict", self.0)
    }
}

/// The first cookie of this name, if it is written as ours are.
pub(crate) fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value);
    let value = ours.next()?;
    let fits = value.len() == COOKIE_LENGTH && value.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then(|| value.to_owned())
}

/// Whether the browser says that the request was made on a page of ours. One
/// that says nothing is believed: the token is asked for in any case.
pub(crate) fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    // "none": typed by hand or restored, not made by a page.
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let host = origin.strip_prefix("https://");
    host.is_some_and(|host| text(HOST.as_str()).is_some_and(|ours| ours.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_token_is_good_for_its_visit_alone() {
        let guard = Guard::new(Secret::new(vec![1; 32]));
        let (visit, other) = (Visit::new([7; 16]), Visit::new([8; 16]));
        let token = guard.token(&visit);
        assert_eq!(token.len(), 32);
        assert!(guard.accepts(&visit, &token));
        assert!(!guard.accepts(&other, &token));
        assert!(!Guard::new(Secret::new(vec![2; 32])).accepts(&visit, &token), "another key");
        let (_, tail) = token.split_at(8);
        for wrong in ["", "A", "x", tail, &token.to_lowercase(), &format!("{token}AAAAAAAA")] {
            assert!(!guard.accepts(&visit, wrong), "{wrong}");
        }
    }

    #[test]
    fn the_visit_is_in_the_cookie() {
        let visit = Visit::new([7; 16]);
        let cookie = visit.cookie();
        let (pair, rest) = cookie.split_once(';').unwrap();
        assert_eq!(rest, " Path=/; Secure; HttpOnly; SameSite=Strict");
        assert!(pair.starts_with("__Host-gatepost="));
        assert_eq!(Visit::of(&headers(&[("cookie", &format!("a=b; {pair}; c=d"))])), Some(visit));
        for wrong in ["", "a", "__Host-gatepost", "__Host-gatepost=", "__Host-gatepost=short", "X__Host-gatepost=A"] {
            assert_eq!(Visit::of(&headers(&[("cookie", wrong)])), None, "{wrong}");
        }
        let strange = format!("__Host-gatepost={}", "\"".repeat(26));
        assert_eq!(Visit::of(&headers(&[("cookie", &strange)])), None);
    }

    #[test]
    fn what_the_browser_says() {
        let host = ("host", "mail.example.org:2443");
        let cases: [(&[(&str, &str)], bool); 11] = [
            (&[host], true),
            (&[host, ("origin", "https://mail.example.org:2443")], true),
            (&[host, ("origin", "https://MAIL.example.org:2443")], true),
            (&[host, ("origin", "https://mail.example.org")], false),
            (&[host, ("origin", "http://mail.example.org:2443")], false),
            (&[host, ("origin", "https://evil.example")], false),
            (&[host, ("origin", "null")], false),
            (&[("origin", "https://mail.example.org")], false),
            (&[host, ("sec-fetch-site", "same-origin")], true),
            (&[host, ("sec-fetch-site", "same-site")], false),
            (&[host, ("sec-fetch-site", "cross-site"), ("origin", "https://mail.example.org:2443")], false),
        ];
        for (lines, expected) in cases {
            assert_eq!(is_from_here(&headers(lines)), expected, "{lines:?}");
        }
    }
}
