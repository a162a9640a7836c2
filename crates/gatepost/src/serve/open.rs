//! What the server and the commands work on: directory, index, spool and
//! Maildirs, opened from the configuration.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use directory::Directory;
use index::Index;
use mail::IdSource;
use mailbox::{Clock, Store};
use maildir::{Blocking, Disk, OsDisk};
use spool::Spool;
use transaction::{Home, Retries, Suspects};

use super::logbook::Logbook;
use crate::config::Config;
use crate::output::Failure;

/// The open parts; cheap to clone.
#[derive(Clone)]
pub struct Parts {
    /// Domains, accounts, aliases.
    pub directory: Arc<Directory>,
    /// What is known of it.
    pub index: Index,
    /// Who logged in, and was not written down yet.
    pub logbook: Arc<Logbook>,
    /// Mail at rest.
    pub store: Store,
    /// Mail on its way in.
    pub spool: Spool,
    /// Where blocking disk work runs.
    pub blocking: Blocking,
    /// Makes ids.
    pub ids: Arc<IdSource>,
    /// Mailboxes for what belongs to nobody.
    pub home: Home,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Messages that made us panic.
    pub suspects: Suspects,
    /// Deliveries whose sender may not know of them.
    pub retries: Retries,
}

/// Blocking work on disks at a time: beyond, more threads only wait for the
/// same disk.
const BLOCKING: usize = 64;

/// The machine's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Opens everything; folders that are missing are made. Databases that are away
/// are used as soon as they are there.
///
/// # Errors
///
/// [`Failure`] where a setting cannot work or a folder cannot be made.
pub async fn open(config: &Config) -> Result<Parts, Failure> {
    let spool_path = config.server.data.join("spool");
    for folder in [&config.server.data, &spool_path, &config.mail.path] {
        make(folder)?;
    }
    let directory = Arc::new(Directory::open(&config.directory_settings()).await?);
    let index =
        Index::open(sql::Pool::open(&config.index_sql()).map_err(|error| index_setting(&error))?, config.server.node);
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let runtime = tokio::runtime::Handle::current();
    let spool = Spool::open(Arc::clone(&disk), &spool_path)?.removing_by(move |removal| {
        runtime.spawn_blocking(removal);
    });
    let blocking = Blocking::new(BLOCKING);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let parts = mailbox::Parts {
        index: index.clone(),
        spool: spool.clone(),
        disk,
        blocking: blocking.clone(),
        clock: Arc::clone(&clock),
    };
    let store = Store::open(config.mailbox_settings(), parts)?;
    let site = config.judge.quarantine.clone();
    let home = Home::new(Arc::clone(&directory), store.clone(), site, config.server.hostname.clone());
    let ids = Arc::new(IdSource::starting(config.server.node, rand::random()));
    let (suspects, retries) = (Suspects::default(), Retries::default());
    let logbook = Arc::default();
    Ok(Parts { directory, index, logbook, store, spool, blocking, ids, home, clock, suspects, retries })
}

fn make(folder: &Path) -> Result<(), Failure> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        Failure::failed(format!("{}: the folder cannot be made: {error}", folder.display()))
            .hint("make it, and give it to the server's user")
    })
}

fn index_setting(error: &sql::SqlError) -> Failure {
    Failure::usage(format!("[index] url: {error}"))
}
