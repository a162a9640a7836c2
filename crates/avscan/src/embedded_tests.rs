//! Messages inside messages, in the spellings that mail programs accept.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn bounds() -> Bounds {
    Bounds { parts: 100, work: 1 << 20, until: Instant::now() + Duration::from_secs(60) }
}

fn cut(message: &str) -> (Vec<String>, Option<Limit>) {
    let (found, hit) = embedded(message.as_bytes(), bounds());
    (found.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect(), hit)
}

#[track_caller]
fn check(message: &str, expected: &[&str]) {
    for message in [message.to_owned(), message.replace('\n', "\r\n")] {
        let (found, hit) = cut(&message);
        let found: Vec<_> = found.iter().map(|text| text.replace("\r\n", "\n")).collect();
        let found: Vec<_> = found.iter().map(|text| text.trim_end()).collect();
        assert_eq!((found.as_slice(), hit), (expected, None), "{message}");
    }
}

#[test]
fn parts_that_are_messages_are_cut_out() {
    check("Subject: x\n\nhello\n", &[]);
    check("Content-Type: message/rfc822\n\nSubject: in\n\nhi", &["Subject: in\n\nhi"]);
    let multipart = |part: &str| format!("Content-Type: multipart/mixed; boundary=b\n\n--b\n{part}\n--b--\n");
    for kind in ["message/rfc822", "MESSAGE/RFC822", "message/global", "message/partial", "text/rfc822-headers"] {
        check(&multipart(&format!("Content-Type: {kind}\n\nSubject: in\n\nhi")), &["Subject: in\n\nhi"]);
    }
    for name in ["a.eml", "a.EML", "a.pdf.mht", "a.eml."] {
        let part = format!("Content-Type: application/octet-stream; name=\"{name}\"\n\nin");
        check(&multipart(&part), &["in"]);
        let part = format!(
            "Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=\"{name}\"\n\nin"
        );
        check(&multipart(&part), &["in"]);
    }
    check(&multipart("Content-Type: application/octet-stream; name=\"eml.exe\"\n\nin"), &[]);
    check(
        &multipart("Content-Type: application/x\n\nX: y\nContent-type : text/plain\n\nin"),
        &["X: y\nContent-type : text/plain\n\nin"],
    );
}

#[test]
fn encoded_messages_are_decoded() {
    let part = |encoding: &str, body: &str| {
        format!("Content-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}\n\n{body}")
    };
    check(&part("base64", "U3ViamVjdDogaW4KCmhp"), &["Subject: in\n\nhi", "U3ViamVjdDogaW4KCmhp"]);
    check(&part("Quoted-Printable", "Subject=3A in"), &["Subject: in", "Subject=3A in"]);
    check(&part("7bit", "Subject: in"), &["Subject: in"]);
    // An encoding is declared twice: every reading is followed.
    let twice =
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\nU3ViOiB4";
    check(twice, &["U3ViOiB4", "Sub: x"]);
}

#[test]
fn multiparts_are_followed_in_every_reading() {
    check("Content-Type: multipart/digest; boundary=\"b b\"\n\n--b b\n\nSubject: in\n--b b--\n", &["Subject: in"]);
    check(
        "Content-Type: multipart/mixed; boundary=a\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Type: message/rfc822\n\nin\n--b--\n",
        &["in\n--b--", "in"],
    );
    check(
        "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Type: message/rfc822\n\nin\n--b--\n--a--\n",
        &["in"],
    );
}

#[test]
fn the_walk_is_bounded() {
    let message = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned() + &"--b\n\nx\n".repeat(200);
    assert_eq!(cut(&message).1, Some(Limit::Files));
    let small = Bounds { work: 10, ..bounds() };
    assert_eq!(embedded(message.as_bytes(), small).1, Some(Limit::Size));
    let late = Bounds { until: Instant::now(), ..bounds() };
    assert_eq!(embedded(message.as_bytes(), late).1, Some(Limit::Time));
    let deep: String = (0..70).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}x\n\n--b{n}x\n")).collect();
    assert_eq!(cut(&deep).1, Some(Limit::Recursion));
}

#[test]
fn mail_is_known_by_a_mime_field() {
    for (bytes, expected) in [
        (&b"Content-Type: text/plain"[..], true),
        (b"junk\ncontent-transfer-encoding:base64\n", true),
        (b"junk\rCONTENT-TYPE \t:x", true),
        (b"A Content-Type: x", false),
        (b"Content-Typed: x", false),
        (b"", false),
    ] {
        assert_eq!(looks_like_mail(bytes), expected, "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_fail(pieces in prop::collection::vec(prop_oneof![
        Just("Content-Type: multipart/mixed; boundary=b\n"), Just("Content-Type: message/rfc822\r\n"),
        Just("Content-Transfer-Encoding: base64\n"), Just("\n"), Just("--b\n"), Just("--b--\r\n"), Just("=\0\u{e9}"),
        Just("Content-Disposition: attachment; filename*0*=utf-8''%"), Just("Content-Type:"), Just("U3ViOiB4"),
    ], 0..40)) {
        let message: String = pieces.concat();
        embedded(message.as_bytes(), bounds());
    }
}
