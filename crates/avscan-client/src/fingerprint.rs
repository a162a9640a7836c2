//! The signature folder at one moment: enough to see that it has changed, and
//! in which files.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Names, sizes and modification times of the files in the folder, without
/// those whose names begin with a dot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint {
    files: BTreeMap<String, (u64, SystemTime)>,
}

impl Fingerprint {
    /// Reads the folder.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // A link is followed, as libclamav does; one file less is not an error:
            // whoever writes the folder renames.
            let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
            if metadata.is_file() && !name.starts_with('.') {
                files.insert(name, (metadata.len(), metadata.modified()?));
            }
        }
        Ok(Self { files })
    }

    /// A fingerprint that is made up, for tests of what watches a folder.
    #[must_use]
    pub fn made_up<'a>(files: impl IntoIterator<Item = (&'a str, u64)>) -> Self {
        let file = |(name, size): (&str, u64)| (name.to_owned(), (size, SystemTime::UNIX_EPOCH));
        Self { files: files.into_iter().map(file).collect() }
    }

    /// The names of all files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// How large they are together.
    pub(crate) fn octets(&self) -> u64 {
        self.files.values().fold(0, |sum, (octets, _)| sum.saturating_add(*octets))
    }

    /// The names of the files that are new, different or gone since then.
    #[must_use]
    pub fn changes_since(&self, then: &Self) -> Vec<String> {
        let new = self.files.iter().filter(|(name, file)| then.files.get(*name) != Some(*file));
        let gone = then.files.iter().filter(|(name, _)| !self.files.contains_key(*name));
        new.chain(gone).map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_change_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let now = || Fingerprint::of(folder.path()).unwrap();
        fs::write(path("a.ndb"), "1").unwrap();
        fs::write(path("b.ndb"), "1").unwrap();
        let before = now();
        assert_eq!(now(), before);
        fs::write(path(".partial"), "1").unwrap();
        fs::create_dir(path("folder")).unwrap();
        std::os::unix::fs::symlink("/nowhere", path("dangling")).unwrap();
        assert_eq!(now(), before, "no signature file");
        fs::write(path("c.ndb"), "1").unwrap();
        fs::remove_file(path("b.ndb")).unwrap();
        let touched = File::options().write(true).open(path("a.ndb")).unwrap();
        touched.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
        assert_eq!(now().changes_since(&before), ["a.ndb", "c.ndb", "b.ndb"]);
        assert_eq!(now().changes_since(&now()), Vec::<String>::new());
        assert!(Fingerprint::of(&path("nowhere")).is_err());
    }
}
