//! What a command says: tables and lines for people, JSON for programs, and an
//! exit status that scripts can rely on.

use std::io::{self, Write};
use std::process::{ExitCode, Termination};

use mail::{Class, Classified, Text};
use serde::Serialize;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It failed, or a problem was found.
    Failed = 1,
    /// Wrong use of the command, or a bad configuration.
    Usage = 2,
    /// There is no such thing.
    Missing = 3,
    /// The database cannot be reached.
    Database = 4,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    exit: Exit,
    code: &'static str,
    message: String,
    hint: String,
}

impl Failure {
    /// A failure with a short code in `snake_case` and one clear sentence.
    #[must_use]
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hint: String::new() }
    }

    /// Wrong use (exit status 2).
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// No such thing (exit status 3).
    #[must_use]
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Exit::Missing, "missing", message)
    }

    /// Any other failure (exit status 1).
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, "failed", message)
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The exit status.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The short code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What to do about it; empty where nothing is known.
    #[must_use]
    pub fn what_to_do(&self) -> &str {
        &self.hint
    }

    /// The sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The failure of an edge: its class decides the exit status.
impl<E: Classified> From<E> for Failure {
    fn from(error: E) -> Self {
        let exit = match error.class() {
            Class::Directory | Class::Index => Exit::Database,
            Class::Missing => Exit::Missing,
            Class::Invalid => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, error.class().as_str(), with_causes(&error))
    }
}

/// An error and what caused it, in one line.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !line.contains(&said) {
            line.push_str(": ");
            line.push_str(&said);
        }
        cause = error.source();
    }
    line
}

/// For whom the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A row of a table, beside being an object in JSON.
pub trait Row: Serialize {
    /// The titles of the columns.
    const COLUMNS: &'static [&'static str];

    /// The cells, one for each column.
    fn cells(&self) -> Vec<String>;
}

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
}

impl Output {
    /// Writes to standard output in this format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// A table with titles, or a JSON array of objects.
    ///
    /// # Errors
    ///
    /// When standard output takes nothing.
    pub fn list<T: Row>(&self, rows: &[T]) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(&rows),
            Format::Text if rows.is_empty() => self.print("(none)\n"),
            Format::Text => self.print(&table(T::COLUMNS, &rows.iter().map(Row::cells).collect::<Vec<_>>())),
        }
    }

    /// One thing: a line for each column, or a JSON object.
    ///
    /// # Errors
    ///
    /// When standard output takes nothing.
    pub fn show<T: Row>(&self, row: &T) -> Result<(), Failure> {
        if self.format == Format::Json {
            return self.json(row);
        }
        let width = T::COLUMNS.iter().map(|title| title.chars().count()).max().unwrap_or_default();
        let cells = row.cells();
        let lines = T::COLUMNS.iter().zip(&cells).map(|(title, cell)| format!("{title:width$}  {}\n", clean(cell)));
        self.print(&lines.collect::<String>())
    }

    /// A line for people; programs look at the exit status.
    ///
    /// # Errors
    ///
    /// When standard output takes nothing.
    pub fn done(&self, line: &str) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.print(&format!("{}\n", clean(line))),
            Format::Json => Ok(()),
        }
    }

    /// Text as it is, for people only.
    ///
    /// # Errors
    ///
    /// When standard output takes nothing.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        write(&mut io::stdout().lock(), text)
    }

    /// A value as JSON with a line end, for programs.
    ///
    /// # Errors
    ///
    /// When standard output takes nothing.
    pub fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?;
        self.print(&format!("{text}\n"))
    }

    /// Says on standard error why it failed, and hands back the exit status.
    #[must_use]
    pub fn fail(&self, failure: &Failure) -> Exit {
        // Nobody can be told that standard error takes nothing.
        let _ = write(&mut io::stderr().lock(), &failure_text(self.format, failure));
        failure.exit
    }
}

/// A reader that went away (`gatepost … | head`) is no failure.
fn write(to: &mut impl Write, text: &str) -> Result<(), Failure> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output takes nothing: {error}")))
        }
        _ => Ok(()),
    }
}

fn failure_text(format: Format, failure: &Failure) -> String {
    match format {
        Format::Json => {
            let Failure { code, message, hint, .. } = failure;
            let error = serde_json::json!({ "error": { "code": code, "message": message, "hint": hint } });
            format!("{error}\n")
        }
        Format::Text => {
            let message: String = failure.message.lines().map(|line| format!("gatepost: {}\n", clean(line))).collect();
            let hint: String = failure.hint.lines().map(|line| format!("  {}\n", clean(line))).collect();
            message + &hint
        }
    }
}

/// A table whose columns are as wide as they must be.
#[must_use]
pub fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let titles: Vec<String> = titles.iter().map(|title| title.to_uppercase()).collect();
    let rows: Vec<Vec<String>> =
        std::iter::once(titles).chain(rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect())).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// What comes from the database or a file may hold control characters that
/// play tricks with a terminal.
fn clean(text: &str) -> String {
    Text::sanitized(text).as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let rows =
            [vec!["example.org".to_owned(), "yes".to_owned()], vec!["é.example".to_owned(), "\u{1b}[2J".to_owned()]];
        assert_eq!(table(&["name", "active"], &rows), "NAME         ACTIVE\nexample.org  yes\né.example    ?[2J\n");
        assert_eq!(table(&["name"], &[]), "NAME\n");
    }

    #[test]
    fn failures() {
        let failure = Failure::missing("there is no domain x").hint("see gatepost domain list");
        assert_eq!(
            failure_text(Format::Text, &failure),
            "gatepost: there is no domain x\n  see gatepost domain list\n"
        );
        let json: serde_json::Value = serde_json::from_str(&failure_text(Format::Json, &failure)).unwrap();
        assert_eq!(json["error"]["code"], "missing");
        assert_eq!(json["error"]["message"], "there is no domain x");
        assert_eq!(json["error"]["hint"], "see gatepost domain list");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(Class, #[source] io::Error);

    impl Classified for Outer {
        fn class(&self) -> Class {
            self.0
        }
    }

    #[test]
    fn classes_decide_the_exit_status() {
        let cases = [
            (Class::Directory, Exit::Database),
            (Class::Index, Exit::Database),
            (Class::Missing, Exit::Missing),
            (Class::Invalid, Exit::Usage),
            (Class::Disk, Exit::Failed),
        ];
        for (class, exit) in cases {
            let failure = Failure::from(Outer(class, io::Error::other("inner")));
            assert_eq!((failure.exit(), failure.message()), (exit, "outer: inner"));
        }
    }
}
