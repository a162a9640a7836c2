//! App passwords and two-step login in the directory, on both engines.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use directory::{
    AppPasswordKey, Directory, DirectoryError, Door, MAX_APP_PASSWORDS, NewAccount, NewAppPassword, NewDomain, Scope,
    Settings, StoredHash,
};
use mail::{Address, Domain, Secret};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn hash(text: &str) -> StoredHash {
    StoredHash::new(text)
}

fn new(name: &str, scope: &str, text: &str) -> NewAppPassword {
    NewAppPassword { name: name.to_owned(), scope: scope.parse().unwrap(), hash: hash(text) }
}

async fn people(directory: &Directory) -> (Address, Address) {
    directory.add_domain(&NewDomain::new(Domain::parse("example.org").unwrap())).await.unwrap();
    for who in ["alice@example.org", "bob@example.org"] {
        let new = NewAccount { address: address(who), password: None, name: String::new(), quota: None };
        directory.add_account(&new).await.unwrap();
    }
    (address("alice@example.org"), address("bob@example.org"))
}

async fn app_passwords(directory: &Directory, alice: &Address, bob: &Address) {
    assert!(directory.app_passwords(alice).await.unwrap().is_empty());
    let phone = directory.add_app_password(alice, &new(" Phone ", "pop3,imap", "h1")).await.unwrap();
    assert_eq!((phone.name.as_str(), phone.scope.to_string().as_str()), ("Phone", "imap,pop3"));
    assert!(phone.active && phone.used.is_none() && phone.created.ends_with('Z'), "{phone:?}");
    directory.add_app_password(alice, &new("Laptop", "submission", "h2")).await.unwrap();
    directory.add_app_password(bob, &new("Phone", "imap", "h3")).await.unwrap();

    let refused = [
        (new("Phone", "imap", "h4"), "already_there"),
        (new(" ", "imap", "h4"), "bad_name"),
        (new("a\nb", "imap", "h4"), "bad_name"),
        (new(&"x".repeat(65), "imap", "h4"), "bad_name"),
    ];
    for (new, code) in refused {
        assert_eq!(directory.add_app_password(alice, &new).await.unwrap_err().code(), code, "{new:?}");
    }
    let nobody = directory.add_app_password(&address("no@example.org"), &new("x", "imap", "h4")).await.unwrap_err();
    assert!(matches!(nobody, DirectoryError::UnknownAccount(_)), "{nobody}");

    // Found by the hash, in one's own account alone, while it is on.
    let found = directory.app_password(alice, &hash("h1")).await.unwrap().unwrap();
    assert!(found.key == phone.key && found.scope.opens(Door::Pop3) && !found.scope.opens(Door::Submission));
    for (whose, text) in [(alice, "h3"), (bob, "h1"), (alice, "H1"), (alice, "")] {
        assert!(directory.app_password(whose, &hash(text)).await.unwrap().is_none(), "{whose} {text}");
    }

    // The day of the last login only grows.
    for (day, expected) in [("2026-01-31", "2026-01-31"), ("2026-01-30", "2026-01-31"), ("2026-02-01", "2026-02-01")] {
        directory.app_password_used(phone.key, day).await.unwrap();
        let used = directory.app_passwords(alice).await.unwrap().swap_remove(0).used;
        assert_eq!(used.as_deref(), Some(expected));
    }

    assert!(!directory.revoke_app_password(bob, phone.key).await.unwrap(), "nobody else's");
    assert!(directory.revoke_app_password(alice, phone.key).await.unwrap());
    assert!(!directory.revoke_app_password(alice, phone.key).await.unwrap());
    assert!(!directory.revoke_app_password(alice, AppPasswordKey::new(i64::MAX)).await.unwrap());
    assert!(directory.app_password(alice, &hash("h1")).await.unwrap().is_none());

    for n in 1..MAX_APP_PASSWORDS {
        directory.add_app_password(alice, &new(&format!("n{n}"), "imap", &format!("n{n}"))).await.unwrap();
    }
    let one_more = directory.add_app_password(alice, &new("one more", "imap", "more")).await.unwrap_err();
    assert_eq!(one_more.code(), "too_many_app_passwords");
    assert_eq!(directory.revoke_app_passwords(alice).await.unwrap(), 20);
    assert_eq!(directory.app_passwords(bob).await.unwrap().len(), 1, "nobody else's");
    assert_eq!(Scope::of([]).to_string(), "");
}

async fn two_step(directory: &Directory, alice: &Address, bob: &Address) {
    assert!(directory.two_step(alice).await.unwrap().is_none());
    assert!(!directory.switch_two_step_off(alice).await.unwrap());
    let codes = [hash("r1"), hash("r2")];
    directory.switch_two_step_on(alice, ("GEZDGNBV", 100), &codes).await.unwrap();
    let on = directory.two_step(alice).await.unwrap().unwrap();
    assert_eq!((on.secret.expose(), on.recovery_codes), (&b"GEZDGNBV"[..], 2));
    let again = directory.switch_two_step_on(alice, ("OTHER", 1), &[hash("r3")]).await.unwrap_err();
    assert!(matches!(again, DirectoryError::TwoStepAlreadyOn(_)), "{again}");
    assert_eq!(directory.two_step(alice).await.unwrap().unwrap().recovery_codes, 2, "nothing was changed");
    let nobody = directory.switch_two_step_on(&address("no@example.org"), ("GEZDGNBV", 1), &[]).await.unwrap_err();
    assert!(matches!(nobody, DirectoryError::UnknownAccount(_)), "{nobody}");

    // A code opens once, and none before the last one that was used.
    let secret = on.secret.clone();
    for (step, expected) in [(100, false), (99, false), (102, true), (102, false), (101, false), (103, true)] {
        assert_eq!(directory.use_step(alice, &secret, step).await.unwrap(), expected, "{step}");
    }
    assert!(!directory.use_step(alice, &Secret::from("OTHER"), 200).await.unwrap(), "the secret was changed");
    assert!(!directory.use_step(bob, &secret, 200).await.unwrap());

    assert!(!directory.use_recovery_code(bob, &hash("r1")).await.unwrap());
    assert!(directory.use_recovery_code(alice, &hash("r1")).await.unwrap());
    assert!(!directory.use_recovery_code(alice, &hash("r1")).await.unwrap());
    assert_eq!(directory.two_step(alice).await.unwrap().unwrap().recovery_codes, 1);

    // So many attempts on a day, unless one of them was right.
    for (day, expected) in [(7, true), (7, true), (7, false), (8, true), (8, true), (8, false)] {
        assert_eq!(directory.count_code(alice, day, 2).await.unwrap(), expected, "{day}");
    }
    assert!(directory.use_step(alice, &secret, 200).await.unwrap());
    assert!(directory.count_code(alice, 8, 2).await.unwrap());
    assert!(!directory.count_code(bob, 8, 2).await.unwrap());

    // What belongs to an account goes with it.
    directory.add_app_password(alice, &new("Phone", "imap", "h1")).await.unwrap();
    directory.remove_account(alice).await.unwrap();
    people_again(directory, alice).await;
    assert!(directory.two_step(alice).await.unwrap().is_none());
    assert!(directory.app_password(alice, &hash("h1")).await.unwrap().is_none());
    directory.switch_two_step_on(alice, ("GEZDGNBV", 1), &[hash("r1")]).await.unwrap();
    assert!(directory.switch_two_step_off(alice).await.unwrap());
    assert!(!directory.use_recovery_code(alice, &hash("r1")).await.unwrap());
}

async fn people_again(directory: &Directory, alice: &Address) {
    let new = NewAccount { address: alice.clone(), password: None, name: String::new(), quota: None };
    directory.add_account(&new).await.unwrap();
}

async fn everything(url: String) {
    let directory = Directory::open(&Settings::new(url)).await.unwrap();
    let (alice, bob) = people(&directory).await;
    app_passwords(&directory, &alice, &bob).await;
    two_step(&directory, &alice, &bob).await;
    directory.close().await;
}

#[tokio::test]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    everything(format!("sqlite:{}", folder.path().join("d.db").display())).await;
}

#[tokio::test]
async fn on_mariadb() {
    if let Some(url) = testkit::mariadb::database() {
        everything(url).await;
    }
}
