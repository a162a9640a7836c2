//! `[tls]`: which certificates there are.

use std::path::{Path, PathBuf};

use super::super::hosts::{Prefix, Prefixes};
use super::super::reader::Document;

/// `[tls]`: the certificates that the ports show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The file of the certificate and its chain, PEM.
    pub cert: Option<PathBuf>,
    /// The file of its private key, PEM.
    pub key: Option<PathBuf>,
    /// The folder of further certificates; `names` beside `cert` by default.
    pub folder: Option<PathBuf>,
    /// Names of hosts of each hosted domain that need a certificate.
    pub prefixes: Vec<Prefix>,
}

pub(in super::super) fn tls(document: &Document<'_>) -> Tls {
    let s = document.section(
        "tls",
        "The certificates. A client that names a host (SNI) is shown the one for it, and every other one that for \
         HOSTNAME. The files are read again on SIGHUP, and when they have changed.",
    );
    let path = |path: Option<PathBuf>| path.map(|path: PathBuf| document.path(path.as_path() as &Path));
    let cert = path(s.optional("cert", "none", "The certificate with its chain, a PEM file."));
    let key = path(s.optional("key", "none", "Its private key, a PEM file that only the server's user can read."));
    let folder = path(s.optional(
        "folder",
        "`names` beside `cert`",
        "The folder of further certificates, each in a folder of its own: `fullchain.pem` and `privkey.pem` (as in \
         `/etc/letsencrypt/live`), or `server.pem` and `server.key`.",
    ));
    let folder = folder.or_else(|| cert.as_deref().map(|cert| cert.with_file_name("names")));
    let Prefixes(prefixes) = s.get(
        "prefixes",
        Prefixes::default(),
        "What stands in front of each hosted domain in the names of hosts by which programs find this server, such as \
         `[\"mail\", \"autoconfig\", \"autodiscover\", \"mta-sts\"]`. `gatepost check` warns where such a name has no \
         certificate.",
    );
    Tls { cert, key, folder, prefixes }
}
