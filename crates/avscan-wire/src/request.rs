//! What the daemon asks the worker: scan the message behind this descriptor.

use crate::codec::{Reader, WireError, Writer};

const SCAN: u8 = 1;

/// One message to scan. Its file descriptor travels beside the frame, is
/// readable, and is read from its beginning whatever its position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the daemon; stands in the answer.
    pub id: u64,
    /// Whether the file begins in a way that libclamav knows as mail.
    pub prefix: Prefix,
    /// Bytes of the file that belong to the message.
    pub length: u64,
    /// Milliseconds after which the worker begins no further part of it.
    pub budget_ms: u32,
}

/// How the file of a message begins. libclamav looks into the attachments of a
/// file only if it takes it for mail, and the first line of a foreign message
/// can be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// With the message as the sender wrote it; the worker puts a `Received`
    /// line before it.
    Foreign,
    /// With a `Received` line of our own, so that it can be scanned in place.
    Ours,
}

impl Request {
    /// The packet.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let prefix = match self.prefix {
            Prefix::Foreign => 0,
            Prefix::Ours => 1,
        };
        Writer::new(SCAN).u64(self.id).u8(prefix).u64(self.length).u32(self.budget_ms).finish()
    }

    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// [`WireError`] where it is no request of this version.
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        let (kind, mut reader) = Reader::open(frame)?;
        if kind != SCAN {
            return Err(WireError::Unknown("request"));
        }
        let id = reader.u64()?;
        let prefix = match reader.u8()? {
            0 => Prefix::Foreign,
            1 => Prefix::Ours,
            _ => return Err(WireError::Unknown("prefix")),
        };
        let request = Self { id, prefix, length: reader.u64()?, budget_ms: reader.u32()? };
        reader.finish(request)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn reads_back(id: u64, ours: bool, length: u64, budget_ms: u32) {
            let prefix = if ours { Prefix::Ours } else { Prefix::Foreign };
            let request = Request { id, prefix, length, budget_ms };
            let frame = request.encode();
            prop_assert_eq!(Request::decode(&frame), Ok(request));
            prop_assert!(Request::decode(&frame[..frame.len() - 1]).is_err());
            prop_assert!(Request::decode(&[frame, vec![0]].concat()).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(frame in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(request) = Request::decode(&frame) {
                prop_assert_eq!(request.encode(), frame);
            }
        }
    }
}
