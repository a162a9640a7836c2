//! What the sender of a refused message hears: one clear sentence and a link.

use mail::Text;

use crate::{RejectClass, Token, clean};

/// The longest reply line, in bytes, with code, status and line end. RFC 5321
/// §4.5.3.1.5 allows 512; senders' logs and bounces cut earlier.
pub const MAX_REPLY_LINE: usize = 399;

/// The longest base of the link that leaves room for a sentence, in bytes.
pub const MAX_REPORT_BASE: usize = 200;

/// What stands around the text: `550 5.7.1 ` and the line end.
const AROUND: usize = "550 5.7.1 \r\n".len();

/// The text behind `550 5.7.1 `: the sentence, and where a human can say that
/// it was a mistake. `report_base` is such as `https://mail.example.org`;
/// without one there is no link. The whole line stays within
/// [`MAX_REPLY_LINE`], whatever is handed in: the sentence is cut, the link
/// never (a base longer than [`MAX_REPORT_BASE`] is left out).
#[must_use]
pub fn refusal(sentence: &str, report_base: Option<&str>, token: &Token) -> Text {
    let link = report_base.filter(|base| is_base(base)).map(|base| {
        let base = base.trim_end_matches('/');
        format!(" See {base}/report/{token}")
    });
    let link = link.unwrap_or_default();
    let sentence = clean::sentence(sentence, MAX_REPLY_LINE - AROUND - link.len());
    Text::sanitized(&format!("{sentence}{link}"))
}

fn is_base(base: &str) -> bool {
    !base.is_empty() && base.len() <= MAX_REPORT_BASE && base.bytes().all(|b| b.is_ascii_graphic())
}

impl RejectClass {
    /// The sentence for the sender; a rule may have one of its own.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Virus => "Your message was refused because a virus was found in it.",
            Self::Form => "Your message was refused because it is not in the form that mail must have.",
            Self::Unscannable => {
                "Your message was refused because an attachment could not be checked for viruses \
                 (encrypted, damaged or packed too deeply)."
            }
            Self::Poison => "Your message was refused because it could not be checked for viruses.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token() -> Token {
        Token::new([0; 16])
    }

    #[test]
    fn lines() {
        let link = format!("https://mail.example.org/report/{}", "a".repeat(26));
        let long = format!("https://{}", "a".repeat(MAX_REPORT_BASE));
        let cases = [
            (Some("https://mail.example.org"), format!("No. See {link}")),
            (Some("https://mail.example.org/"), format!("No. See {link}")),
            (None, "No.".to_owned()),
            (Some(""), "No.".to_owned()),
            (Some("https://a b"), "No.".to_owned()),
            (Some("https://a\r\n550 b"), "No.".to_owned()),
            (Some(long.as_str()), "No.".to_owned()),
        ];
        for (base, text) in cases {
            assert_eq!(refusal("No.", base, &token()).as_str(), text, "{base:?}");
        }
    }

    #[test]
    fn every_class_has_a_whole_sentence_beside_the_longest_link() {
        let base = format!("https://{}", "a".repeat(MAX_REPORT_BASE - 8));
        for class in RejectClass::ALL {
            let text = refusal(class.sentence(), Some(&base), &token());
            assert!(text.as_str().starts_with(class.sentence()), "{class:?}");
            assert!(class.sentence().ends_with('.'));
            assert!(format!("550 5.7.1 {text}\r\n").len() < 400);
        }
    }

    proptest! {
        #[test]
        fn never_too_long(sentence in "\\PC{0,600}", base in "\\PC{0,220}") {
            let text = refusal(&sentence, Some(&base), &token());
            let line = format!("550 5.7.1 {text}\r\n");
            prop_assert!(line.len() <= MAX_REPLY_LINE);
            prop_assert!(line.is_ascii() && line.matches('\n').count() == 1);
        }
    }
}
