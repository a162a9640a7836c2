//! From the last byte to the reply: whether the message is known, what it is,
//! where it goes.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use mail::Text;
use smtp::{Mode, Outcome, reply};
use verdict::{Arrival, Record, Token};

use crate::arrival::Arrived;
use crate::deliver::Deliverer;
use crate::judge::{Envelope, Judge};
use crate::retries::{Keys, Known, Receipt, Retries, together};
use crate::suspects::{Repute, Suspects};
use crate::ticket::Ticket;

/// Decides about messages under one configuration.
#[derive(Clone)]
pub struct Ending {
    /// Judges.
    pub judge: Judge,
    /// Delivers, refuses, keeps.
    pub deliverer: Deliverer,
    /// Messages that made us panic; survives a new configuration.
    pub suspects: Suspects,
    /// Deliveries whose sender may not know of them; survives a new
    /// configuration.
    pub retries: Retries,
}

/// The circumstances of one decision.
#[derive(Debug)]
pub struct Moment {
    /// How the replies are.
    pub mode: Mode,
    /// Seconds since 1970.
    pub now: u64,
    /// Nobody waits for the scanner after this.
    pub deadline: Instant,
    /// Fresh randomness for the link in a refusal.
    pub token: Token,
}

/// What came of it.
#[derive(Debug)]
pub struct Ended {
    /// For the reply.
    pub outcome: Outcome,
    /// To be confirmed when the sender knows.
    pub receipt: Receipt,
    /// The verdict, where there was one to make, and how long it took.
    pub judged: Option<(Record, Duration)>,
    /// How long it took to carry it out.
    pub carried_out: Duration,
}

impl Ending {
    /// Decides, and does what was decided. `out_of_time` is over when judging
    /// may take no longer; `ticket` says whether anybody still waits.
    pub async fn decide(
        &self,
        arrived: Arrived,
        envelope: Envelope,
        moment: Moment,
        ticket: &Ticket,
        out_of_time: impl Future<Output = ()>,
    ) -> Ended {
        let _watch = self.suspects.watch(arrived.spooled.survey().sha256);
        let keys = Keys::of(&arrived, &envelope);
        let known = self.retries.known(&keys);
        if known.contains(&Some(Known::UnderWay)) {
            tracing::info!(id = %arrived.hop.id, "this very message is still being delivered");
            return self.without_work(Outcome::Refused(reply::internal_error()));
        }
        if let Some(outcome) = all_known(moment.mode, &known) {
            tracing::info!(id = %arrived.hop.id, "this very message was delivered before, and its sender did not know");
            return self.without_work(outcome);
        }
        let envelope = Envelope { recipients: without(envelope.recipients, &known), ..envelope };
        let fresh = keys.fresh(&known);
        let mode = moment.mode;
        let ended = self.judge_and_carry_out(arrived, &envelope, moment, (ticket, fresh), out_of_time).await;
        if known.iter().all(Option::is_none) {
            return ended;
        }
        Ended { outcome: together(mode, known, ended.outcome), ..ended }
    }

    async fn judge_and_carry_out(
        &self,
        arrived: Arrived,
        envelope: &Envelope,
        moment: Moment,
        (ticket, keys): (&Ticket, Keys),
        out_of_time: impl Future<Output = ()>,
    ) -> Ended {
        let repute = self.suspects.repute(&arrived.spooled.survey().sha256);
        if repute == Repute::Fair
            && let Some(refusal) = self.deliverer.loop_refusal(&arrived, envelope)
        {
            tracing::warn!(id = %arrived.hop.id, "the message goes in circles");
            return self.without_work(Outcome::Refused(refusal));
        }
        let start = Instant::now();
        let record = match repute {
            Repute::Fair => self.judge_in_time(&arrived, envelope, &moment, out_of_time).await,
            Repute::Poison => {
                tracing::error!(id = %arrived.hop.id, "refused: handling this message ended in errors of our own before");
                self.judge.poison(&arrived, envelope, moment.now)
            }
            Repute::Hopeless => {
                tracing::error!(id = %arrived.hop.id, "refused without a copy: keeping one is an error of our own too");
                // A relay would bounce it to whoever is named as the sender.
                let direct = envelope.arrival == Arrival::Direct;
                let refusal = if direct { reply::not_acceptable() } else { reply::internal_error() };
                return self.without_work(Outcome::Refused(refusal));
            }
        };
        let judged = start.elapsed();
        let Some(carrying) = ticket.carry(keys) else {
            tracing::info!(id = %arrived.hop.id, "nobody waits any more, or this very message came twice at a time");
            return self.without_work(Outcome::Refused(reply::internal_error()));
        };
        let start = Instant::now();
        let outcome = self.deliverer.carry_out(moment.mode, arrived, envelope, &record, &moment.token).await;
        let receipt = carrying.done(&outcome);
        Ended { outcome, receipt, judged: Some((record, judged)), carried_out: start.elapsed() }
    }

    async fn judge_in_time(
        &self,
        arrived: &Arrived,
        envelope: &Envelope,
        moment: &Moment,
        out_of_time: impl Future<Output = ()>,
    ) -> Record {
        let judging = self.judge.judge(arrived, envelope, moment.now, moment.deadline);
        match first(judging, out_of_time).await {
            Some(record) => record,
            None => self.judge.out_of_time(arrived, envelope, moment.now),
        }
    }

    fn without_work(&self, outcome: Outcome) -> Ended {
        Ended { outcome, receipt: self.retries.no_receipt(), judged: None, carried_out: Duration::ZERO }
    }
}

/// The outcome for a message that all its recipients have.
fn all_known(mode: Mode, known: &[Option<Known>]) -> Option<Outcome> {
    let text = |known: &Option<Known>| match known {
        Some(Known::Delivered(text)) => Some(text.clone()),
        _ => None,
    };
    let texts: Vec<Text> = known.iter().map(text).collect::<Option<_>>()?;
    let first = texts.first()?.clone();
    Some(if mode == Mode::Lmtp { Outcome::Each(texts.into_iter().map(Ok).collect()) } else { Outcome::Accepted(first) })
}

/// Those of which nothing is known. Where the message says too little to be
/// known, nothing is known of anybody.
fn without<T>(recipients: Vec<T>, known: &[Option<Known>]) -> Vec<T> {
    let is_new = |at: usize| known.get(at).is_none_or(Option::is_none);
    recipients.into_iter().enumerate().filter(|(at, _)| is_new(*at)).map(|(_, recipient)| recipient).collect()
}

/// What the work came to, unless it is out of time before.
async fn first<T>(work: impl Future<Output = T>, out_of_time: impl Future<Output = ()>) -> Option<T> {
    let (mut work, mut out_of_time) = (pin!(work), pin!(out_of_time));
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => out_of_time.as_mut().poll(context).map(|()| None),
    })
    .await
}
