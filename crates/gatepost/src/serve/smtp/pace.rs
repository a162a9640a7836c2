//! How long a peer may be silent, and how slow it may be: RFC 5321 §4.5.3.2
//! gives five minutes for a command and three for a block of data, which alone
//! would let a peer send one byte every three minutes for ever. So a command has
//! its time as a whole, and a message has a least rate.

use std::time::{Duration, Instant};

/// The limits.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From one reply to the end of the next command.
    pub command: Duration,
    /// Silence within a message.
    pub data: Duration,
    /// The least octets a second over a whole message, after the first minute.
    pub least_rate: u64,
}

/// One connection's pace.
#[derive(Debug)]
pub struct Pace {
    /// Since when a command is waited for.
    command: Option<Instant>,
    /// When the message began, and what came of it.
    message: Option<(Instant, u64)>,
}

/// A message is not measured before it had so much time.
const GRACE: Duration = Duration::from_secs(60);

impl Pace {
    pub(super) fn new() -> Self {
        Self { command: None, message: None }
    }

    /// How long to wait for the next bytes.
    pub(super) fn limit(&mut self, receiving: bool, times: &Times) -> Duration {
        if receiving {
            self.command = None;
            self.message.get_or_insert_with(|| (Instant::now(), 0));
            times.data
        } else {
            self.message = None;
            times.command.saturating_sub(self.command.get_or_insert_with(Instant::now).elapsed())
        }
    }

    /// Something was said to the peer: whatever it says next has its own time.
    pub(super) fn answered(&mut self) {
        self.command = None;
    }

    /// So many octets came.
    pub(super) fn took(&mut self, octets: usize) {
        if let Some((_, total)) = &mut self.message {
            *total += octets as u64;
        }
    }

    /// Whether the message comes too slowly to be waited for.
    pub(super) fn is_too_slow(&self, receiving: bool, times: &Times) -> bool {
        let Some((start, total)) = self.message.filter(|_| receiving) else { return false };
        lags(start.elapsed(), total, times.least_rate)
    }
}

fn lags(elapsed: Duration, octets: u64, least_rate: u64) -> bool {
    elapsed > GRACE && octets / elapsed.as_secs().max(1) < least_rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_its_time_as_a_whole() {
        let times = Times { command: Duration::from_secs(300), data: Duration::from_secs(200), least_rate: 100 };
        let mut pace = Pace::new();
        let first = pace.limit(false, &times);
        std::thread::sleep(Duration::from_millis(2));
        pace.took(1);
        assert!(pace.limit(false, &times) < first, "an octet of a command brings no new time");
        pace.answered();
        assert!(pace.limit(false, &times) > Duration::from_millis(299_999));
        assert_eq!(pace.limit(true, &times), times.data);
        let no_time = Times { command: Duration::ZERO, ..times };
        assert_eq!(pace.limit(false, &no_time), Duration::ZERO);
    }

    #[test]
    fn slow_is_measured_after_a_minute() {
        let cases = [(10, 0, false), (59, 1, false), (61, 61 * 100, false), (61, 61 * 99, true), (600, 600, true)];
        for (seconds, octets, lagging) in cases {
            assert_eq!(lags(Duration::from_secs(seconds), octets, 100), lagging, "{seconds} s, {octets}");
        }
    }
}
