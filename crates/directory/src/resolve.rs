//! RCPT: what an address resolves to, following aliases to their ends.

use std::collections::HashSet;

use mail::{Address, Domain, ForwardPath};
use tracing::warn;

use crate::find::Found;
use crate::source::ask;
use crate::{Account, Directory, DirectoryError, Resolution};

/// The most aliases in a row.
const MAX_DEPTH: usize = 16;
/// The most addresses that one recipient may stand for.
const MAX_TARGETS: usize = 1000;

impl Directory {
    /// What a recipient is.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked or
    /// has no active domain; "not there" is no error but an answer.
    pub async fn resolve(&self, to: &ForwardPath) -> Result<Resolution, DirectoryError> {
        match to {
            ForwardPath::Address(address) => self.resolve_address(address).await,
            ForwardPath::Postmaster => self.site_postmaster().await,
        }
    }

    /// As [`Directory::resolve`], for an address that is no path.
    ///
    /// # Errors
    ///
    /// As [`Directory::resolve`].
    pub async fn resolve_address(&self, address: &Address) -> Result<Resolution, DirectoryError> {
        match self.find(address).await? {
            Found::Foreign => self.if_any_is_active(Resolution::ForeignDomain).await,
            Found::InactiveDomain => self.if_any_is_active(Resolution::InactiveDomain).await,
            Found::Inactive => Ok(Resolution::InactiveAccount),
            Found::NoUser => Ok(Resolution::NoSuchUser),
            Found::Postmaster(domain) => Ok(Resolution::Postmaster { domain: Some(domain) }),
            Found::Circle => Ok(Resolution::AliasLoop { address: address.clone() }),
            Found::Here { account, targets, detail } => {
                let mut walk = Walk::default();
                walk.expand(address, Vec::new(), account, targets);
                walk.run(self, address, detail).await
            }
        }
    }

    /// The domain has no row, or is switched off: true only if the directory
    /// as a whole looks alive.
    async fn if_any_is_active(&self, answer: Resolution) -> Result<Resolution, DirectoryError> {
        if ask!(self.source, any_active())? { Ok(answer) } else { Err(DirectoryError::NoActiveDomain) }
    }

    /// `<Postmaster>`: the address in the setting `postmaster` of the site, or
    /// else whoever the caller keeps for it.
    async fn site_postmaster(&self) -> Result<Resolution, DirectoryError> {
        let nobody = Resolution::Postmaster { domain: None };
        let Some(address) = ask!(self.source, site_postmaster())? else { return Ok(nobody) };
        Ok(match self.resolve_address(&address).await? {
            found @ (Resolution::Deliver { .. } | Resolution::Postmaster { .. }) => found,
            _ => {
                warn!(%address, "the site's postmaster address leads nowhere");
                nobody
            }
        })
    }
}

/// A depth-first walk along aliases. What is on the way down to an address is
/// kept with it, so that a circle is told from two ways to the same end.
#[derive(Default)]
struct Walk {
    accounts: Vec<Account>,
    outside: Vec<Address>,
    /// Addresses that were looked at, or will be by the way they came first.
    seen: HashSet<Address>,
    /// Addresses with both an account and targets: leading back to one of
    /// these only says "and a copy for myself".
    with_account: HashSet<Address>,
    waiting: Vec<(Address, Vec<Address>)>,
    inactive: bool,
    postmaster: Option<Domain>,
}

impl Walk {
    async fn run(
        mut self,
        directory: &Directory,
        asked: &Address,
        detail: Option<String>,
    ) -> Result<Resolution, DirectoryError> {
        while let Some((address, way)) = self.waiting.pop() {
            if way.contains(&address) {
                if self.with_account.contains(&address) {
                    continue;
                }
                warn!(%address, recipient = %asked, "aliases run in a circle");
                return Ok(Resolution::AliasLoop { address });
            }
            if way.len() > MAX_DEPTH || self.seen.len() + self.waiting.len() > MAX_TARGETS {
                warn!(%address, recipient = %asked, "aliases run too deep or to too many targets");
                return Ok(Resolution::AliasLoop { address });
            }
            if !self.seen.insert(address.clone()) {
                continue;
            }
            match directory.find(&address).await? {
                Found::Here { account, targets, .. } => self.expand(&address, way, account, targets),
                Found::Foreign => self.outside.push(address),
                Found::Inactive | Found::InactiveDomain => self.inactive = true,
                Found::Postmaster(domain) => self.postmaster = Some(domain),
                Found::NoUser => warn!(%address, recipient = %asked, "target of an alias is not there"),
                Found::Circle => return Ok(Resolution::AliasLoop { address }),
            }
        }
        Ok(self.end(detail))
    }

    /// Takes the account, and puts the targets on the stack, the first on top.
    fn expand(
        &mut self,
        address: &Address,
        mut way: Vec<Address>,
        account: Option<Box<Account>>,
        targets: Vec<Address>,
    ) {
        self.seen.insert(address.clone());
        if let Some(account) = account {
            if !targets.is_empty() {
                self.with_account.insert(address.clone());
                self.with_account.insert(account.address.clone());
            }
            if !self.accounts.iter().any(|known| known.key == account.key) {
                self.accounts.push(*account);
            }
        }
        way.push(address.clone());
        self.waiting.extend(targets.into_iter().rev().map(|target| (target, way.clone())));
    }

    fn end(self, detail: Option<String>) -> Resolution {
        if !self.accounts.is_empty() || !self.outside.is_empty() {
            return Resolution::Deliver { accounts: self.accounts, outside: self.outside, detail };
        }
        match self.postmaster {
            Some(domain) => Resolution::Postmaster { domain: Some(domain) },
            None if self.inactive => Resolution::InactiveAccount,
            None => Resolution::NoSuchUser,
        }
    }
}
