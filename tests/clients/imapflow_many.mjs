// A folder with many messages, seen for the first time and worked with:
//
//     NODE_PATH=FOLDER/node_modules node imapflow_many.mjs PORT CA COUNT
import assert from 'node:assert/strict';
import { all, connect } from './imapflow_connect.mjs';

const [port, ca, given] = process.argv.slice(2);
const count = Number(given);

const client = await connect(port, ca);
const { exists, uidNext } = await client.mailboxOpen('INBOX');
assert.deepEqual([exists, uidNext], [count, count + 1]);
const flags = await all(client.fetch('1:*', { uid: true, flags: true }));
assert.deepEqual([flags.length, flags.at(-1).uid], [count, count]);
assert.equal(flags.filter(message => message.flags.has('\\Seen')).length, count / 2);
const latest = await all(client.fetch(`${count - 99}:*`, { envelope: true, bodyStructure: true, internalDate: true, size: true }));
assert.equal(latest.length, 100);
const subjects = latest.map(message => message.envelope.subject);
assert.equal(new Set(subjects).size, 100);
assert.deepEqual(await client.search({ subject: `number ${count - 1}` }), [latest[subjects.indexOf(`number ${count - 1}`)].seq]);
assert.equal((await client.search({ seen: false })).length, count / 2);

const since = client.mailbox.highestModseq;
assert.ok(await client.messageFlagsAdd('1:*', ['\\Seen']));
assert.equal((await all(client.fetch('1:*', { uid: true, flags: true }, { changedSince: since }))).length, count / 2);
assert.equal((await client.search({ seen: false })).length, 0);
const moved = await client.messageMove('1:1000', 'Archive');
assert.equal(moved.uidMap.size, 1000);
assert.ok(await client.messageDelete('1:500'));
assert.equal(client.mailbox.exists, count - 1500);
await client.logout();

const again = await connect(port, ca);
assert.equal((await again.mailboxOpen('Archive')).exists, 1000);
assert.equal((await again.mailboxOpen('INBOX')).exists, count - 1500);
await again.logout();
console.log('done');
