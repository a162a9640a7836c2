//! An LDAP server as directory, by each of the ways that nobody reads along.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::time::Duration;

use directory::{
    AccountChange, Credentials, Directory, DirectoryError, Domains, LdapSettings, Replaced, Resolution, Settings,
    StoredHash, Tables, Verification,
};
use ldap::{LdapError, Place, Security, Template};
use mail::{Address, Classified, Domain, Secret};
use testkit::slapd::{BASE, READER, Server};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn settings(server: &Server, verification: Verification) -> LdapSettings {
    let filter = |text: &str| Template::parse(text).unwrap();
    LdapSettings {
        server: ldap::Settings {
            place: Place::parse(&server.ldaps(), Security::ByUrl).unwrap(),
            ca: server.ca(),
            bind_dn: Some(READER.to_owned()),
            bind_password: Some(server.password()),
            connections: 2,
            patience: Duration::from_secs(30),
        },
        base: BASE.to_owned(),
        domains: Domains::These(vec![Domain::parse("example.org").unwrap(), Domain::parse("example.net").unwrap()]),
        account_filter: filter("(&(objectClass=inetOrgPerson)(mail=:address))"),
        alias_filter: Some(filter("(mailLocalAddress=:address)")),
        alias_targets: ["rfc822MailMember", "mailRoutingAddress", "mail"].map(str::to_owned).to_vec(),
        id: "entryUUID".to_owned(),
        address: "mail".to_owned(),
        name: "cn".to_owned(),
        quota: Some("employeeNumber".to_owned()),
        verification,
    }
}

async fn open(settings: LdapSettings) -> Result<Directory, DirectoryError> {
    Directory::open(&Settings { tables: Tables::Ldap(Box::new(settings)), ..Settings::new("sqlite::memory:") }).await
}

async fn resolved(directory: &Directory, to: &str) -> String {
    match directory.resolve_address(&address(to)).await {
        Ok(Resolution::Deliver { accounts, outside, detail }) => {
            let mut words: Vec<String> = accounts.iter().map(|account| account.address.to_string()).collect();
            words.extend(outside.iter().map(|address| format!(">{address}")));
            words.extend(detail.map(|detail| format!("+{detail}")));
            words.join(" ")
        }
        Ok(other) => format!("{other:?}").split(' ').next().unwrap().to_owned(),
        Err(error) => format!("{:?}", error.class()),
    }
}

async fn credentials(directory: &Directory, who: &str) -> Credentials {
    directory.credentials(&address(who)).await.unwrap().unwrap()
}

#[tokio::test]
async fn entries_are_accounts_and_aliases() {
    let Some(server) = Server::start() else { return };
    let directory = open(settings(&server, Verification::Bind)).await.unwrap();
    let cases = [
        ("ALICE@example.org", "alice@example.org"),
        ("alice+x@example.org", "alice@example.org +x"),
        ("a.miller@example.org", "alice@example.org"),
        ("team@example.org", "alice@example.org >eve@elsewhere.example"),
        ("robert@example.net", "robert@example.net"),
        ("nobody@example.org", "NoSuchUser"),
        ("postmaster@example.org", "Postmaster"),
        ("x@elsewhere.example", "ForeignDomain"),
        // Two entries: not to be guessed at, and no reason to bounce.
        ("twin@example.org", "Directory"),
        // What would be a filter of its own.
        ("*@example.org", "NoSuchUser"),
        ("al*@example.org", "NoSuchUser"),
        ("\"x)(mail=*\"@example.org", "NoSuchUser"),
    ];
    for (to, expected) in cases {
        assert_eq!(resolved(&directory, to).await, expected, "{to}");
    }
    let alice = directory.account(&address("alice@example.org")).await.unwrap();
    assert_eq!((alice.name.as_str(), alice.quota), ("Alice Miller", Some(1 << 20)));
    assert_eq!(alice.created, "2020-01-02T03:04:05Z");
    assert_eq!(directory.accounts(None).await.unwrap().len(), 5);
    assert_eq!(directory.accounts(Domain::parse("example.net").ok().as_ref()).await.unwrap().len(), 0);
    assert!(directory.identities().await.unwrap().contains(&alice.identity()));
    let team = directory.alias(&address("team@example.org")).await.unwrap();
    assert_eq!(team.targets.iter().map(|target| target.outside).collect::<Vec<_>>(), [false, true]);
    let told = directory.explain(&address("alice@example.org")).await;
    let places: Vec<&str> = told.iter().map(|answer| answer.place.as_str()).collect();
    assert_eq!(places, ["[ldap] domains", "[ldap] account_filter", "[ldap] alias_filter"]);
    let told = directory.explain(&address("twin@example.org")).await;
    assert!(matches!(told[1].problem, Some(DirectoryError::Ldap(LdapError::Several { .. }))), "{told:?}");

    // Domains that the server knows.
    let filter = Template::parse("(&(objectClass=domainRelatedObject)(associatedDomain=:domain))").unwrap();
    let found = Domains::Found { filter, attribute: "associatedDomain".to_owned() };
    let by_server = open(LdapSettings { domains: found, ..settings(&server, Verification::Bind) }).await.unwrap();
    assert_eq!(by_server.active_domains().await.unwrap(), [Domain::parse("example.org").unwrap()]);
    assert_eq!(resolved(&by_server, "bob@example.org").await, "bob@example.org");
    assert_eq!(resolved(&by_server, "robert@example.net").await, "ForeignDomain");
    // A base that is not there is a wrong setting, not an unknown user.
    let wrong = LdapSettings { base: "dc=elsewhere".to_owned(), ..settings(&server, Verification::Bind) };
    assert_eq!(resolved(&open(wrong).await.unwrap(), "alice@example.org").await, "Directory");
    assert!(matches!(directory.aliases().await, Err(DirectoryError::NotListed("aliases"))));
    let change = AccountChange { password: Some(StoredHash::new("{PLAIN}x")), ..AccountChange::default() };
    let error = directory.change_account(&address("alice@example.org"), &change).await.unwrap_err();
    assert!(matches!(error, DirectoryError::KeptByLdap), "{error:?}");
}

#[tokio::test]
async fn a_password_is_verified_by_a_bind_and_changed_by_its_owner() {
    let Some(server) = Server::start() else { return };
    let directory = open(settings(&server, Verification::Bind)).await.unwrap();
    let alice = credentials(&directory, "alice@example.org").await;
    assert!(alice.active && alice.hash.as_ref().unwrap().is_elsewhere());
    let verify =
        async |who: &Credentials, password: &str| directory.verify(who, &Secret::from(password)).await.unwrap();
    assert!(verify(&alice, "password of alice").await);
    assert!(!verify(&alice, "password of bob").await);
    // The server would take it for a bind of nobody, and say yes.
    assert!(!verify(&alice, "").await);
    assert!(!directory.verify(&alice, &Secret::new(vec![0xff, 0xfe])).await.unwrap());
    let nopass = credentials(&directory, "nopass@example.org").await;
    assert!(!verify(&nopass, "x").await);
    // Many at a time, on two connections.
    let (bob, alice) = (credentials(&directory, "bob@example.org").await, alice);
    for _ in 0..5 {
        let (one, two, three) = tokio::join!(
            verify(&alice, "password of alice"),
            verify(&bob, "password of alice"),
            verify(&bob, "password of bob")
        );
        assert_eq!((one, two, three), (true, false, true));
    }

    let change = async |old: &str, new: &str| {
        directory.change_password(&alice, &Secret::from(old), &Secret::from(new)).await.unwrap()
    };
    assert_eq!(change("wrong", "wandern im regen").await, Replaced::ChangedMeanwhile);
    assert_eq!(change("password of alice", "wandern im regen").await, Replaced::Yes);
    assert!(verify(&alice, "wandern im regen").await && !verify(&alice, "password of alice").await);
    let after = credentials(&directory, "alice@example.org").await;
    assert!(after.key == alice.key && after.hash != alice.hash, "a session sees that it is another one");
    assert_eq!(credentials(&directory, "bob@example.org").await.hash, bob.hash);

    // Changed by somebody else, and removed.
    server.change("dn: uid=bob,dc=example,dc=org\nchangetype: modify\nreplace: userPassword\nuserPassword: other\n");
    assert_ne!(credentials(&directory, "bob@example.org").await.hash, bob.hash);
    server.change("dn: uid=bob,dc=example,dc=org\nchangetype: delete\n");
    assert!(directory.credentials(&address("bob@example.org")).await.unwrap().is_none());
    assert!(!verify(&bob, "other").await);
}

/// By an attribute that says so: no password, so that sessions end; mail goes on.
#[tokio::test]
async fn a_lock_ends_what_the_password_opened() {
    let Some(server) = Server::start() else { return };
    for verification in [Verification::Bind, Verification::Hash] {
        let directory = open(settings(&server, verification)).await.unwrap();
        let before = credentials(&directory, "alice@example.org").await;
        assert!(before.hash.is_some());
        let change = "dn: uid=alice,dc=example,dc=org\nchangetype: modify\n";
        server.change(&format!("{change}replace: pwdAccountLockedTime\npwdAccountLockedTime: 000001010000Z\n"));
        let locked = credentials(&directory, "alice@example.org").await;
        assert_eq!((locked.hash, locked.active), (None, true), "{verification:?}");
        assert!(!directory.verify(&before, &Secret::from("password of alice")).await.unwrap());
        assert_eq!(resolved(&directory, "alice@example.org").await, "alice@example.org");
        // Too many wrong passwords lock out, and end nothing.
        server.change(&format!("{change}replace: pwdAccountLockedTime\npwdAccountLockedTime: 20200102030405Z\n"));
        assert!(credentials(&directory, "alice@example.org").await.hash.is_some());
    }
    let directory = open(settings(&server, Verification::Bind)).await.unwrap();
    directory.verify_nobody(&Secret::from("x")).await.unwrap();
    server.kill();
    assert!(directory.verify_nobody(&Secret::from("x")).await.unwrap_err().is_away(), "the server is asked");
}

#[tokio::test]
async fn each_way_there_is_safe() {
    let Some(server) = Server::start() else { return };
    let with = |server_settings: ldap::Settings, verification| LdapSettings {
        server: server_settings,
        ..settings(&server, verification)
    };
    let usual = settings(&server, Verification::Bind).server;
    // Whose hashes are read needs no bind.
    let hashes = open(settings(&server, Verification::Hash)).await.unwrap();
    let alice = credentials(&hashes, "alice@example.org").await;
    assert!(alice.hash.as_ref().unwrap().expose().starts_with("{SSHA}"));
    assert_eq!(credentials(&hashes, "nopass@example.org").await.hash, None);
    assert_eq!(hashes.stored_passwords().await.unwrap().len(), 1, "bob's is none that is read here");

    let place = Place::parse(&server.ldap(), Security::StartTls).unwrap();
    let starttls = ldap::Settings { place, ..usual.clone() };
    let directory = open(with(starttls.clone(), Verification::Bind)).await.unwrap();
    assert_eq!(resolved(&directory, "bob@example.org").await, "bob@example.org");
    // On a socket the kernel says who asks.
    let place = Place::parse(&server.ldapi(), Security::ByUrl).unwrap();
    let socket = ldap::Settings { place, bind_dn: None, bind_password: None, ..usual.clone() };
    let directory = open(with(socket, Verification::Bind)).await.unwrap();
    assert_eq!(resolved(&directory, "bob@example.org").await, "bob@example.org");
    let bob = credentials(&directory, "bob@example.org").await;
    assert!(directory.verify(&bob, &Secret::from("password of bob")).await.unwrap());

    // A certificate of another authority, by both ways of TLS; a password that is not
    // right; nobody in particular, whom the server shows nothing.
    let Some(other) = Server::start() else { return };
    for settings in [usual.clone(), starttls] {
        let stranger = open(with(ldap::Settings { ca: other.ca(), ..settings }, Verification::Bind)).await.unwrap();
        let error = stranger.ping().await.unwrap_err();
        assert!(error.is_away() && error.to_string().to_lowercase().contains("certificate"), "{error}");
    }
    let wrong = ldap::Settings { bind_password: Some(server.ca()), ..usual.clone() };
    // The server serves nevertheless: the right password may come later.
    let refused = open(with(wrong, Verification::Bind)).await.unwrap().ping().await;
    assert!(matches!(refused, Err(DirectoryError::Ldap(LdapError::NotLetIn(_)))), "{refused:?}");
    let nobody = ldap::Settings { bind_dn: None, bind_password: None, ..usual.clone() };
    let nobody = open(with(nobody, Verification::Bind)).await;
    let seen = match &nobody {
        Ok(directory) => resolved(directory, "alice@example.org").await,
        Err(error) => format!("{:?}", error.class()),
    };
    assert!(["Directory", "NoSuchUser"].contains(&seen.as_str()), "{seen}");
    for (bind_password, ca) in
        [(Some(server.ca().join("none")), server.ca()), (usual.bind_password.clone(), server.password())]
    {
        let error = open(with(ldap::Settings { bind_password, ca, ..usual.clone() }, Verification::Bind)).await;
        assert!(matches!(error, Err(DirectoryError::Ldap(LdapError::Setting(_)))), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_no_unknown_user() {
    let Some(server) = Server::start() else { return };
    let directory = open(settings(&server, Verification::Bind)).await.unwrap();
    let alice = credentials(&directory, "alice@example.org").await;
    assert!(directory.verify(&alice, &Secret::from("password of alice")).await.unwrap());
    server.kill();
    for _ in 0..2 {
        assert_eq!(resolved(&directory, "alice@example.org").await, "Directory");
        assert!(directory.verify(&alice, &Secret::from("password of alice")).await.unwrap_err().is_away());
    }
    // Opened while it is away, it is used when it is there.
    let late = open(settings(&server, Verification::Bind)).await.unwrap();
    server.restart();
    for directory in [&directory, &late] {
        assert_eq!(resolved(directory, "alice@example.org").await, "alice@example.org");
        assert!(directory.verify(&alice, &Secret::from("password of alice")).await.unwrap());
    }
    // The connections of before are dead when they are used next.
    server.restart();
    assert_eq!(resolved(&directory, "alice@example.org").await, "alice@example.org");
    assert!(directory.verify(&alice, &Secret::from("password of alice")).await.unwrap());
}
