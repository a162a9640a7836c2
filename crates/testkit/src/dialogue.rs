//! Dialogues: whole protocol sessions as text that anyone can write, spoken
//! over any stream of bytes.
//!
//! ```text
//! # A comment.
//! C: LIST            sends a line with CRLF
//! C~ half a line     sends exactly this; \r \n \t \0 \\ and \xNN are octets
//! S: +OK 2 {*}       awaits a line; {*} is any text
//! S: 1 {first}       keeps what is there as {first}; the next {first} must be
//!                    the same, and in a C: line it is put in
//! S...               awaits any lines up to the one that the next S: names
//! E:                 awaits the end of the connection
//! !: deliver mail    asks the test to do something
//! C2: NOOP           another connection, opened when it is first named
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One connection to what is tested.
pub trait Wire {
    /// Sends these octets.
    fn send(&mut self, octets: &[u8]);

    /// The next line that comes, with its line end; what there is where the
    /// connection ended, and nothing after that.
    fn line(&mut self) -> Vec<u8>;
}

/// What a dialogue is spoken to.
pub trait Stage {
    /// Opens a connection.
    fn connect(&mut self) -> Box<dyn Wire>;

    /// Does what a `!:` line says.
    fn act(&mut self, what: &str) {
        panic!("nobody knows how to {what}");
    }
}

/// Speaks every `*.txt` of a folder, each on a stage of its own. Panics with
/// file, line and what was said where an answer differs, or where the folder
/// holds none.
pub fn speak_all<S: Stage>(folder: &Path, mut stage: impl FnMut() -> S) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(!files.is_empty(), "no dialogue in {}", folder.display());
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        speak(&file.display().to_string(), &text, &mut stage());
    }
}

/// Speaks one dialogue. Panics as [`speak_all`].
pub fn speak(name: &str, text: &str, stage: &mut impl Stage) {
    let mut dialogue = Dialogue { wires: BTreeMap::new(), kept: BTreeMap::new(), said: String::new(), skipping: false };
    for (number, line) in text.lines().enumerate() {
        if let Err(difference) = dialogue.step(line, stage) {
            panic!("{name}:{}: {difference}\n--- so far ---\n{}", number + 1, dialogue.said);
        }
    }
}

struct Dialogue {
    wires: BTreeMap<u32, Box<dyn Wire>>,
    kept: BTreeMap<String, String>,
    said: String,
    skipping: bool,
}

impl Dialogue {
    fn step(&mut self, line: &str, stage: &mut impl Stage) -> Result<(), String> {
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(what) = line.strip_prefix("!:") {
            stage.act(what.trim());
            return Ok(());
        }
        let (who, rest) = line.split_at(1);
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let connection: u32 = rest[..digits].parse().unwrap_or(1);
        let rest = &rest[digits..];
        let wire = self.wires.entry(connection).or_insert_with(|| stage.connect());
        match (who, rest.strip_prefix(':'), rest.strip_prefix('~')) {
            ("C", Some(text), _) => {
                let text = put_in(text.strip_prefix(' ').unwrap_or(text), &self.kept)?;
                let _ = writeln!(self.said, "C{connection}: {text}");
                wire.send(format!("{text}\r\n").as_bytes());
            }
            ("C", _, Some(text)) => wire.send(&octets(text.strip_prefix(' ').unwrap_or(text))?),
            ("S", None, _) if rest == "..." => self.skipping = true,
            ("S", Some(pattern), _) => return self.awaited(connection, pattern.strip_prefix(' ').unwrap_or(pattern)),
            ("E", Some(_), _) => {
                let more = wire.line();
                if !more.is_empty() {
                    return Err(format!("the end was awaited, and came {:?}", String::from_utf8_lossy(&more)));
                }
            }
            _ => return Err(format!("not a line of a dialogue: {line}")),
        }
        Ok(())
    }

    fn awaited(&mut self, connection: u32, pattern: &str) -> Result<(), String> {
        let skipping = std::mem::take(&mut self.skipping);
        loop {
            let wire = self.wires.get_mut(&connection).ok_or("no such connection")?;
            let line = wire.line();
            let shown = String::from_utf8_lossy(&line).into_owned();
            let _ = write!(self.said, "S{connection}: {shown}");
            let end = shown.strip_suffix("\r\n").ok_or_else(|| format!("awaited {pattern:?}, and came {shown:?}"))?;
            let mut kept = self.kept.clone();
            if fits(pattern, end, &mut kept) {
                self.kept = kept;
                return Ok(());
            }
            if !skipping {
                return Err(format!("awaited {pattern:?}, and came {end:?}"));
            }
        }
    }
}

/// A pattern's next placeholder: what is before it, its name, what is after.
/// `{12}` and `{12+}` are IMAP literals and no placeholders.
fn placeholder(pattern: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = pattern[from..].find('{').map(|at| at + from) {
        let close = open + pattern[open..].find('}')?;
        let name = &pattern[open + 1..close];
        if name == "*" || (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())) {
            return Some((&pattern[..open], name, &pattern[close + 1..]));
        }
        from = open + 1;
    }
    None
}

fn fits(pattern: &str, text: &str, kept: &mut BTreeMap<String, String>) -> bool {
    let Some((before, name, after)) = placeholder(pattern) else { return pattern == text };
    let Some(text) = text.strip_prefix(before) else { return false };
    if let Some(known) = kept.get(name).cloned() {
        return text.strip_prefix(known.as_str()).is_some_and(|text| fits(after, text, kept));
    }
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let found = ends.find_map(|end| {
        let mut trial = kept.clone();
        if name != "*" {
            trial.insert(name.to_owned(), text[..end].to_owned());
        }
        fits(after, &text[end..], &mut trial).then_some(trial)
    });
    found.is_some_and(|trial| {
        *kept = trial;
        true
    })
}

fn put_in(text: &str, kept: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = placeholder(rest) {
        let known = kept.get(name).ok_or_else(|| format!("{{{name}}} was not kept before"))?;
        out.push_str(before);
        out.push_str(known);
        rest = after;
    }
    Ok(out + rest)
}

fn octets(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&escape, after) = rest.split_first().ok_or("a backslash at the end")?;
        rest = after;
        out.push(match escape {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let (digits, after) = rest.split_at_checked(2).ok_or("\\x wants two digits")?;
                rest = after;
                let digits = std::str::from_utf8(digits).map_err(|_| "\\x wants two digits")?;
                u8::from_str_radix(digits, 16).map_err(|_| "\\x wants two digits")?
            }
            other => return Err(format!("\\{} means nothing", char::from(other))),
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("+OK", "+OK", true),
            ("+OK", "+OK ", false),
            ("+OK {*}", "+OK anything", true),
            ("+OK {*}", "+OK ", true),
            ("a {*} b", "a x b y b", true),
            ("* 1 FETCH (BODY[] {12}", "* 1 FETCH (BODY[] {12}", true),
            ("* 1 FETCH (BODY[] {12}", "* 1 FETCH (BODY[] {13}", false),
            ("{12} {*}", "{12} x", true),
            ("{x} {x}", "1 1", true),
            ("{x} {x}", "1 2", false),
            ("{v}", "7", true),
            ("{v}", "8", false),
        ];
        for (pattern, text, expected) in cases {
            let mut kept = BTreeMap::from([("v".to_owned(), "7".to_owned())]);
            assert_eq!(fits(pattern, text, &mut kept), expected, "{pattern} {text}");
        }
        let mut kept = BTreeMap::new();
        assert!(fits("1 {a} {b}", "1 one two", &mut kept));
        assert_eq!(put_in("GET {b} {a} {3}", &kept), Ok("GET two one {3}".to_owned()));
        assert!(put_in("{c}", &kept).is_err());
    }

    #[test]
    fn raw_octets() {
        assert_eq!(octets("a\\r\\n\\0\\x80\\\\"), Ok(b"a\r\n\0\x80\\".to_vec()));
        for bad in ["\\", "\\q", "\\x1", "\\xzz"] {
            assert!(octets(bad).is_err(), "{bad}");
        }
    }

    /// Says back what it hears, in capitals, and ends on `bye`.
    #[derive(Default)]
    struct Echo(Vec<u8>);

    impl Wire for Echo {
        fn send(&mut self, octets: &[u8]) {
            self.0.extend(octets.to_ascii_uppercase());
        }

        fn line(&mut self) -> Vec<u8> {
            let end = self.0.iter().position(|&byte| byte == b'\n').map_or(self.0.len(), |at| at + 1);
            self.0.drain(..end).collect()
        }
    }

    struct Room(Vec<String>);

    impl Stage for Room {
        fn connect(&mut self) -> Box<dyn Wire> {
            self.0.push("connect".to_owned());
            Box::new(Echo::default())
        }

        fn act(&mut self, what: &str) {
            self.0.push(what.to_owned());
        }
    }

    #[test]
    fn a_dialogue_is_spoken() {
        let mut room = Room(Vec::new());
        let text = "# hello\nC: one\nC~ two\\r\\n\nS: O{*}\n!: wave\nC2: x\nC: three\nC: four\nS...\nS: {last}R\n\
            S2: X\nC2: {last}\nS2: FOU\nE2:\n";
        speak("echo", text, &mut room);
        assert_eq!(room.0, ["connect", "wave", "connect"]);
    }

    #[test]
    #[should_panic(expected = "echo:2: awaited \"TWO\", and came \"ONE\"")]
    fn a_difference_is_told() {
        speak("echo", "C: one\nS: TWO", &mut Room(Vec::new()));
    }
}
