//! What a worker is started with: folders, limits and the sandbox, as the
//! words of its command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use thiserror::Error;

/// Everything that a worker must know before it loads its engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The folder of signature files.
    pub signatures: PathBuf,
    /// A folder of this worker's own for what libclamav unpacks.
    pub scratch: PathBuf,
    /// How many messages are scanned at once, 1 to 256.
    pub threads: u16,
    /// What to do where the kernel cannot hold the worker in.
    pub sandbox: Sandbox,
    /// Where a scan gives up.
    pub limits: Limits,
}

/// What to do where the kernel cannot hold the worker in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// Refuse to start.
    #[default]
    Required,
    /// Take what there is.
    BestEffort,
    /// Do not ask for it.
    Off,
}

impl Sandbox {
    /// The word for it in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::BestEffort => "best-effort",
            Self::Off => "off",
        }
    }
}

impl std::str::FromStr for Sandbox {
    type Err = OptionsError;

    fn from_str(word: &str) -> Result<Self, OptionsError> {
        match word {
            "required" => Ok(Self::Required),
            "best-effort" => Ok(Self::BestEffort),
            "off" => Ok(Self::Off),
            _ => Err(OptionsError::Value("sandbox")),
        }
    }
}

/// Where a scan gives up and calls the message unscannable. Each is a limit of
/// libclamav of the same name unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message or of one file inside it. At least what SMTP takes.
    pub max_file: u64,
    /// Bytes of everything that is unpacked from one message together.
    pub max_scan: u64,
    /// Archives in archives.
    pub max_recursion: u32,
    /// Files in one message.
    pub max_files: u32,
    /// Milliseconds of one scan.
    pub max_time_ms: u32,
    /// Messages inside messages (ours, not libclamav's).
    pub max_depth: u32,
    /// Messages inside one message, at all depths together (ours).
    pub max_embedded: u32,
    /// Bytes of address space of the worker: signatures, mappings and what
    /// threads need (the kernel's `RLIMIT_AS`). 0 for no such limit.
    pub max_memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_file: 100 << 20,
            max_scan: 400 << 20,
            max_recursion: 32,
            max_files: 10_000,
            max_time_ms: 25_000,
            max_depth: 32,
            max_embedded: 1_000,
            max_memory: 8 << 30,
        }
    }
}

/// The command line is not what a worker understands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// An option that there is not.
    #[error("unknown option {0:?}")]
    Unknown(OsString),
    /// An option's value is not of its kind.
    #[error("the value of --{0} is not acceptable")]
    Value(&'static str),
    /// An option that must be there is not.
    #[error("--{0} is missing")]
    Missing(&'static str),
}

impl Options {
    /// The words of the command line, each `--name=value`.
    #[must_use]
    pub fn to_args(&self) -> Vec<OsString> {
        let path = |name: &str, path: &PathBuf| {
            let mut word = OsString::from(name);
            word.push(path);
            word
        };
        let limits = &self.limits;
        let mut args = vec![path("--signatures=", &self.signatures), path("--scratch=", &self.scratch)];
        args.extend(
            [
                format!("--threads={}", self.threads),
                format!("--sandbox={}", self.sandbox.as_str()),
                format!("--max-file={}", limits.max_file),
                format!("--max-scan={}", limits.max_scan),
                format!("--max-recursion={}", limits.max_recursion),
                format!("--max-files={}", limits.max_files),
                format!("--max-time-ms={}", limits.max_time_ms),
                format!("--max-depth={}", limits.max_depth),
                format!("--max-embedded={}", limits.max_embedded),
                format!("--max-memory={}", limits.max_memory),
            ]
            .map(OsString::from),
        );
        args
    }

    /// Reads the words of the command line (without the program's name). What
    /// is not given has its default; the folders must be given.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] says which word is not acceptable.
    pub fn from_args(args: impl IntoIterator<Item = OsString>) -> Result<Self, OptionsError> {
        let mut options = Self {
            signatures: PathBuf::new(),
            scratch: PathBuf::new(),
            threads: 2,
            sandbox: Sandbox::default(),
            limits: Limits::default(),
        };
        for word in args {
            options.take(&word)?;
        }
        for (name, folder) in [("signatures", &options.signatures), ("scratch", &options.scratch)] {
            if folder.as_os_str().is_empty() {
                return Err(OptionsError::Missing(name));
            }
        }
        Ok(options)
    }

    fn take(&mut self, word: &OsStr) -> Result<(), OptionsError> {
        let unknown = || OptionsError::Unknown(word.to_owned());
        let bytes = word.as_bytes().strip_prefix(b"--").ok_or_else(unknown)?;
        let equals = bytes.iter().position(|byte| *byte == b'=').ok_or_else(unknown)?;
        let (name, value) = (&bytes[..equals], &bytes[equals + 1..]);
        let limits = &mut self.limits;
        match name {
            b"signatures" => self.signatures = OsString::from_vec(value.to_vec()).into(),
            b"scratch" => self.scratch = OsString::from_vec(value.to_vec()).into(),
            b"threads" => self.threads = number::<u16>("threads", value)?.clamp(1, 256),
            b"sandbox" => self.sandbox = number("sandbox", value)?,
            b"max-file" => limits.max_file = number("max-file", value)?,
            b"max-scan" => limits.max_scan = number("max-scan", value)?,
            b"max-recursion" => limits.max_recursion = number("max-recursion", value)?,
            b"max-files" => limits.max_files = number("max-files", value)?,
            b"max-time-ms" => limits.max_time_ms = number("max-time-ms", value)?,
            b"max-depth" => limits.max_depth = number("max-depth", value)?,
            b"max-embedded" => limits.max_embedded = number("max-embedded", value)?,
            b"max-memory" => limits.max_memory = number("max-memory", value)?,
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(name: &'static str, value: &[u8]) -> Result<T, OptionsError> {
    let text = std::str::from_utf8(value).map_err(|_| OptionsError::Value(name))?;
    text.parse().map_err(|_| OptionsError::Value(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Options {
        Options {
            signatures: "/var/lib/sig = natures".into(),
            scratch: OsString::from_vec(b"/dev/shm/\xFF".to_vec()).into(),
            threads: 7,
            sandbox: Sandbox::BestEffort,
            limits: Limits { max_file: 1, max_scan: 2, max_recursion: 3, max_files: 4, ..Limits::default() },
        }
    }

    #[test]
    fn reads_back() {
        assert_eq!(Options::from_args(some().to_args()), Ok(some()));
        let limits = Limits { max_time_ms: 5, max_depth: 6, max_embedded: 7, max_memory: 8, ..Limits::default() };
        for sandbox in [Sandbox::Required, Sandbox::BestEffort, Sandbox::Off] {
            let options = Options { sandbox, limits, ..some() };
            assert_eq!(Options::from_args(options.to_args()), Ok(options));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let with = |word: &str| {
            let mut args = some().to_args();
            args.push(word.into());
            Options::from_args(args)
        };
        for word in ["", "x", "--", "--verbose", "--verbose=1", "-threads=1"] {
            assert_eq!(with(word), Err(OptionsError::Unknown(word.into())));
        }
        for (word, name) in [
            ("--threads=-1", "threads"),
            ("--threads=70000", "threads"),
            ("--sandbox=maybe", "sandbox"),
            ("--max-file=10M", "max-file"),
            ("--max-time-ms=", "max-time-ms"),
        ] {
            assert_eq!(with(word), Err(OptionsError::Value(name)));
        }
        assert_eq!(with("--threads=0").map(|options| options.threads), Ok(1));
        assert_eq!(Options::from_args([]), Err(OptionsError::Missing("signatures")));
        assert_eq!(Options::from_args(["--signatures=/s".into()]), Err(OptionsError::Missing("scratch")));
    }
}
