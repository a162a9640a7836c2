//! What `domain`, `user` and `alias` share: how the directory's errors are
//! told, and the kinds of value that their flags take.

use std::error::Error;
use std::str::FromStr;

use clap::ValueEnum;
use directory::DirectoryError;
use mail::{Class, Classified};
use sql::SqlError;

use crate::output::{Exit, Failure, Format, Output, Row, with_causes};

/// An error of the directory with its code and what to do about it.
pub(super) fn told(error: &DirectoryError) -> Failure {
    let exit = match (error, error.class()) {
        (DirectoryError::Sql(SqlError::Setting(_)) | DirectoryError::NoQuery(_), _) => Exit::Usage,
        (_, Class::Missing) => Exit::Missing,
        (_, Class::Directory) => Exit::Database,
        _ => Exit::Failed,
    };
    Failure::new(exit, error.code(), with_causes(error)).hint(error.hint())
}

/// After a change: a line for people, the thing as it is now for programs.
pub(super) fn changed<T: Row>(out: Output, row: &T, line: &str) -> Result<(), Failure> {
    match out.format() {
        Format::Json => out.json(row),
        Format::Text => out.done(line),
    }
}

/// `yes` or `no`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    /// On.
    Yes,
    /// Off.
    No,
}

impl YesNo {
    pub(super) fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

/// The word for a table.
pub(super) fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

/// A value, or `none` to clear what is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrNone<T>(pub Option<T>);

impl<T: FromStr> FromStr for OrNone<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text.is_empty() || text.eq_ignore_ascii_case("none") {
            Ok(Self(None))
        } else {
            text.parse().map(|value| Self(Some(value)))
        }
    }
}

/// A number of bytes as people write it: `500M`, `2G`, `1.5G`, `1048576`.
/// The units are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = Box<dyn Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let power = match unit.trim().to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err("the unit is none of K, M, G and T".into()),
        };
        let wrong = || "this is no number of bytes; write for example 500M or 2G";
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        if part.len() > 3 {
            return Err("no more than three digits behind the point".into());
        }
        let whole: u64 = whole.parse().map_err(|_| wrong())?;
        let thousandths: u64 = format!("{part:0<3}").parse().map_err(|_| wrong())?;
        let unit = 1_u64 << power;
        let bytes = whole.checked_mul(unit).and_then(|bytes| bytes.checked_add(unit * thousandths / 1000));
        bytes.filter(|bytes| i64::try_from(*bytes).is_ok()).map(Self).ok_or_else(|| "this is too large".into())
    }
}

/// A number of bytes as a table shows it.
pub(super) fn shown_bytes(bytes: u64) -> String {
    let units = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];
    let Some((unit, power)) = units.into_iter().find(|(_, power)| bytes >> power > 0) else { return bytes.to_string() };
    let tenths = (u128::from(bytes) * 10) >> power;
    if tenths.is_multiple_of(10) {
        format!("{}{unit}", tenths / 10)
    } else {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bytes() {
        let cases = [
            ("0", 0, "0"),
            ("1023", 1023, "1023"),
            ("1k", 1024, "1K"),
            ("500M", 500 << 20, "500M"),
            ("2G", 2 << 30, "2G"),
            ("2 GiB", 2 << 30, "2G"),
            ("2gb", 2 << 30, "2G"),
            ("1.5G", 3 << 29, "1.5G"),
            ("1T", 1 << 40, "1T"),
        ];
        for (text, bytes, shown) in cases {
            assert_eq!(text.parse::<Bytes>().unwrap(), Bytes(bytes), "{text}");
            assert_eq!(shown_bytes(bytes), shown);
        }
        for bad in ["", "G", "-1", "1X", "1.2345G", "1..2", "99999999999T", "18446744073709551615", "."] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_that_is_missing_is_told() {
        let failure = told(&DirectoryError::NoQuery("accounts"));
        assert_eq!((failure.exit(), failure.code()), (Exit::Usage, "no_query"));
        assert!(failure.what_to_do().contains("accounts_query"));
        assert_eq!(told(&DirectoryError::ForeignTables).exit(), Exit::Failed);
    }

    #[test]
    fn none_clears() {
        assert_eq!("none".parse::<OrNone<Bytes>>().unwrap(), OrNone(None));
        assert_eq!("".parse::<OrNone<Bytes>>().unwrap(), OrNone(None));
        assert_eq!("1K".parse::<OrNone<Bytes>>().unwrap(), OrNone(Some(Bytes(1024))));
    }
}
