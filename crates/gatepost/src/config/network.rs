//! Networks in the configuration.

use super::value::{Setting, Wrong};

use rules::Network;
use toml::Spanned;
use toml::de::DeValue;

/// Networks of IP addresses, such as those of trusted relays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Networks(pub(super) Vec<Network>);

impl Setting for Networks {
    const KIND: &'static str = "a list of networks";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let read = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
            DeValue::String(text) => {
                let hint = "an address or a network is expected, such as \"192.0.2.0/24\" or \"2001:db8::1\"";
                text.parse().map_err(|()| Wrong::new(item.span(), format!("{text:?} is no network"), hint))
            }
            other => Err(Wrong::kind(item.span(), other)),
        };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().map(read).collect::<Result<_, _>>().map(Self),
            _ => read(value).map(|only| Self(vec![only])),
        }
    }

    fn show(&self) -> String {
        let all: Vec<String> = self.0.iter().map(|network| format!("\"{network}\"")).collect();
        format!("[{}]", all.join(", "))
    }
}
