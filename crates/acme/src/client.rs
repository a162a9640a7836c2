//! HTTPS towards the authority: one connection for each request, within a time,
//! and never more of an answer than fits.

use std::error::Error as StdError;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::AcmeError;

/// From connecting to the last byte of the answer.
const REQUEST: Duration = Duration::from_secs(30);
/// The longest answer: a chain of certificates, or a directory.
const MAX_BODY: usize = 1 << 20;
/// The longest header of an answer, in bytes.
const MAX_HEADER: usize = 64 << 10;
/// The most authorities in a file of them.
const MAX_ROOTS: usize = 1000;

/// Speaks to one authority.
#[derive(Clone)]
pub(crate) struct Client(TlsConnector);

type Failure = Box<dyn StdError + Send + Sync>;

impl Client {
    /// Trusts the authorities in the file, or where there is none those that
    /// Mozilla does. Reads a file: not for an async worker.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, AcmeError> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            Some(file) => {
                let none = || AcmeError::NoRoots(file.to_owned());
                let read = CertificateDer::pem_file_iter(file).map_err(|_| none())?;
                let read: Result<Vec<_>, _> = read.take(MAX_ROOTS).collect();
                roots.add_parsable_certificates(read.map_err(|_| none())?);
                if roots.is_empty() {
                    return Err(none());
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| AcmeError::Unreachable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let tls = self.0.clone();
        Box::pin(async move {
            match timeout(REQUEST, send(&tls, request)).await {
                Ok(answered) => answered.map_err(Error::Other),
                Err(_) => Err(Error::Other("no answer in time".into())),
            }
        })
    }
}

async fn send(tls: &TlsConnector, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Failure> {
    let uri = request.uri().clone();
    let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(format!("{uri} is not https").into());
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((host, authority.port_u16().unwrap_or(443))).await?;
    let stream = tls.connect(ServerName::try_from(host.to_owned())?, tcp).await?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEADER);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    // It ends with the answer, or when this function is left.
    let _driver = Driver(tokio::spawn(async move {
        let _ = connection.await;
    }));
    *request.uri_mut() = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
    Ok(BytesResponse { parts, body: Box::new(body) })
}

/// Moves the bytes of a connection until it is dropped.
pub(crate) struct Driver(pub(crate) tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_come_from_the_file_or_from_mozilla() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        assert!(Client::new(None).is_ok());
        assert!(matches!(Client::new(Some(&file)), Err(AcmeError::NoRoots(_))));
        std::fs::write(&file, "nothing").unwrap();
        assert!(matches!(Client::new(Some(&file)), Err(AcmeError::NoRoots(_))));
        let key = rcgen::KeyPair::generate().unwrap();
        let ca = rcgen::CertificateParams::new(["ca.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(&file, ca.pem()).unwrap();
        assert!(Client::new(Some(&file)).is_ok());
    }
}
