//! The kinds of values in the configuration: how each is read and shown.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use mail::{Address, Domain};
use toml::Spanned;
use toml::de::DeValue;

/// A kind of value.
pub(super) trait Setting: Sized {
    /// The kind in words, behind "… is expected".
    const KIND: &'static str;

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong>;

    /// As it is written in the file.
    fn show(&self) -> String;
}

/// A value that is not what it should be.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) span: Range<usize>,
    pub(super) what: String,
    /// Empty where the kind says it all.
    pub(super) hint: String,
}

impl Wrong {
    pub(super) fn new(span: Range<usize>, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { span, what: what.into(), hint: hint.into() }
    }

    /// The value is of another kind altogether.
    pub(super) fn kind(span: Range<usize>, value: &DeValue<'_>) -> Self {
        let kind = match value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a section",
        };
        Self::new(span, format!("{kind} cannot stand here"), "")
    }
}

/// The text of a string value.
pub(super) fn text<'v>(value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, Wrong> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        other => Err(Wrong::kind(value.span(), other)),
    }
}

fn integer(value: &Spanned<DeValue<'_>>) -> Result<u64, Wrong> {
    match value.get_ref() {
        DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix())
            .map_err(|_| Wrong::new(value.span(), format!("{digits} is negative or too large"), "")),
        other => Err(Wrong::kind(value.span(), other)),
    }
}

impl Setting for bool {
    const KIND: &'static str = "true or false";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        match value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            other => Err(Wrong::kind(value.span(), other)),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A number within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number<const MIN: u64, const MAX: u64>(pub(super) u64);

impl<const MIN: u64, const MAX: u64> Number<MIN, MAX> {
    pub(super) fn u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    pub(super) fn u16(self) -> u16 {
        u16::try_from(self.0).unwrap_or(u16::MAX)
    }

    pub(super) fn usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> Setting for Number<MIN, MAX> {
    const KIND: &'static str = "a number";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let number = integer(value)?;
        if (MIN..=MAX).contains(&number) {
            return Ok(Self(number));
        }
        let hint = format!("a number from {MIN} to {MAX} is expected");
        Err(Wrong::new(value.span(), format!("{number} is out of bounds"), hint))
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// A number of bytes: `"50M"`, or plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

impl Size {
    pub(super) fn usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

const SIZES: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];

impl Setting for Size {
    const KIND: &'static str = "a size such as \"50M\"";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        if matches!(value.get_ref(), DeValue::Integer(_)) {
            return integer(value).map(Self);
        }
        let text = text(value)?;
        let hint = "a number of bytes is expected, with K, M, G or T (1024 each) behind it, such as \"50M\"";
        size(text).map(Self).ok_or_else(|| Wrong::new(value.span(), format!("{text:?} is no size"), hint))
    }

    fn show(&self) -> String {
        let whole = SIZES.iter().find(|(_, unit)| self.0 != 0 && self.0.is_multiple_of(*unit));
        whole.map_or_else(|| self.0.to_string(), |(name, unit)| format!("\"{}{name}\"", self.0 / unit))
    }
}

fn size(text: &str) -> Option<u64> {
    let upper = text.trim().to_ascii_uppercase();
    let bare = upper.strip_suffix("IB").or_else(|| upper.strip_suffix('B')).unwrap_or(&upper);
    let unit = SIZES.iter().find_map(|(name, unit)| bare.strip_suffix(name).map(|digits| (digits, *unit)));
    let (digits, unit) = unit.unwrap_or((bare, 1));
    let digits = digits.trim_end();
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| plain)?.checked_mul(unit)
}

const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// A hundred years, so that no sum of a time and a duration overflows.
const LONGEST_MS: u64 = 100 * 365 * 86_400_000;

impl Setting for Duration {
    const KIND: &'static str = "a duration such as \"60s\"";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let hint = "a number with ms, s, m, h or d behind it is expected, such as \"60s\"";
        if let DeValue::Integer(digits) = value.get_ref() {
            return Err(Wrong::new(value.span(), "a duration needs a unit", format!("did you mean \"{digits}s\"?")));
        }
        let text = text(value)?;
        duration(text).ok_or_else(|| Wrong::new(value.span(), format!("{text:?} is no duration"), hint))
    }

    fn show(&self) -> String {
        let ms = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        // Minutes and hours where people would say so: 60s, 90s, but 5m, 2h.
        let fits = |unit: u64| ms.is_multiple_of(unit) && (ms > unit || unit <= 1000);
        let (name, unit) = TIMES.iter().rev().find(|(_, unit)| fits(*unit)).unwrap_or(&TIMES[0]);
        format!("\"{}{name}\"", ms / unit)
    }
}

fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at(at);
    let (_, unit) = TIMES.iter().find(|(name, _)| *name == unit.trim_start())?;
    let ms = digits.parse::<u64>().ok()?.checked_mul(*unit).filter(|ms| *ms <= LONGEST_MS)?;
    Some(Duration::from_millis(ms))
}

impl Setting for Domain {
    const KIND: &'static str = "a host name";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let text = text(value)?;
        let hint = "a full host name is expected, such as \"mail.example.org\"";
        Self::parse(text).map_err(|error| Wrong::new(value.span(), error.to_string(), hint))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Setting for Address {
    const KIND: &'static str = "an address";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let text = text(value)?;
        let hint = "an address is expected, such as \"postmaster@example.org\"";
        Self::parse(text).map_err(|error| Wrong::new(value.span(), error.to_string(), hint))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Setting for PathBuf {
    const KIND: &'static str = "a path";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        match text(value)? {
            "" => Err(Wrong::new(value.span(), "the path is empty", "")),
            text if text.contains('\0') => Err(Wrong::new(value.span(), "a path cannot hold NUL", "")),
            text => Ok(Self::from(text)),
        }
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.display())
    }
}

/// A system user's name; empty for none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserName(Box<str>);

impl UserName {
    /// The name, where there is one.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        Some(&*self.0).filter(|name| !name.is_empty())
    }
}

impl Setting for UserName {
    const KIND: &'static str = "a user's name";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let text = text(value)?;
        if text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-$".contains(&b)) {
            return Ok(Self(text.into()));
        }
        Err(Wrong::new(value.span(), format!("{text:?} is no user's name"), "such as \"gatepost\", or \"\" for none"))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// One listener or several; none where the list is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ListenList(pub(super) Vec<Listen>);

impl Setting for ListenList {
    const KIND: &'static str = "an address or a list";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        match value.get_ref() {
            DeValue::String(text) if text.is_empty() => Ok(Self::default()),
            DeValue::Array(items) => items.iter().map(listen).collect::<Result<_, _>>().map(Self),
            _ => listen(value).map(|only| Self(vec![only])),
        }
    }

    fn show(&self) -> String {
        let all: Vec<String> = self.0.iter().map(|listen| format!("\"{listen}\"")).collect();
        format!("[{}]", all.join(", "))
    }
}

fn listen(value: &Spanned<DeValue<'_>>) -> Result<Listen, Wrong> {
    let hint =
        "an address and a port are expected, such as \"0.0.0.0:25\", \"[::]:25\" or \"unix:/run/gatepost/lmtp.sock\"";
    let text = text(value)?;
    if let Some(path) = text.strip_prefix("unix:") {
        // The kernel takes 108 bytes with the NUL at the end (unix(7)).
        let fits = (1..108).contains(&path.len()) && !path.contains('\0');
        return fits
            .then(|| Listen::Unix(path.into()))
            .ok_or_else(|| Wrong::new(value.span(), "the path of a socket has 1 to 107 bytes", hint));
    }
    let meant = text.strip_prefix("*:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    let port = meant.parse::<u16>().ok().map(|port| format!("did you mean [\"0.0.0.0:{port}\", \"[::]:{port}\"]?"));
    let hint = port.unwrap_or_else(|| hint.to_owned());
    text.parse()
        .map(Listen::Tcp)
        .map_err(|_| Wrong::new(value.span(), format!("{text:?} is no address with a port"), hint))
}

/// A database's URL, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// A SQLite file.
    #[must_use]
    pub fn sqlite(file: &std::path::Path) -> Self {
        let path = file.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        Self(format!("sqlite:{path}"))
    }

    /// The whole URL, for the one place that connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The path of a SQLite file.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        let path = self.0.strip_prefix("sqlite:")?.split('?').next()?;
        let path = path.strip_prefix("//").unwrap_or(path);
        Some(PathBuf::from(path.replace("%3F", "?").replace("%23", "#").replace("%25", "%")))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once(':').unwrap_or(("", &self.0));
        let place = |text: &'_ str| text.split('?').next().unwrap_or_default().to_owned();
        // A password may have a `?` in it, though it should be escaped.
        match rest.rsplit_once('@') {
            Some((_, host)) if scheme != "sqlite" => write!(f, "{scheme}://…@{}", place(host)),
            _ => write!(f, "{scheme}:{}", place(rest)),
        }
    }
}

impl Setting for DatabaseUrl {
    const KIND: &'static str = "a database URL";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let text = text(value)?;
        let known = ["mysql://", "mariadb://", "sqlite:"].iter().any(|scheme| text.starts_with(scheme));
        if known && !text.chars().any(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        let hint = "\"mysql://USER:PASSWORD@HOST/DATABASE\" or \"sqlite:PATH\" is expected";
        // Not the text itself: it may hold a password.
        Err(Wrong::new(value.span(), "this is no database URL", hint))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

/// The base of the links in refusals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebUrl(pub(super) String);

impl Setting for WebUrl {
    const KIND: &'static str = "a URL";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let text = text(value)?;
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let known =
            host.is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'@'));
        if known && text.len() <= verdict::MAX_REPORT_BASE {
            return Ok(Self(text.trim_end_matches('/').to_owned()));
        }
        let hint = format!("such as \"https://mail.example.org\", at most {} bytes", verdict::MAX_REPORT_BASE);
        Err(Wrong::new(value.span(), "this is no URL that a link can begin with", hint))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// A server with a port, such as `smtp.example.net:465`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostPort(pub(super) Domain, pub(super) u16);

impl Setting for HostPort {
    const KIND: &'static str = "a server with its port such as \"smtp.example.net:465\"";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let text = text(value)?;
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let host = Domain::parse(host).ok().filter(|host| !host.is_literal())?;
            Some(Self(host, port.parse().ok().filter(|port| *port != 0)?))
        });
        let hint = format!("{} is expected", Self::KIND);
        parts.ok_or_else(|| Wrong::new(value.span(), format!("{text:?} is no server with a port"), hint))
    }

    fn show(&self) -> String {
        format!("\"{}:{}\"", self.0, self.1)
    }
}

/// One of a few words.
pub(super) trait Words: Copy + PartialEq + 'static {
    const KIND: &'static str;
    const ALL: &'static [(&'static str, Self)];
}

/// One of a few words, as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice<W>(pub(super) W);

impl<W: Words> Setting for Choice<W> {
    const KIND: &'static str = W::KIND;

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let text = text(value)?;
        if let Some((_, word)) = W::ALL.iter().find(|(name, _)| *name == text) {
            return Ok(Self(*word));
        }
        let meant = super::suggest::nearest(text, W::ALL.iter().map(|(name, _)| *name));
        let hint = meant.map(|meant| format!("did you mean {meant:?}?")).unwrap_or_default();
        Err(Wrong::new(value.span(), format!("unknown word {text:?}"), hint))
    }

    fn show(&self) -> String {
        let found = W::ALL.iter().find(|(_, word)| *word == self.0);
        found.map(|(name, _)| format!("\"{name}\"")).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
