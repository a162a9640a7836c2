//! What the commands do to the directory, on both engines.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use directory::{
    AccountChange, Directory, DirectoryError, DomainChange, NewAccount, NewDomain, Replaced, Resolution, Settings,
    StoredHash,
};
use mail::{Address, Domain};

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn account(text: &str) -> NewAccount {
    NewAccount { address: address(text), password: None, name: String::new(), quota: None }
}

async fn domains(directory: &Directory) {
    let org = directory.add_domain(&NewDomain::new(domain("Example.org"))).await.unwrap();
    assert_eq!((org.name.as_str(), org.active, org.accounts, org.comment.as_str()), ("example.org", true, 0, ""));
    assert!(org.created.ends_with('Z') && org.created.contains('T') && org.created.len() == 20, "{}", org.created);
    let twice = directory.add_domain(&NewDomain::new(domain("example.org"))).await.unwrap_err();
    assert_eq!((twice.code(), twice.to_string()), ("already_there", "the domain example.org is there already".into()));
    let literal = directory.add_domain(&NewDomain::new(domain("[192.0.2.1]"))).await.unwrap_err();
    assert_eq!(literal.code(), "address_literal");
    let alias = NewDomain { alias_of: Some(domain("example.org")), ..NewDomain::new(domain("alias.example")) };
    assert_eq!(directory.add_domain(&alias).await.unwrap().alias_of, Some(domain("example.org")));
    let lost = NewDomain { alias_of: Some(domain("nowhere.example")), ..NewDomain::new(domain("x.example")) };
    assert_eq!(directory.add_domain(&lost).await.unwrap_err().code(), "unknown_domain");
    let circle = DomainChange { alias_of: Some(Some(domain("alias.example"))), ..DomainChange::default() };
    assert_eq!(directory.change_domain(&org.name, &circle).await.unwrap_err().code(), "would_loop");

    let change = DomainChange {
        active: Some(false),
        catch_all: Some(Some(address("all@example.org"))),
        comment: Some("two words".to_owned()),
        ..DomainChange::default()
    };
    let changed = directory.change_domain(&org.name, &change).await.unwrap();
    assert_eq!((changed.active, changed.comment.as_str()), (false, "two words"));
    assert_eq!(changed.catch_all, Some(address("all@example.org")));
    let back = DomainChange { active: Some(true), catch_all: Some(None), ..DomainChange::default() };
    let back = directory.change_domain(&org.name, &back).await.unwrap();
    assert_eq!((back.active, back.catch_all, back.comment.as_str()), (true, None, "two words"));
    let long = DomainChange { comment: Some("x".repeat(1001)), ..DomainChange::default() };
    assert_eq!(directory.change_domain(&org.name, &long).await.unwrap_err().code(), "too_long");
    let unknown = directory.change_domain(&domain("y.example"), &DomainChange::default()).await.unwrap_err();
    assert!(unknown.is_missing());

    let in_use = directory.remove_domain(&org.name).await.unwrap_err();
    assert!(matches!(in_use, DirectoryError::DomainInUse { domains: 1, accounts: 0, .. }));
    assert_eq!(in_use.to_string(), "the domain example.org still has 0 users and 1 alias domain");
    directory.remove_domain(&domain("alias.example")).await.unwrap();
    assert_eq!(directory.removed_domains().await.unwrap(), [domain("alias.example")]);
    directory.add_domain(&NewDomain::new(domain("alias.example"))).await.unwrap();
    assert!(directory.removed_domains().await.unwrap().is_empty());
    directory.remove_domain(&domain("alias.example")).await.unwrap();
    assert!(directory.remove_domain(&domain("alias.example")).await.unwrap_err().is_missing());
    assert_eq!(directory.domains().await.unwrap().len(), 1);
}

async fn accounts(directory: &Directory) {
    let new = NewAccount {
        name: "Alice Ä".to_owned(),
        quota: Some(2 << 30),
        password: Some(StoredHash::new("{PLAIN}old")),
        ..account("Alice@example.org")
    };
    let alice = directory.add_account(&new).await.unwrap();
    assert_eq!((alice.address.normal(), alice.name.as_str()), ("alice@example.org".to_owned(), "Alice Ä"));
    assert_eq!((alice.quota, alice.active, alice.has_password), (Some(2 << 30), true, true));
    assert_eq!(directory.add_account(&new).await.unwrap_err().code(), "already_there");
    assert_eq!(directory.add_account(&account("a@nowhere.example")).await.unwrap_err().code(), "unknown_domain");
    let quoted = directory.add_account(&account("\"a b\"@example.org")).await.unwrap();
    assert_eq!(quoted.address.to_string(), "\"a b\"@example.org");
    assert!(!quoted.has_password);

    let hash = |text: &str| StoredHash::new(text);
    let old = directory.credentials(&alice.address).await.unwrap().unwrap();
    let replaced = directory.store_hash(&old, &hash("{PLAIN}new")).await.unwrap();
    assert_eq!(replaced, Replaced::Yes);
    let replaced = directory.store_hash(&old, &hash("{PLAIN}x")).await.unwrap();
    assert_eq!(replaced, Replaced::ChangedMeanwhile);
    let found = directory.credentials(&alice.address).await.unwrap().unwrap();
    assert_eq!((found.key, found.hash, found.active), (alice.key, Some(hash("{PLAIN}new")), true));
    assert!(directory.credentials(&address("\"alice \"@example.org")).await.unwrap().is_none());

    let change = AccountChange { active: Some(false), quota: Some(None), ..AccountChange::default() };
    let changed = directory.change_account(&alice.address, &change).await.unwrap();
    assert_eq!((changed.active, changed.quota, changed.name.as_str()), (false, None, "Alice Ä"));
    assert!(!directory.credentials(&alice.address).await.unwrap().unwrap().active);
    let unknown = directory.change_account(&address("x@example.org"), &change).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.is_missing()), ("unknown_user", true));
    assert_eq!(directory.accounts(None).await.unwrap().len(), 2);
    assert_eq!(directory.accounts(Some(&domain("example.org"))).await.unwrap().len(), 2);
    assert_eq!(directory.domain(&domain("example.org")).await.unwrap().accounts, 2);
    assert!(directory.accounts(Some(&domain("x.example"))).await.unwrap_err().is_missing());
}

/// An address that was removed is not taken by the catch-all, until it is
/// there again.
async fn whose_mail_it_is(directory: &Directory) {
    let secret = NewAccount { password: Some(StoredHash::new("{PLAIN}x")), ..account("secret@example.org") };
    assert!(directory.is_free(&secret.address).await.is_ok());
    let made = directory.add_account(&secret).await.unwrap();
    assert_eq!(directory.is_free(&secret.address).await.unwrap_err().code(), "already_there");
    assert_eq!(directory.is_free(&address("a@nowhere.example")).await.unwrap_err().code(), "unknown_domain");
    let all = directory.accounts(None).await.unwrap();
    let identities = directory.identities().await.unwrap();
    assert_eq!(identities.len(), all.len());
    assert!(all.iter().all(|account| identities.contains(&account.identity())), "{identities:?}");
    let stored = directory.stored_passwords().await.unwrap();
    let found: Vec<_> = stored.iter().filter(|(address, _)| *address == made.address).collect();
    assert_eq!(found, [&(made.address.clone(), StoredHash::new("{PLAIN}x"))]);
    assert!(stored.iter().all(|(_, hash)| !hash.expose().is_empty()));
    directory.remove_account(&made.address).await.unwrap();
    assert!(!directory.identities().await.unwrap().contains(&made.identity()));
    assert!(directory.is_free(&made.address).await.is_ok());
}

async fn retirement(directory: &Directory) {
    directory.add_account(&account("all@example.org")).await.unwrap();
    let change = DomainChange { catch_all: Some(Some(address("all@example.org"))), ..DomainChange::default() };
    directory.change_domain(&domain("example.org"), &change).await.unwrap();
    let resolved = async |text: &str| directory.resolve_address(&address(text)).await.unwrap();
    assert!(matches!(resolved("x@example.org").await, Resolution::Deliver { .. }));
    let first = directory.add_account(&account("x@example.org")).await.unwrap();
    directory.remove_account(&first.address).await.unwrap();
    assert!(directory.remove_account(&first.address).await.unwrap_err().is_missing());
    assert_eq!(resolved("x@example.org").await, Resolution::NoSuchUser);
    let second = directory.add_account(&account("x@example.org")).await.unwrap();
    assert_ne!(first.key, second.key, "an id is never used again");
    directory.remove_account(&second.address).await.unwrap();
    directory.add_alias(&address("x@example.org"), &[address("all@example.org")]).await.unwrap();
    assert!(matches!(resolved("x@example.org").await, Resolution::Deliver { .. }));
    directory.remove_alias(&address("x@example.org")).await.unwrap();
    assert_eq!(resolved("x@example.org").await, Resolution::NoSuchUser);
}

async fn aliases(directory: &Directory) {
    let (info, alice, out) = (address("Info@example.org"), address("alice@example.org"), address("E@else.example"));
    let added = directory.add_alias(&info, &[alice.clone(), out.clone(), alice.clone()]).await.unwrap();
    let shown: Vec<_> = added.targets.iter().map(|t| (t.address.to_string(), t.active, t.outside)).collect();
    let expected = [("alice@example.org".to_owned(), true, false), ("E@else.example".to_owned(), true, true)];
    assert_eq!(shown, expected);
    let twice = directory.add_alias(&info, std::slice::from_ref(&alice)).await.unwrap_err();
    assert!(matches!(twice, DirectoryError::AliasAlreadyThere { .. }));
    let taken = directory.add_account(&account("info@example.org")).await.unwrap_err();
    assert!(matches!(taken, DirectoryError::AddressIsAlias(_)));
    let foreign = directory.add_alias(&address("a@nowhere.example"), std::slice::from_ref(&alice)).await.unwrap_err();
    assert_eq!(foreign.code(), "unknown_domain");

    let (one, two) = (address("one@example.org"), address("two@example.org"));
    let itself = directory.add_alias(&one, std::slice::from_ref(&one)).await.unwrap_err();
    assert_eq!(itself.code(), "would_loop");
    directory.add_alias(&one, std::slice::from_ref(&two)).await.unwrap();
    for back in [&one, &address("one+x@example.org")] {
        let circle = directory.add_alias(&two, std::slice::from_ref(back)).await.unwrap_err();
        assert_eq!(circle.code(), "would_loop", "{back}");
    }
    directory.add_alias(&alice, &[alice.clone(), out.clone()]).await.unwrap();

    let replaced = directory.replace_alias(&info, std::slice::from_ref(&out)).await.unwrap();
    assert_eq!(replaced.targets.len(), 1);
    assert!(!directory.disable_alias(&info).await.unwrap().targets[0].active);
    assert!(directory.enable_alias(&info).await.unwrap().targets[0].active);
    assert_eq!(directory.aliases().await.unwrap().len(), 3);
    assert_eq!(directory.remove_target(&info, &alice).await.unwrap_err().code(), "unknown_alias");
    directory.remove_target(&info, &address("e@ELSE.example")).await.unwrap();
    assert!(directory.alias(&info).await.unwrap_err().is_missing());
}

async fn check(url: String) {
    let directory = Directory::open(&Settings::new(url)).await.unwrap();
    domains(&directory).await;
    accounts(&directory).await;
    whose_mail_it_is(&directory).await;
    aliases(&directory).await;
    retirement(&directory).await;
    directory.close().await;
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    check(format!("sqlite:{}", folder.path().join("d.db").display())).await;
}

#[tokio::test]
async fn on_mariadb() {
    if let Some(url) = testkit::mariadb::database() {
        check(url).await;
    }
}
