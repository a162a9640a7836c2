//! RCPT: who is a recipient, and what everybody else hears.

use directory::NewDomain;
use mail::{Class, Classified};

use crate::world::{LARGE, World, domain, shown};

/// Accounts of the copies, or the codes of the refusal.
async fn resolved(world: &World, to: &str, size: Option<u64>) -> String {
    match world.resolve(to, size).await {
        Ok(recipient) => {
            assert_eq!(*recipient.given(), crate::world::path(to));
            let copies: Vec<String> = recipient.copies().iter().map(|copy| copy.address.normal()).collect();
            copies.join(" ")
        }
        Err(error) => shown(&error.refusal()),
    }
}

#[tokio::test]
async fn everybody_at_rcpt() {
    let world = World::new().await;
    let large = Some(LARGE as u64);
    let cases = [
        ("alice@example.org", None, "alice@example.org"),
        ("Alice+News@Example.ORG", None, "alice@example.org"),
        ("info@example.org", None, "alice@example.org bob@example.net"),
        ("nobody@example.org", None, "550 5.1.1"),
        ("off@example.org", None, "550 5.2.1"),
        ("alice@off.example", None, "550 5.1.2"),
        ("alice@elsewhere.example", None, "550 5.7.1"),
        ("alice@[192.0.2.1]", None, "550 5.7.1"),
        ("out@example.org", None, "451 4.3.2"),
        // Quota: by the size that was promised, with room for our trace.
        ("small@example.org", None, "small@example.org"),
        ("small@example.org", Some(488), "small@example.org"),
        ("small@example.org", Some(489), "452 4.2.2"),
        ("small@example.org", Some(u64::MAX), "452 4.2.2"),
        ("alice@example.org", large, "alice@example.org"),
        ("pair@example.org", None, "alice@example.org small@example.org"),
        ("pair@example.org", large, "452 4.2.2"),
        // Always there: the domain's own, or else the site's.
        ("postmaster@example.net", None, "bob@example.net"),
        ("Abuse@example.net", None, "bob@example.net"),
        ("postmaster@example.org", None, "postmaster@mx.example.org"),
        ("abuse@example.org", None, "postmaster@mx.example.org"),
        ("postmaster", None, "postmaster@mx.example.org"),
        ("postmaster@elsewhere.example", None, "550 5.7.1"),
    ];
    for (to, size, expected) in cases {
        assert_eq!(resolved(&world, to, size).await, expected, "{to} {size:?}");
    }
    for (to, human) in [("postmaster", true), ("abuse@example.net", true), ("alice@example.org", false)] {
        assert_eq!(world.resolve(to, None).await.unwrap().is_postmaster_or_abuse(), human, "{to}");
    }
}

/// A database that is restored from yesterday gives today's ids away again, and
/// whoever gets one gets nobody's mail with it.
#[tokio::test]
async fn an_id_that_is_given_twice_is_two_people() {
    let world = World::new().await;
    let before = world.resolve("carol@example.org", None).await.unwrap();
    let change = "UPDATE account SET local = 'dave', created = '2020-01-01 00:00:00' WHERE local = 'carol'";
    world.directory_statement(change).await;
    let after = world.resolve("dave@example.org", None).await.unwrap();
    assert_ne!(before.copies()[0].account, after.copies()[0].account);
    // A rename alone keeps the mailbox.
    world.directory_statement("UPDATE account SET local = 'david' WHERE local = 'dave'").await;
    let renamed = world.resolve("david@example.org", None).await.unwrap();
    assert_eq!(after.copies()[0].account, renamed.copies()[0].account);
}

#[tokio::test]
async fn the_site_may_name_its_account() {
    let world = World::empty(Some("alice@example.org")).await;
    world.directory.add_domain(&NewDomain::new(domain("example.org"))).await.unwrap();
    assert_eq!(resolved(&world, "postmaster", None).await, "postmaster@mx.example.org", "it is not there yet");
    world.add_account("alice@example.org", None).await;
    for to in ["postmaster", "postmaster@example.org", "abuse@example.org"] {
        assert_eq!(resolved(&world, to, None).await, "alice@example.org", "{to}");
    }
}

#[tokio::test]
async fn one_account_has_one_mailbox_by_whatever_name() {
    let world = World::new().await;
    let one = world.resolve("alice@example.org", None).await.unwrap();
    let other = world.resolve("info@example.org", None).await.unwrap();
    assert_eq!(one.copies()[0].account, other.copies()[0].account);
    assert_ne!(one.copies()[0].account, other.copies()[1].account);
    assert_eq!(
        (one.domain(), world.resolve("postmaster", None).await.unwrap().domain()),
        (Some(&domain("example.org")), None)
    );
}

#[tokio::test]
async fn a_domain_that_vanishes_is_not_foreign_for_a_day() {
    let world = World::new().await;
    let gone = [domain("gone.example"), domain("left.example")];
    world.store.remember_domains(&gone).await.unwrap();
    let error = world.resolve("alice@gone.example", None).await.unwrap_err();
    assert_eq!((shown(&error.refusal()).as_str(), error.class()), ("451 4.3.0", Class::Directory));
    // Removed on purpose: foreign at once.
    world.directory.add_domain(&NewDomain::new(domain("left.example"))).await.unwrap();
    assert_eq!(resolved(&world, "alice@left.example", None).await, "550 5.1.1");
    world.directory.remove_domain(&domain("left.example")).await.unwrap();
    assert_eq!(resolved(&world, "alice@left.example", None).await, "550 5.7.1");
    world.wait(23);
    assert_eq!(resolved(&world, "alice@gone.example", None).await, "451 4.3.0");
    world.wait(2);
    assert_eq!(resolved(&world, "alice@gone.example", None).await, "550 5.7.1");
}

#[tokio::test]
async fn a_directory_that_lost_everything_bounces_nothing() {
    let world = World::empty(None).await;
    for to in ["alice@example.org", "postmaster@example.org"] {
        let error = world.resolve(to, None).await.unwrap_err();
        assert_eq!((shown(&error.refusal()).as_str(), error.class()), ("451 4.3.0", Class::Directory), "{to}");
    }
}

#[tokio::test]
async fn databases_that_are_away() {
    let world = World::new().await;
    world.directory.close().await;
    for to in ["alice@example.org", "nobody@example.org", "alice@elsewhere.example", "postmaster@example.org"] {
        let refusal = resolved(&world, to, None).await;
        assert!(refusal.starts_with("451 4.3.0"), "{to}: {refusal}");
    }
}
