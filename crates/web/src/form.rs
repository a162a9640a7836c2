//! The fields of a form (application/x-www-form-urlencoded), as typed.

use std::fmt;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use mail::Secret;

/// The fields of one form; what is missing is empty, of what is there twice the
/// first counts.
pub(crate) struct Fields(Bytes);

/// Passwords are among them.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields(…)")
    }
}

/// An address has at most 254 characters that matter (RFC 5321 §4.5.3.1.3).
const MAX_ADDRESS: usize = 320;

/// Whether a body is a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl Fields {
    pub(crate) fn new(body: Bytes) -> Self {
        Self(body)
    }

    /// As it was typed.
    pub(crate) fn text(&self, wanted: &str) -> String {
        self.all(wanted).next().unwrap_or_default()
    }

    pub(crate) fn secret(&self, wanted: &str) -> Secret {
        Secret::new(self.text(wanted).into_bytes())
    }

    /// A mail address, without spaces around.
    pub(crate) fn address(&self) -> String {
        self.text("address").trim().chars().take(MAX_ADDRESS).collect()
    }

    /// Every value of a field that may be there several times.
    pub(crate) fn all<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = String> + 'a {
        let pairs = form_urlencoded::parse(&self.0);
        pairs.filter(move |(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let form = |text: &str| Fields::new(Bytes::copy_from_slice(text.as_bytes()));
        let filled = form("token=T&address=+a%40b.example+&old=o%26%3D&new=%C3%A4+b&again=x&again=y&z=1");
        assert_eq!((filled.text("token").as_str(), filled.address().as_str()), ("T", "a@b.example"));
        assert_eq!((filled.secret("old").expose(), filled.secret("new").expose()), (&b"o&="[..], "ä b".as_bytes()));
        assert_eq!(filled.text("again"), "x");
        assert_eq!(filled.all("again").collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(format!("{filled:?}"), "Fields(…)");
        let empty = form("&&=&address");
        assert!(empty.secret("old").is_empty() && empty.address().is_empty() && empty.text("token").is_empty());
        assert_eq!(form(&format!("address={}", "a".repeat(5000))).address().len(), MAX_ADDRESS);
    }
}
