//! Argon2 (RFC 9106) in memory that is used again, and not kept by each thread.
//!
//! The C library keeps blocks below 32 MiB for the thread that gave them up
//! (mallopt(3), `M_MMAP_THRESHOLD`), and hashes run on many threads: after some
//! logins a server held 250 MB of nothing. Larger blocks go back to the system,
//! but getting them again took half as long as the hash; so a few are kept here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Above what the C library keeps.
const LARGE: usize = 33 << 20;
/// What needs less than this is left to the C library.
const SMALL: usize = 1 << 20;
/// So many are kept, for as many hashes at a time; none larger than this.
const KEPT: usize = 4;
const LARGEST: usize = 64 << 20;

static FREE: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// [`Argon2::hash_password_into`]. All of the memory is written before it is
/// read, so it does not matter what is there.
pub(crate) fn fill(argon2: &Argon2<'_>, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), argon2::Error> {
    let count = argon2.params().block_count();
    let mut blocks = take(count);
    let done = argon2.hash_password_into_with_memory(password, salt, out, &mut blocks[..count]);
    give_back(blocks);
    done
}

fn take(count: usize) -> Vec<Block> {
    let mut free = free();
    if let Some(at) = free.iter().position(|blocks| blocks.len() >= count) {
        return free.swap_remove(at);
    }
    drop(free);
    let room = if count * Block::SIZE < SMALL { count } else { count.max(LARGE / Block::SIZE) };
    let mut blocks = Vec::with_capacity(room);
    // What of the room is not written to costs nothing.
    blocks.resize(count, Block::default());
    blocks
}

fn give_back(blocks: Vec<Block>) {
    let size = blocks.len() * Block::SIZE;
    let mut free = free();
    if (SMALL..=LARGEST).contains(&size) && free.len() < KEPT {
        free.push(blocks);
    }
}

fn free() -> MutexGuard<'static, Vec<Vec<Block>>> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The hash of a password as text is made of it.
pub(crate) fn hash(argon2: &Argon2<'_>, algorithm: Algorithm, password: &[u8], salt: &[u8]) -> Option<PasswordHash> {
    let mut made = [0; Output::MAX_LENGTH];
    let out = made.get_mut(..argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN))?;
    fill(argon2, password, salt, out).ok()?;
    Some(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).ok()?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(out).ok()?),
    })
}

/// Whether this is the password of a hash; outputs are compared in constant
/// time.
pub(crate) fn verify(password: &[u8], stored: &PasswordHash) -> Option<bool> {
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = stored.version.map(Version::try_from).transpose().ok()?.unwrap_or_default();
    let (salt, wanted) = (stored.salt.as_ref()?, stored.hash.as_ref()?);
    let argon2 = Argon2::new(algorithm, version, Params::try_from(stored).ok()?);
    let mut made = [0; Output::MAX_LENGTH];
    let out = made.get_mut(..wanted.len())?;
    fill(&argon2, password, salt, out).ok()?;
    Some(Output::new(out).ok()? == *wanted)
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};

    use super::*;

    #[test]
    fn as_the_library_does_it() {
        for (algorithm, memory, output) in
            [(Algorithm::Argon2id, 8, None), (Algorithm::Argon2i, 64, Some(16)), (Algorithm::Argon2id, 2048, Some(64))]
        {
            let argon2 = Argon2::new(algorithm, Version::V0x13, Params::new(memory, 1, 1, output).unwrap());
            let salt = b"sixteen octets  ";
            let ours = hash(&argon2, algorithm, b"secret", salt).unwrap();
            let theirs: PasswordHash = argon2.hash_password_with_salt(b"secret", salt).unwrap();
            assert_eq!(ours.to_string(), theirs.to_string());
            assert!(Argon2::default().verify_password(b"secret", &ours).is_ok());
            assert_eq!(verify(b"secret", &theirs), Some(true));
            assert_eq!(verify(b"Secret", &theirs), Some(false));
        }
        // The older version, as its authors' program writes it.
        let old = "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";
        let stored = PasswordHash::new(old).unwrap();
        assert_eq!(
            verify(b"password", &stored),
            Argon2::default().verify_password(b"password", &stored).ok().map(|()| true).or(Some(false))
        );
    }
}
