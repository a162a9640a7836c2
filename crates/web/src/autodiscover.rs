//! What Outlook asks before it sets up an account: a POST of XML with the
//! address in it (MS-OXDSCLI, "plain old XML"), or where to send that to (the
//! JSON of version 2). Paths are written in any case, so that the router does
//! not know them: what has no page comes here.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use askama::Template;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use mail::Address;
use percent_encoding::percent_decode_str;
use time::OffsetDateTime;

use crate::asked::{Asked, Unread};
use crate::hosted::{Hosted, field, hosted};
use crate::language::Speech;
use crate::missing;
use crate::services::{Place, Server, Shared};

const XML: &str = "/autodiscover/autodiscover.xml";
const JSON: &str = "/autodiscover/autodiscover.json";
/// The longest request: an address and two names of schemas.
const MAX: usize = 8 << 10;

#[derive(Template)]
#[template(path = "autodiscover.xml", escape = "html")]
struct Settings<'a> {
    address: &'a Address,
    place: &'a Place,
}

impl Settings<'_> {
    fn servers(&self) -> Vec<(&'static str, Server<'_>)> {
        let incoming = self.place.incoming().map(|(kind, server)| (kind.name(), server));
        incoming.chain(self.place.outgoing().map(|server| ("SMTP", server))).collect()
    }
}

#[derive(Template)]
#[template(path = "autodiscover_error.xml", escape = "html")]
struct Problem {
    time: String,
    id: u32,
    code: u16,
    message: &'static str,
}

/// Why there are no settings, with the numbers that Exchange gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The domain is none of ours.
    NoSuchDomain,
    /// It is no request, or has no address in it.
    NoRequest,
    /// It asks for settings of another kind, such as those of a telephone.
    OtherSchema,
    /// Nobody can say now.
    Away,
}

impl Refusal {
    /// Outlook reads the number, other programs the status.
    fn shown(self) -> (StatusCode, u16, &'static str) {
        match self {
            Self::NoSuchDomain => (StatusCode::NOT_FOUND, 500, "The email address can't be found."),
            Self::NoRequest => (StatusCode::OK, 600, "Invalid Request"),
            Self::OtherSchema => (StatusCode::OK, 601, "Provider is not available"),
            Self::Away => (StatusCode::SERVICE_UNAVAILABLE, 603, "The server is busy"),
        }
    }
}

/// Whatever has no page of its own.
pub(crate) async fn otherwise(State(shared): State<Arc<Shared>>, speech: Speech, request: Request) -> Response {
    let path = request.uri().path().to_ascii_lowercase();
    if path == XML {
        return xml(&shared, request).await;
    }
    match path.strip_prefix(JSON) {
        // `/v1.0/ADDRESS` may stand behind it.
        Some(rest) if rest.is_empty() || rest.starts_with('/') => json(&shared, request.uri()).await,
        _ => missing::page(speech).await,
    }
}

async fn xml(shared: &Shared, request: Request) -> Response {
    let address = match *request.method() {
        Method::POST => match to_bytes(request.into_body(), MAX).await {
            Ok(body) => asked(&body),
            Err(_) => Err(Refusal::NoRequest),
        },
        // Some look first whether there is anything here.
        Method::GET | Method::HEAD => {
            let address = field(request.uri(), "email").or_else(|| field(request.uri(), "emailaddress"));
            address.and_then(|address| Address::parse(&address).ok()).ok_or(Refusal::NoRequest)
        }
        _ => return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, POST")]).into_response(),
    };
    match settings(shared, address).await {
        Ok(text) => xml_answer(StatusCode::OK, text),
        Err(refusal) => refused(shared, refusal),
    }
}

fn asked(body: &Bytes) -> Result<Address, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::NoRequest)?;
    Asked::read(text).map(|asked| asked.address).map_err(|unread| match unread {
        Unread::NoRequest => Refusal::NoRequest,
        Unread::OtherSchema => Refusal::OtherSchema,
    })
}

async fn settings(shared: &Shared, address: Result<Address, Refusal>) -> Result<askama::Result<String>, Refusal> {
    let address = address?;
    known(shared, &address).await?;
    Ok((Settings { address: &address, place: &shared.services.place }).render())
}

async fn known(shared: &Shared, address: &Address) -> Result<(), Refusal> {
    match hosted(&shared.services.directory, address.domain()).await {
        Hosted::Here => Ok(()),
        Hosted::Elsewhere => Err(Refusal::NoSuchDomain),
        Hosted::Unknown => Err(Refusal::Away),
    }
}

fn refused(shared: &Shared, refusal: Refusal) -> Response {
    let (status, code, message) = refusal.shown();
    let [a, b, c, d, ..] = (shared.services.random)();
    let (time, id) = (time_of_day((shared.services.now)()), u32::from_be_bytes([a, b, c, d]));
    xml_answer(status, (Problem { time, id, code, message }).render())
}

/// `15:54:13.8906250`, as Exchange writes it.
fn time_of_day(now: SystemTime) -> String {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now = OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::try_from(since).unwrap_or_default());
    let (hours, minutes, seconds) = now.to_hms();
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:07}", now.nanosecond() / 100)
}

fn xml_answer(status: StatusCode, text: askama::Result<String>) -> Response {
    match text {
        Ok(text) => (status, [(CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a mail program's settings cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Where the XML is asked for. Nothing of the request stands in the answer.
async fn json(shared: &Shared, uri: &Uri) -> Response {
    let address = field(uri, "email").or_else(|| in_path(uri)).and_then(|address| Address::parse(&address).ok());
    let Some(address) = address else {
        return json_error(
            StatusCode::BAD_REQUEST,
            "MandatoryParameterMissing",
            "A valid smtp address must be provided",
        );
    };
    match known(shared, &address).await {
        Ok(()) => {}
        Err(Refusal::Away) => return json_error(StatusCode::SERVICE_UNAVAILABLE, "ServerBusy", "Try again later"),
        Err(_) => return json_error(StatusCode::NOT_FOUND, "UserNotFound", "The given user is not found"),
    }
    match field(uri, "protocol") {
        Some(protocol) if protocol.eq_ignore_ascii_case("AutodiscoverV1") => {
            let url = format!("{}{XML}", shared.services.place.pages);
            json_answer(StatusCode::OK, format!(r#"{{"Protocol":"AutodiscoverV1","Url":"{url}"}}"#))
        }
        Some(_) => json_error(
            StatusCode::BAD_REQUEST,
            "InvalidProtocol",
            "The given protocol value is invalid. Supported values are 'AutodiscoverV1'",
        ),
        None => json_error(
            StatusCode::BAD_REQUEST,
            "MandatoryParameterMissing",
            "A valid value must be provided for the query parameter 'Protocol'",
        ),
    }
}

/// The address that stands behind the page's name. A path is no form: a plus
/// sign, as in `anna+news`, means itself there (RFC 3986 §3.3).
fn in_path(uri: &Uri) -> Option<String> {
    let last = percent_decode_str(uri.path().rsplit('/').next()?).decode_utf8().ok()?;
    last.contains('@').then(|| last.into_owned())
}

fn json_error(status: StatusCode, code: &str, message: &str) -> Response {
    json_answer(status, format!(r#"{{"ErrorCode":"{code}","ErrorMessage":"{message}"}}"#))
}

fn json_answer(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_paths() {
        let cases = [
            ("/v1.0/anna+news@example.org", Some("anna+news@example.org")),
            ("/v1.0/anna%2Bnews%40example.org", Some("anna+news@example.org")),
            ("/v1.0/anna&b=c@example.org", Some("anna&b=c@example.org")),
            ("/v1.0/%C3%A4@example.org", Some("ä@example.org")),
            ("/v1.0/%FF@example.org", None),
            ("/v1.0/", None),
            ("/v1.0", None),
        ];
        for (path, expected) in cases {
            let uri: Uri = format!("{JSON}{path}?Email=other").parse().unwrap();
            assert_eq!(in_path(&uri).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(time_of_day(SystemTime::UNIX_EPOCH + Duration::from_millis(57_253_890)), "15:54:13.8900000");
    }
}
