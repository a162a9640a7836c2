//! The sockets in the file system that are ours: a clean stop takes them away,
//! so that whoever looks does not take us for running.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::config::{Config, Listen};

/// The sockets that were bound, each with what tells it from a later one at the
/// same place.
#[derive(Debug, Default)]
pub struct Sockets(Vec<(PathBuf, (u64, u64))>);

impl Sockets {
    /// Those of the configuration, which have just been bound.
    #[must_use]
    pub fn bound(config: &Config) -> Self {
        let paths = config.listen.all().filter_map(|(_, listen)| match listen {
            Listen::Unix(path) => Some(path.clone()),
            Listen::Tcp(_) => None,
        });
        Self(paths.filter_map(|path| Some((path.clone(), identity(&path)?))).collect())
    }

    /// Takes away those that are still ours. In a folder that is root's, which
    /// we are no longer, they stay, and the next start takes their place.
    pub fn remove(self) {
        for (path, ours) in self.0 {
            if identity(&path) == Some(ours) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn identity(path: &PathBuf) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_what_we_bound_is_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.sock");
        let text = format!("[server]\nhostname = \"a.example\"\n[listen]\nlmtp = \"unix:{}\"\n", path.display());
        let config = Config::parse(&text, &dir.path().join("gatepost.toml")).unwrap();
        let ours = UnixListener::bind(&path).unwrap();
        let noted = Sockets::bound(&config);
        noted.remove();
        assert!(!path.exists());
        drop(ours);

        let _ours = UnixListener::bind(&path).unwrap();
        let noted = Sockets::bound(&config);
        // The next server is quicker than our end.
        fs::rename(&path, dir.path().join("old.sock")).unwrap();
        let _next = UnixListener::bind(&path).unwrap();
        noted.remove();
        assert!(path.exists());
        Sockets::bound(&Config::parse("[server]\nhostname = \"a.example\"\n", &path).unwrap()).remove();
    }
}
