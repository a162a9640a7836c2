//! Apple's configuration profile for one account: iPhone, iPad and Mac set the
//! account up from it, and ask for the password. It is not signed: that would
//! need the key of the certificate here, where strangers' requests are read, and
//! what it says is protected by the connection that it came over.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use mail::{Address, Domain};
use sha2::{Digest, Sha256};

use crate::authority::uuid;
use crate::hosted::{Hosted, field, hosted};
use crate::language::Speech;
use crate::missing;
use crate::page::Notice;
use crate::services::{Kind, Place, Server, Shared};

/// The port of submission over TLS (RFC 8314 §3.3).
const SUBMISSIONS: u16 = 465;

#[derive(Template)]
#[template(path = "account.mobileconfig", escape = "html")]
struct Profile<'a> {
    address: &'a Address,
    hostname: &'a Domain,
    kind: &'static str,
    incoming: Server<'a>,
    outgoing: Server<'a>,
    /// The part with our own authority's certificate.
    authority: Option<String>,
    outer: String,
    inner: String,
}

pub(crate) async fn show(State(shared): State<Arc<Shared>>, speech: Speech, uri: Uri) -> Response {
    let texts = speech.texts();
    let Some(address) = field(&uri, "email").and_then(|text| Address::parse(&text).ok()) else {
        let notice = Notice::new(speech, speech.programs().apple_title, texts.bad_address);
        return notice.answer(StatusCode::UNPROCESSABLE_ENTITY);
    };
    match hosted(&shared.services.directory, address.domain()).await {
        Hosted::Here => {}
        Hosted::Elsewhere => {
            let notice = Notice::new(speech, speech.programs().apple_title, speech.programs().not_here);
            return notice.answer(StatusCode::NOT_FOUND);
        }
        Hosted::Unknown => {
            let notice = Notice::new(speech, speech.programs().apple_title, speech.programs().away);
            return notice.answer(StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    let authority = shared.services.authority.as_ref();
    let hostname = shared.services.place.hostname.as_str();
    let part = authority.map(|authority| authority.payload(hostname));
    match profile(&address, &shared.services.place, part) {
        Some(text) => answer(text),
        None => missing::page(speech).await,
    }
}

/// Nothing where there is no server to read mail from.
fn profile(address: &Address, place: &Place, authority: Option<String>) -> Option<askama::Result<String>> {
    let (kind, incoming) = place.incoming().next()?;
    let kind = match kind {
        Kind::Imap => "EmailTypeIMAP",
        Kind::Pop3 => "EmailTypePOP",
    };
    let (outer, inner) = ids(address, &place.hostname);
    // Without one, Apple takes no profile. Where nobody takes outgoing mail yet,
    // sending fails, and the name is right from the day on which somebody does.
    let outgoing = place.outgoing().unwrap_or(Server { host: &place.hostname, port: SUBMISSIONS });
    let hostname = &place.hostname;
    Some(Profile { address, hostname, kind, incoming, outgoing, authority, outer, inner }.render())
}

/// The same at each download, so that a second one replaces the first; of each
/// account and server others.
fn ids(address: &Address, hostname: &Domain) -> (String, String) {
    let digest = Sha256::new()
        .chain_update(b"gatepost account profile\0")
        .chain_update(hostname.as_str())
        .chain_update(b"\0")
        .chain_update(address.normal())
        .finalize();
    let (mut outer, mut inner) = ([0; 16], [0; 16]);
    outer.copy_from_slice(&digest[..16]);
    inner.copy_from_slice(&digest[16..]);
    (uuid(outer), uuid(inner))
}

fn answer(text: askama::Result<String>) -> Response {
    match text {
        Ok(text) => {
            let headers = [
                (CONTENT_TYPE, "application/x-apple-aspen-config"),
                (CONTENT_DISPOSITION, "attachment; filename=\"mail.mobileconfig\""),
            ];
            (headers, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a profile cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(imaps: Option<u16>, pop3s: Option<u16>) -> Place {
        let hostname = Domain::parse("mail.example.org").unwrap();
        Place { hostname, imaps, pop3s, outgoing: None, pages: "https://mail.example.org".to_owned() }
    }

    fn made(address: &str, place: &Place) -> Option<String> {
        profile(&Address::parse(address).unwrap(), place, None).map(Result::unwrap)
    }

    #[test]
    fn ids_belong_to_an_account() {
        let host = Domain::parse("mail.example.org").unwrap();
        let of = |text: &str| ids(&Address::parse(text).unwrap(), &host);
        let (outer, inner) = of("anna@example.org");
        assert_eq!(of("Anna@Example.org"), (outer.clone(), inner.clone()));
        assert!(outer != inner && outer != of("bob@example.org").0 && outer.len() == 36, "{outer}");
    }

    #[test]
    fn what_is_in_it() {
        let imap = made("\"a<b&c\"@example.org", &place(Some(2993), Some(995))).unwrap();
        assert!(imap.contains("EmailTypeIMAP") && imap.contains("<integer>2993</integer>"), "{imap}");
        assert!(!imap.contains("a<b") && imap.contains("a&#60;b&#38;c"), "{imap}");
        assert!(imap.contains("<integer>465</integer>"), "{imap}");
        let pop = made("anna@example.org", &place(None, Some(995))).unwrap();
        assert!(pop.contains("EmailTypePOP") && pop.contains("<integer>995</integer>"), "{pop}");
        assert_eq!(made("anna@example.org", &place(None, None)), None);
    }
}
