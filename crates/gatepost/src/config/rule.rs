//! `[[rule]]`: the form rules.

use std::ops::Range;

use rules::{Action, Rule, RuleError, Rules};

use super::reader::{Document, Section};
use super::value::{Choice, Setting, Words, Wrong};

/// The kinds of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reject,
    Junk,
    Tag,
    Accept,
}

impl Words for Kind {
    const KIND: &'static str = "\"reject\", \"junk\", \"tag\" or \"accept\"";
    const ALL: &'static [(&'static str, Self)] =
        &[("reject", Self::Reject), ("junk", Self::Junk), ("tag", Self::Tag), ("accept", Self::Accept)];
}

/// Any text.
struct Phrase(String);

impl Setting for Phrase {
    const KIND: &'static str = "a text";

    fn read(value: &toml::Spanned<toml::de::DeValue<'_>>) -> Result<Self, Wrong> {
        super::value::text(value).map(|text| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// The rules of the file; the shipped ones where it has no `[[rule]]` at all.
pub(super) fn rules(document: &Document<'_>) -> Rules {
    let about = "Form rules, asked in their order; the first that does not only tag decides. `docs/rules.md` describes \
        what stands in `when`. Without any `[[rule]]`, a message without `From` is refused; `rule = []` at the top of \
        the file is no rule at all.";
    let Some(sections) = document.list("rule", about) else {
        describe(document);
        return Rules::shipped();
    };
    if sections.is_empty() {
        describe(document);
    }
    let spans: Vec<Range<usize>> = sections.iter().map(Section::first_key).collect();
    let read: Vec<Option<Rule>> = sections.iter().map(rule).collect();
    let Some(read) = read.into_iter().collect::<Option<Vec<_>>>() else { return Rules::default() };
    let names: Vec<String> = read.iter().map(|rule| rule.name().to_owned()).collect();
    Rules::new(read).unwrap_or_else(|error| {
        let second = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map_or(0, |(at, _)| at);
        document.wrong_rule(&spans[second], &format!("name: {error}"), String::new());
        Rules::default()
    })
}

/// Enters the keys into the manual when there is no rule to read them from.
fn describe(document: &Document<'_>) {
    let _ = keys(&document.empty("rule"));
}

struct Keys {
    name: Option<Phrase>,
    when: Option<Phrase>,
    action: Option<Choice<Kind>>,
    sentence: Option<Phrase>,
}

fn keys(section: &Section<'_>) -> Keys {
    Keys {
        name: section.optional("name", "required", "The rule's name, in headers and logs."),
        when: section.optional("when", "required", "The condition, such as `\"no Date or count From > 1\"`."),
        action: section.optional(
            "action",
            "required",
            "What happens then: `reject` refuses, `junk` delivers into Junk, \
            `tag` writes the rule's name into the verdict and goes on, `accept` delivers to the inbox.",
        ),
        sentence: section.optional("sentence", "a general one", "With `reject`: the sentence that the sender hears."),
    }
}

fn rule(section: &Section<'_>) -> Option<Rule> {
    let keys = keys(section);
    for key in ["name", "when", "action"] {
        if section.raw(key).is_none() {
            section.document().wrong_rule(&section.first_key(), &format!("has no {key}"), String::new());
        }
    }
    let action = match (keys.action?.0, keys.sentence) {
        (Kind::Reject, sentence) => Action::Reject { sentence: sentence.map(|sentence| sentence.0) },
        (_, Some(_)) => {
            let span = section.raw("sentence").map_or(0..0, toml::Spanned::span);
            let hint = "only action = \"reject\" tells the sender something".to_owned();
            section.document().wrong_rule(&span, "sentence: this action has none", hint);
            return None;
        }
        (Kind::Junk, None) => Action::Junk,
        (Kind::Tag, None) => Action::Tag,
        (Kind::Accept, None) => Action::Accept,
    };
    let (name, when) = (keys.name?.0, keys.when?.0);
    Rule::new(&name, &when, action).map_err(|error| wrong(section, &when, error)).ok()
}

fn wrong(section: &Section<'_>, when: &str, error: RuleError) {
    let document = section.document();
    match error {
        RuleError::BadCondition(error) => {
            let span = section.raw("when").map_or(0..0, toml::Spanned::span);
            let place = document.within(&span, when, error.offset);
            document.wrong_rule(&place, &format!("when: {}", error.what), error.expected);
        }
        other => {
            let span = section.raw("name").map_or(0..0, toml::Spanned::span);
            document.wrong_rule(&span, &format!("name: {other}"), String::new());
        }
    }
}
