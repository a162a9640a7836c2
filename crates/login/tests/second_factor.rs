//! Logins with app passwords and in two steps, against a directory in SQLite
//! with a clock that the test moves.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use directory::{Directory, NewAccount, NewDomain, Scope};
use hmac::{Hmac, Mac};
use login::{
    Clock, Cost, Ground, Login, LoginError, Logins, NewPassword, Opener, Others, Policy, Service, Settings, Totp,
    TwoStepError, hash_password,
};
use mail::{Address, Domain, Secret};
use sha1::Sha1;

const ALICE: &str = "alice@example.org";
const NEW: &str = "wandern im regen";
const EVERYWHERE: [Service; 4] = [Service::Imap, Service::Pop3, Service::Submission, Service::Web];

/// Sleeping moves it, and nothing else does; the time of day is set apart.
#[derive(Debug, Default)]
struct TestClock(Mutex<(Duration, Duration)>);

impl TestClock {
    fn set_day(&self, since_1970: u64) {
        self.0.lock().unwrap().1 = Duration::from_secs(since_1970);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn time_of_day(&self) -> Duration {
        self.0.lock().unwrap().1
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.lock().unwrap().0 += time;
        Box::pin(std::future::ready(()))
    }
}

struct World {
    folder: tempfile::TempDir,
    directory: Arc<Directory>,
    clock: Arc<TestClock>,
    logins: Logins,
    /// Each attempt comes from another network, so that none has to wait.
    attempts: Mutex<u32>,
}

async fn open(folder: &std::path::Path, clock: &Arc<TestClock>) -> (Arc<Directory>, Logins) {
    let settings = directory::Settings::new(format!("sqlite:{}", folder.join("d.db").display()));
    let directory = Arc::new(Directory::open(&settings).await.unwrap());
    // The throttle has tests of its own; here it would hide what is looked at.
    let limits = login::Limits { free: 1_000_000, ..login::Limits::default() };
    let settings = Settings { cost: Cost::CHEAP, limits, ..Settings::default() };
    let logins = Logins::new(Arc::clone(&directory), settings, Arc::clone(clock) as Arc<dyn Clock>).unwrap();
    (directory, logins)
}

/// Other bits at each call.
fn random() -> [u8; 16] {
    use std::sync::atomic::{AtomicU8, Ordering};
    static NEXT: AtomicU8 = AtomicU8::new(1);
    [NEXT.fetch_add(1, Ordering::Relaxed); 16]
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::default());
        clock.set_day(1_769_817_600);
        let (directory, logins) = open(folder.path(), &clock).await;
        directory.add_domain(&NewDomain::new(Domain::parse("example.org").unwrap())).await.unwrap();
        for who in [ALICE, "bob@example.org"] {
            let password = Some(hash_password(&Secret::from("secret"), Cost::CHEAP).unwrap());
            let new = NewAccount { address: Address::parse(who).unwrap(), password, name: String::new(), quota: None };
            directory.add_account(&new).await.unwrap();
        }
        Self { folder, directory, clock, logins, attempts: Mutex::default() }
    }

    fn from(&self) -> IpAddr {
        let mut attempts = self.attempts.lock().unwrap();
        *attempts += 1;
        IpAddr::from((0xc633_6400_u32 + *attempts * 256).to_be_bytes())
    }

    async fn enter(&self, who: &str, password: &str, service: Service) -> Result<Login, LoginError> {
        self.logins.verify(who, Secret::from(password), self.from(), service).await
    }

    async fn sign_in(&self, password: &str, code: &str) -> Result<Login, LoginError> {
        self.logins.sign_in(ALICE, (Secret::from(password), code), self.from()).await
    }

    /// Where a password opens.
    async fn opens(&self, who: &str, password: &str) -> Vec<Service> {
        let mut open = Vec::new();
        for service in EVERYWHERE {
            let start = self.clock.now();
            match self.enter(who, password, service).await {
                Ok(_) => open.push(service),
                Err(error) => {
                    assert_eq!(error.to_string(), "address or password is wrong", "{service}");
                    assert_eq!(self.clock.now() - start, Duration::from_millis(300), "{service}");
                }
            }
        }
        open
    }

    async fn app_password(&self, name: &str, scope: &str) -> String {
        let owner = self.sign_in("secret", "").await.unwrap();
        let scope: Scope = scope.parse().unwrap();
        self.logins.make_app_password(&owner, (name, scope), random()).await.unwrap().1.shown()
    }

    /// Switches two-step login on; the app and the recovery codes.
    async fn two_step(&self) -> (Totp, Vec<String>) {
        let owner = self.sign_in("secret", "").await.unwrap();
        let totp = Totp::new([9; 32]);
        let code = self.code(&totp, 0);
        let codes = self.logins.switch_two_step_on(&owner, (&totp, &code), random).await.unwrap();
        (totp, codes.iter().map(login::Letters::shown).collect())
    }

    /// What the app shows so many steps from now.
    fn code(&self, totp: &Totp, steps: i64) -> String {
        let now = i64::try_from(self.clock.time_of_day().as_secs()).unwrap();
        let secret = BASE32_NOPAD.decode(totp.base32().as_bytes()).unwrap();
        let mac = Hmac::<Sha1>::new_from_slice(&secret).unwrap().chain_update((now / 30 + steps).to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let offset = usize::from(hash[19] & 0x0f);
        let four: [u8; 4] = hash[offset..offset + 4].try_into().unwrap();
        format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
    }
}

#[tokio::test]
async fn an_app_password_opens_its_scope_and_never_the_page() {
    let world = World::new().await;
    let cases = [
        ("imap,pop3,submission", vec![Service::Imap, Service::Pop3, Service::Submission]),
        ("imap", vec![Service::Imap]),
        ("submission,pop3", vec![Service::Pop3, Service::Submission]),
    ];
    for (scope, opens) in cases {
        let shown = world.app_password(scope, scope).await;
        assert_eq!(world.opens(ALICE, &shown).await, opens, "{scope}");
        let typed = shown.replace(' ', "").to_uppercase();
        assert_eq!(world.opens(ALICE, &typed).await, opens, "{typed}");
        assert_eq!(world.opens("bob@example.org", &shown).await, [], "it is hers alone");
        assert_eq!(world.opens("nobody@example.org", &shown).await, []);
    }
    assert_eq!(world.opens(ALICE, "secret").await, EVERYWHERE, "the password opens as before");
    assert_eq!(world.opens(ALICE, "aaaa bbbb cccc dddd eeee").await, []);
}

#[tokio::test]
async fn the_day_of_the_last_login_is_noted() {
    let world = World::new().await;
    let shown = world.app_password("phone", "imap").await;
    let owner = world.sign_in("secret", "").await.unwrap();
    let used = async || world.logins.app_passwords(&owner).await.unwrap().swap_remove(0).used;
    assert_eq!(used().await, None);
    world.enter(ALICE, &shown, Service::Pop3).await.unwrap_err();
    assert_eq!(used().await, None, "it did not open");
    world.enter(ALICE, &shown, Service::Imap).await.unwrap();
    assert_eq!(used().await.as_deref(), Some("2026-01-31"));
    world.clock.set_day(1_769_817_600 + 86_400);
    world.enter(ALICE, &shown, Service::Imap).await.unwrap();
    assert_eq!(used().await.as_deref(), Some("2026-02-01"));
}

#[tokio::test]
async fn what_a_login_rests_on() {
    let world = World::new().await;
    let shown = world.app_password("phone", "imap,pop3").await;
    let other = world.app_password("laptop", "imap").await;
    let by_app = world.enter(ALICE, &shown, Service::Imap).await.unwrap();
    let by_other = world.enter(ALICE, &other, Service::Imap).await.unwrap();
    let by_password = world.enter(ALICE, "secret", Service::Imap).await.unwrap();
    let on_page = world.sign_in("secret", "").await.unwrap();
    let Opener::App(key) = by_app.opener() else { panic!("{by_app:?}") };
    assert!(by_other.opener() != by_app.opener() && by_password.opener() == Opener::Password);
    let grounds = async || {
        let mut all = Vec::new();
        for login in [&by_app, &by_other, &by_password, &on_page] {
            all.push(login.ground(&world.directory).await.unwrap());
        }
        all
    };
    use Ground::{Holds, NewPassword as Changed, Replaced, Revoked, TwoStep};
    assert_eq!(grounds().await, [Holds; 4]);
    assert!(world.logins.revoke_app_password(&on_page, key).await.unwrap());
    assert!(!world.logins.revoke_app_password(&on_page, key).await.unwrap());
    assert_eq!(grounds().await, [Revoked, Holds, Holds, Holds]);
    assert_eq!(world.opens(ALICE, &shown).await, []);
    let (totp, _) = world.two_step().await;
    assert_eq!(grounds().await, [Revoked, Holds, TwoStep, Holds]);

    world.clock.set_day(1_769_817_600 + 60);
    let change = |old: &str, new: &str, code: &str, others| NewPassword {
        old: Secret::from(old),
        code: code.to_owned(),
        new: Secret::from(new),
        others,
    };
    let keep = change("secret", NEW, &world.code(&totp, 0), Others::Keep);
    let changed = world.logins.change(ALICE, keep, world.from(), Policy::default()).await.unwrap();
    assert!(changed.revoked().is_empty());
    assert_eq!(grounds().await, [Revoked, Holds, Changed, Changed]);
    world.clock.set_day(1_769_817_600 + 120);
    let revoke = change(NEW, "schwimmen im see", &world.code(&totp, 0), Others::Revoke);
    let changed = world.logins.change(ALICE, revoke, world.from(), Policy::default()).await.unwrap();
    assert_eq!(changed.revoked().len(), 1);
    assert_eq!(grounds().await, [Revoked, Revoked, Changed, Changed]);
    world.directory.remove_account(by_app.address()).await.unwrap();
    assert_eq!(grounds().await, [Replaced; 4]);
}

#[tokio::test]
async fn with_two_step_login_the_password_opens_the_page_alone() {
    let world = World::new().await;
    let shown = world.app_password("phone", "imap,pop3,submission").await;
    let (totp, _) = world.two_step().await;
    world.clock.set_day(1_769_817_600 + 300);
    assert_eq!(world.opens(ALICE, "secret").await, [], "nor the page without a code");
    assert_eq!(world.opens(ALICE, &shown).await, [Service::Imap, Service::Pop3, Service::Submission]);
    assert_eq!(world.opens("bob@example.org", "secret").await, EVERYWHERE);
    for (password, code) in [("wrong", 0), ("secret", 2), ("secret", -2)] {
        let start = world.clock.now();
        let error = world.sign_in(password, &world.code(&totp, code)).await.unwrap_err();
        assert_eq!(error.to_string(), "address or password is wrong");
        assert_eq!(world.clock.now() - start, Duration::from_millis(300), "{password} {code}");
    }
    // The wrong password has used nothing up.
    world.sign_in("secret", &world.code(&totp, 0)).await.unwrap();
    assert!(matches!(world.sign_in("secret", &world.code(&totp, 0)).await, Err(LoginError::Refused)), "only once");
    assert!(matches!(world.sign_in("secret", &world.code(&totp, -1)).await, Err(LoginError::Refused)), "nor before");
    world.sign_in("secret", &world.code(&totp, 1)).await.unwrap();
}

#[tokio::test]
async fn a_code_opens_once_in_two_processes_and_after_a_restart() {
    let world = World::new().await;
    let (totp, _) = world.two_step().await;
    world.clock.set_day(1_769_817_600 + 60);
    let code = world.code(&totp, 0);
    world.sign_in("secret", &code).await.unwrap();
    let (_, other) = open(world.folder.path(), &world.clock).await;
    let again = other.sign_in(ALICE, (Secret::from("secret"), &code), world.from()).await;
    assert!(matches!(again, Err(LoginError::Refused)));
    let next = world.code(&totp, 1);
    other.sign_in(ALICE, (Secret::from("secret"), &next), world.from()).await.unwrap();
    assert!(matches!(world.sign_in("secret", &next).await, Err(LoginError::Refused)));
}

#[tokio::test]
async fn recovery_codes_open_once_each() {
    let world = World::new().await;
    let (_, codes) = world.two_step().await;
    assert_eq!(codes.len(), 10);
    let typed = codes[3].to_uppercase().replace(' ', "-");
    for (code, opens) in [(&codes[0], true), (&codes[0], false), (&typed, true), (&codes[3], false), (&codes[9], true)]
    {
        assert_eq!(world.sign_in("secret", code).await.is_ok(), opens, "{code}");
    }
    assert!(world.sign_in("wrong", &codes[1]).await.is_err());
    let owner = world.sign_in("secret", &codes[1]).await.unwrap();
    assert_eq!(world.logins.two_step(&owner).await.unwrap().unwrap().recovery_codes, 6);
    assert_eq!(world.opens(ALICE, &codes[2]).await, [], "they are no passwords");
}

#[tokio::test]
async fn who_knows_the_password_cannot_try_codes_for_ever() {
    let world = World::new().await;
    let (totp, codes) = world.two_step().await;
    world.clock.set_day(1_769_817_600 + 600);
    let wrong = world.code(&totp, 100);
    for _ in 0..10 {
        assert!(world.sign_in("secret", &wrong).await.is_err());
    }
    assert!(world.sign_in("secret", &world.code(&totp, 0)).await.is_err(), "nor is the right one looked at");
    world.sign_in("secret", &codes[0]).await.unwrap();
    world.clock.set_day(1_769_817_600 + 86_400);
    world.sign_in("secret", &world.code(&totp, 0)).await.unwrap();
    // Strangers do not come so far.
    for _ in 0..12 {
        assert!(world.sign_in("wrong", &wrong).await.is_err());
    }
    world.sign_in("secret", &world.code(&totp, 1)).await.unwrap();
}

#[tokio::test]
async fn wrong_codes_are_counted_as_wrong_passwords_are() {
    let world = World::new().await;
    let settings = Settings { cost: Cost::CHEAP, ..Settings::default() };
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let logins = Logins::new(Arc::clone(&world.directory), settings, clock).unwrap();
    world.two_step().await;
    let from: IpAddr = "192.0.2.1".parse().unwrap();
    for _ in 0..5 {
        logins.sign_in(ALICE, (Secret::from("secret"), "000000"), from).await.unwrap_err();
    }
    assert!(logins.free_after(ALICE, from) > Duration::from_secs(1));
}

#[tokio::test]
async fn two_step_login_is_switched_on_and_off_by_its_owner() {
    let world = World::new().await;
    let owner = world.sign_in("secret", "").await.unwrap();
    let totp = Totp::new([9; 32]);
    let wrong = world.code(&totp, 5);
    let refused = world.logins.switch_two_step_on(&owner, (&totp, &wrong), random).await.unwrap_err();
    assert!(matches!(refused, TwoStepError::WrongCode));
    assert_eq!(world.opens(ALICE, "secret").await, EVERYWHERE, "it is off");
    let (totp, _) = world.two_step().await;
    let again = world.logins.switch_two_step_on(&owner, (&totp, &world.code(&totp, 0)), random).await;
    assert!(matches!(again, Err(TwoStepError::Directory(_))));
    assert!(world.sign_in("secret", &world.code(&totp, 0)).await.is_err(), "the code that it was switched on with");
    for (password, code) in [("secret", wrong.as_str()), ("secret", ""), ("wrong", &world.code(&totp, 1))] {
        let refused =
            world.logins.switch_two_step_off(&owner, (Secret::from(password), code), world.from()).await.unwrap_err();
        assert!(matches!(refused, TwoStepError::Login(LoginError::Refused)), "{refused}");
    }
    let code = world.code(&totp, 1);
    world.logins.switch_two_step_off(&owner, (Secret::from("secret"), &code), world.from()).await.unwrap();
    assert_eq!(world.opens(ALICE, "secret").await, EVERYWHERE);
}

#[tokio::test]
async fn an_account_that_is_off_has_no_app_password_either() {
    let world = World::new().await;
    let shown = world.app_password("phone", "imap").await;
    let login = world.enter(ALICE, &shown, Service::Imap).await.unwrap();
    let off = directory::AccountChange { active: Some(false), ..directory::AccountChange::default() };
    world.directory.change_account(login.address(), &off).await.unwrap();
    assert_eq!(world.opens(ALICE, &shown).await, []);
    assert_eq!(login.ground(&world.directory).await.unwrap(), Ground::SwitchedOff);
}

#[tokio::test]
async fn what_was_taken_back_is_not_remembered() {
    let world = World::new().await;
    let shown = world.app_password("phone", "imap").await;
    let owner = world.sign_in("secret", "").await.unwrap();
    let Opener::App(key) = world.enter(ALICE, &shown, Service::Imap).await.unwrap().opener() else {
        panic!("not by it")
    };
    assert!(world.logins.remembers(ALICE), "for when the directory is away");
    world.logins.revoke_app_password(&owner, key).await.unwrap();
    assert!(!world.logins.remembers(ALICE));
    let other = world.app_password("laptop", "imap").await;
    world.enter(ALICE, &other, Service::Imap).await.unwrap();
    assert_eq!(world.logins.revoke_app_passwords(&owner).await.unwrap().len(), 1);
    assert!(!world.logins.remembers(ALICE));
    world.enter(ALICE, "secret", Service::Imap).await.unwrap();
    assert!(world.logins.remembers(ALICE));
    world.two_step().await;
    assert!(!world.logins.remembers(ALICE), "the password opens the page alone");
}

#[tokio::test]
async fn a_session_that_does_not_hold_any_more_is_not_remembered() {
    let world = World::new().await;
    let login = world.enter(ALICE, "secret", Service::Imap).await.unwrap();
    assert_eq!(login.ground(&world.directory).await.unwrap(), Ground::Holds);
    assert!(world.logins.remembers(ALICE));
    let off = directory::AccountChange { active: Some(false), ..directory::AccountChange::default() };
    world.directory.change_account(login.address(), &off).await.unwrap();
    assert_eq!(login.ground(&world.directory).await.unwrap(), Ground::SwitchedOff);
    assert!(!world.logins.remembers(ALICE), "not for when the directory is away");
}
