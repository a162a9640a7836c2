//! What an administrator does: one file for each command.

pub mod alias;
pub mod ca;
pub mod certificate;
pub mod check;
pub mod doctor;
pub mod domain;
pub mod hash;
pub mod init;
pub mod known;
pub mod quarantine;
pub mod scan;
pub mod sessions;
pub mod table;
pub mod user;

use std::path::{Path, PathBuf};
use std::time::Duration;

use directory::Directory;
use tls::{CertFolder, HostName, Owner};

use crate::config::Config;
use crate::output::Failure;
use crate::privileges;

/// The longest wait for a database that only helps to name domains.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a command tries to get a connection to a database.
const CONNECT: Duration = Duration::from_secs(3);

/// Where an installation's certificates are, and for whom they are made.
///
/// # Errors
///
/// [`Failure`] where the server's name cannot stand in a certificate, or its
/// user does not exist.
pub async fn place(config: &Config) -> Result<ca::Place, Failure> {
    let hostname = host(&config.server.hostname)?;
    // A directory that is away does not keep anybody from making certificates.
    let domains = tokio::time::timeout(PATIENCE, hosted(config)).await.unwrap_or_default();
    let folder = cert_folder(config);
    let further = config.tls.folder.clone().unwrap_or_else(|| folder.path().join("names"));
    Ok(ca::Place { folder, further, hostname, domains, owner: owner(config)? })
}

/// The folder of the configured certificate if it is named as we name it, else
/// `certs` in the data folder.
fn cert_folder(config: &Config) -> CertFolder {
    let configured =
        config.tls.cert.as_deref().filter(|cert| cert.file_name().is_some_and(|name| name == "server.pem"));
    let folder = configured.and_then(Path::parent).map(Path::to_owned);
    CertFolder::new(folder.unwrap_or_else(|| config.server.data.join("certs")))
}

/// The server's name as a certificate has it.
pub(crate) fn host(name: &mail::Domain) -> Result<HostName, Failure> {
    let read = name.as_str().parse::<HostName>();
    read.map_err(|error| Failure::usage(format!("[server] hostname: {error}")))
}

/// Where the scanner's worker lies if the configuration does not say: beside
/// the running program.
pub(crate) fn worker_beside() -> PathBuf {
    std::env::current_exe().unwrap_or_default().with_file_name("gatepost-avscan")
}

/// Opens the directory for a command; it must answer.
///
/// # Errors
///
/// [`Failure`] with exit status 4 where it does not.
pub async fn open_directory(config: &Config) -> Result<Directory, Failure> {
    let mut settings = config.directory_settings();
    settings.sql.acquire_timeout = CONNECT;
    let opened = match Directory::open(&settings).await {
        Ok(directory) => directory.ping().await.map(|()| directory),
        failed => failed,
    };
    let hint = "is the database running, and is [directory] url right? `gatepost check` says more";
    opened.map_err(|error| Failure::from(error).hint(hint))
}

async fn hosted(config: &Config) -> Vec<HostName> {
    hosted_if_known(config).await.unwrap_or_default()
}

/// None where the directory does not answer.
async fn hosted_if_known(config: &Config) -> Option<Vec<HostName>> {
    if config.directory.sqlite_path().is_some_and(|path| !path.exists()) {
        return None;
    }
    let directory = open_directory(config).await.ok()?;
    let domains = directory.active_domains().await;
    directory.close().await;
    Some(domains.ok()?.iter().filter_map(|domain| domain.as_str().parse().ok()).collect())
}

/// Whom the server's key belongs to: root makes it for the server's user.
fn owner(config: &Config) -> Result<Option<Owner>, Failure> {
    match config.server.user.get() {
        Some(name) if rustix::process::geteuid().is_root() => {
            let user = privileges::find(name)?;
            Ok(Some(Owner { uid: user.uid, gid: user.gid }))
        }
        _ => Ok(None),
    }
}
