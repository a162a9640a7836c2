//! What systemd hears from us (sd_notify(3)): when we serve, reload and stop,
//! and, if it asked for that, that we are not stuck. Elsewhere nobody listens,
//! and that is no error.

use std::time::Duration;

use sd_notify::{NotifyState, notify};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// We serve; what `systemctl status` shows beside it.
pub fn serving(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is read again; [`serving`] ends it, whatever came of it.
pub fn reloading() {
    // systemd 253 and later wants to know when, so that no earlier message
    // counts as the answer.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// We stop, and wait for the messages under way.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("waiting for the connections that are open")]);
}

/// Says twice in each period of the watchdog that the runtime runs its tasks;
/// nothing where there is no watchdog. It goes on until the process ends.
pub fn keep_alive() -> Option<JoinHandle<()>> {
    let period = sd_notify::watchdog_enabled()?;
    Some(tokio::spawn(async move {
        let mut ticks = interval((period / 2).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }))
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
