//! From the sections to the settings of each crate.

use std::path::PathBuf;

use avscan_client::Copies;

use super::sections::Smtputf8;
use super::{Config, Imap, Judge, Listen, Pop3, Scan, Smtp};

/// The ports at which mail programs and browsers reach us; none where a service
/// is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicPorts {
    /// IMAP over TLS.
    pub imaps: Option<u16>,
    /// POP3 over TLS.
    pub pop3s: Option<u16>,
    /// The pages.
    pub https: Option<u16>,
}

impl Config {
    /// What is told to whoever looks for us from outside.
    #[must_use]
    pub fn public_ports(&self) -> PublicPorts {
        let port = |listens: &[Listen], public: Option<u16>| {
            let listens = listens.iter().find_map(|listen| match listen {
                Listen::Tcp(address) => Some(address.port()),
                Listen::Unix(_) => None,
            })?;
            Some(public.unwrap_or(listens))
        };
        PublicPorts {
            imaps: port(&self.listen.imaps, self.web.imaps_port),
            pop3s: port(&self.listen.pop3s, self.web.pop3s_port),
            https: port(&self.listen.https, self.web.https_port),
        }
    }

    /// For one SMTP listener; `starttls` where there is a certificate.
    #[must_use]
    pub fn smtp_settings(&self) -> smtp::Settings {
        let Smtp { max_message, max_recipients, max_line, max_errors, max_idle_commands, .. } = self.smtp;
        smtp::Settings {
            max_message,
            max_recipients,
            max_line,
            max_errors,
            max_idle_commands,
            max_skip: self.smtp.max_skip,
            max_transactions: self.smtp.max_transactions,
            bare_newline_in_bdat: self.smtp.bare_newline_in_bdat,
            starttls: self.tls.cert.is_some(),
            smtputf8: self.smtp.smtputf8 == Smtputf8::On,
            ..smtp::Settings::new(self.server.hostname.clone())
        }
    }

    /// For IMAP sessions.
    #[must_use]
    pub fn imap_settings(&self) -> access::imap::Settings {
        let Imap { before_login, max_command, max_literals, max_append, max_errors, max_failed_logins, .. } = self.imap;
        let limits = imap::Limits { before_login, command: max_command, literals: max_literals, append: max_append };
        access::imap::Settings { limits, max_errors, max_refused: max_failed_logins }
    }

    /// For POP3 sessions.
    #[must_use]
    pub fn pop3_settings(&self) -> pop3::Settings {
        let Pop3 { before_login, login_timeout, idle_timeout, max_errors, max_failed_logins, .. } = self.pop3;
        pop3::Settings {
            octets_before_login: before_login,
            time_before_login: login_timeout,
            idle: idle_timeout,
            max_errors,
            max_failed_logins,
        }
    }

    /// For the virus scanner; `beside` is the worker beside the running
    /// program. None where scanning is off. The copy of the last good signature
    /// set is read: only the server keeps it.
    #[must_use]
    pub fn scanner_settings(&self, beside: PathBuf) -> Option<avscan_client::Settings> {
        let Scan { worker, signatures, scratch, sandbox, limits, threads, waiting, .. } = &self.scan;
        self.scan.enabled.then(|| avscan_client::Settings {
            worker: worker.clone().unwrap_or(beside),
            signatures: signatures.clone(),
            copies: Copies::Read(self.server.data.join("scanner")),
            scratch: scratch.clone(),
            sandbox: *sandbox,
            limits: *limits,
            threads: *threads,
            waiting: *waiting,
            hang_after: self.scan.hang_after,
            load_within: self.scan.load_within,
        })
    }

    /// For the directory.
    #[must_use]
    pub fn directory_settings(&self) -> directory::Settings {
        let connections = self.directory.connections;
        let sql = sql::Settings { connections, ..sql::Settings::new(self.directory.url.expose()) };
        directory::Settings { sql, separator: Some('+'), tables: self.directory.tables.clone() }
    }

    /// For the connections to the index.
    #[must_use]
    pub fn index_sql(&self) -> sql::Settings {
        let connections = self.index.connections;
        sql::Settings { connections, ..sql::Settings::new(self.index.url.expose()) }
    }

    /// For the mail store.
    #[must_use]
    pub fn mailbox_settings(&self) -> mailbox::Settings {
        let Judge { quarantine_keep, quarantine_size, .. } = self.judge;
        mailbox::Settings {
            quarantine_age: quarantine_keep,
            quarantine_bytes: quarantine_size,
            max_folders: self.mail.max_folders,
            ..mailbox::Settings::new(self.mail.path.clone(), self.server.hostname.as_str())
        }
    }

    /// What the site has decided about verdicts.
    #[must_use]
    pub fn policy(&self) -> verdict::Policy {
        verdict::Policy { on_unscannable: self.scan.on_limits, relay_reject: self.judge.relay_reject }
    }

    /// Where certificates that we order are kept, with the account's key.
    #[must_use]
    pub fn acme_folder(&self) -> PathBuf {
        self.server.data.join("acme")
    }

    /// For orders of certificates; none where nothing is ordered.
    #[must_use]
    pub fn acme_settings(&self) -> Option<acme::Settings> {
        let super::Acme { directory, contact, challenge, ca_file, self_check, servers, .. } = &self.acme;
        self.acme.agreed.then(|| acme::Settings {
            directory: directory.clone(),
            contact: contact.clone(),
            ca_file: ca_file.clone(),
            challenge: *challenge,
            self_check: *self_check,
            servers: servers.clone(),
            folder: self.acme_folder(),
        })
    }

    /// All certificates, where there is one at all.
    #[must_use]
    pub fn cert_sources(&self) -> Option<tls::Sources> {
        let (cert, key) = self.cert_files()?;
        Some(tls::Sources {
            default: tls::CertFiles { cert, key },
            folder: self.tls.folder.clone(),
            ordered: self.acme.agreed.then(|| self.acme_folder().join("certs")),
            hostname: self.server.hostname.as_str().parse().ok(),
        })
    }

    /// The certificate's files, where there are any.
    #[must_use]
    pub fn cert_files(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls.cert.clone().zip(self.tls.key.clone())
    }
}
