//! What is wrong with a configuration, in the form that people and editors
//! read: `file:line:column: what; what would be right`.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::output::{Exit, Failure};

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// No file was named, and there is none in the usual places.
    #[error("there is no configuration file")]
    NotFound,
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}", lines(problems))]
    Wrong {
        /// Everything that is, in the order of the file.
        problems: Vec<Problem>,
    },
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = Self::new(Exit::Usage, "configuration", error.to_string());
        match error {
            ConfigError::NotFound => failure.hint(
                "looked for ./gatepost.toml and /etc/gatepost/gatepost.toml\n\
                 `gatepost init` writes one; `--config FILE` names another",
            ),
            ConfigError::Unreadable { .. } => failure.hint("name the right file with --config, or make it readable"),
            ConfigError::Wrong { problems } => failure.hint(described_in(&problems)),
        }
    }
}

/// Which page says what would be right.
pub(crate) fn described_in(problems: &[Problem]) -> &'static str {
    let of_rules = problems.iter().filter(|problem| problem.page == Page::Rules).count();
    match of_rules {
        0 => "docs/configuration.md describes every key",
        all if all == problems.len() => "docs/rules.md describes rules and their conditions",
        _ => "docs/configuration.md describes every key, docs/rules.md rules and their conditions",
    }
}

/// Where the manual describes what a mistake is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// `docs/configuration.md`
    Keys,
    /// `docs/rules.md`
    Rules,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: String,
    /// Where more is said about it.
    pub page: Page,
}

impl Problem {
    /// At a byte of the text.
    pub(super) fn at(file: &Path, text: &str, offset: usize, what: String, hint: String) -> Self {
        let (line, column) = position(text, offset);
        Self { file: file.to_owned(), line, column, what, hint, page: Page::Keys }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, what, hint, .. } = self;
        write!(f, "{}:{line}:{column}: {what}", file.display())?;
        if hint.is_empty() { Ok(()) } else { write!(f, "; {hint}") }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The text is no TOML.
pub(super) fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let Range { start, .. } = error.span().unwrap_or_default();
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    let problem = Problem::at(file, text, start, what, String::new());
    ConfigError::Wrong { problems: vec![problem] }
}

/// Line and column of a byte.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let text = "a\näöü = 1\n";
        let cases = [(0, (1, 1)), (1, (1, 2)), (2, (2, 1)), (8, (2, 4)), (11, (2, 7)), (99, (3, 1))];
        for (offset, expected) in cases {
            assert_eq!(position(text, offset), expected, "{offset}");
        }
    }
}
