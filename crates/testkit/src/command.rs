//! Other people's programs, run to their end within a time.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program did.
#[derive(Debug)]
pub struct Done {
    /// Its exit status; none where it was ended.
    pub code: Option<i32>,
    /// Standard output and standard error, one behind the other.
    pub text: String,
}

impl Done {
    /// The output of a program that must have ended well.
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self.text
    }
}

/// Runs a program with this input; it is killed after three minutes.
#[must_use]
pub fn run(program: &str, args: &[&str], input: &[u8]) -> Done {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let (mut out, mut err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    let out = std::thread::spawn(move || read_all(&mut out));
    let err = std::thread::spawn(move || read_all(&mut err));
    let start = Instant::now();
    let code = loop {
        if let Ok(Some(status)) = child.try_wait() {
            break status.code();
        }
        if start.elapsed() > Duration::from_secs(180) {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let _ = writer.join();
    let text = out.join().unwrap_or_default() + &err.join().unwrap_or_default();
    Done { code, text }
}

/// Runs a Python script with these arguments.
#[must_use]
pub fn python(script: &str, args: &[&str]) -> Done {
    let mut all = vec!["-c", script];
    all.extend(args);
    run("python3", &all, b"")
}

fn read_all(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
