//! Host names in the configuration: what stands in front of each hosted domain.

use mail::Domain;
use toml::Spanned;
use toml::de::DeValue;

use super::value::{Setting, Wrong, text};

/// What stands in front of a hosted domain in the name of a host, such as
/// `mail` or `autoconfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// The host of this domain; none where that would be no host name.
    #[must_use]
    pub fn of(&self, domain: &Domain) -> Option<Domain> {
        Domain::parse(&format!("{}.{domain}", self.0)).ok().filter(|_| !domain.is_literal())
    }
}

/// Several of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prefixes(pub(super) Vec<Prefix>);

/// More would be a mistake.
const MAX_PREFIXES: usize = 32;

impl Setting for Prefixes {
    const KIND: &'static str = "a list of labels";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        list(value, |text| {
            let label = !text.contains('_') && !text.contains('.') && Domain::parse(&format!("{text}.example")).is_ok();
            label.then(|| Prefix(text.to_ascii_lowercase().into()))
        })
        .map(Self)
    }

    fn show(&self) -> String {
        shown(self.0.iter().map(|prefix| &*prefix.0))
    }
}

fn list<T>(value: &Spanned<DeValue<'_>>, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Wrong> {
    let one = |item: &Spanned<DeValue<'_>>| {
        let text = text(item)?;
        read(text).ok_or_else(|| Wrong::new(item.span(), format!("{text:?} cannot stand here"), "such as \"mail\""))
    };
    match value.get_ref() {
        DeValue::Array(items) if items.len() > MAX_PREFIXES => {
            Err(Wrong::new(value.span(), format!("{} are too many", items.len()), format!("at most {MAX_PREFIXES}")))
        }
        DeValue::Array(items) => items.iter().map(one).collect(),
        _ => one(value).map(|only| vec![only]),
    }
}

fn shown<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", items.map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", "))
}
