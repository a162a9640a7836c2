//! What the peer hears: a code, an enhanced code and lines of text.
//!
//! ```text
//! Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
//! ```
//!
//! RFC 5321 §4.2; the enhanced codes are RFC 2034 and RFC 3463.

mod cases;
mod wrap;

use mail::{Class, Classified, Text};
use thiserror::Error;

pub use cases::*;

/// The longest reply line with its CRLF (RFC 5321 §4.5.3.1.5).
const MAX_LINE: usize = 512;

/// One reply, of one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    lines: Vec<Text>,
}

/// The last two numbers of an enhanced code; the first is that of the reply
/// code, so that the two cannot contradict each other (RFC 2034 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enhanced {
    /// What it is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol,
    /// 6 content, 7 policy.
    pub subject: u8,
    /// What exactly.
    pub detail: u8,
}

/// A reply that refuses: its code is between 400 and 599.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Reply);

/// The code is not one of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} is not the code of a refusal: 400 to 599 are")]
pub struct CodeError(u16);

impl Classified for CodeError {
    fn class(&self) -> Class {
        Class::Internal
    }
}

impl Reply {
    /// A reply without enhanced code: banner, EHLO, 354.
    pub(crate) fn plain(code: u16, lines: Vec<Text>) -> Self {
        Self { code, enhanced: None, lines }
    }

    /// A reply of one line.
    pub(crate) fn line(code: u16, (subject, detail): (u8, u8), text: Text) -> Self {
        Self { code, enhanced: Some(Enhanced { subject, detail }), lines: vec![text] }
    }

    /// The three digits.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced code, where the reply has one: `5.1.1`.
    #[must_use]
    pub fn enhanced(&self) -> Option<String> {
        self.enhanced.map(|e| format!("{}.{}.{}", self.code / 100, e.subject, e.detail))
    }

    /// The lines of text.
    #[must_use]
    pub fn text(&self) -> &[Text] {
        &self.lines
    }

    /// Appends the reply in wire form. Long text is wrapped over several lines
    /// of at most 512 octets; what is not visible ASCII is shown as `?`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let enhanced = self.enhanced().map(|code| code + " ").unwrap_or_default();
        let width = MAX_LINE - "250-\r\n".len() - enhanced.len();
        let mut lines: Vec<String> = self.lines.iter().flat_map(|line| wrap::wrap(line.as_str(), width)).collect();
        let last = lines.pop().unwrap_or_default();
        for line in lines {
            out.extend_from_slice(format!("{}-{enhanced}{line}\r\n", self.code).as_bytes());
        }
        out.extend_from_slice(format!("{} {enhanced}{last}\r\n", self.code).as_bytes());
    }
}

impl Refusal {
    /// A refusal of one line: a code from 400 to 599, the enhanced code and a
    /// sentence for a human.
    ///
    /// # Errors
    ///
    /// [`CodeError`] where the code does not refuse.
    pub fn new(code: u16, enhanced: Enhanced, text: Text) -> Result<Self, CodeError> {
        match code {
            400..=599 => Ok(Self(Reply { code, enhanced: Some(enhanced), lines: vec![text] })),
            _ => Err(CodeError(code)),
        }
    }

    /// The reply.
    #[must_use]
    pub fn reply(&self) -> &Reply {
        &self.0
    }

    /// Whether the peer shall not try again (5yz).
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.0.code >= 500
    }

    /// Whether the connection ends with it (421, RFC 5321 §3.8).
    #[must_use]
    pub fn closes(&self) -> bool {
        self.0.code == 421
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines() {
        let one = Reply::line(250, (1, 5), Text::sanitized("fine"));
        assert_eq!(wire(&one), "250 2.1.5 fine\r\n");
        let many = Reply::plain(250, ["a", "b", "c"].map(Text::sanitized).into());
        assert_eq!(wire(&many), "250-a\r\n250-b\r\n250 c\r\n");
        assert_eq!(wire(&Reply::plain(354, Vec::new())), "354 \r\n");
    }

    #[test]
    fn only_refusals_refuse() {
        let enhanced = Enhanced { subject: 0, detail: 0 };
        for code in [0, 250, 354, 399, 600, u16::MAX] {
            assert_eq!(Refusal::new(code, enhanced, Text::sanitized("x")), Err(CodeError(code)));
        }
        assert!(!Refusal::new(451, enhanced, Text::sanitized("x")).unwrap().is_permanent());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_the_text_lines_are_whole(text in "\\PC{0,900}|[ -~]{0,1500}|\\.{600}", code in 400u16..600) {
            let refusal = Refusal::new(code, Enhanced { subject: 7, detail: 1 }, Text::sanitized(&text)).unwrap();
            let wire = wire(refusal.reply());
            let lines: Vec<&str> = wire.split_inclusive("\r\n").collect();
            for (i, line) in lines.iter().enumerate() {
                let mark = if i + 1 == lines.len() { ' ' } else { '-' };
                let start = format!("{code}{mark}{}.7.1 ", code / 100);
                prop_assert!(line.starts_with(&start));
                prop_assert!(line.len() <= MAX_LINE);
                let inner = line.strip_suffix("\r\n").unwrap();
                prop_assert!(inner.bytes().all(|b| (b' '..=b'~').contains(&b)));
            }
        }
    }
}
