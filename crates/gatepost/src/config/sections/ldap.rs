//! `[ldap]`: users in an LDAP server, where `[directory] preset` says so.

use std::path::PathBuf;
use std::time::Duration;

use directory::{Domains, LdapSettings, Verification};
use ldap::{Place, Security, Template};
use mail::Domain;
use toml::Spanned;
use toml::de::DeValue;

use super::super::reader::{Document, Section};
use super::super::value::{Choice, Number, Setting, Words, Wrong, text};

/// The authorities that Debian trusts.
const CA: &str = "/etc/ssl/certs/ca-certificates.crt";
const ACCOUNT: &str = "(&(objectClass=inetOrgPerson)(mail=:address))";
const ALIAS: &str = "(mailLocalAddress=:address)";
const TARGETS: [&str; 3] = ["rfc822MailMember", "mailRoutingAddress", "mail"];

/// A line of text, such as the name of an entry.
struct Line(String);

impl Setting for Line {
    const KIND: &'static str = "a text";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let text = text(value)?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(Wrong::new(value.span(), "this is no line of text", ""));
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// A filter with names in it.
struct Filter(Template);

impl Setting for Filter {
    const KIND: &'static str = "an LDAP filter";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        Template::parse(text(value)?).map(Self).map_err(|error| Wrong::new(value.span(), error.to_string(), ""))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// The name of an attribute, or several with commas between them.
struct Names(Vec<String>);

impl Names {
    fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|&name| name.to_owned()).collect())
    }

    fn first(self) -> String {
        self.0.into_iter().next().unwrap_or_default()
    }
}

impl Setting for Names {
    const KIND: &'static str = "names with commas between them";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let names = text(value)?.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names: Vec<String> = names.map(str::to_owned).collect();
        let is_name = |name: &String| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._;".contains(&b));
        if names.is_empty() || !names.iter().all(is_name) {
            return Err(Wrong::new(value.span(), "these are no names", "write for example \"mail, uid\""));
        }
        Ok(Self(names))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0.join(", "))
    }
}

/// Domains with commas between them.
struct Hosted(Vec<Domain>);

impl Setting for Hosted {
    const KIND: &'static str = "domains with commas between them";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let names = text(value)?.split(',').map(str::trim).filter(|name| !name.is_empty());
        let read: Result<Vec<Domain>, _> = names.map(Domain::parse).collect();
        read.map(Self).map_err(|error| Wrong::new(value.span(), error.to_string(), ""))
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl Words for Verification {
    const KIND: &'static str = "\"bind\" or \"hash\"";
    const ALL: &'static [(&'static str, Self)] = &[("bind", Self::Bind), ("hash", Self::Hash)];
}

/// The section, or the keys that it lacks.
pub(super) fn ldap(document: &Document<'_>) -> Result<LdapSettings, Vec<&'static str>> {
    let s = document.section("ldap", "Users in an LDAP server, with `preset = \"ldap\"` in `[directory]`.");
    let place = place(document, &s);
    let server = server(document, &s);
    let base: Option<Line> = s.optional("base", "none", "The entry below which all others are searched.");
    let domains = domains(document, &s);
    let (account_filter, alias_filter) = filters(&s);
    let alias_targets = s.get(
        "alias_targets",
        Names::of(&TARGETS),
        "Where an alias leads: the first of these attributes that its entry has.",
    );
    let one = |key, default, about| s.get(key, Names::of(&[default]), about).first();
    let id = one("id_attribute", "entryUUID", "What never changes of a user, and is never given to another.");
    let address = one("address_attribute", "mail", "A user's address, or several.");
    let name = one("name_attribute", "cn", "What a user is called.");
    let quota: Option<Names> = s.optional("quota_attribute", "none", "The most bytes of a user's mail, a number.");
    let Choice(verification) = s.get(
        "login",
        Choice(Verification::Bind),
        "How a password is verified: `bind` asks the server, by a bind as the user; `hash` reads `userPassword`, which \
         `bind_dn` must be able to read.",
    );
    match (place, base, domains, account_filter) {
        (Some(place), Some(Line(base)), Some(domains), Some(account_filter)) => Ok(LdapSettings {
            server: server(place),
            base,
            domains,
            account_filter,
            alias_filter,
            alias_targets: alias_targets.0,
            id,
            address,
            name,
            quota: quota.map(Names::first),
            verification,
        }),
        (place, base, domains, _) => {
            let keys = [("url", place.is_none()), ("base", base.is_none()), ("domains", domains.is_none())];
            Err(keys.into_iter().filter_map(|(key, is_missing)| is_missing.then_some(key)).collect())
        }
    }
}

fn place(document: &Document<'_>, s: &Section<'_>) -> Option<Place> {
    let url: Option<Line> = s.optional(
        "url",
        "none",
        "`ldaps://HOST`, `ldapi:///PATH` of a socket, or `ldap://HOST` with `starttls`. Nothing goes in the clear.",
    );
    let starttls = s.get("starttls", false, "Whether `ldap://` is secured by StartTLS.");
    let security = if starttls { Security::StartTls } else { Security::ByUrl };
    let read = Place::parse(&url?.0, security);
    read.map_err(|error| document.wrong_key("ldap", "url", error.to_string(), String::new())).ok()
}

/// How the server is spoken to, once it is known which one it is.
fn server(document: &Document<'_>, s: &Section<'_>) -> impl Fn(Place) -> ldap::Settings {
    let ca = s.get("ca", PathBuf::from(CA), "The authorities that the server's certificate may be of, in PEM.");
    let bind_dn: Option<Line> = s.optional(
        "bind_dn",
        "none",
        "Who looks things up. Without it, the server's own user on a socket, and nobody in particular elsewhere.",
    );
    let password: Option<PathBuf> = s.optional(
        "bind_password_file",
        "none",
        "The file with the password of `bind_dn`; nobody else should read it.",
    );
    if bind_dn.is_some() != password.is_some() {
        let what = "bind_dn and bind_password_file belong together".to_owned();
        document.wrong_key("ldap", "bind_dn", what, "give both, or none".to_owned());
    }
    let about = "The most connections to it at a time, twice: to look things up, and to verify passwords.";
    let connections = s.get("connections", Number::<1, 1000>(5), about).usize();
    let patience = s.get("timeout", Duration::from_secs(5), "How long a question may take.");
    let (ca, password) = (document.path(ca), password.map(|path| document.path(path)));
    let bind_dn = bind_dn.map(|Line(name)| name);
    move |place| ldap::Settings {
        place,
        ca: ca.clone(),
        bind_dn: bind_dn.clone(),
        bind_password: password.clone(),
        connections,
        patience,
    }
}

fn domains(document: &Document<'_>, s: &Section<'_>) -> Option<Domains> {
    let names: Option<Hosted> = s.optional("domains", "none", "The hosted domains, with commas between them.");
    let filter: Option<Filter> = s.optional(
        "domain_filter",
        "none",
        "In place of `domains`: finds the entry of the domain `:domain`, such as `(associatedDomain=:domain)`.",
    );
    let attribute = s.get("domain_attribute", Names::of(&["associatedDomain"]), "What a domain is called there.");
    match (names, filter) {
        (Some(_), Some(_)) => {
            let what = "domains and domain_filter are both given".to_owned();
            document.wrong_key("ldap", "domains", what, "give one of them".to_owned());
            None
        }
        (Some(Hosted(names)), None) => Some(Domains::These(names)),
        (None, Some(Filter(filter))) => Some(Domains::Found { filter, attribute: attribute.first() }),
        (None, None) => None,
    }
}

fn filters(s: &Section<'_>) -> (Option<Template>, Option<Template>) {
    let filter = |key, default, about| {
        let default = Template::parse(default).ok()?;
        Some(s.get(key, Filter(default), about).0)
    };
    let account = filter(
        "account_filter",
        ACCOUNT,
        "Finds the entry of the user `:address` (also `:local` and `:domain`). Two entries are an error.",
    );
    let alias = filter(
        "alias_filter",
        ALIAS,
        "Finds the entry of the alias `:address`, such as those with `inetLocalMailRecipient`.",
    );
    (account, alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_read() {
        for text in [ACCOUNT, ALIAS] {
            assert_eq!(Template::parse(text).unwrap().to_string(), text);
        }
    }
}
