//! When a name is ordered: at once, after failures later and later, and again
//! when a third of a certificate's life is left, or when the authority suggests
//! it (RFC 9773). Nothing here knows what time it is.

use std::time::{Duration, SystemTime};

/// The pause after a first failure. Let's Encrypt allows five failures of a
/// name in an hour.
const FIRST: Duration = Duration::from_secs(15 * 60);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The least time from one certificate of a name to the next.
pub(crate) const LEAST: Duration = Duration::from_secs(6 * 60 * 60);
/// How often an authority is asked when it wants a renewal, at the least and
/// at the most.
const ASK: (Duration, Duration) = (Duration::from_secs(60 * 60), LONGEST);

/// A share of 65,536, chosen at random for each certificate, so that not all
/// servers of the world come at the same moment.
pub(crate) type Jitter = u16;

/// The pause after so many failures in a row: doubled each time, up to a day;
/// up to a tenth less by chance.
pub(crate) fn pause(failures: u32, jitter: Jitter) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
    let whole = FIRST.saturating_mul(1_u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX)).min(LONGEST);
    whole - share(whole / 10, jitter)
}

/// When a certificate is to be renewed: when a third of its life is left, and
/// up to a fiftieth of it earlier by chance. What the authority suggests goes
/// before, but not so late that a failure could not be repaired.
pub(crate) fn renewal(
    (from, until): (SystemTime, SystemTime),
    suggested: Option<(SystemTime, SystemTime)>,
    jitter: Jitter,
) -> SystemTime {
    let life = until.duration_since(from).unwrap_or_default();
    let ours = until - life / 3 - share(life / 50, jitter);
    let Some((start, end)) = suggested.filter(|(start, end)| start <= end) else { return ours };
    let theirs = start + share(end.duration_since(start).unwrap_or_default(), jitter);
    theirs.min(until - life / 6)
}

/// When the authority is to be asked again for its suggestion, which it says
/// itself within bounds.
pub(crate) fn ask_again(said: Option<Duration>) -> Duration {
    said.unwrap_or(ASK.1).clamp(ASK.0, ASK.1)
}

fn share(of: Duration, jitter: Jitter) -> Duration {
    of.mul_f64(f64::from(jitter) / 65_536.0)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3600;

    fn day(days: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(days * 24 * HOUR)
    }

    #[test]
    fn failures_wait_longer_and_longer_up_to_a_day() {
        let minutes: Vec<u64> = (0..10).map(|failures| pause(failures, 0).as_secs() / 60).collect();
        assert_eq!(minutes, [0, 15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
        assert_eq!(pause(u32::MAX, 0), LONGEST);
    }

    #[test]
    fn renewals() {
        // Ninety days: renewed from day 58.2 to 60.
        let life = (day(1000), day(1090));
        assert_eq!(renewal(life, None, 0), day(1060));
        assert!(renewal(life, None, u16::MAX) > day(1058) && renewal(life, None, u16::MAX) < day(1059));
        // Six days, as the shortest profiles have.
        assert_eq!(renewal((day(0), day(6)), None, 0), day(4));
        let suggested = |from, until| renewal(life, Some((day(from), day(until))), 32_768);
        assert_eq!(suggested(1050, 1052), day(1051));
        assert_eq!(suggested(900, 902), day(901), "a certificate that will be revoked");
        assert_eq!(suggested(1080, 1089), day(1075), "not as late as that");
        assert_eq!(suggested(1060, 1050), renewal(life, None, 32_768), "no window at all");
    }

    #[test]
    fn an_authority_is_not_asked_too_often() {
        let cases = [(None, 24), (Some(6), 6), (Some(0), 1), (Some(1000), 24)];
        for (said, hours) in cases {
            let said = said.map(|hours: u64| Duration::from_secs(hours * HOUR));
            assert_eq!(ask_again(said).as_secs() / HOUR, hours);
        }
    }

    proptest! {
        #[test]
        fn always_before_the_end_and_never_much_more_than_a_day(
            from in 0_u64..40_000, days in 1_u64..400, window in any::<Option<(u16, u16)>>(),
            jitter in any::<u16>(), failures in any::<u32>(),
        ) {
            let life = (day(from), day(from + days));
            let window = window.map(|(start, end)| (day(start.into()), day(end.into())));
            prop_assert!(renewal(life, window, jitter) < life.1);
            prop_assert!(pause(failures, jitter) <= LONGEST);
            prop_assert!(failures == 0 || pause(failures, jitter) >= FIRST * 9 / 10);
        }
    }
}
