//! A filter with names in it (RFC 4515): `(mail=:address)`. What stands for a
//! name comes from outside, and is escaped.

use std::fmt;

use thiserror::Error;

/// A filter with `:address`, `:local` and `:domain` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Address,
    Local,
    Domain,
}

/// What the names stand for.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The whole address.
    pub address: &'a str,
    /// What is before the `@`.
    pub local: &'a str,
    /// What is behind it.
    pub domain: &'a str,
}

/// Why a text is no such filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A name that stands for nothing.
    #[error(":{0} stands for nothing; there are :address, :local and :domain")]
    UnknownName(String),
    /// It does not read as a filter.
    #[error("this is no filter of RFC 4515, such as (mail=:address)")]
    NoFilter,
}

impl Template {
    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut rest) = (Vec::new(), text.trim());
        // A colon behind a `=` is a name; one before it is part of an extensible
        // match, such as `(cn:caseExactMatch:=x)`.
        while let Some(at) = rest.find("=:") {
            let (before, after) = rest.split_at(at + 1);
            let end = after[1..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(after.len(), |end| end + 1);
            parts.push(Part::Text(before.to_owned()));
            parts.push(match &after[1..end] {
                "address" => Part::Address,
                "local" => Part::Local,
                "domain" => Part::Domain,
                other => return Err(TemplateError::UnknownName(other.to_owned())),
            });
            rest = &after[end..];
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        let sample = template.with(&Values { address: "a@b", local: "a", domain: "b" });
        if ldap3::parse_filter(&sample).is_err() || !sample.starts_with('(') {
            return Err(TemplateError::NoFilter);
        }
        Ok(template)
    }

    /// The filter with these values.
    #[must_use]
    pub fn with(&self, values: &Values<'_>) -> String {
        self.put(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Address => ldap3::ldap_escape(values.address).into_owned(),
            Part::Local => ldap3::ldap_escape(values.local).into_owned(),
            Part::Domain => ldap3::ldap_escape(values.domain).into_owned(),
        })
    }

    /// The filter for everything that has any value in those places.
    #[must_use]
    pub fn with_any(&self) -> String {
        self.put(|part| match part {
            Part::Text(text) => text.clone(),
            _ => "*".to_owned(),
        })
    }

    fn put(&self, part: impl Fn(&Part) -> String) -> String {
        self.0.iter().map(part).collect()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.put(|part| {
            match part {
                Part::Text(text) => text,
                Part::Address => ":address",
                Part::Local => ":local",
                Part::Domain => ":domain",
            }
            .to_owned()
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(address: &str) -> Values<'_> {
        Values { address, local: "al*ce", domain: "example.org" }
    }

    #[test]
    fn names_are_replaced_and_values_escaped() {
        let cases = [
            ("(mail=:address)", Ok("(mail=a\\28\\29\\2a\\5c@b)")),
            (
                " (&(uid=:local)(dc=:domain)(cn:caseExactMatch:=x)) ",
                Ok("(&(uid=al\\2ace)(dc=example.org)(cn:caseExactMatch:=x))"),
            ),
            ("(objectClass=*)", Ok("(objectClass=*)")),
            ("(mail=:name)", Err(TemplateError::UnknownName("name".to_owned()))),
            ("(mail=:address", Err(TemplateError::NoFilter)),
            ("mail=:address", Err(TemplateError::NoFilter)),
            ("", Err(TemplateError::NoFilter)),
        ];
        for (text, expected) in cases {
            let made = Template::parse(text).map(|template| template.with(&values("a()*\\@b")));
            assert_eq!(made, expected.map(str::to_owned), "{text}");
        }
        let template = Template::parse("(&(mail=:address)(dc=:domain))").unwrap();
        assert_eq!(template.with_any(), "(&(mail=*)(dc=*))");
        assert_eq!(template.to_string(), "(&(mail=:address)(dc=:domain))");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_value_leaves_its_place(value in ".{0,40}") {
            let template = Template::parse("(&(mail=:address)(x=1))").unwrap();
            let made = template.with(&Values { address: &value, local: "", domain: "" });
            prop_assert!(ldap3::parse_filter(&made).is_ok());
            prop_assert_eq!(made.matches(['(', ')', '*']).count(), 6, "{}", made);
        }
    }
}
