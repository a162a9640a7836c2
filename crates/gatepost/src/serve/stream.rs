//! A connection, whatever it runs over: TCP, TLS or a Unix socket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

/// One peer's connection.
#[derive(Debug)]
pub enum Stream {
    /// Plain TCP.
    Tcp(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
    /// A local socket.
    Unix(UnixStream),
}

impl Stream {
    /// Upgrades a TCP connection to TLS; the caller bounds the time.
    ///
    /// # Errors
    ///
    /// What the handshake failed with; another kind of connection cannot be
    /// upgraded.
    pub async fn into_tls(self, config: Arc<ServerConfig>) -> io::Result<Self> {
        match self {
            Self::Tcp(tcp) => Ok(Self::Tls(Box::new(TlsAcceptor::from(config).accept(tcp).await?))),
            Self::Tls(_) | Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// As [`Stream::into_tls`], for a port at which an authority may ask for a
    /// challenge (RFC 8737 §3): such a client is shown the answer, and that is
    /// all. `None` where that has happened.
    ///
    /// # Errors
    ///
    /// As for [`Stream::into_tls`]; also where nothing waits for what a client
    /// asks for.
    pub async fn into_tls_or_challenge(
        self,
        config: Arc<ServerConfig>,
        challenges: &tls::Challenges,
    ) -> io::Result<Option<Self>> {
        let Self::Tcp(tcp) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
        match challenges.answer(&hello.client_hello()) {
            Some(Some(answer)) => {
                let mut stream = hello.into_stream(answer).await?;
                stream.shutdown().await?;
                Ok(None)
            }
            // The usual one ends it, since it does not know that protocol.
            _ => Ok(Some(Self::Tls(Box::new(hello.into_stream(config).await?)))),
        }
    }

    /// TLS version and cipher suite in use, such as
    /// `TLSv1_3 TLS13_AES_256_GCM_SHA384`.
    #[must_use]
    pub fn tls(&self) -> Option<String> {
        let Self::Tls(tls) = self else { return None };
        let (_, session) = tls.get_ref();
        let version = session.protocol_version().and_then(|v| v.as_str()).unwrap_or("TLS");
        let suite = session.negotiated_cipher_suite().and_then(|s| s.suite().as_str()).unwrap_or("");
        Some(format!("{version} {suite}").trim_end().to_owned())
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tls(s) => Pin::new(s.as_mut()).poll_read(cx, buf),
            Self::Unix(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_write(cx, data),
            Self::Tls(s) => Pin::new(s.as_mut()).poll_write(cx, data),
            Self::Unix(s) => Pin::new(s).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s) => Pin::new(s.as_mut()).poll_flush(cx),
            Self::Unix(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tls(s) => Pin::new(s.as_mut()).poll_shutdown(cx),
            Self::Unix(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
