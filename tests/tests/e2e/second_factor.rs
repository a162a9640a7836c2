//! App passwords and two-step login, made on the page as a browser makes them,
//! and what they open and end.

use testkit::command::python;
use testkit::server::{Server, Setup};

/// What has to hold on every pair of databases.
pub const CORE: [fn(Setup); 1] = [from_the_page];

/// A browser without JavaScript, an authenticator app, and mail programs.
const TOOLS: &str = r#"
import base64, contextlib, hashlib, hmac, html, http.client, imaplib, poplib, re, socket, ssl, struct, sys, time
import urllib.parse
imap, pop, https, ca = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
context = ssl.create_default_context(cafile=ca)
ALICE = 'alice@example.org'

# What is refused is counted for where it came from, and would slow the rest.
connect, strangers = socket.create_connection, [1]
@contextlib.contextmanager
def stranger():
    strangers[0] += 1
    source = ('127.0.%d.%d' % divmod(strangers[0], 250), 0)
    socket.create_connection = lambda address, *more, **named: connect(address, timeout=110, source_address=source)
    try:
        yield
    finally:
        socket.create_connection = connect

class Browser:
    def __init__(self):
        self.cookies, self.token = {}, ''

    def ask(self, method, path, body=None):
        headers = {'Accept-Language': 'en', 'Cookie': '; '.join(f'{n}={v}' for n, v in self.cookies.items())}
        if body is not None:
            headers['Content-Type'] = 'application/x-www-form-urlencoded'
            headers['Origin'] = f'https://localhost:{https}'
        connection = http.client.HTTPSConnection('localhost', https, context=context, timeout=110)
        connection._create_connection = socket.create_connection
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all('Set-Cookie') or []:
            assert line.startswith('__Host-') and 'Secure; HttpOnly; SameSite=Strict' in line, line
            name, value = line.split(';')[0].split('=', 1)
            self.cookies[name] = value
        found = re.search('name="token" value="([^"]*)"', text)
        if found:
            self.token = found[1]
        if answer.status == 303:
            return self.ask('GET', answer.headers['Location'])
        self.status = answer.status
        return text

    def get(self, path):
        return self.ask('GET', path)

    def post(self, path, **fields):
        pairs = [('token', self.token)]
        for name, value in fields.items():
            pairs += [(name, each) for each in (value if isinstance(value, list) else [value])]
        return self.ask('POST', path, urllib.parse.urlencode(pairs))

    def sign_in(self, password, code=''):
        self.get('/sign-in')
        page = self.post('/sign-in', address=ALICE, password=password, code=code)
        assert 'You are signed in as alice@example.org.' in page, page

def not_let_in(password, code=''):
    browser = Browser()
    with stranger():
        browser.get('/sign-in')
        page = browser.post('/sign-in', address=ALICE, password=password, code=code)
    assert browser.status in (403, 429) and 'Address or password is wrong.' in page, page

def secret_of(page):
    return html.unescape(re.search('<code class="secret">([^<]*)</code>', page)[1])

def code(key, steps=0):
    """What the app shows now, or so many steps later: one is within the drift."""
    mac = hmac.new(base64.b32decode(key), struct.pack('>Q', int(time.time()) // 30 + steps), hashlib.sha1).digest()
    at = mac[19] & 15
    return '%06d' % ((struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000)

def imap_session(password):
    session = imaplib.IMAP4_SSL('localhost', imap, ssl_context=context, timeout=110)
    session.login(ALICE, password)
    session.select('INBOX')
    return session

def refused(open_it):
    try:
        with stranger():
            open_it()
    except imaplib.IMAP4.error as error:
        assert b'AUTHENTICATIONFAILED' in error.args[0], error
        # How long to wait differs from one attempt to the next.
        return error.args[0].split(b', and the next try')[0]
    except poplib.error_proto as error:
        assert b'[AUTH]' in error.args[0], error
        return error.args[0]
    raise SystemExit('it opens')

def pop_session(password):
    session = poplib.POP3_SSL('localhost', pop, context=context, timeout=110)
    session.user(ALICE)
    session.pass_(password)
    return session

def ended(session):
    """Whether the server says goodbye, without being asked."""
    session.sock.settimeout(100)
    line = session.readline()
    assert b'BYE' in line and b'revoked' in line, line
"#;

const FROM_THE_PAGE: &str = r#"
browser = Browser()
browser.sign_in('password of alice')
not_let_in('wrong')

# An app password for each of two programs, each with its own scope.
made = browser.post('/account/app-password', name='Phone', scope='imap')
assert browser.status == 200, made
phone = secret_of(made)
browser.get('/account')
both = secret_of(browser.post('/account/app-password', name='Laptop', scope=['imap', 'pop3']))
by_phone = imap_session(phone.upper().replace(' ', ''))
by_laptop = imap_session(both)
pop_session(both).quit()
refused(lambda: pop_session(phone))
refused(lambda: imap_session('aaaa bbbb cccc dddd eeee'))
page = browser.get('/account')
assert phone not in page and 'Phone' in page and 'last used' in page, page

# Revoked: the session and the login end, others go on.
which = re.search('name="which" value="([0-9]+)"', page)[1]
by_phone.send(b'x IDLE\r\n')
assert by_phone.readline().startswith(b'+')
assert 'Phone' not in browser.post('/account/revoke', which=which)
ended(by_phone)
refused(lambda: imap_session(phone))
assert by_laptop.noop()[0] == 'OK'

# Two-step login: the password opens the page alone, and ends elsewhere.
by_password = imap_session('password of alice')
by_password.send(b'y IDLE\r\n')
assert by_password.readline().startswith(b'+')
browser.get('/account')
key = secret_of(browser.post('/account/two-step')).replace(' ', '')
assert '<svg class="qr"' in browser.get('/account/two-step')
wrong = refused(lambda: imap_session('not the password'))
first = code(key)
done = browser.post('/account/two-step/on', code=first)
assert 'Two-step login is on' in done, done
recovery = re.findall('<li><code>([^<]*)</code>', done)
assert len(recovery) == 10, recovery
ended(by_password)
assert refused(lambda: imap_session('password of alice')) == wrong, 'the same answer'
refused(lambda: pop_session('password of alice'))
assert by_laptop.noop()[0] == 'OK'
pop_session(both).quit()
not_let_in('password of alice')
Browser().sign_in('password of alice', recovery[0])
not_let_in('password of alice', recovery[0])
not_let_in('password of alice', first)
not_let_in(both, recovery[1])

# A new password ends the page's sessions, and leaves the app passwords.
browser.get('/password')
done = browser.post('/password', address=ALICE, old='password of alice', code=code(key, 1), new='wandern im regen',
                    again='wandern im regen')
assert 'Your password was changed' in done, done
assert 'Sign in' in browser.get('/account')
assert by_laptop.noop()[0] == 'OK'
print('key', key)
print('laptop', both)
print('recovery', recovery[2])
"#;

/// The administrator has switched it off, and made an app password.
const HELPED: &str = r#"
made, laptop = sys.argv[5:7]
browser = Browser()
browser.sign_in('wandern im regen')
assert 'Set up two-step login' in browser.get('/account')
imap_session('wandern im regen').logout()
session = imap_session(made)
session.send(b'x IDLE\r\n')
assert session.readline().startswith(b'+')
refused(lambda: pop_session(made))
open(sys.argv[7], 'w').close()
ended(session)
refused(lambda: imap_session(made))
refused(lambda: imap_session(laptop))
browser.get('/account')
assert 'Your mail server' in browser.post('/sign-out')
assert 'Sign in' in browser.get('/account')
print('done')
"#;

#[test]
fn made_on_the_page_used_by_programs_and_revoked() {
    from_the_page(Setup::default());
}

fn from_the_page(setup: Setup) {
    let server = Server::start(setup);
    let ports = [server.imaps.port(), server.pop3s.port(), server.https.port()].map(|port| port.to_string());
    let ca = server.ca().display().to_string();
    let mut args: Vec<&str> = ports.iter().map(String::as_str).collect();
    args.push(&ca);
    let said = python(&format!("{TOOLS}{FROM_THE_PAGE}"), &args).ok();
    let word = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let (laptop, recovery) = (word("laptop"), word("recovery"));
    let log = server.log();
    for reason in ["NeedsAppPassword", "OutOfScope", "CodeMissing", "WrongCode"] {
        assert!(log.contains(reason), "the log says why: {reason}");
    }
    for secret in [&laptop, &recovery, &word("key"), &laptop.replace(' ', "")] {
        assert!(!log.contains(secret.as_str()), "no secret is in the log");
    }

    // What the administrator sees and does.
    let alice = "alice@example.org";
    let listed = server.ok(&["user", "app-passwords", alice], "");
    assert!(listed.contains("Laptop") && listed.contains("imap,pop3") && !listed.contains(&laptop), "{listed}");
    assert!(server.ok(&["user", "totp", alice], "").contains("on"));
    server.ok(&["user", "totp", alice, "off"], "");
    let made = server.ok(&["user", "app-password", "add", alice, "--name", "Tablet", "--scope", "imap"], "");
    let made = made.trim();
    assert_eq!((made.len(), made.split(' ').count()), (24, 5), "{made}");
    let ready = server.path("ready");
    let ready_text = ready.display().to_string();
    args.extend([made, &laptop, &ready_text]);
    std::thread::scope(|scope| {
        let programs = scope.spawn(|| python(&format!("{TOOLS}{HELPED}"), &args).ok());
        crate::house::eventually("the programs are logged in", || ready.exists() || programs.is_finished());
        server.ok(&["user", "app-password", "revoke", alice, "--all"], "");
        assert!(programs.join().unwrap().contains("done"));
    });
}
