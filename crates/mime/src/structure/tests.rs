//! Sections of ordinary and of hostile messages.

#[cfg(test)]
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const NESTED: &[u8] = b"From: a\nContent-Type: multipart/mixed; boundary=\"x y\"\n\npreamble\n--x y\n\nfirst\n\n--x y  \nContent-Type: message/rfc822\n\nSubject: in\nContent-Type: multipart/alternative; boundary=z\n\n--z\nContent-Type: text/html\nContent-Transfer-Encoding: Base64\n\nPGI+\n--z--\nepilogue of z\n--x y\nContent-Type: message/rfc822\n\nSubject: plain\n\nbody\n--x y--\nepilogue\n";

fn text(message: &[u8], span: Span) -> String {
    String::from_utf8_lossy(&message[span.range()]).into_owned()
}

fn body(message: &[u8], numbers: &[u32]) -> Option<String> {
    let structure = Structure::parse(message, &Limits::default());
    structure.find(numbers).map(|part| text(message, part.body))
}

#[test]
fn sections_by_number() {
    let cases: [(&[u32], Option<&str>); 10] = [
        (&[1], Some("first\n")),
        (&[1, 1], None),
        (&[2, 1], Some("PGI+")),
        (&[2, 1, 1], None),
        (&[2, 2], None),
        (&[3], Some("Subject: plain\n\nbody")),
        (&[3, 1], Some("body")),
        (&[3, 2], None),
        (&[4], None),
        (&[0], None),
    ];
    for (numbers, expected) in cases {
        assert_eq!(body(NESTED, numbers).as_deref(), expected, "{numbers:?}");
    }
    assert_eq!(body(b"A: b\n\ntext\n", &[1]).as_deref(), Some("text\n"));
    assert_eq!(body(b"A: b\n\ntext\n", &[1, 1]), None);
}

#[test]
fn a_message_that_is_a_message() {
    let message = b"Content-Type: message/rfc822\n\nSubject: in\n\ninner\n";
    assert_eq!(body(message, &[1]).as_deref(), Some("Subject: in\n\ninner\n"));
    assert_eq!(body(message, &[1, 1]).as_deref(), Some("inner\n"));
    let structure = Structure::parse(message, &Limits::default());
    let inner = structure.enclosed(structure.root()).unwrap();
    assert_eq!(text(message, inner.header), "Subject: in\n\n");
}

#[test]
fn measures_are_those_of_the_wire() {
    let crlf: Vec<u8> = crate::wire::to_wire(NESTED).into_owned();
    let (disk, wire) = (Structure::parse(NESTED, &Limits::default()), Structure::parse(&crlf, &Limits::default()));
    assert_eq!(disk.parts().len(), 7);
    for (a, b) in disk.parts().iter().zip(wire.parts()) {
        for (a, b) in [(a.header, b.header), (a.body, b.body)] {
            assert_eq!((a.octets(), a.lines()), (b.octets(), b.lines()));
            assert_eq!(a.octets(), crate::wire::to_wire(&NESTED[a.range()]).len());
            assert_eq!(b.octets(), b.range().len());
        }
    }
}

#[test]
fn odd_forms() {
    let cases: [(&[u8], &[u32], Option<&str>); 7] = [
        // A header block that a delimiter cuts off.
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\n--b\n\nz\n--b--\n", &[1], Some("")),
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\nX: y\n--b\n\nz\n--b--\n", &[2], Some("z")),
        // No end, no line end.
        (b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nz", &[1], Some("z")),
        // No part at all.
        (b"Content-Type: multipart/mixed; boundary=b\n\nnothing\n", &[1], Some("nothing\n")),
        (b"Content-Type: multipart/mixed\n\n--\n", &[1], Some("--\n")),
        // The default type within a digest.
        (b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nz\n--b--\n", &[1, 1], Some("z")),
        (b"", &[1], Some("")),
    ];
    for (message, numbers, expected) in cases {
        assert_eq!(body(message, numbers).as_deref(), expected, "{:?}", String::from_utf8_lossy(message));
    }
}

#[test]
fn beyond_the_limits_it_is_one_part() {
    let deep: String = (0..40).map(|i| format!("Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n")).collect();
    let rfc822 = "Content-Type: message/rfc822\n\n".repeat(40);
    let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\n".repeat(1001));
    let line = format!("Subject: {}\n\nbody\n", "x".repeat(70 << 10));
    let header = "A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n".repeat(30_000);
    for message in [deep, rfc822, many, line, header] {
        let structure = Structure::parse(message.as_bytes(), &Limits::default());
        assert!(structure.is_opaque());
        assert_eq!(structure.parts().len(), 1);
        assert!(structure.root().content_type.is("application", "octet-stream"));
        assert_eq!(structure.root().whole().range(), 0..message.len());
    }
}

#[test]
fn hostile_input_takes_linear_time() {
    let boundaries: String =
        (0..10_000).map(|i| format!("--b{i}\nContent-Type: multipart/mixed; boundary=b{i}\n\n")).collect();
    let unterminated = format!("Content-Type: multipart/mixed; boundary={}\n\n", "a".repeat(70));
    let almost = unterminated.clone() + &format!("--{}b\n", "a".repeat(70)).repeat(100_000);
    let dashes = unterminated + &"--\n".repeat(500_000);
    for message in [boundaries, almost, dashes] {
        let start = Instant::now();
        let _ = Structure::parse(message.as_bytes(), &Limits::default());
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn parts_lie_within_their_parents(lines in proptest::collection::vec(proptest::sample::select(vec![
        "Content-Type: multipart/mixed; boundary=a\n", "Content-Type: multipart/digest; boundary=b\r\n",
        "Content-Type: message/rfc822\n", "--a\n", "--b\n", "--a--\n", "--b--\r\n", "\n", "\r\n", "text\n", "\r", "x",
    ]), 0..30)) {
        let message = lines.concat().into_bytes();
        let structure = Structure::parse(&message, &Limits::default());
        prop_assert_eq!(structure.root().whole().range(), 0..message.len());
        for part in structure.parts() {
            prop_assert_eq!(part.header.range().end, part.body.range().start);
            prop_assert_eq!(part.body.octets(), crate::wire::to_wire(&message[part.body.range()]).len());
            let children: Vec<PartId> = match &part.kind {
                Kind::Leaf => Vec::new(),
                Kind::Multipart(children) => children.clone(),
                Kind::Message(inner) => vec![*inner],
            };
            for child in children {
                let (inner, outer) = (structure.part(child).whole().range(), part.body.range());
                prop_assert!(outer.start <= inner.start && inner.end <= outer.end);
            }
        }
    }
}
