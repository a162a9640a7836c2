//! What the sender of a refused message hears. How the sentence and the link
//! to the report are put into one reply line is SMTP's.

use crate::RejectClass;

/// The longest base of the link that leaves room for a sentence in a reply line
/// of 400 bytes.
pub const MAX_REPORT_BASE: usize = 200;

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
    use crate::Token;

    #[test]
    fn every_class_has_a_whole_sentence_beside_the_longest_link() {
        let link = format!("{}/report/{}", "a".repeat(MAX_REPORT_BASE), Token::new([0; 16]));
        for class in RejectClass::ALL {
            assert!(class.sentence().ends_with('.') && class.sentence().is_ascii());
            assert!(format!("550 5.7.1 {} See {link}\r\n", class.sentence()).len() < 400, "{class:?}");
        }
    }
}
