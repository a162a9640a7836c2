//! Whether a name leads to this server: we ask for something random at its
//! addresses, in the way in which the authority will ask.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper_util::rt::TokioIo;
use mail::Domain;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use tls::ACME_TLS;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::client::Driver;
use crate::error::said;
use crate::{AcmeError, Answers, Challenge, Tokens};

/// How long one address is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most addresses that are tried.
const MAX_ADDRESSES: usize = 8;
/// The longest header of an answer; the answer itself is short.
const MAX_HEADER: usize = 16 << 10;

type Failure = Box<dyn StdError + Send + Sync>;

/// Succeeds where we have met ourselves at one of the name's addresses.
pub(crate) async fn points_here(
    name: &Domain,
    (challenge, port): (Challenge, u16),
    resolver: &dns::Resolver,
    answers: &Answers,
) -> Result<(), AcmeError> {
    let addresses = resolver.addresses(name.as_str()).await?;
    let mut why = "it has no address".to_owned();
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        let at = SocketAddr::new(address, port);
        let asked = timeout(PATIENCE, async {
            match challenge {
                Challenge::Http01 => over_http(name, at, &answers.http).await,
                Challenge::TlsAlpn01 => over_tls(name, at, &answers.tls).await,
            }
        });
        match asked.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => why = said(&format!("{at}: {error}")),
            Err(_) => why = format!("{at}: no answer in time"),
        }
    }
    Err(AcmeError::NotHere { name: name.clone(), why })
}

async fn over_http(name: &Domain, at: SocketAddr, tokens: &Tokens) -> Result<(), Failure> {
    let (token, answer) = (format!("{:032x}", rand::random::<u128>()), format!("{:032x}", rand::random::<u128>()));
    let _offered = tokens.offer(&token, &answer);
    let stream = TcpStream::connect(at).await?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEADER);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let _driver = Driver(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let request = Request::get(format!("{}{token}", Tokens::PATH))
        .header(HOST, host_header(name, at))
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, 1024).collect().await?.to_bytes();
    if parts.status.as_u16() == 200 && body == answer.as_bytes() {
        return Ok(());
    }
    Err(format!("another server answers there (status {})", parts.status.as_u16()).into())
}

fn host_header(name: &Domain, at: SocketAddr) -> String {
    if at.port() == 80 { name.to_string() } else { format!("{name}:{}", at.port()) }
}

async fn over_tls(name: &Domain, at: SocketAddr, challenges: &tls::Challenges) -> Result<(), Failure> {
    let armed = challenges.arm(name, rand::random())?;
    let verifier = Exactly { certificate: armed.certificate().to_vec(), provider: Arc::new(ring::default_provider()) };
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    let stream = TcpStream::connect(at).await?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(ServerName::try_from(name.as_str().to_owned())?, stream).await?;
    Ok(())
}

/// Accepts one certificate, byte for byte: the one that we have just made.
/// Stricter than any authority, so nothing is given away by it.
#[derive(Debug)]
struct Exactly {
    certificate: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if end_entity.as_ref() == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    // The certificate has a critical extension that the library does not know,
    // and it verifies signatures only with certificates that it understands.
    // Whoever shows our bytes within the handshake has our key, or has copied
    // what we showed him; both mean that the name leads to where it was shown.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        or_our_own(verify_tls12_signature(message, certificate, signature, known))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        or_our_own(verify_tls13_signature(message, certificate, signature, known))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate that is not understood is no reason; a wrong signature is.
fn or_our_own(
    verified: Result<HandshakeSignatureValid, rustls::Error>,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    match verified {
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) => Ok(HandshakeSignatureValid::assertion()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use testkit::dns::Zone;
    use tls::Challenges;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::LazyConfigAcceptor;

    use super::*;

    const ZONE: &str = "here.example A 127.0.0.1\nboth.example A 127.0.0.1\nboth.example AAAA ::1\n\
                        empty.example MX 10 here.example\nlost.example FAIL";

    fn domain(name: &str) -> Domain {
        Domain::parse(name).unwrap()
    }

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    /// Answers each request by what the tokens say, or by what is given.
    async fn serve_http(listener: TcpListener, tokens: Tokens, instead: Option<&'static str>) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let text = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default();
            let body = instead.map_or_else(|| tokens.answer(path).unwrap_or_default(), str::to_owned);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }

    async fn ask(name: &str, way: (Challenge, u16), answers: &Answers) -> Result<(), String> {
        let zone = Zone::serve(ZONE);
        let resolver = dns::Resolver::new(&dns::Servers::These(vec![zone.address()])).unwrap();
        points_here(&domain(name), way, &resolver, answers).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn over_http_only_our_own_answer_counts() {
        let answers = Answers::default();
        let (ours, port) = listener().await;
        tokio::spawn(serve_http(ours, answers.http.clone(), None));
        let (theirs, other) = listener().await;
        tokio::spawn(serve_http(theirs, Tokens::default(), Some("welcome")));
        let cases = [
            ("here.example", port, None),
            ("both.example", port, None),
            ("here.example", other, Some("another server answers there")),
            ("empty.example", port, Some("no address")),
            ("none.example", port, Some("no address")),
            ("lost.example", port, Some("lost.example")),
        ];
        for (name, port, expected) in cases {
            let said = ask(name, (Challenge::Http01, port), &answers).await.err();
            assert_eq!(said.is_some(), expected.is_some(), "{name}: {said:?}");
            let (said, expected) = (said.unwrap_or_default(), expected.unwrap_or_default());
            assert!(said.contains(expected), "{name}: {said}");
        }
    }

    async fn serve_tls(listener: TcpListener, challenges: Challenges) {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(start) = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await else {
                continue;
            };
            let answer = challenges.answer(&start.client_hello());
            if let Some(Some(config)) = answer {
                let _ = start.into_stream(config).await;
            }
        }
    }

    #[tokio::test]
    async fn over_tls_only_our_own_certificate_counts() {
        let answers = Answers::default();
        let (ours, port) = listener().await;
        tokio::spawn(serve_tls(ours, answers.tls.clone()));
        assert_eq!(ask("here.example", (Challenge::TlsAlpn01, port), &answers).await, Ok(()));
        // Another server that also answers such questions.
        let theirs = Challenges::default();
        let _armed = theirs.arm(&domain("here.example"), [1; 32]).unwrap();
        let (other, port) = listener().await;
        tokio::spawn(serve_tls(other, theirs));
        let said = ask("here.example", (Challenge::TlsAlpn01, port), &answers).await.unwrap_err();
        assert!(said.contains("does not point here"), "{said}");
    }
}
