//! The MAIL and RCPT lines, with what they promise about the message.
//!
//! ```text
//! mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
//! rcpt = "RCPT TO:" ( "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF
//! esmtp-param = esmtp-keyword ["=" esmtp-value]
//! ```
//!
//! RFC 5321 §4.1.1.2, §4.1.1.3; SIZE is RFC 1870, BODY RFC 6152, SMTPUTF8
//! RFC 6531.

use std::fmt;

use mail::{Address, AddressError, Class, Classified, ForwardPath, ReversePath};
use thiserror::Error;

use crate::path::Path;
use crate::{Refusal, reply};

/// A sender and what he says about the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Where reports of failure go.
    pub from: ReversePath,
    /// The size in octets that was promised (`SIZE=`).
    pub size: Option<u64>,
    /// What kind of bytes was promised (`BODY=`).
    pub body: Option<Body>,
    /// Whether the envelope or the header may be beyond ASCII (`SMTPUTF8`).
    pub smtputf8: bool,
}

/// The value of `BODY=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Body {
    /// No octet above 127.
    SevenBit,
    /// Octets above 127 in lines.
    EightBitMime,
}

/// A recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    /// Whom the message is for.
    pub to: ForwardPath,
}

/// Why a MAIL or RCPT line is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LineError {
    /// `FROM:<…>` is not there or not whole.
    #[error("MAIL has no sender in angle brackets")]
    NoSender,
    /// `TO:<…>` is not there, not whole or empty.
    #[error("RCPT has no recipient in angle brackets")]
    NoRecipient,
    /// The sender is no address.
    #[error("the sender: {0}")]
    Sender(AddressError),
    /// The recipient is no address.
    #[error("the recipient: {0}")]
    Recipient(AddressError),
    /// A parameter that is not offered.
    #[error("a parameter that is not offered")]
    UnknownParameter,
    /// A parameter comes twice, or has a value that it cannot have.
    #[error("a parameter comes twice or has a value that it cannot have")]
    BadParameter,
}

impl LineError {
    /// What the peer hears.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        match self {
            Self::NoSender | Self::Sender(_) => reply::bad_sender(),
            Self::NoRecipient | Self::Recipient(_) => reply::bad_recipient(),
            Self::UnknownParameter => reply::unknown_parameter(),
            Self::BadParameter => reply::bad_arguments(),
        }
    }
}

impl Classified for LineError {
    fn class(&self) -> Class {
        Class::Invalid
    }
}

impl Mail {
    /// Reads what follows `MAIL `.
    ///
    /// # Errors
    ///
    /// [`LineError`] says what is wrong with the line.
    pub fn parse(arguments: &str) -> Result<Self, LineError> {
        let path = Path::parse("FROM", arguments).ok_or(LineError::NoSender)?;
        let from = match path.mailbox {
            "" => ReversePath::Null,
            mailbox => ReversePath::Address(Address::parse(mailbox).map_err(LineError::Sender)?),
        };
        let mut mail = Self { from, size: None, body: None, smtputf8: false };
        for parameter in parameters(path.rest) {
            mail.take(parameter?)?;
        }
        Ok(mail)
    }

    fn take(&mut self, (keyword, value): (&str, Option<&str>)) -> Result<(), LineError> {
        let taken_before = match keyword.to_ascii_uppercase().as_str() {
            "SIZE" => self.size.replace(size(value)?).is_some(),
            "BODY" => self.body.replace(body(value)?).is_some(),
            "SMTPUTF8" if value.is_none() => std::mem::replace(&mut self.smtputf8, true),
            "SMTPUTF8" => return Err(LineError::BadParameter),
            _ => return Err(LineError::UnknownParameter),
        };
        if taken_before { Err(LineError::BadParameter) } else { Ok(()) }
    }
}

impl Rcpt {
    /// Reads what follows `RCPT `.
    ///
    /// # Errors
    ///
    /// [`LineError`] says what is wrong with the line.
    pub fn parse(arguments: &str) -> Result<Self, LineError> {
        let path = Path::parse("TO", arguments).ok_or(LineError::NoRecipient)?;
        let to = match path.mailbox {
            "" => return Err(LineError::NoRecipient),
            mailbox if mailbox.eq_ignore_ascii_case("postmaster") => ForwardPath::Postmaster,
            mailbox => ForwardPath::Address(Address::parse(mailbox).map_err(LineError::Recipient)?),
        };
        // No extension that is offered has a parameter for RCPT.
        match parameters(path.rest).next() {
            None => Ok(Self { to }),
            Some(Ok(_)) => Err(LineError::UnknownParameter),
            Some(Err(error)) => Err(error),
        }
    }
}

type Parameter<'a> = (&'a str, Option<&'a str>);

fn parameters(text: &str) -> impl Iterator<Item = Result<Parameter<'_>, LineError>> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| {
        let (keyword, value) = match word.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (word, None),
        };
        let mut bytes = keyword.bytes();
        let sound = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && value.is_none_or(|value| !value.is_empty() && !value.contains('='));
        if sound { Ok((keyword, value)) } else { Err(LineError::BadParameter) }
    })
}

/// `size-value = 1*20DIGIT` (RFC 1870 §6.1). Beyond 64 bits it is still a
/// number, and surely too large.
fn size(value: Option<&str>) -> Result<u64, LineError> {
    let digits = value.ok_or(LineError::BadParameter)?;
    if digits.len() > 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(LineError::BadParameter);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

fn body(value: Option<&str>) -> Result<Body, LineError> {
    match value {
        Some(v) if v.eq_ignore_ascii_case("7BIT") => Ok(Body::SevenBit),
        Some(v) if v.eq_ignore_ascii_case("8BITMIME") => Ok(Body::EightBitMime),
        _ => Err(LineError::BadParameter),
    }
}

impl fmt::Display for Mail {
    /// The arguments of the MAIL line that says this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FROM:<{}>", self.from)?;
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        match self.body {
            Some(Body::SevenBit) => f.write_str(" BODY=7BIT")?,
            Some(Body::EightBitMime) => f.write_str(" BODY=8BITMIME")?,
            None => {}
        }
        f.write_str(if self.smtputf8 { " SMTPUTF8" } else { "" })
    }
}

impl fmt::Display for Rcpt {
    /// The arguments of the RCPT line that says this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TO:<{}>", self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::DomainError;
    use proptest::prelude::*;

    #[test]
    fn mail_lines() {
        let cases = [
            ("FROM:<>", Ok("FROM:<>")),
            ("FROM:<Alice@Example.org>", Ok("FROM:<Alice@example.org>")),
            (
                "from: <a@b.example> size=7 body=8bitmime smtputf8",
                Ok("FROM:<a@b.example> SIZE=7 BODY=8BITMIME SMTPUTF8"),
            ),
            ("FROM:<a@b.example> BODY=7BIT", Ok("FROM:<a@b.example> BODY=7BIT")),
            ("FROM:<@r.example:a@b.example>", Ok("FROM:<a@b.example>")),
            ("FROM:<a@b.example> SIZE=99999999999999999999", Ok("FROM:<a@b.example> SIZE=18446744073709551615")),
            ("FROM:<a@b.example> SIZE=100000000000000000000", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> SIZE=-1", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> SIZE=", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> SIZE", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> SIZE=1 SIZE=1", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> SMTPUTF8 SMTPUTF8", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> SMTPUTF8=1", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> BODY=BINARYMIME", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> =1", Err(LineError::BadParameter)),
            ("FROM:<a@b.example> RET=FULL", Err(LineError::UnknownParameter)),
            ("FROM:<a@b.example> ENVID=1", Err(LineError::UnknownParameter)),
            ("FROM:<a@b.example> AUTH=<>", Err(LineError::UnknownParameter)),
            ("FROM:<a>", Err(LineError::Sender(AddressError::NoAt))),
            ("FROM:<a@b..example>", Err(LineError::Sender(AddressError::Domain(DomainError::BadLabel)))),
            ("FROM:a@b.example", Err(LineError::NoSender)),
            ("TO:<a@b.example>", Err(LineError::NoSender)),
        ];
        for (line, expected) in cases {
            let shown = Mail::parse(line).map(|mail| mail.to_string());
            assert_eq!(shown, expected.map(str::to_owned), "{line}");
        }
    }

    #[test]
    fn rcpt_lines() {
        let cases = [
            ("TO:<bob@example.org>", Ok("TO:<bob@example.org>")),
            ("TO:<POSTMASTER>", Ok("TO:<postmaster>")),
            ("TO:<Postmaster@example.org>", Ok("TO:<Postmaster@example.org>")),
            ("TO:<@a,@b:\"b b\"@example.org>", Ok("TO:<\"b b\"@example.org>")),
            ("TO:<>", Err(LineError::NoRecipient)),
            ("TO:<bob@example.org> NOTIFY=NEVER", Err(LineError::UnknownParameter)),
            ("TO:<bob@example.org> A==", Err(LineError::BadParameter)),
            ("TO:<bob>", Err(LineError::Recipient(AddressError::NoAt))),
        ];
        for (line, expected) in cases {
            assert_eq!(Rcpt::parse(line).map(|rcpt| rcpt.to_string()), expected.map(str::to_owned), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn what_is_read_is_written_and_read_again(
            local in "[a-zA-Z0-9.+=é]{1,8}|\"[ -~]{0,8}\"",
            size in proptest::option::of(0u64..),
            body in proptest::option::of(proptest::bool::ANY),
            utf8 in "( SMTPUTF8)?",
        ) {
            let size = size.map(|n| format!(" SIZE={n}")).unwrap_or_default();
            let body = body.map(|b| if b { " BODY=7BIT" } else { " BODY=8BITMIME" }).unwrap_or_default();
            let line = format!("FROM:<{local}@example.org>{size}{body}{utf8}");
            if let Ok(mail) = Mail::parse(&line) {
                prop_assert_eq!(Mail::parse(&mail.to_string()), Ok(mail.clone()));
                let parameters = [size, body.to_owned(), utf8].concat();
                prop_assert!(mail.to_string().ends_with(&parameters));
                prop_assert!(!mail.to_string().contains(['\r', '\n', '\0']));
            }
            if let Ok(rcpt) = Rcpt::parse(&format!("TO:<{local}@example.org>")) {
                prop_assert_eq!(Rcpt::parse(&rcpt.to_string()), Ok(rcpt));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(line in "\\PC{0,60}|(FROM|TO):<[\\PC]{0,20}> ?[\\PC]{0,20}") {
            for error in [Mail::parse(&line).err(), Rcpt::parse(&line).err()].into_iter().flatten() {
                prop_assert!(error.refusal().is_permanent());
            }
        }
    }
}
