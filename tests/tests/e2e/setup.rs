//! Mail programs find the server of an address by themselves: what they are told
//! is read by parsers that nobody here wrote, and then used to log in.

use testkit::command::{self, python};
use testkit::server::{Server, Setup};

/// Asks as Thunderbird does, and logs in to what the answer says.
const THUNDERBIRD: &str = r#"
import imaplib, poplib, ssl, sys, urllib.request
import xml.etree.ElementTree as ElementTree
port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
def ask(path, host):
    request = urllib.request.Request(f'https://localhost:{port}{path}', headers={'Host': host})
    return urllib.request.urlopen(request, context=context, timeout=60)
def status(path, host):
    try:
        return ask(path, host).status
    except urllib.error.HTTPError as error:
        return error.code
well_known = '/.well-known/autoconfig/mail/config-v1.1.xml'
answers = [
    ask('/mail/config-v1.1.xml?emailaddress=alice%40example.org', 'autoconfig.example.org'),
    ask(well_known, 'example.org'),
]
texts = [answer.read() for answer in answers]
assert answers[0].headers['Content-Type'].startswith('application/xml'), answers[0].headers
assert texts[0] == texts[1], texts
assert status('/mail/config-v1.1.xml?emailaddress=alice%40elsewhere.example', 'autoconfig.example.org') == 404
assert status(well_known, 'elsewhere.example') == 404
root = ElementTree.fromstring(texts[0])
assert root.tag == 'clientConfig' and root.get('version') == '1.1', root.attrib
provider = root.find('emailProvider')
assert [domain.text for domain in provider.findall('domain')] == ['example.org']
assert provider.find('outgoingServer').find('hostname').text == 'smtp.example.net'
assert provider.find('documentation').get('url').endswith('/setup')
for server in provider.findall('incomingServer'):
    fields = {field.tag: field.text for field in server}
    assert fields['socketType'] == 'SSL' and fields['authentication'] == 'password-cleartext', fields
    user = fields['username'].replace('%EMAILADDRESS%', 'alice@example.org')
    host, at = fields['hostname'], int(fields['port'])
    # There is no DNS here, and the certificate has this name too.
    assert host == 'mx.example.org', host
    host = 'localhost'
    if server.get('type') == 'imap':
        client = imaplib.IMAP4_SSL(host, at, ssl_context=context)
        client.login(user, 'password of alice')
        print('imap at', host, at)
    else:
        client = poplib.POP3_SSL(host, at, context=context, timeout=100)
        client.user(user); client.pass_('password of alice')
        client.quit()
        print('pop3 at', host, at)
"#;

/// Asks as Outlook does: first where to ask, then there.
const OUTLOOK: &str = r#"
import json, ssl, sys, urllib.request
import xml.etree.ElementTree as ElementTree
port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
base = f'https://localhost:{port}'
where = urllib.request.urlopen(
    base + '/autodiscover/autodiscover.json?Email=alice%40example.org&Protocol=AutodiscoverV1&RedirectCount=1',
    context=context, timeout=60)
url = json.load(where)['Url']
print('told to ask at', url)
assert url == f'https://mx.example.org:{port}/autodiscover/autodiscover.xml', url
url = url.replace('mx.example.org', 'localhost')
def ask(address):
    outlook = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/'
    body = f'''<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="{outlook}requestschema/2006"><Request><EMailAddress>{address}</EMailAddress>
<AcceptableResponseSchema>{outlook}responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>'''
    request = urllib.request.Request(
        url.replace('autodiscover', 'Autodiscover'), body.encode(), {'Content-Type': 'text/xml; charset=utf-8'})
    try:
        return urllib.request.urlopen(request, context=context, timeout=60).read()
    except urllib.error.HTTPError as error:
        return error.read()
a = '{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}'
account = ElementTree.fromstring(ask('alice@example.org')).find(f'{a}Response/{a}Account')
assert account.find(f'{a}AccountType').text == 'email' and account.find(f'{a}Action').text == 'settings'
found = {}
for protocol in account.findall(f'{a}Protocol'):
    fields = {field.tag.removeprefix(a): field.text for field in protocol}
    assert fields['SSL'] == 'on' and fields['SPA'] == 'off', fields
    assert fields['LoginName'] == 'alice@example.org', fields
    found[fields['Type']] = (fields['Server'], int(fields['Port']))
print(found)
assert found['IMAP'][1] == int(sys.argv[3]) and found['POP3'][1] == int(sys.argv[4]), found
assert found['SMTP'] == ('smtp.example.net', 465), found
e = '{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}'
error = ElementTree.fromstring(ask('alice@elsewhere.example')).find(f'{e}Response/{e}Error')
assert error.find(f'{e}ErrorCode').text == '500', error
assert ask('alice@example.org') != ask('nobody@example.org')
assert ask('alice@example.org') == ask('nobody@example.org').replace(b'nobody', b'alice')
"#;

/// Reads the profile as macOS does.
const APPLE: &str = r#"
import plistlib, ssl, sys, urllib.request, uuid
port, ca = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=ca)
url = f'https://localhost:{port}/mobileconfig?email=alice%40example.org'
answer = urllib.request.urlopen(url, context=context, timeout=60)
assert answer.headers['Content-Type'] == 'application/x-apple-aspen-config', answer.headers
profile = plistlib.loads(answer.read())
parts = {part['PayloadType']: part for part in profile['PayloadContent']}
mail, root = parts['com.apple.mail.managed'], parts['com.apple.security.root']
assert mail['EmailAddress'] == mail['IncomingMailServerUsername'] == 'alice@example.org', mail
assert mail['IncomingMailServerPortNumber'] == int(sys.argv[3]) and mail['IncomingMailServerUseSSL'] is True, mail
assert mail['OutgoingMailServerHostName'] == 'smtp.example.net' and not any('Password' in key and key != 'OutgoingPasswordSameAsIncomingPassword' for key in mail), mail
assert root['PayloadContent'] == ssl.PEM_cert_to_DER_cert(open(ca).read())
ids = [part['PayloadUUID'] for part in profile['PayloadContent']] + [profile['PayloadUUID']]
assert len({uuid.UUID(text) for text in ids}) == 3, ids
print(ids)
"#;

#[test]
fn mail_programs_find_the_server() {
    let server =
        Server::start(Setup { more: "[web]\noutgoing = \"smtp.example.net:465\"\n".to_owned(), ..Setup::default() });
    let [https, imaps, pop3s] = [server.https, server.imaps, server.pop3s].map(|at| at.port().to_string());
    let ca = server.ca().display().to_string();
    println!("{}", python(THUNDERBIRD, &[&https, &ca]).ok());
    println!("{}", python(OUTLOOK, &[&https, &ca, &imaps, &pop3s]).ok());
    println!("{}", python(APPLE, &[&https, &ca, &imaps]).ok());
    let url = format!("https://localhost:{https}/setup");
    let page =
        command::run("curl", &["-sS", "--max-time", "60", "--cacert", &ca, "-H", "Accept-Language: de", &url], b"")
            .ok();
    assert!(page.contains("So richten Sie") && page.contains(&format!(">{imaps}</td>")), "{page}");
}
