//! `gatepost init`: from nothing to an installation that `gatepost serve` runs
//! on. What is there already is kept.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use mail::Domain;
use serde::Serialize;
use tls::{CertFolder, HostName, Owner};

use super::ca;
use crate::output::{Failure, Format, Output, Row};
use crate::privileges;

/// Signatures that know the EICAR test file and nothing else, so that the
/// scanner works from the first moment and can be tried.
const SIGNATURES: [(&str, &[u8]); 2] = [
    ("eicar.hdb", include_bytes!("../../../../config/signatures/eicar.hdb")),
    ("eicar.ndb", include_bytes!("../../../../config/signatures/eicar.ndb")),
];

/// The user of an installation for the whole system.
const SYSTEM_USER: &str = "gatepost";

/// What to make, and where.
#[derive(Debug, Clone, Args)]
pub struct InitArgs {
    /// The folder of everything; the current one if not given
    #[arg(conflicts_with = "system")]
    dir: Option<PathBuf>,
    /// For the whole system: /etc/gatepost, /var/lib/gatepost, the real ports
    #[arg(long)]
    system: bool,
    /// The server's full name, such as mail.example.org
    #[arg(long, value_name = "NAME")]
    hostname: Option<Domain>,
}

/// Runs `gatepost init`.
///
/// # Errors
///
/// [`Failure`] with what could not be written; what was made before stays.
pub fn run(args: &InitArgs, now: SystemTime, out: Output) -> Result<(), Failure> {
    let layout = if args.system {
        system(Path::new("/"))?
    } else {
        private(args.dir.as_deref().unwrap_or_else(|| Path::new(".")))
    };
    let hostname = args.hostname.clone().map_or_else(own_name, Ok)?;
    let made = make(&layout, &hostname, now)?;
    out.list(&made)?;
    match out.format() {
        Format::Text => {
            // A configuration that was there keeps the name that is in it.
            let new = made.iter().any(|made| made.path == layout.config && made.action == "made");
            out.print(&next_steps(&layout, (new && args.hostname.is_none()).then_some(&hostname)))
        }
        Format::Json => Ok(()),
    }
}

/// What is to be where.
struct Layout {
    config: PathBuf,
    config_mode: u32,
    certs: PathBuf,
    signatures: PathBuf,
    /// Folders with their modes; owned by the server's user where `true`.
    folders: Vec<(PathBuf, u32, bool)>,
    owner: Option<Owner>,
    text: fn(&Domain) -> String,
}

/// Everything in one folder of whoever runs it, on loopback and high ports.
fn private(dir: &Path) -> Layout {
    let folder = |name: &str, mode| (dir.join(name), mode, false);
    Layout {
        config: dir.join("gatepost.toml"),
        config_mode: 0o600,
        certs: dir.join("certs"),
        signatures: dir.join("signatures"),
        folders: vec![
            (dir.to_owned(), 0o700, false),
            folder("certs", 0o755),
            folder("mail", 0o700),
            folder("run", 0o755),
            folder("signatures", 0o755),
            folder("spool", 0o700),
        ],
        owner: None,
        text: private_text,
    }
}

/// The places that a system has for such things, below `root`.
fn system(root: &Path) -> Result<Layout, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::failed("init --system needs root").hint("try sudo gatepost init --system"));
    }
    let user = privileges::find(SYSTEM_USER)?;
    let (etc, data) = (root.join("etc/gatepost"), root.join("var/lib/gatepost"));
    Ok(Layout {
        config: etc.join("gatepost.toml"),
        // The server reads it again after it has become its user; it may hold
        // the database's password.
        config_mode: 0o640,
        certs: etc.join("certs"),
        signatures: data.join("signatures"),
        folders: vec![
            (etc.clone(), 0o755, false),
            (etc.join("certs"), 0o755, false),
            (data.clone(), 0o750, true),
            (data.join("mail"), 0o700, true),
            (data.join("signatures"), 0o755, true),
            (data.join("spool"), 0o700, true),
        ],
        owner: Some(Owner { uid: user.uid, gid: user.gid }),
        text: system_text,
    })
}

const HEAD: &str = "# Gatepost's configuration. What is not here has its default; docs/configuration.md
# describes every key. After a change: `gatepost check`, then send the server SIGHUP.
";

fn private_text(hostname: &Domain) -> String {
    let name = format!("hostname = \"{hostname}\"");
    format!(
        "{HEAD}# Paths are relative to this file. Everything listens on this machine only.

[server]
{name:37} # the name in the greeting and on the certificate
user = \"\"                             # stay who started it
data = \".\"                            # spool, databases, mail, signatures

[listen]
smtp = \"127.0.0.1:2525\"               # mail from other servers; usually port 25
lmtp = \"unix:run/lmtp.sock\"           # mail from a server in front
imaps = \"127.0.0.1:2993\"              # reading; usually port 993
pop3s = \"127.0.0.1:2995\"              # reading; usually port 995
https = \"127.0.0.1:2443\"              # people change their password; usually port 443
metrics = \"127.0.0.1:2980\"            # figures for Prometheus

[tls]
cert = \"certs/server.pem\"             # made by `gatepost ca`
key = \"certs/server.key\"

{TAIL}"
    )
}

fn system_text(hostname: &Domain) -> String {
    let name = format!("hostname = \"{hostname}\"");
    format!(
        "{HEAD}
[server]
{name:37} # the name in the greeting and on the certificate
user = \"{SYSTEM_USER}\"                     # root is kept only to bind the ports
data = \"/var/lib/gatepost\"            # spool, databases, mail, signatures

[listen]
smtp = [\"0.0.0.0:25\", \"[::]:25\"]      # mail from other servers
imaps = [\"0.0.0.0:993\", \"[::]:993\"]   # reading
pop3s = [\"0.0.0.0:995\", \"[::]:995\"]   # reading
#https = [\"0.0.0.0:443\", \"[::]:443\"]  # people change their password; off, since a web server may run here
#http = [\"0.0.0.0:80\", \"[::]:80\"]      # for [acme]; leads browsers to https
metrics = \"127.0.0.1:9980\"            # figures for Prometheus

[tls]
cert = \"/etc/gatepost/certs/server.pem\"   # made by `gatepost ca`
key = \"/etc/gatepost/certs/server.key\"

#[acme]                               # certificates of Let's Encrypt
#agree_to_terms = true

{TAIL}"
    )
}

const TAIL: &str = "# Domains and users are in a SQLite file in the data folder, or in your own MySQL:
#[directory]
#url = \"mysql://gatepost:PASSWORD@127.0.0.1/gatepost\"

# Form rules, asked in their order; docs/rules.md describes the conditions.
[[rule]]
name = \"no From\"
when = \"no From\"
action = \"reject\"
sentence = \"Your message was refused because it has no From line that says who wrote it.\"
";

/// One thing that is now there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Made {
    path: PathBuf,
    /// `made` or `kept`.
    action: &'static str,
}

impl Row for Made {
    const COLUMNS: &'static [&'static str] = &["action", "path"];

    fn cells(&self) -> Vec<String> {
        vec![self.action.to_owned(), self.path.display().to_string()]
    }
}

fn make(layout: &Layout, hostname: &Domain, now: SystemTime) -> Result<Vec<Made>, Failure> {
    let mut made = Vec::new();
    for (path, mode, owned) in &layout.folders {
        made.push(folder(path, *mode, layout.owner.filter(|_| *owned))?);
    }
    // The server's group reads the configuration, nobody but root writes it.
    let reader = layout.owner.map(|owner| Owner { uid: 0, gid: owner.gid });
    made.push(file(&layout.config, (layout.text)(hostname).as_bytes(), (layout.config_mode, reader))?);
    for (name, content) in SIGNATURES {
        made.push(file(&layout.signatures.join(name), content, (0o644, layout.owner))?);
    }
    let folder = CertFolder::new(&layout.certs);
    let shown = [folder.ca_cert(), folder.server_cert()];
    let before = shown.each_ref().map(|path| path.exists());
    let further = folder.path().join("names");
    let (hostname, domains) = (super::host(hostname)?, around(hostname));
    let place = ca::Place { folder, further, hostname, domains, owner: layout.owner };
    ca::ensure(&place, now)?;
    // An authority of which only the certificate is gone is not made again.
    let shown = shown.into_iter().zip(before).filter(|(path, _)| path.exists());
    made.extend(shown.map(|(path, there)| Made { path, action: if there { "kept" } else { "made" } }));
    Ok(made)
}

/// The domain that the server is in: its authority may sign for all of it.
fn around(hostname: &Domain) -> Vec<HostName> {
    let parent = hostname.as_str().split_once('.').map(|(_, parent)| parent).filter(|parent| parent.contains('.'));
    parent.and_then(|parent| parent.parse().ok()).into_iter().collect()
}

/// Fails where a link is in the way.
const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

fn folder(path: &Path, mode: u32, owner: Option<Owner>) -> Result<Made, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("{} cannot be made: {error}", path.display()));
    if path.is_dir() {
        return Ok(Made { path: path.to_owned(), action: "kept" });
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    DirBuilder::new().mode(mode).create(path).map_err(failed)?;
    // By its descriptor: the folder around it may be the server's, whose user
    // could put a link in its place.
    let made = OpenOptions::new().read(true).custom_flags(NO_LINK).open(path).map_err(failed)?;
    // The umask may have taken something away.
    made.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    give(&made, owner).map_err(failed)?;
    Ok(Made { path: path.to_owned(), action: "made" })
}

fn file(path: &Path, content: &[u8], (mode, owner): (u32, Option<Owner>)) -> Result<Made, Failure> {
    let failed = |error: io::Error| Failure::failed(format!("{} cannot be written: {error}", path.display()));
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut opened = match opened {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Ok(Made { path: path.to_owned(), action: "kept" });
        }
        opened => opened.map_err(failed)?,
    };
    opened.write_all(content).and_then(|()| opened.sync_all()).map_err(failed)?;
    opened.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    give(&opened, owner).map_err(failed)?;
    Ok(Made { path: path.to_owned(), action: "made" })
}

fn give(file: &fs::File, owner: Option<Owner>) -> io::Result<()> {
    owner.map_or(Ok(()), |owner| fchown(file, Some(owner.uid), Some(owner.gid)))
}

/// This machine's name if it is a full one, else an example.
fn own_name() -> Result<Domain, Failure> {
    let system = rustix::system::uname();
    let name =
        system.nodename().to_str().ok().filter(|name| name.contains('.')).and_then(|name| Domain::parse(name).ok());
    name.map_or_else(|| Domain::parse("mail.example.org"), Ok).map_err(|error| Failure::failed(error.to_string()))
}

fn next_steps(layout: &Layout, guessed: Option<&Domain>) -> String {
    let config = layout.config.display();
    let name = guessed.map(|name| {
        format!(
            "The server's name was taken to be {name}. If it has another, change it in {config},\nthen run \
             `gatepost ca init --replace` and `gatepost ca issue`.\n\n"
        )
    });
    format!(
        "\n{}Next:\n  gatepost --config {config} domain add example.org\n  gatepost --config {config} user add \
         alice@example.org\n  gatepost --config {config} check\n  gatepost --config {config} serve\n",
        name.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::config::Config;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    fn host() -> Domain {
        Domain::parse("mail.example.org").unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    /// Lines that are neither empty nor comments nor rules.
    fn working_lines(text: &str) -> usize {
        let before_rules = text.split("[[rule]]").next().unwrap_or_default();
        before_rules.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count()
    }

    #[test]
    fn from_nothing_to_a_valid_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let layout = private(&dir.path().join("var"));
        let made = make(&layout, &host(), now()).unwrap();
        assert!(made.iter().all(|made| made.action == "made" && made.path.exists()), "{made:?}");

        let config = Config::load(Some(&layout.config)).unwrap();
        assert_eq!(config.rules.len(), 1);
        assert_eq!(config.server.user.get(), None);
        assert_eq!(config.listen.all().count(), 6);
        assert!(config.scan.signatures.join("eicar.ndb").is_file());
        let (cert, key) = config.cert_files().unwrap();
        tls::ServerTls::open(tls::CertFiles { cert, key: key.clone() }).unwrap();
        assert_eq!((mode(&layout.config), mode(&key), mode(&config.mail.path)), (0o600, 0o600, 0o700));
        assert_eq!(mode(&config.server.data), 0o700);
        for text in [private_text(&host()), system_text(&host())] {
            assert!((9..=13).contains(&working_lines(&text)), "{text}");
        }
    }

    #[test]
    fn what_is_there_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let layout = private(dir.path());
        fs::write(&layout.config, "mine").unwrap();
        make(&layout, &host(), now()).unwrap();
        let key = fs::read(dir.path().join("certs/server.key")).unwrap();
        let again = make(&layout, &host(), now()).unwrap();
        assert!(again.iter().all(|made| made.action == "kept"), "{again:?}");
        assert_eq!(fs::read(&layout.config).unwrap(), b"mine");
        assert_eq!(fs::read(dir.path().join("certs/server.key")).unwrap(), key);

        // Only what is there is said to be there.
        fs::remove_file(dir.path().join("certs/ca.pem")).unwrap();
        let without = make(&layout, &host(), now()).unwrap();
        assert!(without.iter().all(|made| made.action == "kept" && made.path.exists()), "{without:?}");
        assert_eq!(without.len(), again.len() - 1);
    }

    #[test]
    fn a_file_in_the_way_is_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mail"), "a file").unwrap();
        let failure = make(&private(dir.path()), &host(), now()).unwrap_err();
        assert!(failure.message().contains("mail cannot be made"), "{failure:?}");
    }

    #[test]
    fn the_system_wide_text_is_valid() {
        let config = Config::parse(&system_text(&host()), Path::new("/etc/gatepost/gatepost.toml")).unwrap();
        assert_eq!(config.server.user.get(), Some("gatepost"));
        assert_eq!(config.server.data, Path::new("/var/lib/gatepost"));
        assert_eq!(config.listen.smtp.len(), 2);
    }

    #[test]
    fn the_authority_covers_the_domain_around_the_server() {
        let cases = [("mail.example.org", Some("example.org")), ("example.org", None), ("localhost", None)];
        for (name, expected) in cases {
            let around = around(&Domain::parse(name).unwrap());
            assert_eq!(around.first().map(ToString::to_string).as_deref(), expected, "{name}");
        }
    }
}
