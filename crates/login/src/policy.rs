//! Whether a new password will do: not too short, none that everybody tries
//! first, and not made of what is known about its owner.
//!
//! A password is taken apart into what an attacker has in his list (words,
//! runs of keys, parts of the address) and the rest. Such a piece counts for
//! little however long it is, and once however often it stands there, so that
//! `Password2026!` falls short and four words at random do not. Rules about
//! kinds of characters were rejected: they make people write `Password1!`.

use mail::Secret;
use thiserror::Error;

use crate::common::{ROWS, words};

/// What a new password has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The least number of characters.
    pub least: usize,
}

/// The most characters: some mail programs take no more.
pub(crate) const MOST: usize = 128;

/// How many pieces and different characters of its own a password needs.
const ENOUGH: usize = 6;
/// What a word of the list is worth; a run of keys and a part of the owner's
/// address are worth one.
const WORD: usize = 2;
/// What all digits together are worth at most.
const DIGITS: usize = 2;
/// Shorter parts of an address stand in every other password by chance.
const PART: usize = 3;

/// Why a new password will not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Weakness {
    /// It has fewer characters than the policy asks for.
    #[error("the new password has fewer than {least} characters")]
    TooShort {
        /// So many it needs.
        least: usize,
    },
    /// It has more characters than mail programs take.
    #[error("the new password has more than {most} characters")]
    TooLong {
        /// So many it may have.
        most: usize,
    },
    /// It has control characters in it, or is no UTF-8.
    #[error("the new password has characters that cannot be typed")]
    Unprintable,
    /// It begins or ends with a space, which programs and people cut off.
    #[error("the new password begins or ends with a space")]
    SpaceAround,
    /// It is made of what everybody tries first.
    #[error("the new password is one of those that are tried first")]
    Common,
    /// It is made of the owner's address or name.
    #[error("the new password is made of the owner's address or name")]
    Personal,
    /// It is the old one.
    #[error("the new password is the old one")]
    Unchanged,
}

impl Default for Policy {
    /// Ten characters.
    fn default() -> Self {
        Self { least: 10 }
    }
}

impl Policy {
    /// Judges a new password; `own` is what is known about its owner, such as
    /// the address and the name.
    ///
    /// # Errors
    ///
    /// [`Weakness`], the first that applies.
    pub fn judge(&self, new: &Secret, own: &[&str]) -> Result<(), Weakness> {
        let text = std::str::from_utf8(new.expose()).map_err(|_| Weakness::Unprintable)?;
        let length = text.chars().count();
        if length < self.least {
            return Err(Weakness::TooShort { least: self.least });
        }
        if length > MOST {
            return Err(Weakness::TooLong { most: MOST });
        }
        if text.chars().any(char::is_control) {
            return Err(Weakness::Unprintable);
        }
        if text.trim() != text {
            return Err(Weakness::SpaceAround);
        }
        if worth(text, &[]) < ENOUGH {
            return Err(Weakness::Common);
        }
        if worth(text, &parts(own)) < ENOUGH { Err(Weakness::Personal) } else { Ok(()) }
    }
}

/// The parts of names and addresses, in lower case. Their number is bounded,
/// since a name is whatever somebody put into the directory.
fn parts(own: &[&str]) -> Vec<String> {
    let split = own.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let long = split.map(str::to_lowercase).filter(|part| part.chars().count() >= PART);
    let mut parts: Vec<String> = long.take(32).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts.dedup();
    parts
}

/// How much of a password is its own.
fn worth(text: &str, own: &[String]) -> usize {
    let mut rest = Rest::of(text);
    let own: usize = own.iter().filter(|part| rest.take(part)).count();
    let words: usize = words().filter(|word| rest.take(word)).count() * WORD;
    own + words + rest.take_runs() + rest.different()
}

/// What is left of a password when known pieces are taken out.
struct Rest {
    /// As typed, in lower case.
    plain: Vec<char>,
    /// With digits and signs read as the letters that they stand for; `1` and
    /// `!` may stand for two.
    letters: [Vec<char>; 2],
    taken: Vec<bool>,
}

impl Rest {
    fn of(text: &str) -> Self {
        let plain: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
        let read = |one: char| plain.iter().map(|c| letter(*c, one)).collect();
        let (letters, taken) = ([read('i'), read('l')], vec![false; plain.len()]);
        Self { plain, letters, taken }
    }

    /// Takes each place where the word stands; says whether there was one.
    fn take(&mut self, word: &str) -> bool {
        let word: Vec<char> = word.chars().collect();
        let mut found = false;
        for at in 0..=self.plain.len().saturating_sub(word.len()) {
            let here = at..at + word.len();
            let free = self.taken.get(here.clone()).is_some_and(|taken| taken.iter().all(|taken| !taken));
            let [one, other] = &self.letters;
            let stands = [&self.plain, one, other].into_iter().any(|text| text.get(here.clone()) == Some(&word[..]));
            if free && stands {
                self.taken[here].fill(true);
                found = true;
            }
        }
        found
    }

    /// Takes runs of three and more: one key again and again, keys side by
    /// side, digits and letters in their order. Says how many different ones
    /// there were.
    fn take_runs(&mut self) -> usize {
        let mut runs = Vec::new();
        let mut at = 0;
        while at < self.plain.len() {
            let length = (at..self.plain.len()).take_while(|to| !self.taken[*to] && self.is_run(at, *to)).count();
            if length >= 3 {
                self.taken[at..at + length].fill(true);
                runs.push(self.plain[at..at + length].to_vec());
                at += length;
            } else {
                at += 1;
            }
        }
        runs.sort();
        runs.dedup();
        runs.len()
    }

    /// Whether the places from the first to the last are one run.
    fn is_run(&self, first: usize, last: usize) -> bool {
        let run: String = self.plain[first..=last].iter().collect();
        let back: String = run.chars().rev().collect();
        let same = self.plain[first..=last].iter().all(|c| *c == self.plain[first]);
        same || ROWS.iter().any(|row| row.contains(&run) || row.contains(&back))
    }

    /// How many different characters are left. Digits are mostly a year, a
    /// birthday or a telephone number, so few of them count.
    fn different(&self) -> usize {
        let left = self.plain.iter().zip(&self.taken).filter(|(_, taken)| !**taken);
        let mut left: Vec<char> = left.map(|(c, _)| *c).collect();
        left.sort_unstable();
        left.dedup();
        let digits = left.iter().filter(|c| c.is_numeric()).count();
        left.len() - digits + digits.min(DIGITS)
    }
}

fn letter(c: char, one: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OWN: [&str; 2] = ["alice.miller@example.org", "Alice Müller-Lüdenscheidt"];

    fn judged(password: &str) -> Result<(), Weakness> {
        Policy::default().judge(&Secret::from(password), &OWN)
    }

    #[test]
    fn what_will_do_and_what_will_not() {
        let long = "aB3$".repeat(33);
        let cases = [
            ("", Err(Weakness::TooShort { least: 10 })),
            ("kX9#mQ2vT", Err(Weakness::TooShort { least: 10 })),
            ("kX9#mQ2vTz", Ok(())),
            ("äöüß€éñçøå", Ok(())),
            (long.as_str(), Err(Weakness::TooLong { most: 128 })),
            ("kX9#mQ2vTz\t", Err(Weakness::Unprintable)),
            (" kX9#mQ2vTz", Err(Weakness::SpaceAround)),
            ("kX9#mQ2vTz ", Err(Weakness::SpaceAround)),
            // Tried first.
            ("1234567890", Err(Weakness::Common)),
            ("0987654321", Err(Weakness::Common)),
            ("aaaaaaaaaaaaaaaa", Err(Weakness::Common)),
            ("xkxkxkxkxkxk", Err(Weakness::Common)),
            ("017024681357", Err(Weakness::Common)),
            ("qwertyuiop", Err(Weakness::Common)),
            ("qwertzuiop123", Err(Weakness::Common)),
            ("1qaz2wsx3edc", Err(Weakness::Common)),
            ("passwordpassword", Err(Weakness::Common)),
            ("Password2026!", Err(Weakness::Common)),
            ("P@ssw0rd123!", Err(Weakness::Common)),
            ("Passwort2026", Err(Weakness::Common)),
            ("iloveyou!!", Err(Weakness::Common)),
            ("ichliebedich1", Err(Weakness::Common)),
            ("Summer2026!", Err(Weakness::Common)),
            ("hallo12345", Err(Weakness::Common)),
            ("welcome2026", Err(Weakness::Common)),
            // One's own.
            ("alicemiller1", Err(Weakness::Personal)),
            ("Alice.Miller", Err(Weakness::Personal)),
            ("example.org2026", Err(Weakness::Personal)),
            ("lüdenscheidt99", Err(Weakness::Personal)),
            ("Müller-Alice!", Err(Weakness::Personal)),
            // A name in it is no harm where there is more.
            ("alice hums at seven", Ok(())),
            ("sunshine monkey dragon summer", Ok(())),
            ("correct horse battery staple", Ok(())),
            ("wandern im regen", Ok(())),
        ];
        for (password, expected) in cases {
            assert_eq!(judged(password), expected, "{password}");
        }
        let bytes = Secret::new(vec![0xff; 12]);
        assert_eq!(Policy::default().judge(&bytes, &OWN), Err(Weakness::Unprintable));
    }

    #[test]
    fn the_least_length_is_a_setting() {
        let policy = Policy { least: 14 };
        assert_eq!(policy.judge(&Secret::from("kX9#mQ2vTz"), &[]), Err(Weakness::TooShort { least: 14 }));
    }

    #[test]
    fn the_list_can_be_found_in_passwords() {
        let list: Vec<&str> = words().collect();
        assert!(list.len() > 250, "{}", list.len());
        for word in &list {
            assert!(word.chars().all(|c| c.is_ascii_lowercase()) && word.len() >= 4, "{word}");
            assert!(list.iter().filter(|other| *other == word).count() == 1, "{word} stands there twice");
            let common = format!("{word}1234!!");
            let refused = Policy { least: 10 }.judge(&Secret::from(common.as_str()), &[]);
            assert_eq!(refused, Err(Weakness::Common), "{word}");
        }
        assert!(list.windows(2).all(|pair| pair[0].len() >= pair[1].len()), "long words are taken first");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn anything_is_judged(text in ".{0,150}", own in ".{0,40}") {
            let _ = Policy::default().judge(&Secret::from(text.as_str()), &[&own]);
        }

        #[test]
        fn chance_is_strong(letters in proptest::sample::subsequence(('a'..='z').collect::<Vec<_>>(), 14).prop_shuffle()) {
            // Of any characters chance makes `11111111111111`, too, if it is asked often enough.
            let text: String = letters.into_iter().collect();
            prop_assert_eq!(Policy::default().judge(&Secret::from(text.as_str()), &[]), Ok(()));
        }
    }
}
