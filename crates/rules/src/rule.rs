//! One rule and the ordered list of them.

use crate::{Condition, Facts, RuleError};

/// The longest name of a rule, in characters.
pub(crate) const MAX_NAME: usize = 60;
/// The most rules in a list.
pub(crate) const MAX_RULES: usize = 200;

/// The rules in the order of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Takes the rules in their order.
    ///
    /// # Errors
    ///
    /// [`RuleError`] where two have the same name or there are more than 200.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        if rules.len() > MAX_RULES {
            return Err(RuleError::TooMany);
        }
        for (at, rule) in rules.iter().enumerate() {
            if rules[..at].iter().any(|earlier| earlier.name == rule.name) {
                return Err(RuleError::SameName(rule.name.clone()));
            }
        }
        Ok(Self(rules))
    }

    /// The rules that apply where the configuration has none: a message
    /// without `From` is refused (RFC 5322 §3.6 demands the field).
    #[must_use]
    pub fn shipped() -> Self {
        let sentence = "Your message was refused because it has no From line that says who wrote it.";
        let action = Action::Reject { sentence: Some(sentence.to_owned()) };
        Self(vec![Rule { name: "no From".to_owned(), when: Condition::header_absent("From"), action }])
    }

    /// The rules that apply to a message, in order. The list ends at the first
    /// rule that decides (every action but [`Action::Tag`]).
    #[must_use]
    pub fn evaluate(&self, facts: &Facts<'_>) -> Vec<Hit> {
        let message = facts.indexed();
        let mut hits = Vec::new();
        for rule in self.0.iter().filter(|rule| rule.when.holds(&message)) {
            hits.push(Hit { name: rule.name.clone(), action: rule.action.clone() });
            if rule.action != Action::Tag {
                break;
            }
        }
        hits
    }

    /// The rules themselves.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    name: String,
    when: Condition,
    action: Action,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    ///
    /// [`RuleError`] with the column of what is wrong in the condition.
    pub fn new(name: &str, when: &str, action: Action) -> Result<Self, RuleError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(RuleError::BadName);
        }
        Ok(Self { name: name.to_owned(), when: Condition::parse(when)?, action })
    }

    /// The name, unique in the list.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it applies.
    #[must_use]
    pub fn when(&self) -> &Condition {
        &self.when
    }

    /// What it asks for.
    #[must_use]
    pub fn action(&self) -> &Action {
        &self.action
    }
}

/// What a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Refuse the message.
    Reject {
        /// The sentence that the sender hears instead of the usual one.
        sentence: Option<String>,
    },
    /// Deliver it into the Junk folder.
    Junk,
    /// Write the rule's name into the message's verdict and go on.
    Tag,
    /// Deliver it to the inbox; no later rule is asked.
    Accept,
}

/// A rule that applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The rule's name.
    pub name: String,
    /// What it asks for.
    pub action: Action,
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::ReversePath;

    fn rule(name: &str, when: &str, action: Action) -> Rule {
        Rule::new(name, when, action).unwrap()
    }

    fn facts(header: &[u8]) -> Facts<'_> {
        Facts { header, sender: &ReversePath::Null, recipients: &[], helo: "", peer: None, size: 0 }
    }

    fn names(rules: &Rules, header: &str) -> Vec<String> {
        rules.evaluate(&facts(header.as_bytes())).into_iter().map(|hit| hit.name).collect()
    }

    #[test]
    fn the_first_that_decides_ends_the_list() {
        let rules = Rules::new(vec![
            rule("tagged", "always", Action::Tag),
            rule("partner", "header X-Partner is present", Action::Accept),
            rule("bad", "no Subject", Action::Reject { sentence: None }),
            rule("late", "always", Action::Junk),
        ]);
        let rules = rules.unwrap();
        assert_eq!(names(&rules, "Subject: x\n"), ["tagged", "late"]);
        assert_eq!(names(&rules, "From: x\n"), ["tagged", "bad"]);
        assert_eq!(names(&rules, "X-Partner: x\n"), ["tagged", "partner"]);
    }

    #[test]
    fn shipped() {
        let rules = Rules::shipped();
        assert_eq!(names(&rules, "From: a@example.org\n"), [""; 0]);
        assert_eq!(names(&rules, "fRoM: a@example.org\n"), [""; 0]);
        for missing in ["To: a@example.org\n\nFrom: body@example.org\n", "", "\nFrom: x\n", "From\n", "X-From: x\n"] {
            assert_eq!(names(&rules, missing), ["no From"], "{missing:?}");
        }
    }

    #[test]
    fn names_are_checked() {
        for bad in ["", "  ", "a\nb", &"x".repeat(61)] {
            assert_eq!(Rule::new(bad, "always", Action::Tag).unwrap_err(), RuleError::BadName);
        }
        let same = vec![rule("a", "always", Action::Tag), rule(" a ", "always", Action::Junk)];
        assert_eq!(Rules::new(same).unwrap_err(), RuleError::SameName("a".to_owned()));
        let many = (0..=MAX_RULES).map(|n| rule(&format!("r{n}"), "always", Action::Tag)).collect();
        assert_eq!(Rules::new(many).unwrap_err(), RuleError::TooMany);
    }
}
