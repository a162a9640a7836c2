//! Where a message ends: DATA and BDAT on the way in, RETR's dots on the way
//! out, each against an oracle that knows the lawful end and nothing else.

use std::sync::Arc;

use pop3::{Part, Stuffer};
use smtp::{Decision, Event, Mode, Outcome, Session, Settings};

use super::cuts;

const MAX_MESSAGE: usize = 200;
const MAX_SKIP: usize = 300;

/// The bytes behind `354`: the message ends at the first CRLF "." CRLF, the
/// CRLF of the DATA line counted, and nowhere else (RFC 5321 §4.1.1.4).
pub fn data(data: &[u8]) {
    let lawful = if data.starts_with(b".\r\n") {
        Some(3)
    } else {
        data.windows(5).position(|window| window == b"\r\n.\r\n").map(|at| at + 5)
    };
    // One octet more than is read patiently decides.
    let read = lawful.filter(|end| *end <= MAX_MESSAGE + MAX_SKIP + 1);
    for pieces in cuts(&data[..read.unwrap_or(data.len())]) {
        let mut shell = Shell::at_recipients();
        shell.feed(b"DATA\r\n");
        assert!(shell.take_output().starts_with("354 "));
        let (last, before) = pieces.split_last().map_or((&b""[..], &[][..]), |(last, before)| (*last, before));
        before.iter().for_each(|piece| shell.feed(piece));
        match (read, last.split_last()) {
            (Some(end), Some((octet, body))) => {
                shell.feed(body);
                assert!(shell.session.is_receiving() && !shell.has_output(), "ended before its end");
                shell.feed(&[*octet]);
                assert!(!shell.session.is_receiving(), "did not end at its end");
                check_data(&mut shell, &data[..end]);
            }
            _ => {
                shell.feed(last);
                let patient = data.len() <= MAX_MESSAGE + MAX_SKIP;
                assert_eq!(shell.session.is_receiving(), patient, "an end where there is none");
                assert!(shell.messages.is_empty() && shell.has_output() != patient);
            }
        }
    }
}

/// The reply and what was kept, computed line by line.
fn check_data(shell: &mut Shell, wire: &[u8]) {
    let lines = split_at_crlf(&wire[..wire.len() - 3]);
    let unstuffed: Vec<&[u8]> = lines.iter().map(|line| line.strip_prefix(b".").unwrap_or(line)).collect();
    let bare_cr: usize = unstuffed.iter().map(|line| line.iter().filter(|b| **b == b'\r').count()).sum();
    let bare = bare_cr > 0 || unstuffed.iter().any(|line| line.contains(&b'\n'));
    let size = unstuffed.iter().map(|line| line.len() + 2).sum::<usize>() - bare_cr;
    let expected = match () {
        () if size > MAX_MESSAGE => "552 5.3.4 ",
        () if wire.contains(&0) => "550 5.6.0 ",
        () if bare => "550 5.5.2 ",
        () => "250 2.0.0 ",
    };
    let said = shell.take_output();
    assert!(said.starts_with(expected) && said.matches("\r\n").count() == 1, "{expected} expected: {said}");
    let mut kept: Vec<u8> = Vec::new();
    for line in unstuffed {
        kept.extend_from_slice(line);
        kept.push(b'\n');
    }
    let expected: &[Vec<u8>] = if expected.starts_with("250") { &[kept] } else { &[] };
    assert_eq!(shell.messages, expected);
}

/// Lines without their CRLF; what stands before the end is whole lines.
fn split_at_crlf(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    assert!(rest.is_empty());
    lines
}

/// The bytes behind the last RCPT: as long as they are lawful BDAT commands,
/// their lengths alone frame the message (RFC 3030 §2), whatever it holds.
pub fn bdat(data: &[u8]) {
    let oracle = Chunks::read(data);
    let Some(message) = &oracle.message else {
        for pieces in cuts(data) {
            let mut shell = Shell::at_recipients();
            pieces.iter().for_each(|piece| shell.feed(piece));
            super::smtp::check_output(shell.take_output().as_bytes());
        }
        return;
    };
    for pieces in cuts(&data[..oracle.end]) {
        let mut shell = Shell::at_recipients();
        let (last, before) = pieces.split_last().map_or((&b""[..], &[][..]), |(last, before)| (*last, before));
        before.iter().for_each(|piece| shell.feed(piece));
        let (octet, body) = last.split_last().expect("a command at least");
        shell.feed(body);
        let before = shell.output.matches("\r\n").count();
        assert!(shell.messages.is_empty() && before < oracle.chunks, "ended before its end");
        shell.feed(&[*octet]);
        assert!(!shell.session.is_receiving(), "did not end at its end");
        check_bdat(&mut shell, message, &oracle);
    }
}

fn check_bdat(shell: &mut Shell, message: &[u8], oracle: &Chunks) {
    let said = shell.take_output();
    assert_eq!(said.matches("\r\n").count(), oracle.chunks, "one reply for each chunk: {said}");
    let last = said.lines().last().unwrap_or_default();
    let mut kept = repaired(message);
    if kept.last().is_some_and(|last| *last != b'\n') {
        kept.push(b'\n');
    }
    if oracle.declared_too_much || wire_size(&kept) > MAX_MESSAGE || message.contains(&0) {
        assert!(last.starts_with("550 5.6.0 ") || last.starts_with("552 5.3.4 "), "{said}");
        assert!(shell.messages.is_empty());
    } else {
        assert!(last.starts_with("250 2.0.0 "), "{said}");
        assert_eq!(shell.messages, [kept]);
    }
}

/// Each bare CR or LF becomes a line end.
fn repaired(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut previous = 0;
    for byte in message {
        match byte {
            b'\n' if previous == b'\r' => {}
            b'\r' | b'\n' => out.push(b'\n'),
            other => out.push(*other),
        }
        previous = *byte;
    }
    out
}

/// The size with CRLF line ends.
fn wire_size(kept: &[u8]) -> usize {
    kept.iter().map(|byte| 1 + usize::from(*byte == b'\n')).sum()
}

/// What the oracle makes of a stream of BDAT commands.
struct Chunks {
    /// The message, where the stream is lawful up to `LAST` and all there.
    message: Option<Vec<u8>>,
    chunks: usize,
    end: usize,
    /// A chunk's length made the message too large before it came.
    declared_too_much: bool,
}

impl Chunks {
    fn read(data: &[u8]) -> Self {
        let mut found = Self { message: None, chunks: 0, end: 0, declared_too_much: false };
        let mut message = Vec::new();
        while let Some((size, last, behind)) = command(&data[found.end..]) {
            let start = found.end + behind;
            let Some(chunk) = data.get(start..start + size) else { return found };
            // A CR at the end of a chunk may be half of a CRLF.
            let so_far = wire_size(&repaired(message.strip_suffix(b"\r").unwrap_or(&message)));
            found.declared_too_much |= so_far + size > MAX_MESSAGE;
            message.extend_from_slice(chunk);
            found.chunks += 1;
            found.end = start + size;
            if last {
                found.message = Some(message);
                return found;
            }
        }
        found
    }
}

/// `BDAT n[ LAST]` CRLF, and how long it is.
fn command(rest: &[u8]) -> Option<(usize, bool, usize)> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n").filter(|end| *end <= 20)?;
    let words = std::str::from_utf8(&rest[..end]).ok()?.strip_prefix("BDAT ")?;
    let (digits, last) = words.strip_suffix(" LAST").map_or((words, false), |digits| (digits, true));
    let lawful = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let size = digits.parse().ok().filter(|size| *size <= MAX_SKIP)?;
    lawful.then_some((size, last, end + 2))
}

/// RETR's lines: a client that stops at the first lone dot has the whole file,
/// and nothing behind it (RFC 1939 §3).
pub fn stuffing(data: &[u8]) {
    let outs = cuts(data).map(|pieces| {
        let mut stuffer = Stuffer::new(Part::Whole);
        let mut out = Vec::new();
        for piece in &pieces {
            let before = out.len();
            stuffer.push(piece, &mut out);
            assert!(out.len() - before <= 2 * piece.len() + 4);
        }
        stuffer.finish(&mut out);
        out
    });
    assert!(outs.iter().all(|out| *out == outs[0]), "the pieces make a difference");
    let out = &outs[0];
    let end = if out == b".\r\n" { Some(0) } else { out.windows(5).position(|w| w == b"\r\n.\r\n").map(|at| at + 2) };
    assert_eq!(end, Some(out.len() - 3), "the lone dot is not where it should be");
    let lines = split_at_crlf(&out[..out.len() - 3]);
    let received: Vec<&[u8]> = lines.iter().map(|line| line.strip_prefix(b".").unwrap_or(line)).collect();
    let mut file: Vec<Vec<u8>> = data.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let has_end = file.pop_if(|rest| rest.is_empty()).is_some();
    let ended = file.len() - usize::from(!has_end);
    for (at, line) in file.iter_mut().enumerate() {
        line.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = 0x80);
        if at < ended {
            line.pop_if(|last| *last == b'\r');
        }
    }
    assert_eq!(received, file);
}

/// Says yes to everything.
struct Shell {
    session: Session,
    output: String,
    arriving: Vec<u8>,
    messages: Vec<Vec<u8>>,
}

impl Shell {
    fn at_recipients() -> Self {
        let mut settings = Settings::new("mx.example.org".parse().unwrap());
        settings.max_message = MAX_MESSAGE as u64;
        settings.max_skip = MAX_SKIP as u64;
        settings.max_errors = u32::MAX;
        let session = Session::new(Mode::Smtp, Arc::new(settings));
        let mut shell = Self { session, output: String::new(), arriving: Vec::new(), messages: Vec::new() };
        shell.feed(b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.org>\r\n");
        shell.take_output();
        shell
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            while let Some(event) = self.session.next_event() {
                self.answer(event);
            }
            self.output.push_str(std::str::from_utf8(&self.session.take_output()).expect("replies are ASCII"));
            if bytes.is_empty() {
                return;
            }
            let taken = self.session.feed(bytes);
            assert!(taken > 0);
            bytes = &bytes[taken..];
        }
    }

    fn answer(&mut self, event: Event) {
        match event {
            Event::Connect(permit) => self.session.greet(permit, Decision::Accept),
            Event::Hello(_, permit) => self.session.hello(permit, Decision::Accept),
            Event::Mail(_, permit) => self.session.mail(permit, Decision::Accept),
            Event::Rcpt(_, permit) => self.session.rcpt(permit, Decision::Accept),
            Event::DataStart(_, permit) => {
                self.arriving.clear();
                self.session.data(permit, Decision::Accept);
            }
            Event::Chunk(bytes) => self.arriving.extend(bytes),
            Event::MessageEnd(_, permit) => {
                self.messages.push(std::mem::take(&mut self.arriving));
                self.session.message(permit, Outcome::accepted("Stored."));
            }
            Event::StartTls(permit) => self.session.refuse_tls(permit, smtp::reply::tls_not_available()),
            Event::MessageDiscarded(_) | Event::Reset | Event::Quit | Event::Abort(_) => {}
        }
    }

    fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    fn take_output(&mut self) -> String {
        std::mem::take(&mut self.output)
    }
}
