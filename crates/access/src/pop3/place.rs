//! What a name at login means: an account and the folder of it that is the
//! maildrop. `user+Folder@domain` is that folder, where no account has just
//! this address: who has POP3 alone could see nothing but INBOX otherwise.

use std::borrow::Cow;

use mail::{Address, Classified, Text};
use mailbox::FolderName;
use pop3::LoginFailure;

use super::Services;

/// Between account and folder.
const SEPARATOR: char = '+';

/// Who is to be verified, and what is then opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The address of the account, as it was given.
    pub(super) account: Cow<'a, str>,
    /// The folder's name as it was given; nothing: INBOX.
    folder: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// Looks whether an account has just this address, and divides it where
    /// not. Both ways ask the directory the same, so that a stranger cannot
    /// tell them apart.
    pub(super) async fn find(name: &'a Text, services: &Services) -> Result<Self, LoginFailure> {
        let Some(divided) = divide(name.as_str()) else { return Ok(whole(name)) };
        let Ok(address) = Address::parse(name.as_str()) else { return Ok(divided) };
        match services.gate.has_account(&address).await {
            Ok(true) => Ok(whole(name)),
            Ok(false) => Ok(divided),
            // Who is remembered is known without it; whoever is not is told so by
            // the login, as late as a wrong password is.
            Err(error) if error.is_away() && services.logins.remembers(name.as_str()) => Ok(whole(name)),
            Err(error) if error.is_away() => Ok(divided),
            Err(error) => {
                tracing::warn!(%error, "whether there is an account cannot be asked");
                Err(LoginFailure::Unavailable(error.class()))
            }
        }
    }

    /// The folder's name.
    pub(super) fn folder(&self) -> Result<FolderName, LoginFailure> {
        self.folder.map_or_else(|| Ok(FolderName::inbox()), FolderName::parse).map_err(|_| LoginFailure::NoSuchFolder)
    }
}

fn whole(name: &Text) -> Place<'_> {
    Place { account: name.as_str().into(), folder: None }
}

/// At the first `+` of the local part. The folder is taken as it was written:
/// names of folders differ in case, and an address could not hold all of them.
fn divide(name: &str) -> Option<Place<'_>> {
    let (local, domain) = name.rsplit_once('@')?;
    let (base, folder) = local.split_once(SEPARATOR).filter(|(base, _)| !base.is_empty())?;
    Some(Place { account: format!("{base}@{domain}").into(), folder: Some(folder) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_divided() {
        let cases = [
            ("alice+Junk@example.org", Some(("alice@example.org", "Junk"))),
            ("alice+Lists.Rust Users@example.org", Some(("alice@example.org", "Lists.Rust Users"))),
            ("alice+a+b@c@example.org", Some(("alice@example.org", "a+b@c"))),
            ("alice+@example.org", Some(("alice@example.org", ""))),
            ("alice@example.org", None),
            ("+Junk@example.org", None),
            ("alice+Junk", None),
            ("alice@example.org+Junk", None),
            ("", None),
        ];
        for (name, expected) in cases {
            let divided = divide(name);
            let shown = divided.as_ref().map(|place| (&*place.account, place.folder.unwrap_or_default()));
            assert_eq!(shown, expected, "{name:?}");
        }
    }
}
