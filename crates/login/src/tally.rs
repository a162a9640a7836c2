//! How many logins came out in which way, for the figures of whoever runs the
//! service.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{LoginError, Service};

const SERVICES: [Service; 4] = [Service::Imap, Service::Pop3, Service::Submission, Service::Web];
const RESULTS: [&str; 3] = ["ok", "refused", "away"];

/// The counts, by service and result.
#[derive(Debug, Default)]
pub(crate) struct Tally([[AtomicU64; RESULTS.len()]; SERVICES.len()]);

impl Tally {
    pub(crate) fn count<T>(&self, service: Service, outcome: &Result<T, LoginError>) {
        let result = match outcome {
            Ok(_) => 0,
            Err(LoginError::Refused) => 1,
            Err(LoginError::Away(_) | LoginError::Busy) => 2,
        };
        let of_service = SERVICES.iter().zip(&self.0).find(|(known, _)| **known == service);
        if let Some((_, counts)) = of_service {
            counts[result].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those that are not zero.
    pub(crate) fn read(&self) -> Vec<(Service, &'static str, u64)> {
        let row = |(service, counts): (Service, &[AtomicU64; RESULTS.len()])| {
            let counts: Vec<u64> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
            RESULTS.into_iter().zip(counts).map(move |(result, count)| (service, result, count))
        };
        SERVICES.into_iter().zip(&self.0).flat_map(row).filter(|(.., count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_counted_by_itself() {
        let tally = Tally::default();
        assert_eq!(tally.read(), []);
        tally.count(Service::Web, &Ok(()));
        tally.count::<()>(Service::Imap, &Err(LoginError::Refused));
        tally.count::<()>(Service::Imap, &Err(LoginError::Refused));
        tally.count::<()>(Service::Imap, &Err(LoginError::Busy));
        let expected = [(Service::Imap, "refused", 2), (Service::Imap, "away", 1), (Service::Web, "ok", 1)];
        assert_eq!(tally.read(), expected);
    }
}
