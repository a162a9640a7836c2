//! A new hash of the kind that the old one is: for tables that other programs
//! read too, and which know what they know.

use argon2::password_hash::{PasswordHasher, try_generate_salt};
use directory::StoredHash;
use mail::Secret;
use sha_crypt::ShaCrypt;

use crate::hash::{Cost, HashError, hash_password};
use crate::scheme::{MAX_BCRYPT_COST, Scheme};

/// What a new bcrypt hash costs at least, as a power of two.
const BCRYPT_COST: u32 = 10;
/// bcrypt reads no more octets; beyond, another password would open too.
const MAX_BCRYPT: usize = 71;
/// Octets of the salt of SHA-crypt: 16 characters. crypt(3) looks at no more.
const SHA_SALT: usize = 12;

/// Hashes a new password as bcrypt or SHA-crypt where the old hash is one, with
/// or without a scheme's name in front as before; else as argon2id. Takes some
/// hundred milliseconds; not for an asynchronous worker.
pub(crate) fn hash_like(password: &Secret, old: &StoredHash, cost: Cost) -> Result<StoredHash, HashError> {
    match Scheme::of(old) {
        Some(Scheme::Bcrypt) => bcrypt_like(password, old),
        Some(Scheme::ShaCrypt) => {
            let salt = try_generate_salt().map_err(|_| HashError::Failed)?;
            let hash = ShaCrypt::SHA512.hash_password_with_salt(password.expose(), &salt[..SHA_SALT]);
            let hash = hash.map_err(|_| HashError::Failed)?;
            Ok(StoredHash::new(format!("{}{hash}", front(old, "{SHA512-CRYPT}"))))
        }
        _ => hash_password(password, cost),
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
        let long = hash_like(&Secret::from("x".repeat(72).as_str()), &StoredHash::new(blowfish), Cost::CHEAP);
        assert_eq!(long, Err(HashError::TooLongForScheme { most: 71 }));
    }
}
