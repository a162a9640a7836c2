// What programs built on imapflow do, in one session and a second one beside it:
//
//     NODE_PATH=FOLDER/node_modules node imapflow.mjs PORT CA SMTP-PORT COUNT
//
// The INBOX is that of letters.py and has COUNT messages.
import assert from 'node:assert/strict';
import net from 'node:net';
import { all, connect as connectTo } from './imapflow_connect.mjs';

const [port, ca, smtpPort, count] = process.argv.slice(2);
const connect = more => connectTo(port, ca, more);

const text = async stream => {
    const pieces = [];
    for await (const piece of stream) {
        pieces.push(piece);
    }
    return Buffer.concat(pieces);
};

/** The next event of this name; the script is ended from outside if it never comes. */
const event = (client, name) => new Promise(resolve => client.once(name, resolve));

/** Delivers one message over SMTP. */
const deliver = subject => new Promise((resolve, reject) => {
    const message = `From: s@client.example\r\nTo: alice@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@client.example>\r\n\r\ncame\r\n`;
    const lines = ['EHLO client.example', 'MAIL FROM:<s@client.example>', 'RCPT TO:<alice@example.org>', 'DATA', message + '.', 'QUIT'];
    const socket = net.connect(Number(smtpPort), '127.0.0.1');
    let heard = '';
    socket.on('data', data => {
        heard += data;
        if (/^[45]/m.test(data)) {
            reject(new Error(heard));
        }
        if (/^\d\d\d .*\r\n$/m.test(heard)) {
            heard = '';
            const line = lines.shift();
            line ? socket.write(line + '\r\n') : resolve();
        }
    });
    socket.on('error', reject);
});

const bySubject = async (client, subject) => {
    const [uid, ...more] = await client.search({ header: { 'message-id': `<${subject}@letters.example>` } }, { uid: true });
    assert.equal(more.length, 0, subject);
    return uid;
};

/** First look: folders, counts, every message's envelope, structure and source. */
const firstLook = async client => {
    for (const capability of ['IDLE', 'UIDPLUS', 'MOVE', 'CONDSTORE', 'SPECIAL-USE', 'NAMESPACE', 'LITERAL+']) {
        assert.ok(client.capabilities.has(capability), capability);
    }
    assert.equal(client.serverInfo.name, 'Gatepost');
    const folders = await client.list({ statusQuery: { messages: true, unseen: true, uidNext: true } });
    const paths = Object.fromEntries(folders.map(folder => [folder.path, folder]));
    for (const [path, use] of [['Sent', '\\Sent'], ['Trash', '\\Trash'], ['Junk', '\\Junk'], ['Drafts', '\\Drafts'], ['Archive', '\\Archive']]) {
        assert.equal(paths[path].specialUse, use);
        assert.ok(paths[path].subscribed, path);
    }
    assert.deepEqual(paths['deep.er.and.deepär.still'].parent, ['deep', 'er', 'and', 'deepär']);
    assert.equal(paths['Work stuff'].status.messages, 3);
    assert.equal(paths['Entwürfe'].status.messages, 2);
    assert.equal(paths.INBOX.status.messages, Number(count));

    const inbox = await client.mailboxOpen('INBOX');
    assert.equal(inbox.exists, Number(count));
    assert.ok(inbox.permanentFlags.has('\\*') && inbox.highestModseq > 0n);
    const messages = await all(client.fetch('1:*', {
        uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true, source: true,
        headers: ['date', 'subject', 'x-none'], threadId: true
    }));
    assert.equal(messages.length, Number(count));
    for (const message of messages) {
        // Who has said ENABLE UTF8=ACCEPT is shown what is there.
        assert.equal(message.source.length, message.size, message.envelope.subject);
        assert.ok(message.envelope.messageId.endsWith('@letters.example>'));
        assert.ok(message.bodyStructure.type, message.envelope.subject);
    }
    const named = name => messages.find(message => message.envelope.messageId === `<${name}@letters.example>`);
    assert.equal(named('attachment').envelope.subject, 'Rechnung für März');
    assert.equal(named('utf8').envelope.subject, 'Grüße 日本語 \u{1f600}');
    assert.equal(named('utf8').envelope.from[0].name, 'Жанна');
    assert.ok(named('huge-subject').envelope.subject.endsWith('Teil 0399 äöü '), named('huge-subject').envelope.subject.slice(-50));
    assert.deepEqual(named('addresses').envelope.inReplyTo, '<plain@letters.example>');
    assert.equal(named('attachment').bodyStructure.childNodes[1].dispositionParameters.filename, 'Rechnung März.pdf');
    const nested = named('nested').bodyStructure;
    assert.deepEqual(nested.childNodes.map(node => node.type), ['multipart/alternative', 'message/rfc822']);
    assert.equal(nested.childNodes[0].childNodes[1].childNodes[1].id, '<i@letters.example>');
    assert.equal(nested.childNodes[1].childNodes[0].type, 'multipart/mixed');
    assert.deepEqual([...named('plain').flags], ['\\Recent']);
    assert.ok(named('latin1').flags.has('\\Answered') && named('latin1').flags.has('\\Seen'));
    assert.equal(named('plain').internalDate.toISOString(), '2023-11-14T22:13:21.000Z');
};

/** Parts, whole and piece by piece. */
const downloads = async client => {
    const uid = await bySubject(client, 'attachment');
    const { meta, content } = await client.download(uid, '2', { uid: true, chunkSize: 1000 });
    assert.deepEqual([meta.filename, meta.contentType], ['Rechnung März.pdf', 'application/pdf']);
    const pdf = await text(content);
    assert.equal(pdf.length, 20009);
    assert.equal(pdf.subarray(0, 8).toString(), '%PDF-1.4');
    const whole = await client.download(uid, undefined, { uid: true });
    const { source } = await client.fetchOne(uid, { source: true }, { uid: true });
    assert.ok((await text(whole.content)).equals(source));
    const head = await client.fetchOne(uid, { source: { start: 10, maxLength: 100 } }, { uid: true });
    assert.ok(head.source.equals(source.subarray(10, 110)));
    const film = await bySubject(client, 'large');
    assert.equal((await text((await client.download(film, '2', { uid: true })).content)).length, 1_500_000);
    const image = await client.downloadMany(await bySubject(client, 'nested'), ['1.2.2', '2.2'], { uid: true });
    assert.equal(image['1.2.2'].content.length, 3008);
    assert.equal(image['2.2'].content.toString(), 'a;b\r\n1;2');
};

const searches = async client => {
    const found = query => client.search(query, { uid: true });
    const uid = await bySubject(client, 'utf8');
    assert.deepEqual(await found({ subject: '日本語' }), [uid]);
    assert.deepEqual(await found({ body: 'привет' }), [uid]);
    assert.deepEqual(await found({ from: 'ЖАННА' }), [uid]);
    assert.deepEqual(await found({ body: 'Schöne Grüße' }), [await bySubject(client, 'latin1')]);
    assert.equal((await found({ or: [{ seen: true }, { flagged: true }], larger: 1_000_000 })).length, 1);
    assert.equal((await found({ seen: false })).length + (await found({ seen: true })).length, Number(count));
    assert.equal((await found({ since: new Date('2023-11-13'), before: new Date('2023-11-16') })).length, Number(count));
    assert.deepEqual(await found({ uid: `${uid}:${uid}`, not: { subject: '日本語' } }), []);
};

const changes = async client => {
    const uid = await bySubject(client, 'plain');
    const since = client.mailbox.highestModseq;
    assert.ok(await client.messageFlagsAdd(uid, ['\\Flagged', '$Label1'], { uid: true }));
    const [changed, ...others] = await all(client.fetch('1:*', { flags: true, uid: true }, { changedSince: since }));
    assert.deepEqual([changed.uid, others.length], [uid, 0]);
    assert.ok(changed.modseq > since && changed.flags.has('$Label1') && changed.flags.has('\\Flagged'));
    assert.ok(await client.messageFlagsRemove(uid, ['\\Flagged'], { uid: true }));
    assert.ok(await client.messageFlagsSet(uid, ['\\Seen', '$Label1'], { uid: true }));
    const { flags } = await client.fetchOne(uid, { flags: true }, { uid: true });
    assert.deepEqual([...flags].filter(flag => flag !== '\\Recent').sort(), ['$Label1', '\\Seen']);
    const stale = await client.messageFlagsAdd(uid, ['\\Draft'], { uid: true, unchangedSince: since });
    assert.ok(!(await client.fetchOne(uid, { flags: true }, { uid: true })).flags.has('\\Draft'), String(stale));

    const copied = await client.messageCopy(uid, 'Work stuff', { uid: true });
    assert.equal(copied.uidMap.size, 1);
    const moved = await client.messageMove(uid, 'Archive', { uid: true });
    assert.equal(moved.destination, 'Archive');
    assert.ok(moved.uidMap.get(uid) > 0);
    assert.equal(client.mailbox.exists, Number(count) - 1);
    assert.ok(await client.messageDelete(await bySubject(client, 'empty'), { uid: true }));
    assert.equal(client.mailbox.exists, Number(count) - 2);
    assert.equal((await client.search({ all: true })).length, Number(count) - 2);

    const date = new Date('2001-02-03T04:05:06Z');
    const sent = await client.append('Sent', 'Subject: gesendet\r\nMessage-ID: <own@letters.example>\r\n\r\nbody\r\n', ['\\Seen', '$Sent'], date);
    await client.mailboxOpen('Sent');
    const own = await client.fetchOne(sent.uid, { flags: true, internalDate: true, envelope: true }, { uid: true });
    assert.equal(own.envelope.subject, 'gesendet');
    assert.equal(own.internalDate.toISOString(), date.toISOString());
    assert.ok(own.flags.has('\\Seen') && own.flags.has('$Sent'));
    await client.mailboxOpen('Archive', { readOnly: true });
    const kept = await client.fetchOne(moved.uidMap.get(uid), { flags: true, envelope: true }, { uid: true });
    assert.deepEqual([kept.envelope.subject, kept.flags.has('$Label1')], ['plain', true]);
};

const folders = async client => {
    assert.equal((await client.mailboxCreate(['Projekte', 'Größe & mehr'])).created, true);
    assert.equal((await client.mailboxCreate('Projekte.Größe & mehr')).created, false);
    await client.mailboxSubscribe('Projekte.Größe & mehr');
    const renamed = await client.mailboxRename('Projekte', 'Alte Projekte');
    assert.equal(renamed.newPath, 'Alte Projekte');
    const list = await client.list();
    assert.ok(list.some(folder => folder.path === 'Alte Projekte.Größe & mehr'), list.map(folder => folder.path).join());
    assert.equal((await client.status('Alte Projekte.Größe & mehr', { messages: true, uidNext: true, highestModseq: true })).messages, 0);
    await client.mailboxDelete('Alte Projekte.Größe & mehr');
    await client.mailboxDelete('Alte Projekte');
    await assert.rejects(client.mailboxDelete('Alte Projekte'));
    await assert.rejects(client.mailboxOpen('nowhere'), error => error.responseText !== undefined);
    const quota = await client.getQuota('INBOX');
    assert.equal(quota.path, 'INBOX');
};

/** Waits in IDLE for what arrives, what another session changes, what goes. */
const waits = async client => {
    await client.mailboxOpen('INBOX');
    const before = client.mailbox.exists;
    let news = event(client, 'exists');
    let idle = client.idle();
    await deliver('idle1');
    assert.deepEqual({ ...(await news) }, { path: 'INBOX', count: before + 1, prevCount: before });
    const other = await connect();
    await other.mailboxOpen('INBOX');
    news = event(client, 'flags');
    assert.ok(await other.messageFlagsAdd('*', ['\\Flagged']));
    assert.ok((await news).flags.has('\\Flagged'));
    news = event(client, 'expunge');
    assert.ok(await other.messageDelete('*'));
    assert.equal((await news).seq, before + 1);
    await other.logout();
    // Any command ends IDLE.
    assert.equal((await client.status('INBOX', { messages: true })).messages, before);
    await idle;
};

const client = await connect();
await firstLook(client);
await downloads(client);
await searches(client);
await changes(client);
await folders(client);
await waits(client);
await client.logout();
const again = await connect({ disableAutoEnable: true });
const { exists } = await again.mailboxOpen('INBOX');
assert.equal(exists, Number(count) - 2);
await again.logout();
console.log('done');
