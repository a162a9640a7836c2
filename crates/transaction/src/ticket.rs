//! Who still waits for a message to be carried out. A disk that hangs must not
//! keep a sender for ever; but what he is told must stay true when the disk
//! comes back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smtp::Outcome;

use crate::retries::{Keys, Receipt, Retries};

/// Shared by whoever waits and whoever does the work.
#[derive(Debug, Clone)]
pub struct Ticket {
    stage: Arc<Mutex<Stage>>,
    retries: Retries,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was delivered yet.
    Before,
    /// It is being delivered.
    Carrying,
    /// It is over.
    Over,
    /// Nobody waits, and nothing was delivered: nothing will be.
    GivenUp,
    /// Nobody waits, and it goes on.
    Alone,
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
        let (next, given_up) = match *stage {
            Stage::Before | Stage::GivenUp => (Stage::GivenUp, GivenUp::Yes),
            Stage::Carrying | Stage::Alone => (Stage::Alone, GivenUp::Yes),
            Stage::Over => (Stage::Over, GivenUp::TooLate),
        };
        *stage = next;
        given_up
    }

    /// The last moment to turn back: `None` where nobody waits any more, or
    /// where the same message is being delivered or was meanwhile.
    pub(crate) fn carry(&self, keys: Keys) -> Option<Carrying> {
        let mut stage = self.stage();
        if *stage != Stage::Before || !self.retries.claim(&keys) {
            return None;
        }
        *stage = Stage::Carrying;
        Some(Carrying { ticket: self.clone(), keys: Some(keys) })
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery under way. Dropping it says that it failed.
#[derive(Debug)]
pub(crate) struct Carrying {
    ticket: Ticket,
    keys: Option<Keys>,
}

impl Carrying {
    /// It is done, and remembered until the receipt is confirmed: for ever so
    /// long where nobody waits for it.
    pub(crate) fn done(mut self, outcome: &Outcome) -> Receipt {
        let keys = self.keys.take().unwrap_or_default();
        let mut stage = self.ticket.stage();
        let receipt = self.ticket.retries.receipt(&keys, outcome);
        if *stage == Stage::Alone {
            // Not the outcome itself: the link in a refusal is a secret.
            let delivered = receipt.delivered();
            tracing::warn!(delivered, "a message was carried out after its sender was told to come again");
        }
        *stage = Stage::Over;
        drop(stage);
        receipt
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        if let Some(keys) = &self.keys {
            self.ticket.retries.forget(keys);
        }
        *self.ticket.stage() = Stage::Over;
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
            assert_eq!(ticket.give_up(), GivenUp::Yes);
            assert_eq!(ticket.give_up(), GivenUp::Yes);
            assert_eq!(retries.known(&keys()), [Some(Known::UnderWay)]);
            match &outcome {
                Some(outcome) => drop(carrying.done(outcome)),
                None => drop(carrying),
            }
            assert_eq!(retries.known(&keys()), [known], "{outcome:?}");
        }
    }

    #[test]
    fn what_is_over_cannot_be_given_up() {
        let retries = Retries::default();
        let ticket = Ticket::new(retries.clone());
        let receipt = ticket.carry(keys()).unwrap().done(&accepted());
        assert_eq!(ticket.give_up(), GivenUp::TooLate);
        receipt.confirm();
        assert_eq!(retries.known(&keys()), [None]);
    }

    #[test]
    fn of_two_with_the_same_message_one_is_carried() {
        let retries = Retries::default();
        let (one, other) = (Ticket::new(retries.clone()), Ticket::new(retries));
        let carrying = one.carry(keys()).unwrap();
        assert!(other.carry(keys()).is_none(), "it is under way");
        let receipt = carrying.done(&accepted());
        assert!(other.carry(keys()).is_none(), "it is there, and its sender may not know");
        receipt.confirm();
        assert!(other.carry(keys()).is_some(), "he knows, and means another one");
    }

    #[test]
    fn what_cannot_be_told_apart_is_carried_each_time() {
        let retries = Retries::default();
        let tickets = [Ticket::new(retries.clone()), Ticket::new(retries)];
        assert!(tickets.iter().all(|ticket| ticket.carry(Keys::default()).is_some()));
    }
}
