//! When a folder in which another program was is looked at: soon, but once for
//! much that happens, and again until nothing is in doubt.

use std::collections::HashMap;
use std::time::Duration;

use index::MailboxId;

/// A folder is looked at when it was still for so long,
const STILL: Duration = Duration::from_millis(100);
/// or when it was not still for so long.
const LONGEST: Duration = Duration::from_secs(2);
/// A look that leaves something in doubt, such as whether a message is gone, is
/// repeated after this: the time that two looks must be apart, and a little.
const AGAIN: Duration = Duration::from_millis(2_200);
/// Looks may take a twentieth of the time, and are never further apart than
/// this.
const COST: u32 = 20;
const FURTHEST: Duration = Duration::from_mins(1);

/// A table of folders; times are those that have passed since some moment.
#[derive(Debug, Default)]
pub(crate) struct Agenda(HashMap<MailboxId, Entry>);

#[derive(Debug, Default)]
struct Entry {
    /// Since when it is not still, and when something happened last.
    touched: Option<(Duration, Duration)>,
    again: Option<Duration>,
    /// For what the last look has cost.
    not_before: Duration,
}

impl Entry {
    fn due(&self) -> Option<Duration> {
        let touched = self.touched.map(|(first, last)| (last + STILL).min(first + LONGEST));
        let due = touched.into_iter().chain(self.again).min()?;
        Some(due.max(self.not_before))
    }
}

impl Agenda {
    /// Another program did something in the folder.
    pub(crate) fn touched(&mut self, id: MailboxId, now: Duration) {
        let entry = self.0.entry(id).or_default();
        entry.touched = Some((entry.touched.map_or(now, |(first, _)| first), now));
    }

    /// A look has taken so long.
    pub(crate) fn looked(&mut self, id: MailboxId, cost: Duration, now: Duration) {
        self.0.entry(id).or_default().not_before = now + (cost * COST).min(FURTHEST);
    }

    /// A look has left something in doubt.
    pub(crate) fn again(&mut self, id: MailboxId, now: Duration) {
        self.0.entry(id).or_default().again.get_or_insert(now + AGAIN);
    }

    /// When the next folder is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.0.values().filter_map(Entry::due).min()
    }

    /// The folders that are due now. They are so once.
    pub(crate) fn take(&mut self, now: Duration) -> Vec<MailboxId> {
        let due = |entry: &Entry| entry.due().is_some_and(|due| due <= now);
        let taken: Vec<MailboxId> = self.0.iter().filter(|(_, entry)| due(entry)).map(|(id, _)| *id).collect();
        for id in &taken {
            if let Some(entry) = self.0.get_mut(id) {
                (entry.touched, entry.again) = (None, None);
            }
        }
        self.0.retain(|_, entry| entry.due().is_some() || entry.not_before > now);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// When a folder is looked at in which something happens at these times, in
    /// milliseconds.
    fn looks(touched: impl IntoIterator<Item = u64>, cost: u64) -> Vec<u64> {
        let (mut agenda, id, mut looks) = (Agenda::default(), MailboxId::new(1), Vec::new());
        let mut touched: std::collections::VecDeque<u64> = touched.into_iter().collect();
        for now in 0..200_000 {
            while touched.front().is_some_and(|at| *at <= now) {
                touched.pop_front();
                agenda.touched(id, ms(now));
            }
            if agenda.take(ms(now)) == [id] {
                looks.push(now);
                agenda.looked(id, ms(cost), ms(now));
            }
        }
        assert!(agenda.0.is_empty() && agenda.next().is_none(), "nothing is kept of what is over");
        looks
    }

    #[test]
    fn once_for_much() {
        assert_eq!(looks([5], 0), [105]);
        assert_eq!(looks([5, 50, 120, 500], 0), [220, 600]);
        assert_eq!(looks((0..5_000).step_by(10), 0), [2_000, 4_010, 5_090], "ten thousand files that are copied in");
        assert_eq!(looks((0..20_000).step_by(10), 500), [2_000, 12_000, 22_000], "no more than a twentieth");
        assert_eq!(looks([0, 300], 60_000), [100, 60_100], "never further apart");
    }

    #[test]
    fn again_while_in_doubt() {
        let (mut agenda, one, two) = (Agenda::default(), MailboxId::new(1), MailboxId::new(2));
        agenda.again(one, ms(0));
        agenda.again(one, ms(1_000));
        agenda.touched(two, ms(0));
        assert_eq!(agenda.next(), Some(ms(100)));
        assert_eq!(agenda.take(ms(100)), [two]);
        assert_eq!(agenda.next(), Some(ms(2_200)), "the first doubt counts");
        assert!(agenda.take(ms(2_199)).is_empty());
        assert_eq!(agenda.take(ms(2_200)), [one]);
        assert_eq!(agenda.next(), None);
    }
}
