//! Passwords and codes that are made here, at random: typed in groups, in any
//! case, and kept as a plain hash. They have 80 bits and more, so there is
//! nothing to guess that a slow hash would protect, and one that is shown is
//! looked up by its hash instead of being tried against each.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::BASE32_NOPAD;
use directory::{Door, StoredHash};
use mail::Secret;
use sha2::{Digest, Sha256};

use crate::Service;

/// 100 bits.
const APP_PASSWORD: usize = 20;
/// 80 bits.
const RECOVERY_CODE: usize = 16;
/// Characters of a group.
const GROUP: usize = 4;

/// An app password or a recovery code: letters and the digits 2 to 7 (base32,
/// RFC 4648 §6, in lower case), so that none is taken for another.
#[derive(Debug, Clone)]
pub struct Letters(Secret);

impl Letters {
    /// A new app password, from random bits.
    #[must_use]
    pub fn app_password(random: [u8; 16]) -> Self {
        Self::of(random, APP_PASSWORD)
    }

    /// A new recovery code, from random bits.
    #[must_use]
    pub fn recovery_code(random: [u8; 16]) -> Self {
        Self::of(random, RECOVERY_CODE)
    }

    /// In groups of four, as it is shown once.
    #[must_use]
    pub fn shown(&self) -> String {
        let groups: Vec<_> = self.0.expose().chunks(GROUP).map(String::from_utf8_lossy).collect();
        groups.join(" ")
    }

    /// What is stored of it: SHA-256 in the form that Dovecot has too.
    #[must_use]
    pub fn hash(&self) -> StoredHash {
        StoredHash::new(format!("{{SHA256}}{}", STANDARD.encode(Sha256::digest(self.0.expose()))))
    }

    /// What was typed, if it is written like an app password.
    pub(crate) fn read_app_password(typed: &[u8]) -> Option<Self> {
        Self::read(typed, APP_PASSWORD)
    }

    /// What was typed, if it is written like a recovery code.
    pub(crate) fn read_recovery_code(typed: &[u8]) -> Option<Self> {
        Self::read(typed, RECOVERY_CODE)
    }

    fn of(random: [u8; 16], length: usize) -> Self {
        let letters = BASE32_NOPAD.encode(&random).to_ascii_lowercase();
        Self(Secret::new(letters.into_bytes().into_iter().take(length).collect()))
    }

    /// Spaces and hyphens between the groups do not count, nor does the case.
    fn read(typed: &[u8], length: usize) -> Option<Self> {
        let kept = typed.iter().filter(|byte| !matches!(byte, b' ' | b'-')).map(u8::to_ascii_lowercase);
        let letters = Secret::new(kept.take(length + 1).collect());
        let are_ours = letters.expose().iter().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
        (are_ours && letters.expose().len() == length).then_some(Self(letters))
    }
}

/// The door that a service is; none for the page, which no app password opens.
pub(crate) fn door(service: Service) -> Option<Door> {
    match service {
        Service::Imap => Some(Door::Imap),
        Service::Pop3 => Some(Door::Pop3),
        Service::Submission => Some(Door::Submission),
        Service::Web => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_in_any_way() {
        let made = Letters::app_password(*b"0123456789abcdef");
        assert_eq!(made.shown(), "gayt emzu gu3d oobz mfrg");
        assert_eq!(made.hash().expose(), "{SHA256}gdOMGZV2A1IC41VXLCghvEFyeINzuOp5c71IVAqs68w=");
        for typed in
            ["gaytemzugu3doobzmfrg", "GAYT emzu GU3D oobz MFRG", " gayt-emzu-gu3d-oobz-mfrg ", "g a ytemzugu3doobzmfrg"]
        {
            let read = Letters::read_app_password(typed.as_bytes()).map(|letters| letters.hash());
            assert_eq!(read, Some(made.hash()), "{typed}");
        }
        for other in
            ["", "gaytemzugu3doobzmfr", "gaytemzugu3doobzmfrgg", "gaytemzugu3doobzmfr1", "gaytemzugu3doobzmfrä"]
        {
            assert!(Letters::read_app_password(other.as_bytes()).is_none(), "{other}");
        }
        let code = Letters::recovery_code(*b"0123456789abcdef");
        assert_eq!(code.shown(), "gayt emzu gu3d oobz");
        assert!(
            Letters::read_recovery_code(b"GAYT EMZU GU3D OOBZ").is_some()
                && Letters::read_recovery_code(b"123456").is_none()
        );
    }

    #[test]
    fn different_bits_make_different_letters() {
        let flip = |bit: usize| {
            let mut random = [0_u8; 16];
            random[bit / 8] = 0x80 >> (bit % 8);
            Letters::app_password(random).shown()
        };
        let mut all: Vec<String> = (0..100).map(flip).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 100, "each of a hundred bits counts");
    }
}
