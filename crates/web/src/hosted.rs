//! Which domain a mail program asks about, and whether it is one of ours. Both
//! are what a stranger wrote, and what is answered is the same for every
//! address of a domain: nobody learns here who has an account.

use axum::http::header::HOST;
use axum::http::{HeaderMap, Uri};
use directory::{Directory, Resolution};
use mail::{Address, Domain, LocalPart};

/// Whose domain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hosted {
    /// Ours, and active.
    Here,
    /// None of ours.
    Elsewhere,
    /// The directory cannot be asked.
    Unknown,
}

/// More fields than any mail program sends.
const MANY: usize = 16;

/// Asks the directory, as for a message to the postmaster, whom every domain
/// has: what is answered about him says nothing about anybody else.
pub(crate) async fn hosted(directory: &Directory, domain: &Domain) -> Hosted {
    let Ok(postmaster) = LocalPart::parse("postmaster") else { return Hosted::Unknown };
    if domain.is_literal() {
        return Hosted::Elsewhere;
    }
    match directory.resolve_address(&Address::new(postmaster, domain.clone())).await {
        Ok(Resolution::ForeignDomain | Resolution::InactiveDomain) => Hosted::Elsewhere,
        Ok(_) => Hosted::Here,
        Err(error) => {
            tracing::warn!(%error, "whether a domain is hosted cannot be asked");
            Hosted::Unknown
        }
    }
}

/// The name that the request was sent to, without the port; RFC 9112 §3.2.
pub(crate) fn host(headers: &HeaderMap, uri: &Uri) -> Option<Domain> {
    let named =
        headers.get(HOST).and_then(|host| host.to_str().ok()).or_else(|| uri.authority().map(|a| a.as_str()))?;
    let name = named.rsplit_once(':').map_or(named, |(name, _)| name);
    Domain::parse(name).ok().filter(|name| !name.is_literal())
}

/// The value of a field of the query, whose name is written in any case.
pub(crate) fn field(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes()).take(MANY);
    pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_hosts() {
        let cases = [
            ("autoconfig.example.org", Some("autoconfig.example.org")),
            ("Example.ORG:2443", Some("example.org")),
            ("example.org.", Some("example.org")),
            ("[::1]:443", None),
            ("192.0.2.1 x", None),
            ("a/b", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, text.parse().unwrap());
            let found = host(&headers, &Uri::from_static("/"));
            assert_eq!(found.as_ref().map(Domain::as_str), expected, "{text}");
        }
        assert_eq!(host(&HeaderMap::new(), &Uri::from_static("/")), None);
    }

    #[test]
    fn fields_of_a_query() {
        let uri = Uri::from_static("/x?EmailAddress=anna%40example.org%20&a=b&emailaddress=second");
        assert_eq!(field(&uri, "emailaddress").as_deref(), Some("anna@example.org"));
        assert_eq!(field(&uri, "b"), None);
        assert_eq!(field(&Uri::from_static("/x"), "a"), None);
        let many: Uri = format!("/x?{}a=1", "b=&".repeat(MANY)).parse().unwrap();
        assert_eq!(field(&many, "a"), None);
    }
}
