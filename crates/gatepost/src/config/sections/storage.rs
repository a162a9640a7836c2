//! `[directory]`, `[index]` and `[mail]`.

use std::path::PathBuf;

use directory::Tables;

use super::super::reader::Document;
use super::super::value::{DatabaseUrl, Number};
use super::Server;
use super::tables::tables;

/// `[directory]`: the database of domains and users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// The database, where it is in one.
    pub url: DatabaseUrl,
    /// Whose tables they are, or what is in their place.
    pub tables: Tables,
    /// The most connections at a time.
    pub connections: u32,
}

impl Directory {
    /// Where it is, for people; without a password.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.tables {
            Tables::Own | Tables::Foreign(_) => self.url.to_string(),
            Tables::Users(path) => path.display().to_string(),
            Tables::Ldap(settings) => settings.server.place.to_string(),
        }
    }

    /// The SQLite file that it is in, if it is in one.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        match &self.tables {
            Tables::Own | Tables::Foreign(_) => self.url.sqlite_path(),
            Tables::Users(_) | Tables::Ldap(_) => None,
        }
    }
}

pub(in super::super) fn directory(document: &Document<'_>, server: &Server) -> Directory {
    let s = document.section("directory", "The database of domains, users and aliases.");
    let about = "`sqlite:PATH` or `mysql://USER:PASSWORD@HOST/DATABASE`. TLS is required towards another host.";
    let url = s.optional("url", "`sqlite:` and DATA/directory.sqlite", about);
    Directory {
        tables: tables(document, &s, url.as_ref()),
        url: database(document, url, server, "directory.sqlite"),
        connections: s.get("connections", Number::<1, 1000>(10), "The most connections to it at a time.").u32(),
    }
}

/// `[index]`: the database of UIDs, flags and folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Where it is.
    pub url: DatabaseUrl,
    /// The most connections at a time.
    pub connections: u32,
}

pub(in super::super) fn index(document: &Document<'_>, server: &Server) -> Index {
    let s = document
        .section("index", "The database of folders, UIDs and flags. Best local, also beside a directory in MySQL.");
    let url = s.optional("url", "`sqlite:` and DATA/index.sqlite", "As in `[directory]`.");
    Index {
        url: database(document, url, server, "index.sqlite"),
        connections: s.get("connections", Number::<1, 1000>(10), "The most connections to it at a time.").u32(),
    }
}

/// A relative SQLite path is relative to the configuration file, like all
/// paths; where there is none, the file is in the data folder.
fn database(document: &Document<'_>, url: Option<DatabaseUrl>, server: &Server, file: &str) -> DatabaseUrl {
    let Some(url) = url else { return DatabaseUrl::sqlite(&server.data.join(file)) };
    match url.sqlite_path() {
        Some(path) if path.is_relative() => DatabaseUrl::sqlite(&document.path(path)),
        _ => url,
    }
}

/// `[mail]`: where messages lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The folder under which `<domain>/<local part>/Maildir` lies.
    pub path: PathBuf,
    /// The most folders of an account.
    pub max_folders: usize,
}

pub(in super::super) fn mail(document: &Document<'_>, server: &Server) -> Mail {
    let s = document.section("mail", "Where messages lie.");
    let about =
        "The folder under which `<domain>/<local part>/Maildir` lies. Should be on the same file system as DATA.";
    let path: Option<PathBuf> = s.optional("path", "DATA/mail", about);
    Mail {
        path: path.map_or_else(|| server.data.join("mail"), |path| document.path(path)),
        max_folders: s.get("max_folders", Number::<10, 100_000>(2_000), "The most folders of one account.").usize(),
    }
}
