//! Connections: mutual TLS from PEM files, or a unix socket.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};
use tower_service::Service;

use crate::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The PEM files of a mutually authenticated connection. They are read again for each connection, so a renewed pair
/// needs no restart.
#[derive(Clone, Debug)]
pub struct Tls {
    ca: PathBuf,
    identity: Option<(PathBuf, PathBuf)>,
    server_name: Option<String>,
}

impl Tls {
    /// Trusts daemons whose certificate `ca` verifies, and proves nothing itself.
    pub fn new(ca: impl Into<PathBuf>) -> Self {
        Self { ca: ca.into(), identity: None, server_name: None }
    }

    /// Proves who calls.
    pub fn identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// The name that the daemon's certificate must have, where it is not the address's host.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    async fn config(&self) -> Result<ClientConfig, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&self.ca).await? {
            roots.add(certificate).map_err(|failure| unusable(&self.ca, failure))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|failure| unusable(&self.ca, failure))?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let pem = read(key).await?;
                let secret = PrivateKeyDer::from_pem_slice(&pem).map_err(|failure| unusable(key, failure))?;
                builder
                    .with_client_auth_cert(certificates(certificate).await?, secret)
                    .map_err(|failure| unusable(certificate, failure))?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

async fn read(file: &Path) -> Result<Vec<u8>, Error> {
    tokio::fs::read(file).await.map_err(|failure| unusable(file, failure))
}

/// At least one certificate.
async fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = read(file).await?;
    let found = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|failure| unusable(file, failure))?;
    if found.is_empty() {
        return Err(unusable(file, "it holds no certificate"));
    }
    Ok(found)
}

fn unusable(file: &Path, why: impl std::fmt::Display) -> Error {
    Error::Configuration(format!("{}: {why}", file.display()))
}

/// Prepares a connection to the daemon at `address`, which is `unix:/path`, `/path` or `host:port`; it is made with the
/// first call, and again whenever it broke. TLS is needed towards another host and has no use on a unix socket, where
/// permissions say who may connect.
///
/// # Errors
///
/// [`Error::Configuration`] for an address that needs TLS or is none, and for files that are none of TLS.
pub async fn connect(address: &str, tls: Option<&Tls>) -> Result<Channel, Error> {
    let target = Target::parse(address)?;
    if tls.is_none() && !target.is_local() {
        let text = format!("{address} is another host and needs TLS: give CA, certificate and key");
        return Err(Error::Configuration(text));
    }
    if let (Some(files), Target::Tcp { .. }) = (tls, &target) {
        files.config().await?; // now, rather than with the first call
    }
    let endpoint = Endpoint::from_shared(target.authority())
        .map_err(|failure| Error::Configuration(format!("{address}: {failure}")))?
        // A stream can be silent while a drive thinks, so only pings show that its connection is dead.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect_timeout(CONNECT_TIMEOUT);
    Ok(endpoint.connect_with_connector_lazy(Connector { target, tls: tls.cloned() }))
}

#[derive(Clone, Debug, PartialEq)]
enum Target {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

impl Target {
    fn parse(address: &str) -> Result<Self, Error> {
        if let Some(path) = address.strip_prefix("unix:").or(address.starts_with('/').then_some(address)) {
            return Ok(Self::Unix(path.into()));
        }
        address
            .rsplit_once(':')
            .and_then(|(host, port)| {
                let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                let host = bare.unwrap_or(host);
                // An IPv6 address without brackets has no port.
                (!host.is_empty() && (bare.is_some() || !host.contains(':')))
                    .then_some(Self::Tcp { host: host.to_owned(), port: port.parse().ok()? })
            })
            .ok_or_else(|| Error::Configuration(format!("{address} is neither unix:/path nor host:port")))
    }

    /// Whether bytes to it stay on this host.
    fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }

    /// What HTTP/2 calls it.
    fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "http://localhost".to_owned(),
            Self::Tcp { host, port } if host.contains(':') => format!("http://[{host}]:{port}"),
            Self::Tcp { host, port } => format!("http://{host}:{port}"),
        }
    }
}

trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// Makes a connection each time that tonic asks.
#[derive(Clone)]
struct Connector {
    target: Target,
    tls: Option<Tls>,
}

impl Connector {
    async fn line(self) -> io::Result<Box<dyn Line>> {
        let (host, port) = match self.target {
            Target::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
            Target::Tcp { host, port } => (host, port),
        };
        let tcp = TcpStream::connect((host.as_str(), port)).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = self.tls else {
            return Ok(Box::new(tcp));
        };
        let config = tls.config().await.map_err(io::Error::other)?;
        let name = ServerName::try_from(tls.server_name.unwrap_or(host)).map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await?))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Line>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { Ok(TokioIo::new(connector.line().await?)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_socket_or_a_host_and_port() {
        let tcp = |host: &str, port| Target::Tcp { host: host.to_owned(), port };
        for (address, target, is_local, authority) in [
            ("unix:/run/a.sock", Target::Unix("/run/a.sock".into()), true, "http://localhost"),
            ("/run/a.sock", Target::Unix("/run/a.sock".into()), true, "http://localhost"),
            ("localhost:1", tcp("localhost", 1), true, "http://localhost:1"),
            ("127.0.0.1:1", tcp("127.0.0.1", 1), true, "http://127.0.0.1:1"),
            ("[::1]:1", tcp("::1", 1), true, "http://[::1]:1"),
            ("drives.example:1", tcp("drives.example", 1), false, "http://drives.example:1"),
            ("a.example:65535", tcp("a.example", 65535), false, "http://a.example:65535"),
        ] {
            let found = Target::parse(address).unwrap();
            assert_eq!(found, target);
            assert_eq!(found.is_local(), is_local, "{address}");
            assert_eq!(found.authority(), authority);
        }
        for address in ["", "a", "a:", ":1", "a:65536", "::1", "::1:80"] {
            assert!(matches!(Target::parse(address), Err(Error::Configuration(_))), "{address}");
        }
    }

    #[tokio::test]
    async fn another_host_needs_tls() {
        let refused = connect("storage-7.example.com:1", None).await.unwrap_err();
        assert!(refused.to_string().contains("needs TLS"), "{refused}");
    }

    #[tokio::test]
    async fn files_that_are_none_of_tls_are_refused_at_once() {
        for tls in [Tls::new("/nonexistent.pem"), Tls::new(file!())] {
            let refused = connect("localhost:1", Some(&tls)).await.unwrap_err();
            assert!(matches!(refused, Error::Configuration(_)), "{refused}");
        }
    }
}
