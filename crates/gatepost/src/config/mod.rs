//! The configuration file: read once into typed sections, and refused as a
//! whole, with every mistake named by line and column, if anything is wrong.
//!
//! Relative paths are relative to the folder that the file is in. What may
//! stand in the file is described in `docs/configuration.md`, which is made
//! from the definitions in [`sections`](self).

mod hosts;
mod manual;
mod network;
mod problem;
mod reader;
mod rule;
mod sanity;
mod sections;
mod settings;
mod suggest;
mod value;

use std::path::{Path, PathBuf};

pub use hosts::Prefix;
pub use manual::manual;
pub(crate) use problem::described_in;
pub use problem::{ConfigError, Page, Problem};
pub use sections::{
    Acme, Directory, Imap, Index, Judge, Limits, Listeners, Log, LogFormat, Login, Mail, Pop3, Scan, Server, Smtp, Tls,
    Web,
};
pub use settings::PublicPorts;
pub use value::{DatabaseUrl, Listen, UserName};

use reader::Document;

/// Where the configuration is looked for if no file is named.
pub const SEARCH_PATH: [&str; 2] = ["./gatepost.toml", "/etc/gatepost/gatepost.toml"];

/// The longest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Everything that an administrator may decide.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// `[server]`
    pub server: Server,
    /// `[log]`
    pub log: Log,
    /// `[listen]`
    pub listen: Listeners,
    /// `[directory]`
    pub directory: Directory,
    /// `[index]`
    pub index: Index,
    /// `[mail]`
    pub mail: Mail,
    /// `[tls]`
    pub tls: Tls,
    /// `[acme]`
    pub acme: Acme,
    /// `[scan]`
    pub scan: Scan,
    /// `[judge]`
    pub judge: Judge,
    /// `[smtp]`
    pub smtp: Smtp,
    /// `[imap]`
    pub imap: Imap,
    /// `[pop3]`
    pub pop3: Pop3,
    /// `[login]`
    pub login: Login,
    /// `[web]`
    pub web: Web,
    /// `[limits]`
    pub limits: Limits,
    /// `[[rule]]`
    pub rules: rules::Rules,
}

impl Config {
    /// Reads the named file, or the first that there is of [`SEARCH_PATH`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where there is none, it cannot be read, or something in
    /// it is wrong.
    pub fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let file = find(named)?;
        let text = read(&file)?;
        Self::parse(&text, &file)
    }

    /// Reads the text of a file. Nothing but the text is looked at.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Wrong`] with everything that is wrong.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let table = toml::de::DeTable::parse(text).map_err(|error| problem::syntax(file, text, &error))?;
        let document = Document::new(file, text, table.get_ref());
        let config = Self::read(&document);
        sanity::check(&document, &config);
        document.finish()?;
        Ok(config)
    }

    fn read(document: &Document<'_>) -> Self {
        let server = sections::server(document);
        Self {
            file: document.file().to_owned(),
            log: sections::log(document),
            listen: sections::listen(document),
            directory: sections::directory(document, &server),
            index: sections::index(document, &server),
            mail: sections::mail(document, &server),
            tls: sections::tls(document),
            acme: sections::acme(document, &server),
            scan: sections::scan(document, &server),
            judge: sections::judge(document, &server),
            smtp: sections::smtp(document),
            imap: sections::imap(document),
            pop3: sections::pop3(document),
            login: sections::login(document),
            web: sections::web(document),
            limits: sections::limits(document),
            rules: rule::rules(document),
            server,
        }
    }
}

fn find(named: Option<&Path>) -> Result<PathBuf, ConfigError> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let found = SEARCH_PATH.into_iter().map(Path::new).find(|path| path.exists());
    found.map(Path::to_owned).ok_or(ConfigError::NotFound)
}

fn read(file: &Path) -> Result<String, ConfigError> {
    use std::io::Read;

    let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(unreadable(std::io::Error::other("it is larger than 4 MB")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable(std::io::Error::other("it is not UTF-8 text")))
}

#[cfg(test)]
mod tests;
