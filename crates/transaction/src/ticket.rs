//! Who still waits for a message to be carried out. A disk that hangs must not
//! keep a sender for ever; but what he is told must stay true when the disk
//! comes back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smtp::Outcome;

use crate::retries::{Keys, Retries};

/// Shared by whoever waits and whoever does the work.
#[derive(Debug, Clone)]
pub struct Ticket {
    stage: Arc<Mutex<Stage>>,
    retries: Retries,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was delivered yet.
    Before,
    /// It is being delivered.
    Carrying(Keys),
    /// It is over.
    Over,
    /// Nobody waits, and nothing was delivered: nothing will be.
    GivenUp,
    /// Nobody waits, and it goes on.
    Alone(Keys),
}

/// What giving up came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// The sender may be told to come again.
    Yes,
    /// It is over already: the outcome is there.
    TooLate,
}

impl Ticket {
    /// For one message.
    #[must_use]
    pub fn new(retries: Retries) -> Self {
        Self { stage: Arc::new(Mutex::new(Stage::Before)), retries }
    }

    /// The sender is told to come again. If the message was not about to be
    /// delivered it never is. If it was, it may well be, and until that is known
    /// the sender, who comes again with the same message, is put off each time.
    #[must_use]
    pub fn give_up(&self) -> GivenUp {
        let mut stage = self.stage();
        match std::mem::replace(&mut *stage, Stage::GivenUp) {
            Stage::Before | Stage::GivenUp => GivenUp::Yes,
            Stage::Carrying(keys) | Stage::Alone(keys) => {
                self.retries.hold(&keys);
                *stage = Stage::Alone(keys);
                GivenUp::Yes
            }
            Stage::Over => {
                *stage = Stage::Over;
                GivenUp::TooLate
            }
        }
    }

    /// The last moment to turn back: `None` where nobody waits any more.
    pub(crate) fn carry(&self, keys: Keys) -> Option<Carrying> {
        let mut stage = self.stage();
        match &*stage {
            Stage::Before => {
                *stage = Stage::Carrying(keys);
                Some(Carrying(self.clone()))
            }
            _ => None,
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery under way. Dropping it says that it failed.
#[derive(Debug)]
pub(crate) struct Carrying(Ticket);

impl Carrying {
    /// It is done. Where nobody waits for the outcome it is remembered here.
    pub(crate) fn done(self, outcome: &Outcome) {
        let ticket = &self.0;
        let mut stage = ticket.stage();
        if let Stage::Alone(keys) = &*stage {
            ticket.retries.forget(keys);
            let _stays = ticket.retries.receipt(keys, outcome);
            tracing::warn!(?outcome, "a message was carried out after its sender was told to come again");
        }
        *stage = Stage::Over;
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        let mut stage = self.0.stage();
        if let Stage::Alone(keys) = &*stage {
            self.0.retries.forget(keys);
        }
        *stage = Stage::Over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retries::Known;

    fn keys() -> Keys {
        Keys(vec![[1; 32]])
    }

    fn accepted() -> Outcome {
        Outcome::accepted("x")
    }

    #[test]
    fn what_was_given_up_before_is_never_delivered() {
        let retries = Retries::default();
        let ticket = Ticket::new(retries.clone());
        assert_eq!(ticket.give_up(), GivenUp::Yes);
        assert!(ticket.carry(keys()).is_none());
        assert_eq!(retries.known(&keys()), [None], "a retry is a message like any other");
    }

    #[test]
    fn what_goes_on_alone_puts_retries_off_until_it_is_known() {
        let delivered = Some(Known::Delivered(mail::Text::sanitized("x")));
        let refused = Outcome::Refused(smtp::reply::over_quota());
        for (outcome, known) in [(Some(accepted()), delivered), (Some(refused), None), (None, None)] {
            let retries = Retries::default();
            let ticket = Ticket::new(retries.clone());
            let carrying = ticket.carry(keys()).unwrap();
            assert!(ticket.carry(keys()).is_none(), "once");
            assert_eq!(retries.known(&keys()), [None]);
            assert_eq!(ticket.give_up(), GivenUp::Yes);
            assert_eq!(retries.known(&keys()), [Some(Known::UnderWay)]);
            match &outcome {
                Some(outcome) => carrying.done(outcome),
                None => drop(carrying),
            }
            assert_eq!(retries.known(&keys()), [known], "{outcome:?}");
        }
    }

    #[test]
    fn what_is_over_cannot_be_given_up() {
        let retries = Retries::default();
        let ticket = Ticket::new(retries.clone());
        ticket.carry(keys()).unwrap().done(&accepted());
        assert_eq!(ticket.give_up(), GivenUp::TooLate);
        assert_eq!(retries.known(&keys()), [None], "whoever waits has the receipt");
    }
}
