//! The resolver: asks the servers of this machine, or those that are named.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::DnsError;
use crate::records::{self, MailExchanger, Service};

/// How long one server is waited for; it is asked twice.
const PATIENCE: Duration = Duration::from_secs(4);
/// The most records of one answer that are looked at.
const MAX_RECORDS: usize = 256;

/// Who is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Servers {
    /// Those of `/etc/resolv.conf`.
    #[default]
    System,
    /// These.
    These(Vec<SocketAddr>),
}

/// Asks questions; cheap to clone, all clones share what was answered before.
#[derive(Clone)]
pub struct Resolver {
    inner: TokioResolver,
}

impl Resolver {
    /// A resolver that asks these servers. Must be made within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`DnsError::NoServers`].
    pub fn new(servers: &Servers) -> Result<Self, DnsError> {
        let none = |error: &dyn std::fmt::Display| DnsError::NoServers(error.to_string());
        let mut builder = match servers {
            Servers::System => TokioResolver::builder_tokio().map_err(|error| none(&error))?,
            Servers::These(servers) if servers.is_empty() => return Err(none(&"the list is empty")),
            Servers::These(servers) => {
                let config = ResolverConfig::from_name_servers(servers.iter().copied().map(name_server).collect());
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = 2;
        // What /etc/hosts says is not what the world sees.
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Self { inner: builder.build().map_err(|error| none(&error))? })
    }

    /// The hosts that take mail for a domain, the first ones first.
    ///
    /// # Errors
    ///
    /// [`DnsError`].
    pub async fn mail_exchangers(&self, domain: &str) -> Result<Vec<MailExchanger>, DnsError> {
        self.ask(domain, RecordType::MX, records::mail_exchanger).await
    }

    /// The texts at a name, sorted.
    ///
    /// # Errors
    ///
    /// [`DnsError`].
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, DnsError> {
        self.ask(name, RecordType::TXT, records::text).await
    }

    /// The addresses of a host, of both families.
    ///
    /// # Errors
    ///
    /// [`DnsError`], also where only one family was answered.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let mut found = self.ask(host, RecordType::A, records::address).await?;
        found.extend(self.ask(host, RecordType::AAAA, records::address).await?);
        Ok(found)
    }

    /// The names of an address (RFC 1035 §3.5).
    ///
    /// # Errors
    ///
    /// [`DnsError`].
    pub async fn names(&self, address: IpAddr) -> Result<Vec<String>, DnsError> {
        self.ask(&Name::from(address).to_ascii(), RecordType::PTR, records::host).await
    }

    /// Where a service is, such as `_imaps._tcp.example.org`.
    ///
    /// # Errors
    ///
    /// [`DnsError`].
    pub async fn services(&self, name: &str) -> Result<Vec<Service>, DnsError> {
        self.ask(name, RecordType::SRV, records::service).await
    }

    /// The records of a name, sorted; none where the name or the kind of record
    /// is not there.
    async fn ask<T: Ord>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, DnsError> {
        let bad =
            |error: &dyn std::fmt::Display| DnsError::BadName { name: name.to_owned(), reason: error.to_string() };
        let mut fqdn = Name::from_ascii(name).map_err(|error| bad(&error))?;
        fqdn.set_fqdn(true);
        match self.inner.lookup(fqdn, kind).await {
            Ok(lookup) => {
                let answers = lookup.answers().iter().take(MAX_RECORDS);
                let mut found: Vec<T> = answers.filter_map(|record| read(&record.data)).collect();
                found.sort();
                Ok(found)
            }
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => Err(DnsError::Unanswered { name: format!("{kind} {name}"), reason: error.to_string() }),
        }
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    NameServerConfig::new(server.ip(), true, vec![at_port(ConnectionConfig::udp()), at_port(ConnectionConfig::tcp())])
}
