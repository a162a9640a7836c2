//! `gatepost hash`: the hash of a password, for a users file or a table that
//! people write by hand.

use serde::Serialize;

use super::user::new_password;
use crate::output::{Failure, Format, Output};

#[derive(Debug, Serialize)]
struct Hash<'h> {
    hash: &'h str,
}

/// Reads a password (one line on standard input, or it is asked for) and prints
/// its hash.
///
/// # Errors
///
/// [`Failure`] where there is no password, or it cannot be hashed.
pub async fn run(out: Output) -> Result<(), Failure> {
    let made = new_password(None).await?;
    match out.format() {
        Format::Json => out.json(&Hash { hash: made.expose() }),
        Format::Text => out.print(&format!("{}\n", made.expose())),
    }
}
