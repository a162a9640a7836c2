//! Whether the stored passwords are such that a login can succeed: people
//! write them by hand, and import them from servers that know other schemes.

use std::time::{Duration, Instant};

use directory::StoredHash;
use login::{Match, Scheme};
use mail::{Address, Secret};

use super::{Finding, counted, some};

const NAME: &str = "passwords";
/// How long one check may verify hashes of an odd form.
const PATIENCE: Duration = Duration::from_secs(5);

/// The finding for all stored passwords; blocks for some seconds at most.
pub(super) fn judge(stored: &[(Address, StoredHash)]) -> Finding {
    let until = Instant::now() + PATIENCE;
    let bad: Vec<String> =
        stored.iter().filter_map(|(address, hash)| Some(format!("{address} ({})", fault(hash, until)?))).collect();
    if bad.is_empty() {
        return Finding::ok(
            NAME,
            format!("{}, each of a form that can be verified", counted(stored.len(), "password")),
        );
    }
    let hint = "set a new one: gatepost user change ADDRESS --password; README.md names the schemes that are read";
    Finding::warn(NAME, format!("{}: nobody can log in with these", some(&bad)), hint)
}

/// Why no password fits. Nothing of the hash is shown.
fn fault(stored: &StoredHash, until: Instant) -> Option<String> {
    let text = stored.expose();
    let Some(scheme) = Scheme::of(stored) else {
        return Some(match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, _)) if is_name(name) => format!("the scheme {{{name}}} is not read"),
            // What old versions of PostfixAdmin make.
            _ if text.starts_with("$1$") => "md5crypt is not read".to_owned(),
            _ => "no scheme in front of it".to_owned(),
        });
    };
    let costly = matches!(scheme, Scheme::Argon2 | Scheme::Bcrypt | Scheme::ShaCrypt);
    if costly && (is_usual(text) || Instant::now() > until) {
        return None;
    }
    // Whoever verifies logins decides; this is about the form, so any password will do.
    (login::check(&Secret::from("x"), stored) == Match::Malformed).then(|| "damaged".to_owned())
}

fn is_name(name: &str) -> bool {
    name.len() <= 24 && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

/// Whether a hash looks as its makers write it. To verify each would take some
/// ten milliseconds; one that looks otherwise may be right nevertheless.
fn is_usual(stored: &str) -> bool {
    let hash = stored.rsplit_once('}').map_or(stored, |(_, hash)| hash);
    let crypt = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "./".contains(c));
    let base64 = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "+/".contains(c));
    match hash.split('$').collect::<Vec<_>>().as_slice() {
        ["", "argon2id" | "argon2i", "v=19", parameters, salt, digest] => {
            let cheap = |text: &str, most: u32| text.parse::<u32>().is_ok_and(|number| (1..=most).contains(&number));
            let numbers: Vec<&str> = parameters.split(',').collect();
            let affordable = match numbers.as_slice() {
                [m, t, p] => [(m, "m=", 262_144), (t, "t=", 16), (p, "p=", 16)]
                    .iter()
                    .all(|(text, name, most)| text.strip_prefix(name).is_some_and(|number| cheap(number, *most))),
                _ => false,
            };
            affordable && (16..=64).contains(&salt.len()) && digest.len() == 43 && base64(salt) && base64(digest)
        }
        ["", "2a" | "2b" | "2y", cost, rest] => {
            cost.len() == 2
                && cost.parse::<u32>().is_ok_and(|c| (4..=15).contains(&c))
                && rest.len() == 53
                && crypt(rest)
        }
        ["", "5", salt, digest] => salt.len() <= 16 && digest.len() == 43 && crypt(salt) && crypt(digest),
        ["", "6", salt, digest] => salt.len() <= 16 && digest.len() == 86 && crypt(salt) && crypt(digest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Status;
    use login::{Cost, hash_password};

    const SHA512: &str =
        "$6$saltsalt$8iYtNHxjWRl.NF6oNZ5tF.iKFlQREaXBLlSmZKP6dy9l5z3vsooWNW0/GZ6Nej73/TFug6pIPSqbJoCT6dfnj.";
    const BCRYPT: &str = "$2y$04$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u";

    fn said(stored: &str) -> Option<String> {
        fault(&StoredHash::new(stored), Instant::now() + Duration::from_secs(60))
    }

    #[test]
    fn what_logins_can_be_verified_against() {
        let own = hash_password(&Secret::from("hunter2"), Cost::default()).unwrap();
        assert!(is_usual(own.expose()), "those that we make are not verified again");
        let fine = [
            own.expose(),
            SHA512,
            BCRYPT,
            &format!("{{SHA512-CRYPT}}{SHA512}"),
            &format!("{{BLF-CRYPT}}{BCRYPT}"),
            "{PLAIN}hunter2",
            "{SSHA}9nzvfbNEWEuRiSLp4CGdoIaMrDlzYWx0",
            // Odd and right: it is verified, not guessed at.
            "$5$rounds=1000$salt$H9XrZ5NS9KQJbcvXv8QhI2LJ0p9bnDbtRjmN6O1XKw0",
        ];
        for stored in fine {
            assert_eq!(said(stored), None, "{stored}");
        }
        let bad = [
            ("{MD5-CRYPT}$1$saltsalt$abc", "the scheme {MD5-CRYPT} is not read"),
            ("{\u{1b}[2J}x", "no scheme in front of it"),
            ("hunter2", "no scheme in front of it"),
            ("$1$saltsalt$hash", "md5crypt is not read"),
            ("$pass$word", "no scheme in front of it"),
            ("{ARGON2ID}hunter2", "damaged"),
            ("{BLF-CRYPT}$2y$10$short", "damaged"),
            ("$6$salt$short", "damaged"),
            ("{SSHA}!!!", "damaged"),
            ("{PLAIN}", "damaged"),
        ];
        for (stored, expected) in bad {
            assert_eq!(said(stored).as_deref(), Some(expected), "{stored}");
        }
    }

    /// Whatever is passed over is something that logins take.
    #[test]
    fn what_looks_usual_is_verified_by_a_login_too() {
        for stored in [SHA512, BCRYPT] {
            assert!(is_usual(stored));
            assert_eq!(login::check(&Secret::from("x"), &StoredHash::new(stored)), Match::No);
        }
    }

    #[test]
    fn one_finding_names_the_first_few_and_no_hash() {
        let address = |n: usize| format!("u{n}@example.org").parse::<Address>().unwrap();
        let fine = (address(0), StoredHash::new(SHA512));
        let one = judge(std::slice::from_ref(&fine));
        assert!(one.status == Status::Ok && one.message.starts_with("1 password,"), "{one:?}");
        let mut all = vec![fine];
        all.extend((1..8).map(|n| (address(n), StoredHash::new("secret text"))));
        let finding = judge(&all);
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.message.starts_with("u1@example.org (no scheme in front of it), "), "{finding:?}");
        assert!(finding.message.contains("and 2 more") && !finding.message.contains("secret"), "{finding:?}");
    }
}
