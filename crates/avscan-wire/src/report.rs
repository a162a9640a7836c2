//! What the worker tells the daemon: that it is ready, that it cannot be, and
//! what a scan found.

use std::fmt;

use crate::codec::{Reader, WireError, Writer};

const HELLO: u8 = 1;
const LOAD_FAILED: u8 = 2;
const SCANNED: u8 = 3;

/// Bytes of a signature's name, of an engine's version, of an error's text.
const NAME: u16 = 256;
const ENGINE: u16 = 64;
const TEXT: u16 = 1024;

/// One packet of the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The engine is loaded; requests may come. Sent once, first.
    Hello(Hello),
    /// The engine cannot be loaded; the worker ends after this. The text is
    /// one sentence for the administrator.
    LoadFailed(String),
    /// One request is answered.
    Scanned {
        /// The request's id.
        id: u64,
        /// What was found.
        outcome: Outcome,
        /// How long the scan took in milliseconds.
        millis: u32,
    },
}

/// What a worker has loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// How many signatures there are.
    pub signatures: u32,
    /// The version of libclamav.
    pub engine: String,
    /// The version of the official daily database; 0 without one.
    pub database_version: u32,
    /// When the official daily database was made, in seconds since 1970; 0
    /// without one.
    pub database_time: u64,
    /// The youngest modification time of a signature file, in seconds since
    /// 1970.
    pub newest_file: u64,
    /// How long loading took in milliseconds.
    pub load_ms: u32,
    /// What holds the worker in.
    pub confinement: Confinement,
}

/// What holds the worker in, as it found by trying after it was locked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// Files and network are out of reach.
    Full,
    /// Something of it is missing on this kernel.
    Partial,
    /// It was switched off.
    Off,
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing.
    Clean,
    /// A signature matched; its name.
    Found(String),
    /// Something in it could not be looked into.
    Unscannable(Limit),
    /// The scan itself failed.
    Failed(String),
}

/// Why a message cannot be scanned to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// The message, or what is unpacked from it, is too large.
    Size,
    /// It is nested too deeply.
    Recursion,
    /// It holds too many files or parts.
    Files,
    /// It took too long.
    Time,
    /// It holds an encrypted archive or document.
    Encrypted,
    /// Another limit of libclamav.
    Other,
}

const LIMITS: [(Limit, &str); 6] = [
    (Limit::Size, "size"),
    (Limit::Recursion, "recursion"),
    (Limit::Files, "files"),
    (Limit::Time, "time"),
    (Limit::Encrypted, "encrypted"),
    (Limit::Other, "other"),
];

impl Limit {
    /// The word for it in headers, logs and rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        LIMITS.iter().find(|(limit, _)| *limit == self).map_or("other", |(_, word)| word)
    }

    fn code(self) -> u8 {
        LIMITS.iter().zip(0..).find(|((limit, _), _)| *limit == self).map_or(5, |(_, code)| code)
    }

    fn from_code(code: u8) -> Result<Self, WireError> {
        LIMITS.get(usize::from(code)).map(|(limit, _)| *limit).ok_or(WireError::Unknown("limit"))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Report {
    /// The packet. Texts that are too long are cut.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => hello.write(Writer::new(HELLO)).finish(),
            Self::LoadFailed(text) => Writer::new(LOAD_FAILED).text(text, TEXT).finish(),
            Self::Scanned { id, outcome, millis } => {
                let frame = Writer::new(SCANNED).u64(*id).u32(*millis);
                match outcome {
                    Outcome::Clean => frame.u8(0),
                    Outcome::Found(name) => frame.u8(1).text(name, NAME),
                    Outcome::Unscannable(limit) => frame.u8(2).u8(limit.code()),
                    Outcome::Failed(text) => frame.u8(3).text(text, TEXT),
                }
                .finish()
            }
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// [`WireError`] where it is no report of this version.
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        let (kind, mut reader) = Reader::open(frame)?;
        let report = match kind {
            HELLO => Self::Hello(Hello::read(&mut reader)?),
            LOAD_FAILED => Self::LoadFailed(reader.text(TEXT)?),
            SCANNED => {
                let (id, millis) = (reader.u64()?, reader.u32()?);
                Self::Scanned { id, outcome: read_outcome(&mut reader)?, millis }
            }
            _ => return Err(WireError::Unknown("report")),
        };
        reader.finish(report)
    }
}

impl Hello {
    fn write(&self, frame: Writer) -> Writer {
        let confinement = match self.confinement {
            Confinement::Full => 0,
            Confinement::Partial => 1,
            Confinement::Off => 2,
        };
        frame
            .u32(self.signatures)
            .text(&self.engine, ENGINE)
            .u32(self.database_version)
            .u64(self.database_time)
            .u64(self.newest_file)
            .u32(self.load_ms)
            .u8(confinement)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            signatures: reader.u32()?,
            engine: reader.text(ENGINE)?,
            database_version: reader.u32()?,
            database_time: reader.u64()?,
            newest_file: reader.u64()?,
            load_ms: reader.u32()?,
            confinement: match reader.u8()? {
                0 => Confinement::Full,
                1 => Confinement::Partial,
                2 => Confinement::Off,
                _ => return Err(WireError::Unknown("confinement")),
            },
        })
    }
}

fn read_outcome(reader: &mut Reader<'_>) -> Result<Outcome, WireError> {
    Ok(match reader.u8()? {
        0 => Outcome::Clean,
        1 => Outcome::Found(reader.text(NAME)?),
        2 => Outcome::Unscannable(Limit::from_code(reader.u8()?)?),
        3 => Outcome::Failed(reader.text(TEXT)?),
        _ => return Err(WireError::Unknown("outcome")),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::MAX_FRAME;

    fn outcomes() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Clean),
            "[a-zA-Z.]{0,80}".prop_map(Outcome::Found),
            (0..6_usize).prop_map(|n| Outcome::Unscannable(LIMITS[n].0)),
            "\\PC{0,80}".prop_map(Outcome::Failed),
        ]
    }

    fn hellos() -> impl Strategy<Value = Hello> {
        let confinement = prop_oneof![Just(Confinement::Full), Just(Confinement::Partial), Just(Confinement::Off)];
        (any::<u32>(), "[0-9.]{0,16}", any::<(u32, u64, u64, u32)>(), confinement).prop_map(
            |(signatures, engine, (database_version, database_time, newest_file, load_ms), confinement)| Hello {
                signatures,
                engine,
                database_version,
                database_time,
                newest_file,
                load_ms,
                confinement,
            },
        )
    }

    fn reports() -> impl Strategy<Value = Report> {
        prop_oneof![
            hellos().prop_map(Report::Hello),
            "\\PC{0,80}".prop_map(Report::LoadFailed),
            (any::<u64>(), outcomes(), any::<u32>()).prop_map(|(id, outcome, millis)| Report::Scanned {
                id,
                outcome,
                millis
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn reads_back(report in reports()) {
            let frame = report.encode();
            prop_assert_eq!(Report::decode(&frame), Ok(report));
            prop_assert!(Report::decode(&frame[..frame.len() - 1]).is_err());
            prop_assert!(Report::decode(&[frame, vec![0]].concat()).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(kind in 0_u8..5, rest in prop::collection::vec(any::<u8>(), 0..64)) {
            let frame = [vec![crate::VERSION, kind], rest].concat();
            if let Ok(report) = Report::decode(&frame) {
                prop_assert_eq!(Report::decode(&report.encode()), Ok(report));
            }
        }
    }

    #[test]
    fn the_longest_texts_fit_a_packet() {
        let long = "x".repeat(100_000);
        for report in [
            Report::LoadFailed(long.clone()),
            Report::Scanned { id: 1, outcome: Outcome::Found(long.clone()), millis: 1 },
            Report::Scanned { id: 1, outcome: Outcome::Failed(long), millis: 1 },
        ] {
            let frame = report.encode();
            assert!(frame.len() < MAX_FRAME && Report::decode(&frame).is_ok());
        }
    }

    #[test]
    fn every_limit_has_its_own_word_and_code() {
        for (limit, word) in LIMITS {
            assert_eq!((limit.as_str(), Limit::from_code(limit.code())), (word, Ok(limit)));
        }
        assert_eq!(Limit::from_code(6), Err(WireError::Unknown("limit")));
    }
}
