// What the scripts that use imapflow share. NODE_PATH names the folder with it.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const { ImapFlow } = createRequire(process.env.NODE_PATH + '/x')('imapflow');

/** A connection of alice, who is logged in. */
export const connect = async (port, ca, more = {}) => {
    const client = new ImapFlow({
        host: 'localhost',
        port: Number(port),
        secure: true,
        tls: { ca: fs.readFileSync(ca) },
        auth: { user: 'alice@example.org', pass: 'password of alice' },
        clientInfo: { name: 'imapflow', version: '1' },
        logger: false,
        ...more
    });
    client.on('error', error => { throw error; });
    await client.connect();
    return client;
};

/** All that comes of an iterator. */
export const all = async iterator => {
    const items = [];
    for await (const item of iterator) {
        items.push(item);
    }
    return items;
};
