//! Checking a password against a stored hash of any scheme that Dovecot writes
//! and we read: `{SCHEME}hash`, or the bare `$argon2id$`, `$2y$`, `$6$`, `$5$`.

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use directory::StoredHash;
use mail::Secret;
use sha_crypt::ShaCrypt;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::hash::MAX_PASSWORD;
use crate::{Cost, blocks};

/// The most that a stored hash may make us spend: whoever can write a row must
/// not be able to stop all logins.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 32;
pub(crate) const MAX_BCRYPT_COST: u32 = 15;
const MAX_SHA_ROUNDS: u32 = 1_000_000;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a password is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// argon2id, and argon2i of older Dovecots.
    Argon2,
    /// `{BLF-CRYPT}`: bcrypt.
    Bcrypt,
    /// `{SHA512-CRYPT}`, `{SHA256-CRYPT}`.
    ShaCrypt,
    /// `{SSHA}`: salted SHA-1.
    Ssha1,
    /// `{SSHA256}`.
    Ssha256,
    /// `{SSHA512}`.
    Ssha512,
    /// `{PLAIN}`: as imported.
    Plain,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It is the password.
    Yes,
    /// It is not.
    No,
    /// The stored text is no hash that we can check; counts as no.
    Malformed,
}

impl Match {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Checks a password. Takes as long as the scheme takes, up to some hundred
/// milliseconds; not for an asynchronous worker.
#[must_use]
pub fn check(password: &Secret, stored: &StoredHash) -> Match {
    let bytes = password.expose();
    if bytes.is_empty() || bytes.len() > MAX_PASSWORD {
        return Match::No;
    }
    let Some((scheme, hash)) = split(stored.expose()) else { return Match::Malformed };
    match scheme {
        Scheme::Argon2 => argon2(bytes, hash),
        Scheme::Bcrypt => bcrypt(bytes, hash),
        Scheme::ShaCrypt => sha_crypt(bytes, hash),
        Scheme::Ssha1 => salted::<Sha1>(bytes, hash),
        Scheme::Ssha256 => salted::<Sha256>(bytes, hash),
        Scheme::Ssha512 => salted::<Sha512>(bytes, hash),
        Scheme::Plain if hash.is_empty() => Match::Malformed,
        Scheme::Plain => Match::from(same(hash.as_bytes(), bytes)),
    }
}

impl Scheme {
    /// The scheme of a stored hash; `None` where it is none that we know.
    #[must_use]
    pub fn of(stored: &StoredHash) -> Option<Self> {
        split(stored.expose()).map(|(scheme, _)| scheme)
    }
}

/// Whether a stored hash should be made anew: another scheme than argon2id, or
/// cheaper than it should be.
pub(crate) fn is_outdated(stored: &StoredHash, cost: Cost) -> bool {
    let Some((Scheme::Argon2, hash)) = split(stored.expose()) else { return true };
    let Ok(parsed) = PasswordHash::new(hash) else { return true };
    let of = |name: &str| parsed.params.get_decimal(name).unwrap_or(0);
    parsed.algorithm.as_str() != "argon2id" || of("m") < cost.memory_kib || of("t") < cost.passes
}

/// Scheme and hash. A scheme's name is compared in any case, as Dovecot does.
fn split(stored: &str) -> Option<(Scheme, &str)> {
    let Some((name, hash)) = stored.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
        return crypt(stored).map(|scheme| (scheme, stored));
    };
    let scheme = match name.to_ascii_uppercase().as_str() {
        "ARGON2ID" | "ARGON2I" => Scheme::Argon2,
        "BLF-CRYPT" => Scheme::Bcrypt,
        "SHA512-CRYPT" | "SHA256-CRYPT" => Scheme::ShaCrypt,
        "CRYPT" => crypt(hash)?,
        "SSHA" => Scheme::Ssha1,
        "SSHA256" => Scheme::Ssha256,
        "SSHA512" => Scheme::Ssha512,
        "PLAIN" | "CLEARTEXT" => Scheme::Plain,
        _ => return None,
    };
    Some((scheme, hash))
}

/// What the prefix of crypt(3) says. Text without one is never taken for a
/// password in plain text.
fn crypt(hash: &str) -> Option<Scheme> {
    let id = hash.strip_prefix('$')?.split('$').next()?;
    match id {
        "argon2id" | "argon2i" => Some(Scheme::Argon2),
        "2a" | "2b" | "2y" => Some(Scheme::Bcrypt),
        "5" | "6" => Some(Scheme::ShaCrypt),
        _ => None,
    }
}

fn argon2(password: &[u8], hash: &str) -> Match {
    let Ok(parsed) = PasswordHash::new(hash) else { return Match::Malformed };
    let of = |name: &str| parsed.params.get_decimal(name);
    let affordable = of("m").is_some_and(|m| m <= MAX_MEMORY_KIB) && of("t").is_some_and(|t| t <= MAX_PASSES);
    if !affordable || parsed.hash.is_none() || !matches!(parsed.algorithm.as_str(), "argon2id" | "argon2i") {
        return Match::Malformed;
    }
    Match::from(blocks::verify(password, &parsed).unwrap_or(false))
}

fn bcrypt(password: &[u8], hash: &str) -> Match {
    let cost = hash.get(4..6).and_then(|cost| cost.parse::<u32>().ok());
    if cost.is_none_or(|cost| cost > MAX_BCRYPT_COST) {
        return Match::Malformed;
    }
    bcrypt::verify(password, hash).map_or(Match::Malformed, Match::from)
}

fn sha_crypt(password: &[u8], hash: &str) -> Match {
    let fields: Vec<&str> = hash.split('$').collect();
    let (rounds, salt, digest) = match fields.as_slice() {
        ["", "5" | "6", salt, digest] => (None, *salt, *digest),
        ["", "5" | "6", rounds, salt, digest] => (Some(*rounds), *salt, *digest),
        _ => return Match::Malformed,
    };
    let affordable = rounds.is_none_or(|rounds| {
        let number = rounds.strip_prefix("rounds=").and_then(|number| number.parse::<u32>().ok());
        number.is_some_and(|number| number <= MAX_SHA_ROUNDS)
    });
    if !affordable || salt.len() > 16 || !matches!(digest.len(), 43 | 86) {
        return Match::Malformed;
    }
    Match::from(ShaCrypt::default().verify_password(password, hash).is_ok())
}

/// `base64(digest(password + salt) + salt)`.
fn salted<D: Digest>(password: &[u8], hash: &str) -> Match {
    let Ok(bytes) = BASE64.decode(hash) else { return Match::Malformed };
    let Some((digest, salt)) = bytes.split_at_checked(<D as Digest>::output_size()) else { return Match::Malformed };
    let computed = D::new().chain_update(password).chain_update(salt).finalize();
    Match::from(same(digest, &computed))
}

/// Compares in a time that depends on the lengths alone.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
    std::hint::black_box(differ) == 0 && one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_password;
    use proptest::prelude::*;

    fn checked(password: &str, stored: &str) -> Match {
        check(&Secret::from(password), &StoredHash::new(stored))
    }

    fn ssha<D: Digest>(password: &str, salt: &[u8]) -> String {
        let digest = D::new().chain_update(password).chain_update(salt).finalize();
        BASE64.encode([&digest[..], salt].concat())
    }

    #[test]
    fn every_scheme() {
        let own = hash_password(&Secret::from("hunter2"), Cost::CHEAP).unwrap();
        let own = own.expose();
        let blowfish = bcrypt::hash("hunter2", 4).unwrap();
        // From `openssl passwd -6 -salt saltsalt hunter2` and `-5`.
        let sha512 =
            "$6$saltsalt$8iYtNHxjWRl.NF6oNZ5tF.iKFlQREaXBLlSmZKP6dy9l5z3vsooWNW0/GZ6Nej73/TFug6pIPSqbJoCT6dfnj.";
        let sha256 = "$5$saltsalt$OIdfjX.u4Y3SJ4I2bX8w5BMf1VAUhHABNUirScDzZi3";
        let cases = [
            own.to_owned(),
            own.trim_start_matches("{ARGON2ID}").to_owned(),
            format!("{{BLF-CRYPT}}{blowfish}"),
            blowfish.clone(),
            blowfish.replacen("$2b$", "$2y$", 1),
            format!("{{CRYPT}}{blowfish}"),
            sha512.to_owned(),
            format!("{{SHA512-CRYPT}}{sha512}"),
            format!("{{sha256-crypt}}{sha256}"),
            sha256.to_owned(),
            format!("{{SSHA}}{}", ssha::<Sha1>("hunter2", b"salt")),
            format!("{{SSHA256}}{}", ssha::<Sha256>("hunter2", b"salt")),
            format!("{{SSHA512}}{}", ssha::<Sha512>("hunter2", b"salty")),
            "{PLAIN}hunter2".to_owned(),
        ];
        for stored in cases {
            assert_eq!(checked("hunter2", &stored), Match::Yes, "{stored}");
            for wrong in ["hunter", "hunter22", "Hunter2", " "] {
                assert_eq!(checked(wrong, &stored), Match::No, "{stored}");
            }
            assert_eq!(checked("", &stored), Match::No, "{stored}");
        }
    }

    #[test]
    fn what_is_no_hash_opens_nothing() {
        let long = format!("$6$rounds=999999999$salt${}", "a".repeat(86));
        let cases = [
            "",
            "hunter2",
            "{PLAIN}",
            "{}",
            "{NOSUCH}hunter2",
            "{PLAIN",
            "$",
            "$1$salt$hash",
            "{CRYPT}hunter2",
            "{SSHA}",
            "{SSHA}!!!",
            "{SSHA256}aHVudGVyMg==",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=8,t=4294967295,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$2y$31$L6Bc/AlTQHyd9liGgGEZyOFLPHNgyxeEPfgYfBCVxJ7JIlwxyVU3u",
            "$2y$04$short",
            "{BLF-CRYPT}äöü",
            "$6$salt$",
            "$6$salt$short",
            long.as_str(),
        ];
        for stored in cases {
            assert_eq!(checked("hunter2", stored), Match::Malformed, "{stored}");
        }
    }

    #[test]
    fn a_long_password_is_not_even_hashed() {
        let long = "x".repeat(MAX_PASSWORD + 1);
        assert_eq!(checked(&long, &format!("{{PLAIN}}{long}")), Match::No);
    }

    #[test]
    fn outdated() {
        let own = hash_password(&Secret::from("x"), Cost::CHEAP).unwrap();
        assert!(!is_outdated(&own, Cost::CHEAP));
        assert!(is_outdated(&own, Cost::default()));
        for other in ["{PLAIN}x", "$2y$04$x", "{ARGON2ID}nonsense", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"] {
            assert!(is_outdated(&StoredHash::new(other), Cost::CHEAP), "{other}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn any_text_is_survived(scheme in "(\\{(SSHA|BLF-CRYPT|SHA512-CRYPT|ARGON2ID|CRYPT)\\})?", text in "(\\$(2y|5|6|argon2id)\\$)?\\PC{0,80}") {
            prop_assert_ne!(checked("hunter2", &format!("{scheme}{text}")), Match::Yes);
        }
    }
}
