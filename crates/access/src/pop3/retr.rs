//! RETR: a whole message (RFC 1939 §5).

use pop3::{MessageNumber, Part};

use super::{Ended, Open, Out, Services, Sink, body};

pub(super) async fn run<S: Sink>(
    open: &Open,
    number: MessageNumber,
    services: &Services,
    out: &mut Out<'_, S>,
) -> Result<(), Ended> {
    body::send(open, number, Part::Whole, services, out).await
}
