//! Cuts what a client sends into commands (RFC 3501 §4.3, RFC 7888).
//!
//! A command is a line, or several with literals between them. Whether it goes
//! on is seen from the end of a line alone, `{n}` or `{n+}`, so nothing is
//! parsed before all of it is there, and nothing is reserved for a literal
//! because of the length it announces. The bytes of APPEND's message are
//! handed on in pieces as they come.

use crate::append::{self, AppendStart, Form};
use crate::request::Tag;

/// How much a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets in all before somebody is logged in.
    pub before_login: usize,
    /// Octets of one command with its literals, but without APPEND's message.
    pub command: usize,
    /// Literals in one command.
    pub literals: usize,
    /// Octets of APPEND's message.
    pub append: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { before_login: 64 << 10, command: 1 << 20, literals: 100, append: 64 << 20 }
    }
}

/// How much of a dropped line is kept to find its tag.
const FOR_TAG: usize = 300;
/// How much of its end is kept to find a literal: `{`, 19 digits, `+}`, CRLF.
const FOR_LITERAL: usize = 32;

/// What the framer found.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole command, with literals and the last line end.
    Command(Vec<u8>),
    /// A line that was asked for with [`Framer::expect_line`], without its end.
    Line(Vec<u8>),
    /// The client waits for `+` before it sends a literal.
    Continue,
    /// APPEND; decide with [`Framer::accept_append`] or
    /// [`Framer::refuse_append`] before asking for the next frame.
    Append(AppendStart),
    /// Bytes of APPEND's message.
    AppendData(Vec<u8>),
    /// APPEND's message is complete.
    AppendEnd,
    /// The message is complete, but more than a line end stands behind it.
    AppendGarbage,
    /// The command is refused and dropped; the next one may follow.
    Refused(Option<Tag>, Refusal),
    /// Too much: say so, and close.
    Fatal(Refusal),
}

/// Why a command is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A literal would make the command longer than permitted.
    CommandTooLong,
    /// Too many literals.
    TooManyLiterals,
    /// A line without an end.
    LineTooLong,
    /// More than is permitted before login.
    TooMuchBeforeLogin,
    /// A literal too large to be skipped.
    LiteralTooLarge,
}

impl Refusal {
    /// The sentence for the client.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::CommandTooLong => "The command is too long",
            Self::TooManyLiterals => "The command has too many literals",
            Self::LineTooLong => "The line is too long",
            Self::TooMuchBeforeLogin => "Too much was sent before logging in",
            Self::LiteralTooLarge => "The literal is too large",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Reading a line of a command.
    Line,
    /// Reading so many octets of a literal of a command.
    Literal(usize),
    /// Reading one line that is no command.
    Raw,
    /// APPEND was announced; nobody decided yet.
    Pending,
    /// Handing on so many octets of APPEND's message.
    Message(u64),
    /// Behind APPEND's message: the line end.
    Tail,
    /// Dropping so many octets of a refused command, then the rest of it.
    Skip(u64),
    /// Dropping the rest of a refused command's line; the answer is given
    /// behind it, where there is one.
    SkipLine(Option<Refusal>),
    /// Closed.
    Dead,
}

/// The length of a literal, and whether the client waits before sending it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) length: u64,
    pub(crate) waits: bool,
}

/// See the module's description. Fed by [`Framer::input`], asked by
/// [`Framer::next_frame`] until there is nothing more.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    mode: Mode,
    input: Vec<u8>,
    /// How far `input` is used.
    at: usize,
    /// How far `input` was searched for a line end.
    searched: usize,
    command: Vec<u8>,
    literals: usize,
    /// Octets that may still come before login; nothing after it.
    allowance: Option<usize>,
    pending: Option<Announced>,
    form: Form,
}

impl Framer {
    /// A framer for a new connection.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            mode: Mode::Line,
            input: Vec::new(),
            at: 0,
            searched: 0,
            command: Vec::new(),
            literals: 0,
            allowance: Some(limits.before_login),
            pending: None,
            form: Form::Literal,
        }
    }

    /// Takes what was read. Ask for frames until there are none before reading
    /// more: that keeps what is held here bounded.
    pub fn input(&mut self, bytes: &[u8]) {
        // What comes behind the end is nobody's.
        if self.mode == Mode::Dead {
            return;
        }
        self.input.drain(..self.at);
        self.searched -= self.at;
        self.at = 0;
        self.input.extend_from_slice(bytes);
        if let Some(left) = &mut self.allowance {
            match left.checked_sub(bytes.len()) {
                Some(rest) => *left = rest,
                None => self.mode = Mode::SkipLine(Some(Refusal::TooMuchBeforeLogin)),
            }
        }
    }

    /// Somebody logged in: the limit of the time before falls.
    pub fn authenticated(&mut self) {
        self.allowance = None;
    }

    /// The next line is no command: AUTHENTICATE's answer, IDLE's DONE.
    pub fn expect_line(&mut self) {
        self.expect(Mode::Raw);
    }

    /// The next line is a command again, whatever was expected.
    pub fn expect_command(&mut self) {
        self.expect(Mode::Line);
    }

    fn expect(&mut self, mode: Mode) {
        if self.mode != Mode::Dead {
            self.mode = mode;
        }
    }

    /// Takes APPEND's message. Whether the client waits for `+` is returned.
    pub fn accept_append(&mut self) -> bool {
        let Some(announced) = self.pending.take() else { return false };
        self.mode = Mode::Message(announced.length);
        announced.waits
    }

    /// Does not take APPEND's message: where it comes nevertheless, it is
    /// skipped. The tagged answer may be sent at once.
    pub fn refuse_append(&mut self) {
        let Some(announced) = self.pending.take() else { return };
        self.mode = if announced.waits { Mode::Line } else { Mode::Skip(announced.length) };
    }

    /// The next frame, or nothing until there is more input.
    pub fn next_frame(&mut self) -> Option<Frame> {
        if self.allowance.is_some() && self.mode == Mode::SkipLine(Some(Refusal::TooMuchBeforeLogin)) {
            return Some(self.die(Refusal::TooMuchBeforeLogin));
        }
        loop {
            match self.mode {
                Mode::Line => return self.line(),
                Mode::Literal(left) => self.literal(left)?,
                Mode::Raw => return self.raw(),
                Mode::Message(0) => self.mode = Mode::Tail,
                Mode::Message(left) => return self.message(left),
                Mode::Tail => return self.tail(),
                Mode::Skip(left) => self.skip(left)?,
                Mode::SkipLine(refusal) => {
                    if let Some(frame) = self.skip_line(refusal)? {
                        return Some(frame);
                    }
                }
                Mode::Pending | Mode::Dead => return None,
            }
        }
    }

    fn line(&mut self) -> Option<Frame> {
        let Some(line) = self.take_line() else {
            return self.too_long_without_end();
        };
        if self.command.len() + line.len() > self.limits.command {
            self.command.extend_from_slice(&line[..line.len().min(FOR_TAG)]);
            return Some(self.refuse_line(Refusal::CommandTooLong, &line));
        }
        self.command.extend_from_slice(&line);
        let Some(announced) = announced(&line) else {
            self.literals = 0;
            return Some(Frame::Command(std::mem::take(&mut self.command)));
        };
        if self.allowance.is_none()
            && let Some(start) = append::start(&self.command, announced)
        {
            return Some(self.append(start, announced));
        }
        self.announce(announced)
    }

    /// A line that never ends is dropped as it comes.
    fn too_long_without_end(&mut self) -> Option<Frame> {
        if self.command.len() + (self.input.len() - self.at) <= self.limits.command {
            return None;
        }
        self.command.extend_from_slice(&self.input[self.at..(self.at + FOR_TAG).min(self.input.len())]);
        self.mode = Mode::SkipLine(Some(Refusal::LineTooLong));
        self.next_frame()
    }

    fn announce(&mut self, announced: Announced) -> Option<Frame> {
        self.literals += 1;
        let length = usize::try_from(announced.length).unwrap_or(usize::MAX);
        let refusal = if self.literals > self.limits.literals {
            Refusal::TooManyLiterals
        } else if self.command.len().saturating_add(length) > self.limits.command
            || self.allowance.is_some_and(|left| length > left)
        {
            Refusal::CommandTooLong
        } else {
            self.mode = Mode::Literal(length);
            return if announced.waits { Some(Frame::Continue) } else { self.next_frame() };
        };
        if announced.waits {
            return Some(self.refuse(refusal));
        }
        if announced.length > self.limits.append.saturating_mul(2) {
            return Some(self.die(Refusal::LiteralTooLarge));
        }
        let frame = self.refuse(refusal);
        self.mode = Mode::Skip(announced.length);
        Some(frame)
    }

    fn append(&mut self, start: AppendStart, announced: Announced) -> Frame {
        self.command.clear();
        self.literals = 0;
        if !announced.waits && announced.length > self.limits.append.saturating_mul(2) {
            return self.die(Refusal::LiteralTooLarge);
        }
        self.pending = Some(announced);
        self.form = start.form;
        self.mode = Mode::Pending;
        Frame::Append(start)
    }

    fn literal(&mut self, left: usize) -> Option<()> {
        let piece = self.take(left);
        self.command.extend_from_slice(&piece);
        let left = left - piece.len();
        self.mode = if left == 0 { Mode::Line } else { Mode::Literal(left) };
        (left == 0).then_some(())
    }

    fn raw(&mut self) -> Option<Frame> {
        let Some(mut line) = self.take_line() else {
            return self.too_long_without_end();
        };
        self.mode = Mode::Line;
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(Frame::Line(line))
    }

    fn message(&mut self, left: u64) -> Option<Frame> {
        let piece = self.take(usize::try_from(left).unwrap_or(usize::MAX));
        if piece.is_empty() {
            return None;
        }
        self.mode = Mode::Message(left - piece.len() as u64);
        Some(Frame::AppendData(piece))
    }

    fn tail(&mut self) -> Option<Frame> {
        let Some(line) = self.take_line() else {
            return self.too_long_without_end();
        };
        self.after_line(&line);
        let end = match self.form {
            Form::Literal => Some(line.as_slice()),
            Form::Utf8 => line.strip_prefix(b")"),
        };
        Some(if matches!(end, Some(b"\r\n" | b"\n")) { Frame::AppendEnd } else { Frame::AppendGarbage })
    }

    fn skip(&mut self, left: u64) -> Option<()> {
        let dropped = self.take(usize::try_from(left).unwrap_or(usize::MAX)).len() as u64;
        let left = left - dropped;
        self.mode = if left == 0 { Mode::SkipLine(None) } else { Mode::Skip(left) };
        (left == 0).then_some(())
    }

    /// Nothing where there is no input any more; otherwise a frame, if the end
    /// of the refused command gives one.
    fn skip_line(&mut self, refusal: Option<Refusal>) -> Option<Option<Frame>> {
        let Some(line) = self.take_line() else {
            // A literal may be announced where the line ends.
            self.at = self.at.max(self.input.len().saturating_sub(FOR_LITERAL));
            return None;
        };
        match refusal {
            Some(refusal) => Some(Some(self.refuse_line(refusal, &line))),
            None => {
                self.after_line(&line);
                Some(None)
            }
        }
    }

    fn refuse_line(&mut self, refusal: Refusal, line: &[u8]) -> Frame {
        let frame = self.refuse(refusal);
        self.after_line(line);
        frame
    }

    /// A dropped line may announce a literal that comes without being asked
    /// for.
    fn after_line(&mut self, line: &[u8]) {
        self.mode = match announced(line) {
            Some(Announced { length, waits: false }) => Mode::Skip(length),
            _ => Mode::Line,
        };
    }

    fn refuse(&mut self, refusal: Refusal) -> Frame {
        let tag = Tag::of(&self.command);
        self.command = Vec::new();
        self.literals = 0;
        self.mode = Mode::Line;
        Frame::Refused(tag, refusal)
    }

    fn die(&mut self, refusal: Refusal) -> Frame {
        self.mode = Mode::Dead;
        self.input = Vec::new();
        self.command = Vec::new();
        (self.at, self.searched) = (0, 0);
        Frame::Fatal(refusal)
    }

    /// At most so many octets of what is there.
    fn take(&mut self, most: usize) -> Vec<u8> {
        let end = self.input.len().min(self.at.saturating_add(most));
        let piece = self.input[self.at..end].to_vec();
        (self.at, self.searched) = (end, end);
        piece
    }

    /// A line with its end, if it is there.
    fn take_line(&mut self) -> Option<Vec<u8>> {
        let from = self.searched.max(self.at);
        let Some(length) = self.input[from..].iter().position(|b| *b == b'\n') else {
            self.searched = self.input.len();
            return None;
        };
        let end = from + length + 1;
        let line = self.input[self.at..end].to_vec();
        (self.at, self.searched) = (end, end);
        Some(line)
    }
}

/// `{n}` or `{n+}` at the end of a line. A number of more than 19 digits is
/// none.
pub(crate) fn announced(line: &[u8]) -> Option<Announced> {
    let text = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
    let open = text.iter().rposition(|b| *b == b'{')?;
    let (digits, waits) = match text[open + 1..].strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (&text[open + 1..], true),
    };
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let length = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Announced { length, waits })
}

#[cfg(test)]
mod tests;
