//! Making a hash: argon2id (RFC 9106) with a cost that can be set.

use argon2::password_hash::try_generate_salt;
use argon2::{Algorithm, Argon2, Params, Version};
use directory::StoredHash;
use mail::{Class, Classified, Secret};
use thiserror::Error;

use crate::blocks;

/// The longest password, in octets. The cost of SHA-crypt grows with it, so it
/// must not be the client's choice.
pub(crate) const MAX_PASSWORD: usize = 1024;

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Cost {
    /// 19 MiB and two passes: about 20 ms. The least that OWASP recommends,
    /// since many logins may come at a time.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 }
    }
}

impl Cost {
    /// The least that there is, for tests.
    pub const CHEAP: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    pub(crate) fn params(self) -> Result<Params, HashError> {
        Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(|_| HashError::BadCost)
    }
}

/// Why a password cannot be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HashError {
    /// It is empty.
    #[error("the password is empty")]
    Empty,
    /// It is longer than 1024 octets.
    #[error("the password is longer than {MAX_PASSWORD} octets")]
    TooLong,
    /// It is longer than the scheme of the other program's tables takes.
    #[error("the password is longer than {most} octets")]
    TooLongForScheme {
        /// So many octets it may have.
        most: usize,
    },
    /// It has a NUL in it, where bcrypt would stop reading.
    #[error("the password has a NUL in it")]
    Nul,
    /// The cost is out of argon2's range.
    #[error("the cost of password hashes is out of range")]
    BadCost,
    /// There is no memory or no randomness.
    #[error("the password cannot be hashed at present")]
    Failed,
}

impl Classified for HashError {
    fn class(&self) -> Class {
        match self {
            Self::Empty | Self::TooLong | Self::TooLongForScheme { .. } | Self::Nul => Class::Invalid,
            Self::BadCost | Self::Failed => Class::Internal,
        }
    }
}

/// Hashes a new password: `{ARGON2ID}$argon2id$v=19$…`. Takes tens of
/// milliseconds; not for an asynchronous worker.
///
/// # Errors
///
/// [`HashError`].
pub fn hash_password(password: &Secret, cost: Cost) -> Result<StoredHash, HashError> {
    let bytes = usable(password)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?);
    let salt = try_generate_salt().map_err(|_| HashError::Failed)?;
    let hash = blocks::hash(&argon2, Algorithm::Argon2id, bytes, &salt).ok_or(HashError::Failed)?;
    Ok(StoredHash::new(format!("{{ARGON2ID}}{hash}")))
}

/// A password that can be hashed by any scheme.
pub(crate) fn usable(password: &Secret) -> Result<&[u8], HashError> {
    let bytes = password.expose();
    match bytes.len() {
        0 => Err(HashError::Empty),
        len if len > MAX_PASSWORD => Err(HashError::TooLong),
        _ if bytes.contains(&0) => Err(HashError::Nul),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_salted() {
        let one = hash_password(&Secret::from("hunter2"), Cost::CHEAP).unwrap();
        let two = hash_password(&Secret::from("hunter2"), Cost::CHEAP).unwrap();
        assert!(one.expose().starts_with("{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$"));
        assert_ne!(one, two);
        assert!(one.expose().len() < 255, "the column holds it");
    }

    #[test]
    fn refused() {
        let long = "x".repeat(MAX_PASSWORD + 1);
        let cases = [("", HashError::Empty), (long.as_str(), HashError::TooLong), ("a\0b", HashError::Nul)];
        for (password, error) in cases {
            assert_eq!(hash_password(&Secret::from(password), Cost::CHEAP), Err(error));
        }
        let no_cost = Cost { memory_kib: 0, passes: 0, lanes: 0 };
        assert_eq!(hash_password(&Secret::from("x"), no_cost), Err(HashError::BadCost));
    }
}
