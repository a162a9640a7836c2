//! A private OpenLDAP server for tests: own folder, own ports, an authority of
//! its own, gone with the process that started it.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{mariadb, port};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);
const PROGRAM: &str = "/usr/sbin/slapd";

/// The base of everything.
pub const BASE: &str = "dc=example,dc=org";
/// Whoever may look things up, with the password `reader's`.
pub const READER: &str = "cn=reader,dc=example,dc=org";

/// People, aliases and domains: who has which password stands with each. What is
/// in it was made long ago, so that a change shows by its second.
const PEOPLE: &str = "\
dn: dc=example,dc=org
objectClass: organization
objectClass: dcObject
o: Example
dc: example

dn: cn=reader,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader's

dn: uid=alice,dc=example,dc=org
objectClass: inetOrgPerson
objectClass: inetLocalMailRecipient
uid: alice
cn: Alice Miller
sn: Miller
mail: Alice@example.org
mailLocalAddress: a.miller@example.org
userPassword: {SSHA}arLpQFz1EIzXUYtCk2YRFJ75231zYWx0
employeeNumber: 1048576
entryUUID: 00000000-0000-4000-8000-00000000000a
createTimestamp: 20200102030405Z
modifyTimestamp: 20200102030405Z

dn: uid=bob,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Bob
mail: bob@example.org
mail: robert@example.net
userPassword: password of bob
createTimestamp: 20200102030405Z
modifyTimestamp: 20200102030405Z

dn: uid=twin1,dc=example,dc=org
objectClass: inetOrgPerson
uid: twin1
cn: Twin
sn: Twin
mail: twin@example.org

dn: uid=twin2,dc=example,dc=org
objectClass: inetOrgPerson
uid: twin2
cn: Twin
sn: Twin
mail: twin@example.org

dn: uid=nopass,dc=example,dc=org
objectClass: inetOrgPerson
uid: nopass
cn: Nobody
sn: Nobody
mail: nopass@example.org

dn: cn=team,dc=example,dc=org
objectClass: nisMailAlias
objectClass: inetLocalMailRecipient
cn: team
mailLocalAddress: team@example.org
rfc822MailMember: alice@example.org
rfc822MailMember: eve@elsewhere.example

dn: dc=hosted,dc=example,dc=org
objectClass: domain
objectClass: domainRelatedObject
dc: hosted
associatedDomain: example.org
";

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    tls: u16,
    plain: u16,
    child: Mutex<Option<Child>>,
}

impl Server {
    /// Starts a server with some people in it. `None`, with a note, where slapd
    /// is not installed.
    ///
    /// # Panics
    ///
    /// Where it is missing although `CI=true` says that nothing may be skipped,
    /// or where it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "slapd is not installed, and CI skips nothing");
            eprintln!("skipped: slapd is not installed (apt install slapd)");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("gatepost-slapd-").tempdir().expect("a folder");
        let server = Self { folder, tls: port::free().port(), plain: port::free().port(), child: Mutex::new(None) };
        std::fs::create_dir(server.at("db")).expect("a folder for the database");
        server.certificates();
        std::fs::write(server.at("slapd.conf"), server.configuration()).expect("its configuration");
        std::fs::write(server.at("people.ldif"), PEOPLE).expect("its people");
        server.tool("slapadd", "people.ldif");
        server.restart();
        Some(server)
    }

    /// Its URL with TLS from the start.
    #[must_use]
    pub fn ldaps(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls)
    }

    /// Its URL for StartTLS.
    #[must_use]
    pub fn ldap(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.plain)
    }

    /// The URL of its socket.
    #[must_use]
    pub fn ldapi(&self) -> String {
        format!("ldapi://{}", self.at("socket").display())
    }

    /// The authority of its certificate.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.at("ca.pem")
    }

    /// A file with the password of [`READER`].
    ///
    /// # Panics
    ///
    /// Where it cannot be written.
    #[must_use]
    pub fn password(&self) -> PathBuf {
        let file = self.at("password");
        std::fs::write(&file, "reader's\n").expect("a file for a password");
        file
    }

    /// Kills it as a crash would.
    pub fn kill(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same ports and data.
    ///
    /// # Panics
    ///
    /// Where it does not answer in time.
    pub fn restart(&self) {
        self.kill();
        let _ = std::fs::remove_file(self.at("socket"));
        let mut command = Command::new("setpriv");
        let urls = format!(
            "{}/ {}/ ldapi://{}",
            self.ldaps(),
            self.ldap(),
            self.at("socket").display().to_string().replace('/', "%2F")
        );
        command.args(["--pdeathsig", "KILL", PROGRAM, "-d", "0", "-f"]).arg(self.at("slapd.conf")).args(["-h", &urls]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(self.at("log")).expect("a file for its log"));
        let mut child = mariadb::spawn(command);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.tls)).is_err() || UnixStream::connect(self.at("socket")).is_err() {
            let ended = child.try_wait().expect("its state is known");
            assert!(ended.is_none() && Instant::now() < deadline, "slapd does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    /// Makes changes as an administrator would, in LDIF; the server is stopped
    /// meanwhile.
    ///
    /// # Panics
    ///
    /// Where they are refused.
    pub fn change(&self, ldif: &str) {
        self.kill();
        std::fs::write(self.at("change.ldif"), ldif).expect("a file for the changes");
        self.tool("slapmodify", "change.ldif");
        self.restart();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    fn tool(&self, name: &str, file: &str) {
        let mut command = Command::new(format!("/usr/sbin/{name}"));
        command.arg("-f").arg(self.at("slapd.conf")).arg("-l").arg(self.at(file)).stdin(Stdio::null());
        let done = command.output().expect("the tool runs");
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// An authority, and a certificate of it for this address.
    fn certificates(&self) {
        let make = |name: &str, more: &[&str]| {
            let (key, cert) = (self.at(&format!("{name}.key")), self.at(&format!("{name}.pem")));
            let mut command = Command::new("openssl");
            command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
            command
                .args(["-days", "30", "-subj", &format!("/CN=Test {name}"), "-keyout"])
                .arg(key)
                .arg("-out")
                .arg(cert);
            let done = command.args(more).stdin(Stdio::null()).output().expect("openssl runs");
            assert!(done.status.success(), "openssl: {}", String::from_utf8_lossy(&done.stderr));
        };
        make("ca", &["-addext", "keyUsage=critical,keyCertSign"]);
        let (ca, key) = (self.at("ca.pem").display().to_string(), self.at("ca.key").display().to_string());
        let constraints = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=IP:127.0.0.1"];
        make("server", &[&["-CA", ca.as_str(), "-CAkey", key.as_str()][..], &constraints[..]].concat());
    }

    fn configuration(&self) -> String {
        let schemas = ["core", "cosine", "inetorgperson", "misc"];
        let schemas: String = schemas.iter().map(|name| format!("include /etc/ldap/schema/{name}.schema\n")).collect();
        format!(
            "{schemas}modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload ppolicy\n\
             TLSCertificateFile {0}/server.pem\nTLSCertificateKeyFile {0}/server.key\n\
             # Nobody logs in in the clear.\nsecurity simple_bind=64\nlocalSSF 128\n\
             database mdb\nsuffix \"{BASE}\"\nrootdn \"cn=admin,{BASE}\"\ndirectory {0}/db\noverlay ppolicy\n\
             access to attrs=userPassword by dn.exact=\"{READER}\" read by self =xw by anonymous auth by * none\n\
             access to * by dn.exact=\"{READER}\" read \
             by dn.regex=\"^gidNumber=.*,cn=peercred,cn=external,cn=auth$\" read by self read by * none\n",
            self.folder.path().display()
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
