//! `gatepost serve`: ports are bound, root is given up, everything is opened,
//! and connections are served until somebody asks us to stop.

mod accept;
mod certificates;
mod control;
mod figures;
mod front;
mod housekeeping;
mod limits;
mod listener;
mod lock;
mod logbook;
pub mod mount;
pub mod open;
pub(crate) mod orders;
mod reload;
mod site;
mod smtp;
mod sockets;
mod stream;
mod systemd;
mod users;
mod watching;
mod web;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::commands::check::{self, Finding, Status};
use crate::config::{Config, Listen};
use crate::output::Failure;
use crate::{logging, metrics, privileges};
use accept::Doors;
use listener::Bound;
use sockets::Sockets;

/// Binds, drops privileges, and serves until SIGTERM or SIGINT.
///
/// # Errors
///
/// [`Failure`] where the server cannot start; once it serves it does not fail.
pub fn run(config: Config) -> Result<(), Failure> {
    let logs = logging::start(&config.log)?;
    if let Err(error) = privileges::raise_open_files() {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    let bound = bind(&config)?;
    let sockets = Sockets::bound(&config);
    privileges::drop_to(&config.server.user)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("the runtime cannot start: {error}")))?;
    let result = runtime.block_on(serve(config, (bound, sockets), &logs));
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

/// Ports below 1024 need root, so all are bound before it is given up.
fn bind(config: &Config) -> Result<Vec<(&'static str, Bound)>, Failure> {
    let served =
        config.listen.all().filter(|(key, _)| ["smtp", "lmtp", "imaps", "pop3s", "https", "http"].contains(key));
    let bound = served.map(|(key, listen)| Bound::bind(key, listen).map(|bound| (key, bound)));
    let bound = bound.collect::<Result<Vec<_>, _>>().map_err(|error| {
        Failure::failed(error.to_string())
            .hint("is another server running there, is root needed for this port, has this machine the address?")
    })?;
    give_sockets(config)?;
    Ok(bound)
}

/// Sockets in the file system that root made belong to the server's user, who
/// has to remove them when they are in the way; his group may use them.
fn give_sockets(config: &Config) -> Result<(), Failure> {
    let Some(name) = config.server.user.get().filter(|_| rustix::process::geteuid().is_root()) else { return Ok(()) };
    let user = privileges::find(name)?;
    for (key, listen) in config.listen.all() {
        let Listen::Unix(path) = listen else { continue };
        // The link itself, if whoever owns the folder has put one there meanwhile.
        std::os::unix::fs::lchown(path, Some(user.uid), Some(user.gid))
            .map_err(|error| Failure::failed(format!("[listen] {key}: {}: {error}", path.display())))?;
    }
    Ok(())
}

/// The listeners with their keys, and the sockets among them.
type Doorways = (Vec<(&'static str, Bound)>, Sockets);

/// What systemd shows while nothing else is to be said.
const SERVING: &str = concat!("serving, version ", env!("CARGO_PKG_VERSION"));

async fn serve(config: Config, (bound, sockets): Doorways, logs: &logging::Logs) -> Result<(), Failure> {
    metrics::start(config.listen.metrics.iter().find_map(|listen| match listen {
        Listen::Tcp(address) => Some(*address),
        Listen::Unix(_) => None,
    }))?;
    mount::check(&config).await?;
    say_what_check_says(&config);
    let parts = open::open(&config).await?;
    let _ours = lock::DataLock::take(&config.server.data)?;
    recover(&parts).await;
    let reloadable = reload::Reloadable::start(&config, &parts)?;
    let (stop, stopping) = watch::channel(false);
    let doors = Doors::new(&config, &parts, &reloadable, stopping.clone())?;
    let housekeeping = housekeeping::start(&parts, &reloadable, &doors, stopping);
    for (key, bound) in bound {
        let listener =
            bound.listen().map_err(|error| Failure::failed(format!("[listen] {key} cannot be used: {error}")))?;
        doors.open(key, listener);
    }
    let control = control::Control::open(&config.server.data, asked(&parts, &reloadable, &doors));
    tracing::info!(hostname = %config.server.hostname, version = env!("CARGO_PKG_VERSION"), "serving");
    systemd::serving(SERVING);
    let _alive = systemd::keep_alive();

    until_told(&config, &reloadable, logs).await?;
    systemd::stopping();
    let _ = stop.send(true);
    sockets.remove();
    drop(control);
    drain(&doors, config.server.drain).await;
    housekeeping.finish().await;
    housekeeping::write_logins(&parts, logbook::Which::All).await;
    parts.store.close().await;
    reloadable.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// What the commands of the administrator may ask.
fn asked(parts: &open::Parts, reloadable: &reload::Reloadable, doors: &Doors) -> control::Server {
    control::Server {
        orders: reloadable.orders().cloned(),
        scanner: reloadable.scanner().cloned(),
        sites: reloadable.sites().clone(),
        gate: doors.gate().clone(),
        logbook: Arc::clone(&parts.logbook),
        index: parts.index.clone(),
    }
}

/// Nobody should have to run `gatepost check` to hear of an expired certificate.
fn say_what_check_says(config: &Config) {
    for Finding { name, status, message, hint } in check::at_start(config, SystemTime::now()) {
        match status {
            Status::Fail => tracing::error!(about = name, hint, "{message}"),
            _ => tracing::warn!(about = name, hint, "{message}"),
        }
    }
}

/// Completes what a crash left; an index that is away only delays that.
async fn recover(parts: &open::Parts) {
    match parts.store.recover().await {
        Ok(found) => {
            let mailbox::Recovered { completed, taken_back, left } = found;
            tracing::info!(completed, taken_back, left, "the spool was looked through");
        }
        Err(error) => tracing::error!(%error, "the spool could not be looked through"),
    }
}

/// Serves reloads until a signal asks us to stop.
async fn until_told(config: &Config, reloadable: &reload::Reloadable, logs: &logging::Logs) -> Result<(), Failure> {
    let watch = |kind| signal(kind).map_err(|error| Failure::failed(format!("signals cannot be watched: {error}")));
    let (mut term, mut int, mut hup) =
        (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?, watch(SignalKind::hangup())?);
    loop {
        tokio::select! {
            _ = term.recv() => return Ok(()),
            _ = int.recv() => return Ok(()),
            _ = hup.recv() => {
                systemd::reloading();
                reloadable.reload(&config.file, logs);
                systemd::serving(SERVING);
            }
        }
    }
}

/// Waits for the connections that have a message under way.
async fn drain(doors: &Doors, at_most: Duration) {
    let until = Instant::now() + at_most;
    while doors.open_connections() > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if doors.open_connections() > 0 {
        tracing::warn!(open = doors.open_connections(), "connections are cut off");
    }
}
