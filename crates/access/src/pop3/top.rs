//! TOP: a message's header and the first lines of its body (RFC 1939 §7).

use pop3::{MessageNumber, Part};

use super::{Ended, Open, Out, Services, Sink, body};

pub(super) async fn run<S: Sink>(
    open: &Open,
    number: MessageNumber,
    lines: u32,
    services: &Services,
    out: &mut Out<'_, S>,
) -> Result<(), Ended> {
    body::send(open, number, Part::Top(lines), services, out).await
}
