//! TLS clients that trust one authority, and dialogues spoken over them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::dialogue::Wire;

/// The longest that a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client's settings that trust the certificates in this PEM file and no
/// others.
#[must_use]
pub fn client_config(ca: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap_or_else(|error| panic!("{}: {error}", ca.display())) {
        roots.add(certificate.expect("a certificate")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(versions.expect("TLS 1.2 and 1.3").with_root_certificates(roots).with_no_client_auth())
}

/// A connection by TCP alone, or with TLS in it.
pub struct Connection<S>(BufReader<S>);

/// Connects by TCP.
#[must_use]
pub fn plain(address: SocketAddr) -> Connection<TcpStream> {
    Connection(BufReader::new(tcp(address)))
}

/// Connects by TLS; the certificate must be for `name`.
#[must_use]
pub fn secure(
    address: SocketAddr,
    name: &str,
    config: &Arc<ClientConfig>,
) -> Connection<StreamOwned<ClientConnection, TcpStream>> {
    secure_over(tcp(address), name, config)
}

/// TLS on a connection that is there; the certificate must be for `name`.
#[must_use]
pub fn secure_over(
    stream: TcpStream,
    name: &str,
    config: &Arc<ClientConfig>,
) -> Connection<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).expect("a server's name");
    let session = ClientConnection::new(Arc::clone(config), name).expect("a TLS session");
    Connection(BufReader::new(StreamOwned::new(session, stream)))
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap_or_else(|error| panic!("{address}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

impl<S: Read + Write> Wire for Connection<S> {
    fn send(&mut self, octets: &[u8]) {
        let stream = self.0.get_mut();
        // The other side may have closed; the next answer awaited tells.
        let _ = stream.write_all(octets).and_then(|()| stream.flush());
    }

    fn line(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        // A connection that breaks off has ended too.
        let _ = self.0.read_until(b'\n', &mut line);
        line
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::SystemTime;

    use ::tls::{Authority, CertFiles, CertFolder, HostName, KeyChoice, Protocol, Scope, ServerTls};
    use rustls::ServerConnection;

    use super::*;
    use crate::dialogue::{Stage, speak};

    struct Room {
        address: SocketAddr,
        config: Arc<ClientConfig>,
    }

    impl Stage for Room {
        fn connect(&mut self) -> Box<dyn Wire> {
            Box::new(secure(self.address, "localhost", &self.config))
        }
    }

    /// Greets, answers one line, and closes.
    fn serve(listener: &TcpListener, tls: &ServerTls) {
        let (stream, _) = listener.accept().unwrap();
        let session = ServerConnection::new(tls.config(Protocol::Smtp).unwrap()).unwrap();
        let mut stream = StreamOwned::new(session, stream);
        stream.write_all(b"hello\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(&mut stream).read_line(&mut line).unwrap();
        stream.write_all(format!("you said {line}").as_bytes()).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    }

    #[test]
    fn a_dialogue_is_spoken_over_tls() {
        let dir = tempfile::tempdir().unwrap();
        let folder = CertFolder::new(dir.path());
        let host: HostName = "localhost".parse().unwrap();
        let scope = Scope::new([host.clone()]);
        let authority = Authority::create(&folder, &host, &scope, SystemTime::now()).unwrap();
        authority.issue(&folder, &[host], (SystemTime::now(), 2), KeyChoice::New, None).unwrap();
        let files = CertFiles { cert: folder.server_cert(), key: folder.server_key() };
        let tls = ServerTls::open(files).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut room = Room { address: listener.local_addr().unwrap(), config: client_config(&folder.ca_cert()) };
        let server = std::thread::spawn(move || serve(&listener, &tls));
        speak("greeting", "S: hello\nC: one\nS: you said one\nE:\n", &mut room);
        server.join().unwrap();
    }
}
