//! In which language a page speaks: the one that the visitor has chosen, else
//! the first of the browser's that we know (RFC 9110 §12.5.4).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;

use crate::texts::{DE, EN, Texts};

/// A language that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

/// The language of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Speech {
    pub(crate) language: Language,
    /// Whether the visitor has chosen it on a page: links keep it then.
    chosen: bool,
}

/// The most languages that are looked at; browsers send a handful.
const MANY: usize = 32;

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::German];

    /// BCP 47.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &EN,
            Self::German => &DE,
        }
    }

    /// By the first part of a tag, such as `de-AT`.
    fn of(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// What the browser likes best of ours; of equals the first.
    fn accepted(header: &str) -> Option<Self> {
        let wishes = header.split(',').take(MANY).filter_map(|wish| {
            let (tag, parameters) = wish.split_once(';').unwrap_or((wish, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok());
            Some((Self::of(tag.trim())?, weight.filter(|q| *q > 0.0 && *q <= 1.0)?))
        });
        let best = wishes.reduce(|best, wish| if wish.1 > best.1 { wish } else { best });
        best.map(|(language, _)| language)
    }
}

impl Speech {
    fn of(query: Option<&str>, accept: Option<&str>) -> Self {
        let wanted = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("lang=")));
        if let Some(language) = wanted.and_then(Language::of) {
            return Self { language, chosen: true };
        }
        let language = accept.and_then(Language::accepted).unwrap_or(Language::English);
        Self { language, chosen: false }
    }

    pub(crate) fn texts(self) -> &'static Texts {
        self.language.texts()
    }

    /// What a link to another of our pages ends with.
    pub(crate) fn suffix(self) -> &'static str {
        match (self.chosen, self.language) {
            (false, _) => "",
            (true, Language::English) => "?lang=en",
            (true, Language::German) => "?lang=de",
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Speech {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let accept = parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Ok(Self::of(parts.uri.query(), accept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_likes() {
        let cases = [
            (None, None, "en", ""),
            (None, Some(""), "en", ""),
            (None, Some("de"), "de", ""),
            (None, Some("de-AT,de;q=0.9,en;q=0.8"), "de", ""),
            (None, Some("en-GB,de;q=0.9"), "en", ""),
            (None, Some("en;q=0.5, DE;q=0.7"), "de", ""),
            (None, Some("fr,ja;q=0.9,de;q=0.1"), "de", ""),
            (None, Some("fr"), "en", ""),
            (None, Some("de;q=0"), "en", ""),
            (None, Some("de;q=x,;;,,=,-"), "en", ""),
            (None, Some("de;q=NaN"), "en", ""),
            (Some("lang=de"), Some("en"), "de", "?lang=de"),
            (Some("a=b&lang=en"), Some("de"), "en", "?lang=en"),
            (Some("lang=fr"), Some("de"), "de", ""),
            (Some("lang="), None, "en", ""),
        ];
        for (query, accept, tag, suffix) in cases {
            let speech = Speech::of(query, accept);
            assert_eq!((speech.language.tag(), speech.suffix()), (tag, suffix), "{query:?} {accept:?}");
        }
    }
}
