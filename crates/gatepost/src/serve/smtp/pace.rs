//! How long a peer may be silent, and how slow it may be: RFC 5321 §4.5.3.2
//! gives five minutes for a command and three for a block of data, which alone
//! would let a peer send one byte every three minutes for ever. So a command has
//! its time as a whole, all commands between two messages have theirs together,
//! and a message has a least rate, in however many chunks it comes.

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

/// One connection's pace. Only the time in which the peer is waited for counts:
/// what we take ourselves is not the peer's fault.
#[derive(Debug, Default)]
pub struct Pace {
    /// Since when a command is waited for.
    command: Option<Instant>,
    /// Waited for commands since the last message.
    commands: Duration,
    /// Waited for the message so far, between its chunks too.
    message: Duration,
}

/// A message is not measured before it had so much time.
const GRACE: Duration = Duration::from_secs(60);
/// Between two messages all commands together have the time of so many.
const COMMANDS: u32 = 6;

impl Pace {
    /// How long to wait for the next bytes.
    pub(super) fn limit(&mut self, receiving: bool, times: &Times) -> Duration {
        if receiving {
            self.command = None;
            return times.data;
        }
        let command = times.command.saturating_sub(self.command.get_or_insert_with(Instant::now).elapsed());
        command.min((times.command * COMMANDS).saturating_sub(self.commands))
    }

    /// Something was said to the peer: whatever it says next has its own time.
    pub(super) fn answered(&mut self) {
        self.command = None;
    }

    /// A message is about to come.
    pub(super) fn message_begins(&mut self) {
        self.message = Duration::ZERO;
    }

    /// A message came to its end.
    pub(super) fn message_ended(&mut self) {
        (self.commands, self.message) = (Duration::ZERO, Duration::ZERO);
    }

    /// The peer was waited for, within a message or not.
    pub(super) fn waited(&mut self, time: Duration, within_message: bool) {
        let sum = if within_message { &mut self.message } else { &mut self.commands };
        *sum = sum.saturating_add(time);
    }

    /// Whether a message of which so many octets came is too slow to be waited
    /// for.
    pub(super) fn is_too_slow(&self, octets: u64, times: &Times) -> bool {
        lags(self.message, octets, times.least_rate)
    }
}

fn lags(waited: Duration, octets: u64, least_rate: u64) -> bool {
    waited > GRACE && octets / waited.as_secs().max(1) < least_rate
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times { command: Duration::from_secs(300), data: Duration::from_secs(200), least_rate: 100 };

    #[test]
    fn a_command_has_its_time_as_a_whole() {
        let mut pace = Pace::default();
        let first = pace.limit(false, &TIMES);
        std::thread::sleep(Duration::from_millis(2));
        assert!(pace.limit(false, &TIMES) < first, "an octet of a command brings no new time");
        pace.answered();
        assert!(pace.limit(false, &TIMES) > Duration::from_millis(299_999));
        assert_eq!(pace.limit(true, &TIMES), TIMES.data);
        let no_time = Times { command: Duration::ZERO, ..TIMES };
        assert_eq!(pace.limit(false, &no_time), Duration::ZERO);
    }

    #[test]
    fn commands_without_a_message_come_to_an_end() {
        let mut pace = Pace::default();
        for _ in 0..6 {
            assert!(!pace.limit(false, &TIMES).is_zero());
            pace.waited(Duration::from_secs(299), false);
            pace.answered();
        }
        assert!(pace.limit(false, &TIMES) <= Duration::from_secs(6));
        pace.message_ended();
        assert!(pace.limit(false, &TIMES) > Duration::from_secs(299));
    }

    #[test]
    fn one_octet_chunks_are_one_slow_message() {
        let mut pace = Pace::default();
        pace.message_begins();
        let until = (1..1000).find(|octets| {
            pace.answered();
            pace.waited(Duration::from_secs(1), true);
            pace.is_too_slow(*octets, &TIMES)
        });
        assert_eq!(until, Some(61));
        pace.message_begins();
        assert!(!pace.is_too_slow(0, &TIMES), "the next message has its own time");
    }

    #[test]
    fn slow_is_measured_after_a_minute() {
        let cases = [(10, 0, false), (59, 1, false), (61, 61 * 100, false), (61, 61 * 99, true), (600, 600, true)];
        for (seconds, octets, lagging) in cases {
            assert_eq!(lags(Duration::from_secs(seconds), octets, 100), lagging, "{seconds} s, {octets}");
        }
    }
}
