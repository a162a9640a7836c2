//! The fields of a form (application/x-www-form-urlencoded), as typed.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use mail::Secret;

/// The form of the password page.
#[derive(Debug)]
pub(crate) struct PasswordForm {
    pub(crate) token: String,
    /// Without spaces around.
    pub(crate) address: String,
    pub(crate) old: Secret,
    pub(crate) new: Secret,
    pub(crate) again: Secret,
}

/// An address has at most 254 characters that matter (RFC 5321 §4.5.3.1.3).
const MAX_ADDRESS: usize = 320;

/// Whether a body is a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl PasswordForm {
    /// Reads the fields; what is missing is empty, of what is there twice the
    /// first counts.
    pub(crate) fn read(body: &[u8]) -> Self {
        let field = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(body);
            pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let secret = |wanted: &str| Secret::new(field(wanted).into_bytes());
        let address = field("address").trim().chars().take(MAX_ADDRESS).collect();
        Self { token: field("token"), address, old: secret("old"), new: secret("new"), again: secret("again") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let form = PasswordForm::read(b"token=T&address=+a%40b.example+&old=o%26%3D&new=%C3%A4+b&again=x&again=y&z=1");
        assert_eq!((form.token.as_str(), form.address.as_str()), ("T", "a@b.example"));
        assert_eq!((form.old.expose(), form.new.expose()), (&b"o&="[..], "ä b".as_bytes()));
        assert_eq!(form.again.expose(), b"x");
        let empty = PasswordForm::read(b"&&=&address");
        assert!(empty.old.is_empty() && empty.address.is_empty() && empty.token.is_empty());
        let long = PasswordForm::read(format!("address={}", "a".repeat(5000)).as_bytes());
        assert_eq!(long.address.len(), MAX_ADDRESS);
    }
}
