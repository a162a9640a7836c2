//! `gatepost doctor DOMAIN`: which records a hosted domain should have in the
//! DNS, and which it has.

mod records;

use std::net::{IpAddr, SocketAddr};

use clap::Args;
use directory::Directory;
use dns::{Resolver, Servers};
use mail::Domain;
use serde::Serialize;

use super::check::Status;
use super::table::told;
use crate::config::Config;
use crate::output::{Exit, Failure, Format, Output};

/// Whose records.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// The hosted domain
    domain: Domain,
    /// The name server to ask, such as 9.9.9.9; those of this machine if not given
    #[arg(long, value_name = "ADDRESS", value_parser = server)]
    server: Option<SocketAddr>,
}

/// What was found about one kind of record at one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where.
    pub name: String,
    /// Which kind of record.
    pub kind: &'static str,
    /// How it is.
    pub status: Status,
    /// What is there.
    pub found: Vec<String>,
    /// What should be there, in the form of a zone file.
    pub expected: String,
    /// What to do, and why; empty where nothing is to be done.
    pub hint: String,
}

/// What the records are compared with.
#[derive(Debug, Clone)]
struct Site {
    domain: String,
    host: String,
    /// Services with the server and the port where they are; none where nobody
    /// offers them.
    services: Vec<(&'static str, Option<(String, u16)>)>,
    /// The port of our pages, which mail programs ask for settings.
    https: Option<u16>,
}

/// Asks and compares; the exit status is 1 where a record is wrong in a way that
/// loses mail.
///
/// # Errors
///
/// [`Failure`] where no name server can be asked.
pub async fn run(args: &DoctorArgs, config: &Config, directory: &Directory, out: Output) -> Result<Exit, Failure> {
    let servers = args.server.map_or(Servers::System, |server| Servers::These(vec![server]));
    let resolver = Resolver::new(&servers)?;
    let site = site(&args.domain, config);
    let mut findings = vec![hosted(&args.domain, directory).await?];
    findings.extend(records::of(&site, &resolver).await);
    match out.format() {
        Format::Json => out.json(&findings)?,
        Format::Text => out.print(&text(&findings))?,
    }
    let failed = findings.iter().any(|finding| finding.status == Status::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// What this server offers. RFC 6186 has names for connections that begin
/// without TLS, too: nobody logs in on such here.
fn site(domain: &Domain, config: &Config) -> Site {
    let host = config.server.hostname.to_string();
    let ports = config.public_ports();
    let here = |port: Option<u16>| port.map(|port| (host.clone(), port));
    let outgoing = config.web.outgoing.as_ref().map(|(host, port)| (host.to_string(), *port));
    let services = vec![
        ("imaps", here(ports.imaps)),
        ("pop3s", here(ports.pop3s)),
        ("submissions", outgoing),
        ("imap", None),
        ("pop3", None),
        ("submission", None),
    ];
    Site { domain: domain.to_string(), host, services, https: ports.https }
}

async fn hosted(domain: &Domain, directory: &Directory) -> Result<Finding, Failure> {
    let (status, found, hint) = match directory.domain(domain).await {
        Ok(entry) if entry.active => (Status::Ok, "active", String::new()),
        Ok(_) => {
            (Status::Fail, "inactive", format!("its mail is refused: gatepost domain change {domain} --active yes"))
        }
        Err(error) if error.is_missing() => {
            (Status::Fail, "not there", format!("its mail is refused: gatepost domain add {domain}"))
        }
        Err(error) => return Err(told(&error)),
    };
    let expected = "an active domain".to_owned();
    Ok(Finding { name: domain.to_string(), kind: "directory", status, found: vec![found.to_owned()], expected, hint })
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    address
        .or_else(|_| text.parse())
        .map_err(|_| "an address such as 9.9.9.9 or [2620:fe::fe]:53 is expected".to_owned())
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        let found = if finding.found.is_empty() { "nothing".to_owned() } else { finding.found.join(", ") };
        let found = mail::Text::sanitized(&found);
        text.push_str(&format!("{word}  {} {}: {found}\n", finding.kind, finding.name));
        if finding.status != Status::Ok {
            text.push_str(&format!("      should be: {}\n", finding.expected));
            text.push_str(&format!("      {}\n", finding.hint));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        let cases = [
            ("9.9.9.9", Some("9.9.9.9:53")),
            ("127.0.0.1:5353", Some("127.0.0.1:5353")),
            ("2620:fe::fe", Some("[2620:fe::fe]:53")),
            ("[::1]:5353", Some("[::1]:5353")),
            ("dns.example", None),
        ];
        for (text, expected) in cases {
            assert_eq!(server(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn as_text() {
        let finding = |status, found: &[&str]| Finding {
            name: "example.org".to_owned(),
            kind: "MX",
            status,
            found: found.iter().map(|found| (*found).to_owned()).collect(),
            expected: "example.org. MX 10 mx.example.org.".to_owned(),
            hint: "mail goes elsewhere".to_owned(),
        };
        let seen = text(&[finding(Status::Ok, &["10 mx\u{1b}"]), finding(Status::Fail, &[])]);
        assert_eq!(
            seen,
            "ok    MX example.org: 10 mx?\nFAIL  MX example.org: nothing\n      \
             should be: example.org. MX 10 mx.example.org.\n      mail goes elsewhere\n"
        );
    }
}
