//! Conditions and the messages for which they hold.

use mail::{Address, ForwardPath, ReversePath};
use proptest::prelude::*;

use super::*;

const HEADER: &str = "Received: by a\nReceived: by b\nFrom: Alice <alice@example.org>\nTo:\n\
    Subject: =?utf-8?Q?G=C3=BCnstige_Pillen?=\n  jetzt\nX-Odd : yes\nbroken line\n\nDate: in the body\n";

fn path(text: &str) -> ForwardPath {
    if text == "postmaster" { ForwardPath::Postmaster } else { ForwardPath::Address(Address::parse(text).unwrap()) }
}

fn holds(condition: &str, facts: &Facts<'_>) -> bool {
    Condition::parse(condition).unwrap_or_else(|error| panic!("{condition}: {error}")).holds(&facts.indexed())
}

#[test]
fn conditions_hold_or_not() {
    let sender = ReversePath::Address(Address::parse("Bob+List@Sender.example").unwrap());
    let recipients = [path("Alice@Example.org"), path("postmaster"), path("info@xn--mnchen-3ya.example")];
    let facts = Facts {
        header: HEADER.as_bytes(),
        sender: &sender,
        recipients: &recipients,
        helo: "[192.0.2.7]",
        peer: Some("192.0.2.7".parse().unwrap()),
        size: 10 << 20,
    };
    let cases = [
        ("header From is absent", false),
        ("header from is present", true),
        ("no Date", true),
        ("header Date is absent", true),
        ("header To is empty", true),
        ("header From is empty", false),
        ("header Date is empty", false),
        ("header X-Odd is yes", true),
        ("header X-Odd is YES", true),
        ("header X-Odd is not yes", false),
        ("header X-None is not yes", true),
        ("header X-Odd is ye", false),
        ("header Subject matches /günstige pillen jetzt/i", false),
        ("header Subject matches /günstige pillen +jetzt/i", true),
        ("header Subject matches /Günstige pillen/", false),
        ("header Subject contains \"GÜNSTIGE P\"", true),
        ("header Subject contains \"=?utf-8\"", true),
        ("header Subject contains \"g=c3=bc\"", true),
        ("header Received matches /^by b$/", true),
        ("header broken is present", false),
        ("count Received = 2", true),
        ("count received > 2", false),
        ("count Date = 0", true),
        ("sender is empty", false),
        ("sender is bob+list@sender.example", true),
        ("sender is bob@sender.example", false),
        ("sender is @SENDER.example", true),
        ("sender is @example", false),
        ("sender matches /^bob/i", true),
        ("sender contains +list@", true),
        ("recipient is alice@example.org", true),
        ("recipient is @münchen.example", true),
        ("recipient is \"info@münchen.example\"", true),
        ("recipient is not alice@example.org", false),
        ("recipient is @example.net", false),
        ("recipient matches /^postmaster$/", true),
        ("recipients = 3", true),
        ("recipients >= 4", false),
        ("peer in 192.0.2.0/24", true),
        ("peer in 203.0.113.0/24, 192.0.2.7", true),
        ("peer in 2001:db8::/32", false),
        ("helo matches /^\\[/", true),
        ("helo is \"[192.0.2.7]\"", true),
        ("helo is empty", false),
        ("size >= 10M", true),
        ("size > 10M", false),
        ("size < 10485761", true),
        ("size != 10M", false),
        ("not no Date", false),
        ("no Date and no From", false),
        ("no Date or no From", true),
        ("no From or no Date and no To", false),
        ("(no From or no Date) and not no To", true),
    ];
    for (condition, expected) in cases {
        assert_eq!(holds(condition, &facts), expected, "{condition}");
    }
}

#[test]
fn a_bounce_over_a_unix_socket() {
    let facts = Facts { header: b"", sender: &ReversePath::Null, recipients: &[], helo: "", peer: None, size: 0 };
    let cases = [
        ("sender is empty", true),
        ("sender is not empty", false),
        ("sender is @example.org", false),
        ("sender is not @example.org", true),
        ("recipient is @example.org", false),
        ("peer in 0.0.0.0/0, ::/0", false),
        ("helo is empty", true),
        ("no From", true),
    ];
    for (condition, expected) in cases {
        assert_eq!(holds(condition, &facts), expected, "{condition}");
    }
}

#[test]
fn what_is_looked_at_is_bounded() {
    let mut long = b"X-Long: ".to_vec();
    long.extend(vec![b'a'; 2 << 20]);
    long.extend(b"b\r\nFrom: late@example.org\r\n");
    let facts = Facts { header: &long, sender: &ReversePath::Null, recipients: &[], helo: "", peer: None, size: 0 };
    assert!(holds("no From", &facts));
    assert!(holds("header X-Long matches /^a+$/", &facts));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_header_makes_it_fall(header in proptest::collection::vec(any::<u8>(), 0..300), helo in "\\PC{0,20}") {
        let facts = Facts {
            header: &header, sender: &ReversePath::Null, recipients: &[], helo: &helo, peer: None, size: 0,
        };
        let absent = holds("no Subject", &facts);
        prop_assert_eq!(absent, holds("count Subject = 0", &facts));
        prop_assert!(!(absent && holds("header Subject matches //", &facts)));
    }
}
