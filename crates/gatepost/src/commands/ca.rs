//! `gatepost ca …`: the installation's own certificate authority, for the
//! time before, or instead of, certificates of a public one.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Subcommand;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tls::{
    Authority, CertFolder, CertificateInfo, HostName, KeyChoice, Maker, Owner, Scope, TlsError, others_can_read,
};

use crate::output::{Failure, Format, Output};

/// What to do with the authority.
#[derive(Debug, Clone, Subcommand)]
pub enum CaCommand {
    /// Make the authority: a key that signs only for this installation's names
    Init {
        /// Domains, host names or addresses that it may sign for, besides the
        /// server's name and the hosted domains
        names: Vec<HostName>,
        /// Make a new authority although there is one; clients must be given
        /// the new certificate
        #[arg(long)]
        replace: bool,
    },
    /// Sign the server's certificate
    Issue {
        /// Host names and addresses; the server's name and those of this
        /// machine if none is given
        hosts: Vec<HostName>,
        /// How many days it is valid
        #[arg(long, default_value_t = 397, value_parser = clap::value_parser!(u16).range(1..=825))]
        days: u16,
        /// Make a new private key instead of keeping the one in use
        #[arg(long)]
        new_key: bool,
        /// Leave the server's certificate alone and make a further one, which is
        /// shown to those who ask for one of these names
        #[arg(long, requires = "hosts")]
        beside: bool,
    },
    /// Show the authority and the server's certificate
    Show,
    /// Print the authority's certificate, for clients to trust
    Export {
        /// Write it to this file instead
        file: Option<PathBuf>,
    },
}

/// What the command is run upon.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where the certificates are.
    pub folder: CertFolder,
    /// The folder of certificates for further names, each in a folder of its
    /// own.
    pub further: PathBuf,
    /// The server's own name.
    pub hostname: HostName,
    /// The hosted domains, which a new authority covers too.
    pub domains: Vec<HostName>,
    /// Whom the server's key is given to, where root runs this command and
    /// the server runs as somebody else.
    pub owner: Option<Owner>,
}

/// Runs `gatepost ca …`. Reads and writes files: not for an async worker.
///
/// # Errors
///
/// [`Failure`] with the file, what is wrong with it and what to do.
pub fn run(command: &CaCommand, place: &Place, now: SystemTime, out: Output) -> Result<(), Failure> {
    match command {
        CaCommand::Init { names, replace } => init(place, names, (*replace, now), out),
        CaCommand::Issue { hosts, days, new_key, beside } => {
            let key = if *new_key { KeyChoice::New } else { KeyChoice::Keep };
            let folder = if *beside { further(place, hosts)? } else { place.folder.clone() };
            issue((place, &folder), hosts, (now, *days), key, out)
        }
        CaCommand::Show => show(place, now, out),
        CaCommand::Export { file } => export(place, file.as_deref(), out),
    }
}

/// Makes the authority and the server's first certificate where they are
/// missing: for `gatepost init`, which may be run again.
///
/// # Errors
///
/// As [`run`].
pub fn ensure(place: &Place, now: SystemTime) -> Result<(), Failure> {
    let folder = &place.folder;
    if !folder.ca_cert().exists() && !folder.server_cert().exists() {
        Authority::create(folder, &place.hostname, &scope(place, &[]), now).map_err(told)?;
    }
    if !folder.server_cert().exists() {
        let authority = Authority::load(folder).map_err(told)?;
        let hosts = usual_hosts(place);
        authority.issue(folder, &hosts, (now, 397), KeyChoice::Keep, place.owner).map_err(told)?;
    }
    Ok(())
}

fn init(place: &Place, names: &[HostName], (replace, now): (bool, SystemTime), out: Output) -> Result<(), Failure> {
    fs::create_dir_all(place.folder.path())
        .map_err(|error| Failure::failed(format!("{}: {error}", place.folder.path().display())))?;
    let scope = scope(place, names);
    let make = if replace { Authority::replace } else { Authority::create };
    let authority = make(&place.folder, &place.hostname, &scope, now).map_err(told)?;
    let shown = ShownAuthority::of(&place.folder, authority.info(), authority.scope(), now);
    if out.format() == Format::Json {
        return out.json(&shown);
    }
    out.print(&shown.lines())?;
    out.print("\nNow make the server's certificate with `gatepost ca issue`, and let clients trust the\n")?;
    out.print(&format!("authority's certificate ({}).\n", place.folder.ca_cert().display()))?;
    out.print("Keep the authority's key away from everybody; a copy on paper or an unplugged disk is enough.\n")
}

/// The folder of a further certificate, called by its first name; others may
/// look into it, and the key in it is its owner's alone.
fn further(place: &Place, hosts: &[HostName]) -> Result<CertFolder, Failure> {
    let name = hosts.first().ok_or_else(|| told(TlsError::NoName))?;
    let folder = place.further.join(name.to_string());
    let made = DirBuilder::new().recursive(true).mode(0o755).create(&folder);
    made.map_err(|error| Failure::failed(format!("{}: the folder cannot be made: {error}", folder.display())))?;
    Ok(CertFolder::new(folder))
}

fn issue(
    (place, folder): (&Place, &CertFolder),
    hosts: &[HostName],
    validity: (SystemTime, u16),
    key: KeyChoice,
    out: Output,
) -> Result<(), Failure> {
    let authority = Authority::load(&place.folder).map_err(told)?;
    let usual = usual_hosts(place);
    let hosts = if hosts.is_empty() { &usual } else { hosts };
    let info = authority.issue(folder, hosts, validity, key, place.owner).map_err(told)?;
    let shown = ShownServer::of(folder, &info, validity.0);
    if out.format() == Format::Json {
        return out.json(&shown);
    }
    out.print(&shown.lines())?;
    out.print("\nA running server takes it in within seconds, or at once on SIGHUP.\n")
}

fn show(place: &Place, now: SystemTime, out: Output) -> Result<(), Failure> {
    let folder = &place.folder;
    let (ca_cert, server_cert) = (folder.ca_cert(), folder.server_cert());
    let authority = if_there(&ca_cert, || {
        let info = CertificateInfo::read(&ca_cert, None)?;
        Ok(ShownAuthority::of(folder, &info, &Authority::scope_of(&ca_cert)?, now))
    })?;
    let ours = authority.is_some().then_some(ca_cert.as_path());
    let server =
        if_there(&server_cert, || Ok(ShownServer::of(folder, &CertificateInfo::read(&server_cert, ours)?, now)))?;
    if authority.is_none() && server.is_none() {
        let message = format!("there is no certificate in {}", folder.path().display());
        return Err(Failure::missing(message).hint("make some with `gatepost ca init` and `gatepost ca issue`"));
    }
    if out.format() == Format::Json {
        return out.json(&serde_json::json!({ "authority": authority, "server": server }));
    }
    out.print(&authority.map_or_else(|| "no authority of our own\n".to_owned(), |shown| shown.lines()))?;
    out.print("\n")?;
    out.print(&server.map_or_else(|| "no server certificate\n".to_owned(), |shown| shown.lines()))
}

fn export(place: &Place, to: Option<&Path>, out: Output) -> Result<(), Failure> {
    let from = place.folder.ca_cert();
    let info = CertificateInfo::read(&from, None).map_err(told)?;
    let pem = fs::read_to_string(&from).map_err(|error| Failure::failed(format!("{}: {error}", from.display())))?;
    // Some keep both in one file; this one is handed to everybody.
    if pem.contains("PRIVATE KEY") {
        let message = format!("{} holds a private key beside the certificate", from.display());
        return Err(Failure::failed(message).hint("move the key to a file of its own"));
    }
    if let Some(file) = to {
        fs::write(file, &pem).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        out.done(&format!("written to {}, SHA-256 {}", file.display(), info.fingerprint))?;
    } else if out.format() == Format::Text {
        out.print(&pem)?;
    }
    match out.format() {
        Format::Json => out.json(&serde_json::json!({ "certificate": pem, "sha256": info.fingerprint.to_string() })),
        Format::Text => Ok(()),
    }
}

fn scope(place: &Place, names: &[HostName]) -> Scope {
    Scope::new(std::iter::once(&place.hostname).chain(&place.domains).chain(names).cloned())
}

/// The server's name, and what people on this machine call it.
fn usual_hosts(place: &Place) -> Vec<HostName> {
    let mut hosts = vec![place.hostname.clone()];
    for local in ["localhost", "127.0.0.1", "::1"] {
        hosts.extend(local.parse().ok().filter(|host| !hosts.contains(host)));
    }
    hosts
}

fn if_there<T>(file: &Path, read: impl FnOnce() -> Result<T, TlsError>) -> Result<Option<T>, Failure> {
    if file.exists() { read().map(Some).map_err(told) } else { Ok(None) }
}

fn told(error: TlsError) -> Failure {
    let hint = error.hint();
    Failure::from(error).hint(hint)
}

#[derive(Debug, Serialize)]
struct ShownAuthority {
    file: PathBuf,
    name: String,
    covers: String,
    not_before: String,
    not_after: String,
    days_left: u64,
    sha256: String,
    /// Whether the key lies beside it; it may as well be kept elsewhere.
    key_here: bool,
    key_private: bool,
}

impl ShownAuthority {
    fn of(folder: &CertFolder, info: &CertificateInfo, scope: &Scope, now: SystemTime) -> Self {
        let key = folder.ca_key();
        Self {
            file: folder.ca_cert(),
            name: info.subject.clone(),
            covers: scope.to_string(),
            not_before: date(info.not_before),
            not_after: date(info.not_after),
            days_left: info.remaining(now).as_secs() / 86_400,
            sha256: info.fingerprint.to_string(),
            key_here: key.exists(),
            key_private: !others_can_read(&key).unwrap_or(false),
        }
    }

    fn lines(&self) -> String {
        let key = match (self.key_here, self.key_private) {
            (false, _) => "not here",
            (true, true) => "here, readable by its owner only",
            (true, false) => "here, READABLE BY OTHERS: chmod 600",
        };
        format!(
            "authority    {}\nfile         {}\nsigns for    {}\nvalid        {} to {} ({} days left)\n\
             SHA-256      {}\nprivate key  {key}\n",
            self.name,
            self.file.display(),
            self.covers,
            self.not_before,
            self.not_after,
            self.days_left,
            self.sha256
        )
    }
}

#[derive(Debug, Serialize)]
struct ShownServer {
    file: PathBuf,
    names: Vec<String>,
    issuer: String,
    made_by: &'static str,
    not_before: String,
    not_after: String,
    days_left: u64,
    sha256: String,
}

impl ShownServer {
    fn of(folder: &CertFolder, info: &CertificateInfo, now: SystemTime) -> Self {
        let names = info.names.iter().map(ToString::to_string).chain(info.other_names.iter().cloned());
        Self {
            file: folder.server_cert(),
            names: names.collect(),
            issuer: info.issuer.clone(),
            made_by: match info.maker {
                Maker::OwnAuthority => "own_authority",
                Maker::ItselfOnly => "itself",
                Maker::Other => "other",
            },
            not_before: date(info.not_before),
            not_after: date(info.not_after),
            days_left: info.remaining(now).as_secs() / 86_400,
            sha256: info.fingerprint.to_string(),
        }
    }

    fn lines(&self) -> String {
        format!(
            "server       {}\nfile         {}\nissued by    {}\nvalid        {} to {} ({} days left)\n\
             SHA-256      {}\n",
            self.names.join(", "),
            self.file.display(),
            self.issuer,
            self.not_before,
            self.not_after,
            self.days_left,
            self.sha256
        )
    }
}

fn date(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::output::Exit;

    const NOW: Duration = Duration::from_secs(1_790_000_000);

    fn host(text: &str) -> HostName {
        text.parse().unwrap()
    }

    fn place(dir: &Path) -> Place {
        Place {
            folder: CertFolder::new(dir.join("certs")),
            further: dir.join("certs/names"),
            hostname: host("mx.example.org"),
            domains: vec![host("example.org"), host("example.net")],
            owner: None,
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the tests make the command on the spot")]
    fn check(place: &Place, command: CaCommand) -> Result<(), Failure> {
        run(&command, place, UNIX_EPOCH + NOW, Output::new(Format::Json))
    }

    fn issue_for(hosts: &[&str]) -> CaCommand {
        let hosts = hosts.iter().map(|name| host(name)).collect();
        CaCommand::Issue { hosts, days: 397, new_key: false, beside: false }
    }

    #[test]
    fn a_further_certificate_lies_beside_the_servers() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        fs::create_dir(place.folder.path()).unwrap();
        ensure(&place, UNIX_EPOCH + NOW).unwrap();
        let before = fs::read(place.folder.server_cert()).unwrap();
        let hosts = vec![host("mail.example.net"), host("imap.example.net")];
        let issue = CaCommand::Issue { hosts, days: 90, new_key: false, beside: true };
        assert_eq!(check(&place, issue.clone()), Ok(()));
        assert_eq!(fs::read(place.folder.server_cert()).unwrap(), before);
        let made = CertFolder::new(place.further.join("mail.example.net"));
        let info = CertificateInfo::read(&made.server_cert(), Some(&place.folder.ca_cert())).unwrap();
        assert!(info.is_for(&host("imap.example.net")) && info.maker == Maker::OwnAuthority);
        assert!(!others_can_read(&made.server_key()).unwrap());
        let key = fs::read(made.server_key()).unwrap();
        assert_eq!(check(&place, issue), Ok(()));
        assert_eq!(fs::read(made.server_key()).unwrap(), key, "the key stays");
    }

    #[test]
    fn from_nothing_to_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let init = CaCommand::Init { names: Vec::new(), replace: false };
        assert_eq!(check(&place, CaCommand::Show).unwrap_err().exit(), Exit::Missing);
        assert_eq!(check(&place, issue_for(&[])).unwrap_err().exit(), Exit::Missing);
        assert_eq!(check(&place, init.clone()), Ok(()));
        assert_eq!(check(&place, init).unwrap_err().exit(), Exit::Usage);
        assert_eq!(check(&place, issue_for(&[])), Ok(()));
        let info = CertificateInfo::read(&place.folder.server_cert(), Some(&place.folder.ca_cert())).unwrap();
        assert_eq!(info.maker, Maker::OwnAuthority);
        let names: Vec<_> = info.names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["mx.example.org", "localhost", "127.0.0.1", "::1"]);

        let outside = check(&place, issue_for(&["mail.example.com"])).unwrap_err();
        assert_eq!(outside.exit(), Exit::Usage);
        assert!(outside.message().contains("mail.example.com"), "{outside:?}");
        let wider = CaCommand::Init { names: vec![host("example.com")], replace: true };
        assert_eq!(check(&place, wider), Ok(()));
        assert_eq!(check(&place, issue_for(&["mail.example.com"])), Ok(()));
        assert_eq!(check(&place, CaCommand::Show), Ok(()));

        let copy = dir.path().join("copy.pem");
        assert_eq!(check(&place, CaCommand::Export { file: Some(copy.clone()) }), Ok(()));
        assert_eq!(fs::read(copy).unwrap(), fs::read(place.folder.ca_cert()).unwrap());
        let both =
            fs::read_to_string(place.folder.ca_cert()).unwrap() + &fs::read_to_string(place.folder.ca_key()).unwrap();
        fs::write(place.folder.ca_cert(), both).unwrap();
        let refused = check(&place, CaCommand::Export { file: None }).unwrap_err();
        assert!(refused.message().contains("private key"), "{refused:?}");
    }

    #[test]
    fn what_is_there_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        fs::create_dir(place.folder.path()).unwrap();
        ensure(&place, UNIX_EPOCH + NOW).unwrap();
        let before = fs::read(place.folder.server_cert()).unwrap();
        ensure(&place, UNIX_EPOCH + NOW).unwrap();
        assert_eq!(fs::read(place.folder.server_cert()).unwrap(), before);
    }
}
