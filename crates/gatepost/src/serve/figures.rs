//! What a transaction adds to the figures of [`crate::metrics`].

use std::time::Duration;

use login::{Attempt, Verdict};
use metrics::{counter, gauge, histogram};
use verdict::Record;

use crate::metrics as names;

/// A recipient was answered: `accepted`, or a reply code.
pub(super) fn recipient(result: impl Into<String>) {
    counter!(names::RECIPIENTS, "result" => result.into()).increment(1);
}

/// A message was judged.
pub(super) fn judged(record: &Record, bytes: u64, took: Duration) {
    let verdict = record.decision.verdict.kind().as_str();
    let class = record.decision.reasons.first().map_or("", |reason| reason.class.as_str());
    counter!(names::MESSAGES, "verdict" => verdict, "class" => class).increment(1);
    counter!(names::MESSAGE_BYTES).increment(bytes);
    histogram!(names::JUDGE_SECONDS).record(took);
}

/// The verdict was carried out.
pub(super) fn carried_out(took: Duration) {
    histogram!(names::DELIVER_SECONDS).record(took);
}

/// Something could not be done.
pub(super) fn failure(class: mail::Class) {
    counter!(names::FAILURES, "class" => class.as_str()).increment(1);
}

/// A connection was let in. What goes up and down is counted up and down: where
/// two end at once, who has counted first may be heard last.
pub(super) fn connected(protocol: &'static str) {
    counter!(names::CONNECTIONS, "protocol" => protocol).increment(1);
    gauge!(names::CONNECTIONS_OPEN, "protocol" => protocol).increment(1.0);
}

/// It has ended.
pub(super) fn disconnected(protocol: &'static str) {
    gauge!(names::CONNECTIONS_OPEN, "protocol" => protocol).decrement(1.0);
}

/// A connection of users is open on which nobody has logged in.
pub(super) fn stranger_came() {
    gauge!(names::STRANGERS).increment(1.0);
}

/// Somebody has logged in on it, or it has ended.
pub(super) fn stranger_left() {
    gauge!(names::STRANGERS).decrement(1.0);
}

/// So many sessions are logged in.
pub(super) fn sessions(protocol: &'static str, open: usize) {
    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 sessions")]
    gauge!(names::SESSIONS_OPEN, "protocol" => protocol).set(open as f64);
}

/// A password was looked at. Refusals take as long as they are made to.
pub(super) fn attempt(attempt: &Attempt<'_>) {
    if attempt.verdict == Verdict::Right {
        histogram!(names::LOGIN_SECONDS, "protocol" => attempt.service.as_str()).record(attempt.took);
    }
}

/// A connection was turned away.
pub(super) fn turned_away(protocol: &'static str) {
    counter!(names::CONNECTIONS_REFUSED, "protocol" => protocol).increment(1);
}

/// An error of our own ended a connection.
pub(super) fn incident() {
    counter!(names::INCIDENTS).increment(1);
}
