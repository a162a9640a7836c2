//! An LDAP server as directory: people's entries are accounts, and a login is
//! verified by a bind as the person, or against the hash in the entry.

use std::time::SystemTime;

use ldap::{Client, Entry, LdapError, Template, Values};
use mail::{Address, Domain, Secret};
use tracing::warn;

use super::{Source, WithHash, foreign};
use crate::explain::Question;
use crate::ldap_settings::{Domains, LdapSettings, Verification};
use crate::rows::{Checked, Hosted, Target, bad};
use crate::{Account, AliasEntry, AliasTarget, Credentials, DirectoryError, DomainEntry, Replaced, StoredHash};

/// The most addresses that one alias names.
const MAX_TARGETS: usize = 1001;
/// When an entry was made (RFC 4512 §3.4).
const MADE: &str = "createTimestamp";
/// What shows that a password is another one, the first that an entry has: what
/// a server with a password policy keeps, or that anything was changed.
const CHANGED: [&str; 2] = ["pwdChangedTime", "modifyTimestamp"];
/// What says that an account is locked: OpenLDAP with a password policy, 389DS
/// and FreeIPA, eDirectory, Active Directory, RFC 2307.
const LOCKS: [&str; 5] =
    ["pwdAccountLockedTime", "nsAccountLock", "loginDisabled", "userAccountControl", "shadowExpire"];
/// How `pwdAccountLockedTime` begins, with seconds behind it or without: until
/// somebody unlocks it. Any other time is that
/// of too many wrong passwords, which says no more than that somebody guesses:
/// it must not end the owner's sessions. The server knows whether it still
/// counts, and refuses the bind.
const FOR_GOOD: &str = "000001010000";
/// Of `userAccountControl`.
const ACCOUNT_DISABLED: i64 = 2;
/// Below the base, and not there: whose password is verified where there is no
/// account.
const NOBODY: &str = "cn=gatepost-nobody";
/// The hash of RFC 2307 §5.3.
const HASH: &str = "userPassword";

/// The entries of an LDAP server.
#[derive(Debug)]
pub(crate) struct LdapSource {
    client: Client,
    settings: LdapSettings,
}

impl LdapSource {
    /// Reads the files that the settings name.
    pub(crate) async fn open(settings: &LdapSettings) -> Result<Self, DirectoryError> {
        let server = settings.server.clone();
        let opened = tokio::task::spawn_blocking(move || Client::open(server)).await;
        let client = opened.map_err(|error| DirectoryError::Interrupted(error.to_string()))??;
        Ok(Self { client, settings: settings.clone() })
    }

    /// The attributes of an account that are asked for.
    fn wanted(&self) -> Vec<&str> {
        let LdapSettings { id, address, name, quota, .. } = &self.settings;
        let mut wanted = vec![id.as_str(), address.as_str(), name.as_str(), MADE];
        wanted.extend(quota.as_deref());
        wanted.extend(LOCKS);
        match self.settings.verification {
            Verification::Bind => wanted.extend(CHANGED),
            Verification::Hash => wanted.push(HASH),
        }
        wanted
    }

    async fn one(&self, filter: &Template, about: &Address, names: &[&str]) -> Result<Option<Entry>, DirectoryError> {
        let normal = about.normal();
        let values = Values { address: &normal, local: about.local().as_str(), domain: about.domain().as_str() };
        Ok(self.client.one(&self.settings.base, &filter.with(&values), names).await?)
    }

    async fn entry(&self, about: &Address) -> Result<Option<Entry>, DirectoryError> {
        let found = self.one(&self.settings.account_filter, about, &self.wanted()).await?;
        // Servers take some addresses for the same that we do not.
        Ok(found.filter(|entry| self.address_of(entry, Some(about)).is_ok_and(|address| address == *about)))
    }

    /// The address of an entry: of several the one that was asked for.
    fn address_of(&self, entry: &Entry, asked: Option<&Address>) -> Checked<Address> {
        // In normal form, as each account's is.
        let read = |text: &String| Address::parse(&Address::parse(text.trim()).ok()?.normal()).ok();
        let mut all = entry.values(&self.settings.address).iter().filter_map(read);
        let found = match asked {
            Some(asked) => all.find(|address| address == asked),
            None => all.next(),
        };
        found.ok_or_else(|| bad("account", format!("{}: {} is no address", entry.dn, self.settings.address)))
    }

    fn account(&self, entry: &Entry, asked: Option<&Address>) -> Checked<WithHash> {
        let LdapSettings { id, name, quota, .. } = &self.settings;
        let wrong = |what: &str| bad("account", format!("{}: {what}", entry.dn));
        let quota = quota.as_deref().and_then(|quota| entry.value(quota));
        let quota = quota.map(|text| text.trim().parse().map_err(|_| wrong("the quota is no number"))).transpose()?;
        let key = entry.value(id).ok_or_else(|| wrong(&format!("it has no {id}, or we may not read it")))?;
        let hash = self.hash(entry);
        let account = Account {
            key: foreign::key(key),
            address: self.address_of(entry, asked)?,
            name: entry.value(name).unwrap_or_default().to_owned(),
            quota,
            active: true,
            has_password: hash.is_some(),
            language: String::new(),
            time_zone: String::new(),
            created: time(entry.value(MADE).unwrap_or_default()),
        };
        Ok((account, hash))
    }

    /// An account that is locked gets its mail, and has no password: nobody logs
    /// in, and what was opened with the one that it had ends.
    fn hash(&self, entry: &Entry) -> Option<StoredHash> {
        if is_locked(|name| entry.value(name), today()) {
            return None;
        }
        match self.settings.verification {
            Verification::Bind => {
                let changed = CHANGED.iter().find_map(|name| entry.value(name)).unwrap_or_default();
                Some(StoredHash::kept_elsewhere(changed))
            }
            Verification::Hash => {
                let hashes = entry.values(HASH).iter().filter(|hash| hash.starts_with(['{', '$']));
                hashes.map(StoredHash::new).next()
            }
        }
    }

    /// The addresses of the first of the alias' attributes that the entry has.
    fn targets_of(&self, entry: &Entry) -> Checked<Vec<Target>> {
        let names = &self.settings.alias_targets;
        let Some(values) = names.iter().map(|name| entry.values(name)).find(|values| !values.is_empty()) else {
            return Err(bad("alias", format!("{}: it has none of {}", entry.dn, names.join(", "))));
        };
        let (mut good, mut wrong) = (Vec::new(), None);
        for value in values.iter().take(MAX_TARGETS) {
            match Address::parse(value.trim()) {
                Ok(address) => good.push(Target { address, active: true, exclusive: false }),
                Err(error) => {
                    let error = bad("alias", format!("{}: {value:?}: {error}", entry.dn));
                    warn!(%error, "target of an alias is skipped");
                    wrong = Some(error);
                }
            }
        }
        wrong.filter(|_| good.is_empty()).map_or(Ok(good), Err)
    }

    async fn named(&self, targets: Vec<Target>, address: &Address) -> Result<AliasEntry, DirectoryError> {
        let mut named = Vec::with_capacity(targets.len());
        for Target { address, active, .. } in targets {
            let outside = self.hosted(address.domain()).await?.is_none();
            named.push(AliasTarget { address, active, outside });
        }
        Ok(AliasEntry { address: address.clone(), targets: named })
    }
}

impl Source for LdapSource {
    async fn ping(&self) -> Result<(), DirectoryError> {
        Ok(self.client.ping().await?)
    }

    async fn close(&self) {}

    async fn hosted(&self, domain: &Domain) -> Result<Option<Hosted>, DirectoryError> {
        let is_there = match &self.settings.domains {
            Domains::These(names) => names.contains(domain),
            Domains::Found { filter, attribute } => {
                let name = domain.as_str();
                let filter = filter.with(&Values { address: name, local: "", domain: name });
                self.client.one(&self.settings.base, &filter, &[attribute]).await?.is_some()
            }
        };
        Ok(is_there.then(|| Hosted {
            name: domain.clone(),
            active: true,
            alias_of: None,
            catch_all: Vec::new(),
            postmaster: None,
            unusable: None,
        }))
    }

    async fn account(&self, address: &Address) -> Result<Option<WithHash>, DirectoryError> {
        self.entry(address).await?.map(|entry| self.account(&entry, Some(address))).transpose()
    }

    /// An entry that is found by its own address is an account, not an alias.
    async fn targets(&self, address: &Address) -> Result<Vec<Target>, DirectoryError> {
        let Some(filter) = &self.settings.alias_filter else { return Ok(Vec::new()) };
        let mut names: Vec<&str> = self.settings.alias_targets.iter().map(String::as_str).collect();
        names.push(&self.settings.address);
        match self.one(filter, address, &names).await? {
            Some(entry) => self.targets_of(&entry),
            None => Ok(Vec::new()),
        }
    }

    async fn domains(&self) -> Result<Vec<DomainEntry>, DirectoryError> {
        let mut names = match &self.settings.domains {
            Domains::These(names) => names.clone(),
            Domains::Found { filter, attribute } => {
                let found = self.client.all(&self.settings.base, &filter.with_any(), &[attribute]).await?;
                let names = found.iter().flat_map(|entry| entry.values(attribute));
                names.filter_map(|name| Domain::parse(name.trim()).ok()).collect()
            }
        };
        names.sort();
        names.dedup();
        let entry = |name| DomainEntry {
            name,
            active: true,
            alias_of: None,
            catch_all: None,
            postmaster: None,
            comment: String::new(),
            created: String::new(),
            accounts: 0,
            aliases: 0,
        };
        Ok(names.into_iter().map(entry).collect())
    }

    async fn accounts(&self, of: Option<&Domain>) -> Result<Vec<Checked<WithHash>>, DirectoryError> {
        let filter = self.settings.account_filter.with_any();
        let found = self.client.all(&self.settings.base, &filter, &self.wanted()).await?;
        let mut rows: Vec<Checked<WithHash>> = found.iter().map(|entry| self.account(entry, None)).collect();
        rows.retain(|row| {
            let address = row.as_ref().map(|(account, _)| account.address.domain());
            of.is_none_or(|domain| address.is_ok_and(|found| found == domain))
        });
        Ok(rows)
    }

    /// Which attribute an alias is found by only the filter knows.
    async fn aliases(&self) -> Result<Vec<AliasEntry>, DirectoryError> {
        Err(DirectoryError::NotListed("aliases"))
    }

    async fn alias(&self, address: &Address) -> Result<Option<AliasEntry>, DirectoryError> {
        let targets = self.targets(address).await?;
        if targets.is_empty() { Ok(None) } else { self.named(targets, address).await.map(Some) }
    }

    async fn replace_hash(&self, _: &Credentials, _: &StoredHash) -> Result<bool, DirectoryError> {
        Err(DirectoryError::KeptByLdap)
    }

    /// What is verified by a bind has no hash to be looked at.
    async fn passwords(&self) -> Result<Vec<(Address, StoredHash)>, DirectoryError> {
        match self.settings.verification {
            Verification::Bind => Ok(Vec::new()),
            Verification::Hash => {
                let rows = crate::rows::usable(self.accounts(None).await?).into_iter();
                Ok(rows.filter_map(|(account, hash)| Some((account.address, hash?))).collect())
            }
        }
    }

    async fn place(&self, question: Question) -> String {
        let setting = match (question, &self.settings.domains) {
            (Question::Domain, Domains::These(_)) => "domains",
            (Question::Domain, Domains::Found { .. }) => "domain_filter",
            (Question::Account, _) => "account_filter",
            (Question::Alias, _) => "alias_filter",
        };
        format!("[ldap] {setting}")
    }

    async fn verify(&self, whose: &Credentials, password: &Secret) -> Result<bool, DirectoryError> {
        match self.entry(&whose.address).await? {
            // A server may let in whom it only notes to be locked.
            Some(entry) => Ok(self.client.verify(&entry.dn, password).await? && self.hash(&entry).is_some()),
            None => Ok(false),
        }
    }

    async fn verify_nobody(&self, password: &Secret) -> Result<(), DirectoryError> {
        if self.settings.verification == Verification::Hash {
            return Ok(());
        }
        let dn = match self.settings.base.as_str() {
            "" => NOBODY.to_owned(),
            base => format!("{NOBODY},{base}"),
        };
        self.client.verify(&dn, password).await?;
        Ok(())
    }

    async fn change_password(
        &self,
        whose: &Credentials,
        old: &Secret,
        new: &Secret,
    ) -> Result<Replaced, DirectoryError> {
        let Some(entry) = self.entry(&whose.address).await? else { return Ok(Replaced::ChangedMeanwhile) };
        let done = self.client.change_password(&entry.dn, (old, new)).await.map_err(not_changed)?;
        Ok(if done { Replaced::Yes } else { Replaced::ChangedMeanwhile })
    }
}

/// Servers answer constraintViolation (19) or unwillingToPerform (53) to a
/// password that their rules do not allow (RFC 4511 appendix A.2). Anything else
/// is no reason to choose another one.
fn not_changed(error: LdapError) -> DirectoryError {
    match error {
        LdapError::Refused { code: 19 | 53, text } => DirectoryError::NewPasswordRefused(text),
        error => error.into(),
    }
}

/// Whether the attributes of an entry say that it is locked; `today` in days
/// since 1970.
fn is_locked<'e>(value: impl Fn(&str) -> Option<&'e str>, today: i64) -> bool {
    let is = |name: &str, text: &str| value(name).is_some_and(|found| found.trim().eq_ignore_ascii_case(text));
    let number = |name: &str| value(name)?.trim().parse::<i64>().ok();
    value("pwdAccountLockedTime").is_some_and(|time| time.trim().starts_with(FOR_GOOD))
        || is("nsAccountLock", "TRUE")
        || is("loginDisabled", "TRUE")
        || number("userAccountControl").is_some_and(|bits| bits & ACCOUNT_DISABLED != 0)
        || number("shadowExpire").is_some_and(|day| (0..=today).contains(&day))
}

fn today() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs() / 86_400).unwrap_or(i64::MAX)
}

/// `20260131120000Z` (RFC 4517 §3.3.13) in the form of RFC 3339; anything else
/// as it is.
fn time(text: &str) -> String {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    if digits.len() != 14 || !text.ends_with('Z') {
        return text.to_owned();
    }
    let part = |from: usize, to: usize| &digits[from..to];
    format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12), part(12, 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks() {
        for (name, text, expected) in [
            ("pwdAccountLockedTime", "000001010000Z", true),
            ("pwdAccountLockedTime", "00000101000000Z", true),
            // Somebody guessed.
            ("pwdAccountLockedTime", "20260131120000Z", false),
            ("nsAccountLock", "true", true),
            ("nsAccountLock", "FALSE", false),
            ("loginDisabled", "TRUE", true),
            ("userAccountControl", "514", true),
            ("userAccountControl", "512", false),
            ("shadowExpire", "1", true),
            ("shadowExpire", "20000", true),
            ("shadowExpire", "20001", false),
            ("shadowExpire", "-1", false),
            ("shadowExpire", "never", false),
            ("description", "TRUE", false),
        ] {
            assert_eq!(is_locked(|asked| (asked == name).then_some(text), 20_000), expected, "{name}: {text}");
        }
        let looked_at = std::cell::RefCell::new(Vec::new());
        let ask = |asked: &str| {
            looked_at.borrow_mut().push(asked.to_owned());
            None
        };
        assert!(!is_locked(ask, 20_000));
        assert_eq!(looked_at.into_inner(), LOCKS, "what is looked at is asked for");
    }

    #[test]
    fn refusals_of_a_new_password() {
        for (code, expected) in [(19, true), (53, true), (50, false), (2, false), (80, false)] {
            let error = not_changed(LdapError::Refused { code, text: String::new() });
            assert_eq!(matches!(error, DirectoryError::NewPasswordRefused(_)), expected, "{code}: {error}");
        }
        assert!(not_changed(LdapError::Busy).is_away());
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("20260131120000Z", "2026-01-31T12:00:00Z"),
            ("20260131120000.123Z", "2026-01-31T12:00:00Z"),
            ("2026", "2026"),
            ("", ""),
        ] {
            assert_eq!(time(text), expected);
        }
    }
}
