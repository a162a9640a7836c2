//! What reads as a condition, and what is said about what does not.

use crate::Condition;
use proptest::prelude::*;

#[test]
fn reads() {
    let cases = [
        ("always", "always"),
        ("no Date", "header \"Date\" is absent"),
        ("header From is absent", "header \"From\" is absent"),
        ("HEADER From IS NOT present", "header \"From\" is not present"),
        ("header X is \"two words\"", "header \"X\" is \"two words\""),
        ("header Subject matches /a\\/b/i", "header \"Subject\" matches /a\\/b/i"),
        ("header Subject contains Viagra", "header \"Subject\" contains \"viagra\""),
        ("count From > 1", "count \"From\" > 1"),
        ("count From>=2", "count \"From\" >= 2"),
        ("recipients != 3", "recipients != 3"),
        ("size > 10M", "size > 10485760"),
        ("size <= 1", "size <= 1"),
        ("sender is empty", "sender is empty"),
        ("sender is @Example.org", "sender is \"@example.org\""),
        ("recipient is Alice@example.org", "recipient is \"Alice@example.org\""),
        ("helo is localhost", "helo is \"localhost\""),
        ("peer in 192.0.2.0/24, 2001:db8::/32", "peer in 192.0.2.0/24, 2001:db8::/32"),
        ("no A and no B or no C", "header \"A\" is absent and header \"B\" is absent or header \"C\" is absent"),
        ("no A and (no B or no C)", "header \"A\" is absent and (header \"B\" is absent or header \"C\" is absent)"),
        ("not not always", "not not always"),
        ("not (no A or no B)", "not (header \"A\" is absent or header \"B\" is absent)"),
        ("not helo contains x", "not helo contains \"x\""),
        ("((always))", "always"),
    ];
    for (text, shown) in cases {
        let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(condition.to_string(), shown);
        assert_eq!(Condition::parse(shown).unwrap().to_string(), shown);
    }
}

#[test]
fn what_is_nested_as_deep_as_may_be_reads_back() {
    let deep = format!("{}always{}", "not (no A or ".repeat(15), ")".repeat(15));
    for text in ["not ".repeat(31) + "always", deep] {
        let shown = Condition::parse(&text).unwrap().to_string();
        assert_eq!(Condition::parse(&shown).unwrap().to_string(), shown);
    }
}

#[test]
fn says_what_is_wrong_where_and_what_would_be_right() {
    let cases = [
        ("", 1, "ends too early", "a test begins with header"),
        ("form From is absent", 1, "form cannot stand here", "header"),
        ("header", 7, "ends too early", "name of a header field"),
        ("header From: is absent", 8, "From: cannot stand here", "name of a header field"),
        ("header From", 12, "ends too early", "is, contains or matches"),
        ("header From equals x", 13, "equals cannot stand here", "is, contains or matches"),
        ("header From is", 15, "ends too early", "a text is expected behind is"),
        ("header From matches x", 21, "x cannot stand here", "between slashes"),
        ("header From matches /(/", 21, "not valid: unclosed group", "docs/rules.md"),
        ("header From matches /a/g", 21, "/a/g cannot stand here", "the only letter"),
        ("header Ä is absent and header é matches /(/", 8, "Ä cannot stand here", "name of a header field"),
        ("count From 1", 12, "1 cannot stand here", "one of > >="),
        ("count From > many", 14, "many cannot stand here", "a number"),
        ("count From > -1", 14, "-1 cannot stand here", "a number"),
        ("size > 10X", 8, "10X cannot stand here", "10M"),
        ("size > 99999999999G", 8, "cannot stand here", "10M"),
        ("peer is 192.0.2.1", 6, "is cannot stand here", "peer in NETWORK"),
        ("peer in 192.0.2.0/33", 9, "192.0.2.0/33 cannot stand here", "192.0.2.0/24"),
        ("peer in 192.0.2.0/24,", 22, "ends too early", "192.0.2.0/24"),
        ("sender is alice", 11, "no @", "alice@example.org"),
        ("sender is @a..b", 11, "label", "@example.org"),
        ("sender is absent", 11, "no @", "empty"),
        ("(no Date", 9, "ends too early", "closing )"),
        ("no Date)", 8, ") cannot stand here", "the end of the condition"),
        ("no Date no From", 9, "no cannot stand here", "and, or"),
        ("no Date and", 12, "ends too early", "a test begins"),
        ("helo is \"x", 9, "does not end", "close it"),
    ];
    for (text, column, what, expected) in cases {
        let error = Condition::parse(text).unwrap_err();
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.what.contains(what), "{text}: {error}");
        assert!(error.expected.contains(expected), "{text}: {error}");
    }
}

#[test]
fn bounded() {
    let deep = format!("{}always{}", "(".repeat(40), ")".repeat(40));
    assert!(Condition::parse(&deep).unwrap_err().expected.contains("32 deep"));
    assert!(Condition::parse(&format!("{} always", "not ".repeat(40))).is_err());
    assert!(Condition::parse(&format!("{}always{}", "(".repeat(30), ")".repeat(30))).is_ok());
    let large = "header X matches /((a{100}){100}){100}/";
    assert!(Condition::parse(large).unwrap_err().what.contains("not valid"));
    let long = vec!["always"; 1000].join(" and ");
    assert!(Condition::parse(&long).unwrap_err().what.contains("longer than"));
    assert!(Condition::parse(&vec!["always"; 300].join(" and ")).is_ok());
}

fn test() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("always".to_owned()),
        "no [A-Za-z-]{1,12}",
        "header [A-Za-z-]{1,12} (is (not )?(absent|present|empty|\"[^\"\\\\]{0,8}\")|contains \"[^\"\\\\]{0,8}\")",
        "(sender|recipient) is (not )?(@[a-z]{1,8}\\.example|empty|[a-z]{1,3}@[a-z]{1,8})",
        "header [A-Z]{1,3} matches /[a-z.]{0,8}/i?",
        "(size|recipients|count To) (>|<|>=|<=|=|!=) [0-9]{1,6}",
        "peer in (10\\.0\\.0\\.0/8, )?2001:db8::/[0-9]{2}",
    ]
}

fn tree() -> impl Strategy<Value = String> {
    test().prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| format!("not ({one})")),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("({one}) and {two}")),
            (inner.clone(), inner).prop_map(|(one, two)| format!("{one} or ({two})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_shown_reads_back(text in tree()) {
        let shown = Condition::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string();
        let again = Condition::parse(&shown).unwrap_or_else(|error| panic!("{shown}: {error}")).to_string();
        prop_assert_eq!(again, shown);
    }

    #[test]
    fn no_text_makes_it_fall(text in "\\PC{0,80}") {
        if let Err(error) = Condition::parse(&text) {
            prop_assert!(error.offset <= text.len() && text.is_char_boundary(error.offset));
            prop_assert_eq!(text[..error.offset].chars().count() + 1, error.column);
        }
    }

    #[test]
    fn no_run_of_words_makes_it_fall(
        text in "(header |no |count |is |not |and |or |\\(|\\)|matches |/a|/i |\"|\\\\|size |> |1M|é |peer |in |, ){0,20}"
    ) {
        if let Err(error) = Condition::parse(&text) {
            prop_assert!(text.is_char_boundary(error.offset));
        }
    }
}
