//! Which command is lawful when (RFC 3501 §3, §6). Print it: it is the list of
//! what this server understands.

use std::fmt;

/// The state of a connection (RFC 3501 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody logged in yet.
    NotAuthenticated,
    /// Logged in, no folder selected.
    Authenticated,
    /// A folder is selected.
    Selected,
    /// The end was announced; nothing is lawful any more.
    Logout,
}

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Where it is lawful.
    pub lawful: &'static [State],
    /// Where it is defined.
    pub defined: &'static str,
}

const ANY: &[State] = &[State::NotAuthenticated, State::Authenticated, State::Selected];
const BEFORE: &[State] = &[State::NotAuthenticated];
const AFTER: &[State] = &[State::Authenticated, State::Selected];
const SELECTED: &[State] = &[State::Selected];

const fn row(name: &'static str, lawful: &'static [State], defined: &'static str) -> Row {
    Row { name, lawful, defined }
}

/// All commands.
pub const COMMANDS: &[Row] = &[
    row("CAPABILITY", ANY, "RFC 3501 §6.1.1"),
    row("NOOP", ANY, "RFC 3501 §6.1.2"),
    row("LOGOUT", ANY, "RFC 3501 §6.1.3"),
    row("ID", ANY, "RFC 2971 §3.1"),
    row("AUTHENTICATE", BEFORE, "RFC 3501 §6.2.2"),
    row("LOGIN", BEFORE, "RFC 3501 §6.2.3"),
    row("ENABLE", AFTER, "RFC 5161 §3.1"),
    row("NAMESPACE", AFTER, "RFC 2342 §5"),
    row("SELECT", AFTER, "RFC 3501 §6.3.1"),
    row("EXAMINE", AFTER, "RFC 3501 §6.3.2"),
    row("CREATE", AFTER, "RFC 3501 §6.3.3"),
    row("DELETE", AFTER, "RFC 3501 §6.3.4"),
    row("RENAME", AFTER, "RFC 3501 §6.3.5"),
    row("SUBSCRIBE", AFTER, "RFC 3501 §6.3.6"),
    row("UNSUBSCRIBE", AFTER, "RFC 3501 §6.3.7"),
    row("LIST", AFTER, "RFC 3501 §6.3.8"),
    row("LSUB", AFTER, "RFC 3501 §6.3.9"),
    row("STATUS", AFTER, "RFC 3501 §6.3.10"),
    row("APPEND", AFTER, "RFC 3501 §6.3.11"),
    row("GETQUOTA", AFTER, "RFC 9208 §4.1.1"),
    row("GETQUOTAROOT", AFTER, "RFC 9208 §4.1.2"),
    row("IDLE", AFTER, "RFC 2177 §3"),
    row("CHECK", SELECTED, "RFC 3501 §6.4.1"),
    row("CLOSE", SELECTED, "RFC 3501 §6.4.2"),
    row("UNSELECT", SELECTED, "RFC 3691 §2"),
    row("EXPUNGE", SELECTED, "RFC 3501 §6.4.3"),
    row("UID EXPUNGE", SELECTED, "RFC 4315 §2.1"),
    row("SEARCH", SELECTED, "RFC 3501 §6.4.4"),
    row("FETCH", SELECTED, "RFC 3501 §6.4.5"),
    row("STORE", SELECTED, "RFC 3501 §6.4.6"),
    row("COPY", SELECTED, "RFC 3501 §6.4.7"),
    row("MOVE", SELECTED, "RFC 6851 §3.1"),
    row("UID SEARCH", SELECTED, "RFC 3501 §6.4.8"),
    row("UID FETCH", SELECTED, "RFC 3501 §6.4.8"),
    row("UID STORE", SELECTED, "RFC 3501 §6.4.8"),
    row("UID COPY", SELECTED, "RFC 3501 §6.4.8"),
    row("UID MOVE", SELECTED, "RFC 6851 §3.2"),
];

/// Whether the command of this name is lawful in this state.
#[must_use]
pub fn is_lawful(name: &str, state: State) -> bool {
    COMMANDS.iter().any(|row| row.name == name && row.lawful.contains(&state))
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states: Vec<String> = self.lawful.iter().map(|state| format!("{state:?}")).collect();
        write!(f, "{:<13} {:<48} {}", self.name, states.join(" "), self.defined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lawful() {
        for (name, state, expected) in [
            ("LOGIN", State::NotAuthenticated, true),
            ("LOGIN", State::Authenticated, false),
            ("SELECT", State::NotAuthenticated, false),
            ("FETCH", State::Authenticated, false),
            ("UID FETCH", State::Selected, true),
            ("NOOP", State::Logout, false),
            ("XYZZY", State::Selected, false),
        ] {
            assert_eq!(is_lawful(name, state), expected, "{name} {state:?}");
        }
        let printed: Vec<String> = COMMANDS.iter().map(ToString::to_string).collect();
        assert!(printed[5].starts_with("LOGIN         NotAuthenticated "));
    }
}
