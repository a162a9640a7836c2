//! Where a new password comes from: a terminal, asked twice and not shown, or
//! else one line on standard input.

use std::io::{self, BufRead, IsTerminal};

use mail::Secret;

use crate::output::{Exit, Failure};

/// The longest line that is read; longer ones are refused when hashed.
const MAX_LINE: u64 = 4096;

/// Reads a password; blocks.
pub(super) fn read() -> Result<Secret, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() { asked() } else { first_line(stdin.lock()) }
}

fn asked() -> Result<Secret, Failure> {
    let ask = |question| rpassword::prompt_password(question).map(|text| Secret::new(text.into_bytes()));
    let first = ask("New password: ").map_err(|error| unreadable(&error))?;
    let again = ask("The same again: ").map_err(|error| unreadable(&error))?;
    if first.expose() != again.expose() {
        return Err(Failure::new(Exit::Failed, "password", "the two passwords are not the same"));
    }
    not_empty(first)
}

fn first_line(input: impl BufRead) -> Result<Secret, Failure> {
    let mut line = Vec::new();
    input.take(MAX_LINE).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
    while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        line.pop();
    }
    not_empty(Secret::new(line))
}

fn not_empty(password: Secret) -> Result<Secret, Failure> {
    if password.is_empty() {
        return Err(Failure::new(Exit::Failed, "password", "the password is empty")
            .hint("Give it as one line on standard input, or run the command at a terminal."));
    }
    Ok(password)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, "password", format!("the password cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_without_its_end() {
        let cases: [(&[u8], &[u8]); 5] =
            [(b"a b\n", b"a b"), (b"a\r\n", b"a"), (b"a", b"a"), (b"a\nb\n", b"a"), ("ä\n".as_bytes(), "ä".as_bytes())];
        for (input, password) in cases {
            assert_eq!(first_line(input).unwrap().expose(), password);
        }
        for empty in [&b""[..], b"\n", b"\r\n"] {
            assert_eq!(first_line(empty).unwrap_err().exit(), Exit::Failed);
        }
    }
}
