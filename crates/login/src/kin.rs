//! A new hash of the kind that the old one is: for tables that other programs
//! read too, and which know what they know.

use argon2::password_hash::{PasswordHasher, try_generate_salt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use directory::StoredHash;
use mail::Secret;
use sha_crypt::ShaCrypt;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::hash::{Cost, HashError, hash_password, usable};
use crate::scheme::{MAX_BCRYPT_COST, Scheme};

/// What a new bcrypt hash costs at least, as a power of two.
const BCRYPT_COST: u32 = 10;
/// bcrypt reads no more octets; beyond, another password would open too.
const MAX_BCRYPT: usize = 71;
/// Octets of the salt of SHA-crypt: 16 characters. crypt(3) looks at no more.
const SHA_SALT: usize = 12;

/// Hashes a new password as the old one was, with or without a scheme's name in
/// front as before; as argon2id where the old one is not hashed at all, or in a
/// way that is not known here. Takes some hundred milliseconds; not for an
/// asynchronous worker.
///
/// # Errors
///
/// [`HashError`].
pub fn hash_like(password: &Secret, old: &StoredHash, cost: Cost) -> Result<StoredHash, HashError> {
    let bytes = usable(password)?;
    match Scheme::of(old) {
        Some(Scheme::Argon2) => {
            let new = hash_password(password, cost)?;
            let bare = new.expose().strip_prefix("{ARGON2ID}").unwrap_or_default();
            Ok(StoredHash::new(format!("{}{bare}", front(old, "{ARGON2ID}"))))
        }
        Some(Scheme::Ssha1) => salted::<Sha1>(bytes, "{SSHA}"),
        Some(Scheme::Ssha256) => salted::<Sha256>(bytes, "{SSHA256}"),
        Some(Scheme::Ssha512) => salted::<Sha512>(bytes, "{SSHA512}"),
        Some(Scheme::Bcrypt) => bcrypt_like(password, old),
        Some(Scheme::ShaCrypt) => {
            let salt = try_generate_salt().map_err(|_| HashError::Failed)?;
            let hash = ShaCrypt::SHA512.hash_password_with_salt(password.expose(), &salt[..SHA_SALT]);
            let hash = hash.map_err(|_| HashError::Failed)?;
            Ok(StoredHash::new(format!("{}{hash}", front(old, "{SHA512-CRYPT}"))))
        }
        Some(Scheme::Plain) | None => hash_password(password, cost),
    }
}

fn bcrypt_like(password: &Secret, old: &StoredHash) -> Result<StoredHash, HashError> {
    let bytes = password.expose();
    if bytes.len() > MAX_BCRYPT {
        return Err(HashError::TooLongForScheme { most: MAX_BCRYPT });
    }
    let fields = old.expose().split('$').nth(2).and_then(|cost| cost.parse().ok());
    let cost = fields.unwrap_or(BCRYPT_COST).clamp(BCRYPT_COST, MAX_BCRYPT_COST);
    let parts = bcrypt::non_truncating_hash_with_result(bytes, cost).map_err(|_| HashError::Failed)?;
    Ok(StoredHash::new(format!("{}{}", front(old, "{BLF-CRYPT}"), parts.format_for_version(bcrypt::Version::TwoY))))
}

/// `base64(digest(password + salt) + salt)`.
fn salted<D: Digest>(password: &[u8], name: &str) -> Result<StoredHash, HashError> {
    let salt = try_generate_salt().map_err(|_| HashError::Failed)?;
    let digest = D::new().chain_update(password).chain_update(salt).finalize();
    Ok(StoredHash::new(format!("{name}{}", STANDARD.encode([&digest[..], &salt[..]].concat()))))
}

/// The name in front of the new hash.
fn front(old: &StoredHash, usual: &'static str) -> &'static str {
    match old.expose().split_once('}') {
        Some((name, _)) if name.eq_ignore_ascii_case("{CRYPT") => "{CRYPT}",
        Some(_) => usual,
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Match, check};

    #[test]
    fn a_hash_has_the_kind_of_the_one_before() {
        let blowfish = bcrypt::hash("old", 4).unwrap();
        let cases = [
            (blowfish.clone(), "$2y$10$"),
            (format!("{{BLF-CRYPT}}{blowfish}"), "{BLF-CRYPT}$2y$10$"),
            (format!("{{CRYPT}}{blowfish}"), "{CRYPT}$2y$10$"),
            ("$6$salt$x".to_owned(), "$6$"),
            ("{SHA256-CRYPT}$5$salt$x".to_owned(), "{SHA512-CRYPT}$6$"),
            ("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned(), "$argon2id$"),
            ("{ARGON2I}$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA".to_owned(), "{ARGON2ID}$argon2id$"),
            ("{SSHA}x".to_owned(), "{SSHA}"),
            ("{ssha256}x".to_owned(), "{SSHA256}"),
            ("{SSHA512}x".to_owned(), "{SSHA512}"),
            ("{PLAIN}old".to_owned(), "{ARGON2ID}$argon2id$"),
            ("what is this".to_owned(), "{ARGON2ID}$argon2id$"),
        ];
        for (old, begin) in cases {
            let new =
                hash_like(&Secret::from("wandern im regen"), &StoredHash::new(old.as_str()), Cost::CHEAP).unwrap();
            assert!(new.expose().starts_with(begin) && new.expose().len() < 255, "{old}: {}", new.expose());
            assert_eq!(check(&Secret::from("wandern im regen"), &new), Match::Yes, "{old}");
            assert_eq!(check(&Secret::from("wandern im schnee"), &new), Match::No, "{old}");
        }
        for bad in ["", "a\0b"] {
            assert!(hash_like(&Secret::from(bad), &StoredHash::new("$6$salt$x"), Cost::CHEAP).is_err(), "{bad:?}");
        }
        let long = hash_like(&Secret::from("x".repeat(72).as_str()), &StoredHash::new(blowfish), Cost::CHEAP);
        assert_eq!(long, Err(HashError::TooLongForScheme { most: 71 }));
    }
}
