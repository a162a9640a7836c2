//! Which certificate a client is shown: the one for the name that it asks for
//! (SNI, RFC 6066 §3), else the one for the server's own name.

use std::collections::HashMap;
use std::sync::Arc;

use mail::Domain;
use rustls::sign::CertifiedKey;

use crate::{CertificateInfo, HostName};

/// A certificate that can be shown.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) info: Arc<CertificateInfo>,
}

/// All certificates by their names. Names are in normal form.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    exact: HashMap<String, Loaded>,
    /// By what stands behind the `*.`.
    wildcard: HashMap<String, Loaded>,
    /// For clients that name nobody, or somebody else.
    unnamed: Loaded,
}

impl Choice {
    /// From certificates in the order of their precedence. The `fallback` is
    /// also one of them, where its names shall be found.
    pub(crate) fn new<'a>(
        all: impl IntoIterator<Item = &'a Loaded>,
        fallback: Loaded,
        hostname: Option<&HostName>,
    ) -> Self {
        let mut choice = Self { exact: HashMap::new(), wildcard: HashMap::new(), unnamed: fallback };
        for loaded in all {
            choice.enter(loaded);
        }
        let ours = match hostname {
            Some(HostName::Dns(domain)) => choice.named(domain.as_str()).cloned(),
            _ => None,
        };
        if let Some(ours) = ours {
            choice.unnamed = ours;
        }
        choice
    }

    fn enter(&mut self, loaded: &Loaded) {
        for name in &loaded.info.names {
            if let HostName::Dns(domain) = name {
                self.exact.entry(domain.as_str().to_owned()).or_insert_with(|| loaded.clone());
            }
        }
        let wildcards = loaded.info.other_names.iter().filter_map(|name| name.strip_prefix("*."));
        for parent in wildcards.filter_map(|parent| Domain::parse(parent).ok()) {
            self.wildcard.entry(parent.as_str().to_owned()).or_insert_with(|| loaded.clone());
        }
    }

    /// The certificate for this name, if there is one: an exact name goes
    /// before a wildcard, which stands for one label (RFC 9525 §6.3).
    pub(crate) fn named(&self, name: &str) -> Option<&Loaded> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let parent = || name.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent));
        self.exact.get(&name).or_else(parent)
    }

    /// The certificate for a client that asks for this name, or for none. A
    /// client that used an unknown name gets a clear complaint about the name,
    /// not a dead line.
    pub(crate) fn pick(&self, name: Option<&str>) -> &Loaded {
        name.and_then(|name| self.named(name)).unwrap_or(&self.unnamed)
    }
}
