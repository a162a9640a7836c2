//! When a changed signature folder is loaded: after it has been still for a
//! while, and after a failure later and later.

use std::time::{Duration, Instant};

use avscan_client::Fingerprint;

/// How long a changed folder must be still. A set is several files, and a
/// downloader writes one after the other.
const STILL: Duration = Duration::from_secs(2);
/// The first pause after a set that was refused, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_mins(30);

/// What is known of the folder.
#[derive(Debug)]
pub struct Watcher {
    /// As it was when it was last loaded, or refused.
    tried: Fingerprint,
    /// As it was seen since, and from when on.
    seen: Option<(Fingerprint, Instant)>,
    /// How often the set was refused in a row, and when it is tried again.
    refused: Option<(u32, Instant)>,
}

/// What to do at this tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Wait,
    /// Load the folder: these files changed.
    Load(Vec<String>),
    /// Load it although nothing changed: it was refused a while ago, maybe for
    /// a reason outside the folder.
    Retry,
}

impl Watcher {
    /// A watcher of a folder that is being loaded as it is now.
    #[must_use]
    pub fn new(now: Fingerprint) -> Self {
        Self { tried: now, seen: None, refused: None }
    }

    /// The folder as it is at this moment.
    pub fn tick(&mut self, folder: Fingerprint, now: Instant) -> Step {
        if folder == self.tried {
            self.seen = None;
            return match self.refused {
                Some((_, again)) if again <= now => Step::Retry,
                _ => Step::Wait,
            };
        }
        match &self.seen {
            Some((seen, since)) if *seen == folder => {
                if now.saturating_duration_since(*since) < STILL {
                    return Step::Wait;
                }
                Step::Load(folder.changes_since(&self.tried))
            }
            _ => {
                self.seen = Some((folder, now));
                Step::Wait
            }
        }
    }

    /// The step was done: the set is in use.
    pub fn loaded(&mut self) {
        self.settle();
        self.refused = None;
    }

    /// The step was done: the set is broken. Returns how long it is left alone
    /// if nothing changes.
    pub fn refused(&mut self, now: Instant) -> Duration {
        // Another set is another matter, and not punished for this one.
        let times = if self.settle() { 0 } else { self.refused.map_or(0, |(times, _)| times) };
        let pause = FIRST_PAUSE.saturating_mul(1 << times.min(10)).min(LONGEST_PAUSE);
        self.refused = Some((times + 1, now + pause));
        pause
    }

    /// What the scanner began with was refused, and it serves with an earlier
    /// set: it is tried again, as one that was refused later is.
    pub fn began_refused(&mut self, now: Instant) {
        self.refused.get_or_insert((1, now + FIRST_PAUSE));
    }

    /// What was seen has been tried. Returns whether it was something new.
    fn settle(&mut self) -> bool {
        let seen = self.seen.take();
        let new = seen.is_some();
        if let Some((folder, _)) = seen {
            self.tried = folder;
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn set(size: u64) -> Fingerprint {
        Fingerprint::made_up([("a.ndb", size), ("b.ndb", 1)])
    }

    fn load() -> Step {
        Step::Load(vec!["a.ndb".to_owned()])
    }

    #[test]
    fn a_changed_folder_is_loaded_when_it_is_still() {
        let start = Instant::now();
        let mut watcher = Watcher::new(set(1));
        for (after, size, expected) in [
            (0, 1, Step::Wait),
            (1, 2, Step::Wait),
            (2, 3, Step::Wait),
            (3, 3, Step::Wait),
            (4, 3, load()),
            // Not done yet: it stays due.
            (5, 3, load()),
        ] {
            assert_eq!(watcher.tick(set(size), start + SECOND * after), expected, "after {after}");
        }
        watcher.loaded();
        assert_eq!(watcher.tick(set(3), start + SECOND * 6), Step::Wait);
        // It changed while it was loaded.
        assert_eq!(watcher.tick(set(4), start + SECOND * 7), Step::Wait);
        assert_eq!(watcher.tick(set(4), start + SECOND * 9), load());
    }

    #[test]
    fn a_change_that_is_taken_back_is_none() {
        let start = Instant::now();
        let mut watcher = Watcher::new(set(1));
        for (after, size) in [(0, 2), (1, 1), (2, 2), (3, 2)] {
            assert_eq!(watcher.tick(set(size), start + SECOND * after), Step::Wait);
        }
    }

    #[test]
    fn a_set_that_is_refused_at_the_start_is_tried_again() {
        let start = Instant::now();
        let mut watcher = Watcher::new(set(1));
        watcher.began_refused(start);
        watcher.began_refused(start + SECOND * 20);
        assert_eq!(watcher.tick(set(1), start + SECOND * 29), Step::Wait);
        assert_eq!(watcher.tick(set(1), start + SECOND * 30), Step::Retry);
        assert_eq!(watcher.refused(start + SECOND * 30), FIRST_PAUSE * 2);
        // A fixed one does not wait for that.
        watcher.tick(set(2), start + SECOND * 31);
        watcher.began_refused(start + SECOND * 32);
        assert_eq!(watcher.tick(set(2), start + SECOND * 33), load());
    }

    #[test]
    fn a_refused_set_is_tried_again_later_and_later() {
        let mut now = Instant::now();
        let mut watcher = Watcher::new(set(1));
        watcher.tick(set(2), now);
        now += STILL;
        assert_eq!(watcher.tick(set(2), now), load());
        for minutes_half in [1, 2, 4, 8, 16, 32, 60, 60] {
            let pause = watcher.refused(now);
            assert_eq!(pause, FIRST_PAUSE * minutes_half);
            assert_eq!(watcher.tick(set(2), now + pause - SECOND), Step::Wait);
            now += pause;
            assert_eq!(watcher.tick(set(2), now), Step::Retry);
        }
        // A new set does not wait for that.
        watcher.refused(now);
        assert_eq!(watcher.tick(set(3), now), Step::Wait);
        now += STILL;
        assert_eq!(watcher.tick(set(3), now), load());
        assert_eq!(watcher.refused(now), FIRST_PAUSE);
        now += FIRST_PAUSE;
        assert_eq!(watcher.tick(set(3), now), Step::Retry);
        watcher.loaded();
        assert_eq!(watcher.tick(set(3), now + LONGEST_PAUSE), Step::Wait);
    }
}
