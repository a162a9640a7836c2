//! Commands and literals, whole and in pieces; what is refused.

#[cfg(test)]
use proptest::prelude::*;

use super::*;

fn limits() -> Limits {
    Limits { before_login: 200, command: 100, literals: 3, append: 50 }
}

fn show(frame: &Frame) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).escape_default().to_string();
    match frame {
        Frame::Command(bytes) => format!("cmd {}", text(bytes)),
        Frame::Line(bytes) => format!("line {}", text(bytes)),
        Frame::Continue => "+".into(),
        Frame::Append(start) => format!("append {} {}", start.tag, start.size),
        Frame::AppendData(bytes) => format!("data {}", text(bytes)),
        Frame::AppendEnd => "end".into(),
        Frame::AppendGarbage => "garbage".into(),
        Frame::Refused(tag, refusal) => format!("refused {} {refusal:?}", tag.as_ref().map_or("*", Tag::as_str)),
        Frame::Fatal(refusal) => format!("fatal {refusal:?}"),
    }
}

/// Feeds pieces; APPEND is accepted up to the limit.
fn frames(framer: &mut Framer, pieces: &[&[u8]]) -> Vec<String> {
    let mut out = Vec::new();
    for piece in pieces {
        framer.input(piece);
        while let Some(frame) = framer.next_frame() {
            out.push(show(&frame));
            if let Frame::Append(start) = &frame {
                if start.size > 50 {
                    framer.refuse_append();
                } else {
                    framer.accept_append();
                }
            }
        }
    }
    out
}

fn after_login() -> Framer {
    let mut framer = Framer::new(limits());
    framer.authenticated();
    framer
}

fn check(input: &[u8], expected: &[&str]) {
    assert_eq!(frames(&mut after_login(), &[input]), expected, "{:?}", String::from_utf8_lossy(input));
}

#[test]
fn commands_and_literals() {
    check(b"a NOOP\r\nb NO", &["cmd a NOOP\\r\\n"]);
    check(b"a LOGIN {1}\r\nx {2+}\r\nyz\r\n", &["+", "cmd a LOGIN {1}\\r\\nx {2+}\\r\\nyz\\r\\n"]);
    check(b"a X {0}\r\n\r\n", &["+", "cmd a X {0}\\r\\n\\r\\n"]);
    check(b"a {99999999999999999999}\r\n", &["cmd a {99999999999999999999}\\r\\n"]);
    check(b"\r\n", &["cmd \\r\\n"]);
}

#[test]
fn too_much() {
    check(b"a X {101}\r\nb NOOP\r\n", &["refused a CommandTooLong", "cmd b NOOP\\r\\n"]);
    check(b"a X {95+}\r\n", &["refused a CommandTooLong"]);
    let skipped = [b"a X {95+}\r\n".as_slice(), &[b'x'; 95], b" {3+}\r\nabc\r\nb NOOP\r\n"].concat();
    check(&skipped, &["refused a CommandTooLong", "cmd b NOOP\\r\\n"]);
    check(b"a X {101+}\r\n", &["fatal LiteralTooLarge"]);
    check(
        b"a X {1+}\r\nx{1+}\r\nx{1+}\r\nx{1+}\r\nx\r\nb NOOP\r\n",
        &["refused a TooManyLiterals", "cmd b NOOP\\r\\n"],
    );
    let line = [b"a ".as_slice(), &[b'x'; 150], b"\r\nb NOOP\r\n"].concat();
    check(&line, &["refused a CommandTooLong", "cmd b NOOP\\r\\n"]);
    let pieces = frames(&mut after_login(), &[&line[..120], &line[120..140], &line[140..]]);
    assert_eq!(pieces, ["refused a LineTooLong", "cmd b NOOP\\r\\n"]);
}

#[test]
fn before_login_little_may_come() {
    let mut framer = Framer::new(limits());
    let line: &[u8] = b"a NOOP                                          \r\n";
    assert_eq!(frames(&mut framer, &[line; 4]).len(), 4);
    assert_eq!(frames(&mut framer, &[line, line]), ["fatal TooMuchBeforeLogin"]);
    // APPEND is no APPEND before login: its message counts as any literal.
    let mut framer = Framer::new(limits());
    assert_eq!(frames(&mut framer, &[b"a APPEND x {40}\r\n"]), ["+"]);
    assert_eq!(frames(&mut framer, &[b"b APPEND x {4000}\r\n"]).len(), 0);
    // What would not be let in is not asked for.
    assert_eq!(frames(&mut Framer::new(limits()), &[b"a LOGIN {99}\r\n"]), ["refused a CommandTooLong"]);
}

#[test]
fn append_is_handed_on() {
    check(b"a APPEND x {3}\r\nabc\r\nb NOOP\r\n", &["append a 3", "data abc", "end", "cmd b NOOP\\r\\n"]);
    check(b"a append {1+}\r\nx (\\Seen) {3+}\r\nabc\r\n", &["append a 3", "data abc", "end"]);
    check(b"a APPEND x {0+}\r\n\r\n", &["append a 0", "end"]);
    check(
        b"a APPEND x {1}\r\na (\\Seen) {3+}\r\nabc\r\nb NOOP\r\n",
        &["append a 1", "data a", "garbage", "cmd b NOOP\\r\\n"],
    );
    // Refused: what comes nevertheless is skipped.
    check(b"a APPEND x {60}\r\nb NOOP\r\n", &["append a 60", "cmd b NOOP\\r\\n"]);
    let skipped = [b"a APPEND x {60+}\r\n".as_slice(), &[b'x'; 60], b"\r\nb NOOP\r\n"].concat();
    check(&skipped, &["append a 60", "cmd b NOOP\\r\\n"]);
    check(b"a APPEND x {1000000+}\r\n", &["fatal LiteralTooLarge"]);
    check(b"a APPEND x x {3}\r\nabc\r\n", &["+", "cmd a APPEND x x {3}\\r\\nabc\\r\\n"]);
}

#[test]
fn lines_that_are_no_commands() {
    let mut framer = after_login();
    framer.expect_line();
    assert_eq!(frames(&mut framer, &[b"DO", b"NE\r\nb NOOP\r\n"]), ["line DONE", "cmd b NOOP\\r\\n"]);
}

#[test]
fn behind_the_end_nothing_is_kept_or_read() {
    let mut framer = after_login();
    assert_eq!(frames(&mut framer, &[b"a X {101+}\r\n"]), ["fatal LiteralTooLarge"]);
    for _ in 0..100 {
        framer.expect_command();
        assert!(frames(&mut framer, &[b"b NOOP\r\n"]).is_empty());
        framer.expect_line();
        assert!(frames(&mut framer, &[b"DONE\r\n"]).is_empty());
    }
    assert!(framer.input.is_empty() && framer.command.is_empty());
}

#[test]
fn an_announced_length_reserves_nothing() {
    let mut framer = Framer::new(Limits { command: usize::MAX, ..limits() });
    framer.authenticated();
    assert_eq!(frames(&mut framer, &[b"a X {9000000000000000000}\r\n"]), ["+"]);
    assert!(framer.command.capacity() < 1000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn pieces_do_not_matter(parts in proptest::collection::vec(proptest::sample::select(vec![
        "a NOOP\r\n", "a X {3}\r\n", "a X {3+}\r\n", "abc", "\r\n", "\n", "a APPEND x {4+}\r\n", "a APPEND x {70+}\r\n", "{", "}", "x",
    ]), 0..12), cut in 1usize..9) {
        let input = parts.concat().into_bytes();
        let joined = |frames: Vec<String>| frames.concat().replace("data ", "");
        let whole = joined(frames(&mut after_login(), &[&input]));
        let pieces: Vec<&[u8]> = input.chunks(cut).collect();
        let mut framer = after_login();
        let cut = joined(frames(&mut framer, &pieces));
        prop_assert!(framer.command.len() <= 100 + 300);
        prop_assert_eq!(whole.replace("LineTooLong", "CommandTooLong"), cut.replace("LineTooLong", "CommandTooLong"));
    }
}
