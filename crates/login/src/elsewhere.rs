//! Passwords whose hash is kept by somebody who does not show it, such as an
//! LDAP server: it is asked whether one is right, within the same throttle and
//! the same floor, and hashes a new one itself.

use directory::{Credentials, DirectoryError, StoredHash};
use mail::Secret;
use tracing::{info, warn};

use crate::factor::Given;
use crate::{ChangeError, LoginError, Logins, Match};

impl Logins {
    /// Whether this is the password, by whoever can say it. A "no" from
    /// elsewhere costs a hash here too, as that about an account that is not
    /// there.
    pub(crate) async fn matches(
        &self,
        given: Given<'_>,
        whose: &Credentials,
        hash: &StoredHash,
    ) -> Result<Match, LoginError> {
        if !hash.is_elsewhere() {
            return self.check(given, Some(hash.clone())).await;
        }
        if self.directory().verify(whose, given.password).await.map_err(LoginError::Away)? {
            return Ok(Match::Yes);
        }
        // The guess was tested, so a full queue of hashes must not make it one
        // that counts for nothing.
        let _ = self.check(given, None).await;
        Ok(Match::No)
    }

    /// Hands the new password over with the old one.
    pub(crate) async fn change_elsewhere(
        &self,
        proven: &Credentials,
        (old, new): (&Secret, &Secret),
    ) -> Result<(), ChangeError> {
        match self.directory().change_password(proven, old, new).await {
            Ok(directory::Replaced::Yes) => {
                self.memory().forget(proven.key);
                Ok(())
            }
            Ok(directory::Replaced::ChangedMeanwhile) => Err(ChangeError::ChangedMeanwhile),
            // It has rules of its own, of which the page knows nothing.
            Err(error @ DirectoryError::NewPasswordRefused(_)) => {
                info!(address = %proven.address, %error, "a new password was refused");
                Err(ChangeError::NotStored(error))
            }
            Err(error) => {
                warn!(address = %proven.address, %error, "a new password could not be handed over");
                Err(ChangeError::NotStored(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use directory::{Directory, Domains, LdapSettings, Tables, Verification};
    use ldap::{Place, Security, Template};
    use mail::Domain;
    use testkit::slapd::{BASE, READER, Server};

    use super::*;
    use crate::pool::Lane;
    use crate::{Cost, Service, Settings, SystemClock};

    async fn directory(server: &Server) -> Directory {
        let settings = LdapSettings {
            server: ldap::Settings {
                place: Place::parse(&server.ldaps(), Security::ByUrl).unwrap(),
                ca: server.ca(),
                bind_dn: Some(READER.to_owned()),
                bind_password: Some(server.password()),
                connections: 2,
                patience: Duration::from_secs(60),
            },
            base: BASE.to_owned(),
            domains: Domains::These(vec![Domain::parse("example.org").unwrap()]),
            account_filter: Template::parse("(&(objectClass=inetOrgPerson)(mail=:address))").unwrap(),
            alias_filter: None,
            alias_targets: Vec::new(),
            id: "entryUUID".to_owned(),
            address: "mail".to_owned(),
            name: "cn".to_owned(),
            quota: None,
            verification: Verification::Bind,
        };
        let tables = Tables::Ldap(Box::new(settings));
        Directory::open(&directory::Settings { tables, ..directory::Settings::new("sqlite::memory:") }).await.unwrap()
    }

    #[tokio::test]
    async fn a_guess_that_was_tested_counts_while_all_hashes_are_busy() {
        let Some(server) = Server::start() else { return };
        let settings = Settings { cost: Cost::CHEAP, hashes_at_a_time: 1, queue: 0, ..Settings::default() };
        let logins = Logins::new(Arc::new(directory(&server).await), settings, Arc::new(SystemClock::new())).unwrap();
        let (go, wait) = channel::<()>();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let work = logins.pool().run(Lane::Strangers, move || {
            let _ = begun.send(());
            wait.recv().is_ok()
        });
        let guess = async {
            has_begun.await.unwrap();
            let from = "192.0.2.1".parse().unwrap();
            let mut said = Vec::new();
            for _ in 0..3 {
                let guessed = logins.verify("alice@example.org", Secret::from("guess"), from, Service::Imap).await;
                said.push(matches!(guessed, Err(LoginError::Refused)));
            }
            go.send(()).unwrap();
            (said, logins.free_after("alice@example.org", from))
        };
        let (_, (said, wait)) = tokio::join!(work, guess);
        assert_eq!(said, [true; 3]);
        assert!(wait > Duration::ZERO, "they are counted");
    }
}
