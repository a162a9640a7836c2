-- The index: what is known of every message besides its bytes. The Maildir
-- says which messages exist; UID, MODSEQ, flags and keywords are here.
--
-- Ids of account, mailbox and quarantine are made by the server (63 bits:
-- time, node, sequence). Times are seconds since 1970 in UTC. Names of files
-- are bytes. There are no foreign keys on the tables that every message
-- touches: the server keeps them together in its transactions.

-- One row for each account that ever had mail (the directory, which may live in
-- the same database, has a table `account` of its own). The row stays when the account
-- is renamed, since it is found by its key in the directory.
CREATE TABLE mail_account (
    id               INTEGER PRIMARY KEY,
    source           TEXT    NOT NULL,             -- which directory: 'directory', or 'system' for the site's own
    foreign_key      TEXT    NOT NULL,             -- the row's key there
    address          TEXT    NOT NULL,             -- as last seen, in normal form: for people
    maildir_path     TEXT    NOT NULL UNIQUE,      -- below [mail] path; set once, never again
    state            INTEGER NOT NULL DEFAULT 0,   -- 0 in use, 1 removed
    level_separator  TEXT    NOT NULL DEFAULT '.', -- between the levels of folder names
    quota            INTEGER,                      -- bytes of message files; NULL: unlimited
    last_uidvalidity INTEGER NOT NULL,             -- the largest that any folder of it had
    created          INTEGER NOT NULL,
    UNIQUE (source, foreign_key)
) STRICT;

-- One row for each folder. It is the lock of the folder, and holds its
-- counters: whoever changes a message first updates this row.
CREATE TABLE mailbox (
    id           INTEGER PRIMARY KEY,
    account_id   INTEGER NOT NULL,
    shown_name   TEXT    NOT NULL,             -- UTF-8, 'INBOX' or 'Level.Level'
    disk_name    TEXT    NOT NULL,             -- the folder in the Maildir; '' for INBOX
    uidvalidity  INTEGER NOT NULL,
    uidnext      INTEGER NOT NULL DEFAULT 1,   -- taken by one atomic UPDATE, never read and written back
    modseq       INTEGER NOT NULL DEFAULT 1,   -- of the last change
    first_recent INTEGER NOT NULL DEFAULT 1,   -- UIDs from here on were shown to no session as \Recent
    messages     INTEGER NOT NULL DEFAULT 0,
    bytes        INTEGER NOT NULL DEFAULT 0,   -- of the files, for the quota
    special_use  TEXT,                         -- '\Junk', '\Sent', …
    keywords     TEXT    NOT NULL DEFAULT '',  -- separated by spaces; the n-th is bit n of message.keywords
    adopted      INTEGER NOT NULL DEFAULT 0,   -- 1: what was on disk when the row was made is in
    created      INTEGER NOT NULL,
    UNIQUE (account_id, shown_name),
    UNIQUE (account_id, disk_name)
) STRICT;

-- One row for each message in a folder.
CREATE TABLE message (
    mailbox_id      INTEGER NOT NULL,
    uid             INTEGER NOT NULL,
    base            BLOB    NOT NULL,           -- the file's name without flags
    modseq          INTEGER NOT NULL,
    flags           INTEGER NOT NULL,           -- 1 Draft, 2 Flagged, 4 Passed, 8 Answered, 16 Seen, 32 Deleted
    keywords        INTEGER NOT NULL,           -- bits into mailbox.keywords
    size            INTEGER NOT NULL,           -- bytes of the file (LF)
    wsize           INTEGER NOT NULL,           -- bytes on the wire (CRLF)
    internal_secs   INTEGER NOT NULL,           -- INTERNALDATE …
    internal_offset INTEGER NOT NULL,           -- … and its zone, minutes east
    saved           INTEGER NOT NULL,           -- when it came into this folder
    disk_flags      INTEGER NOT NULL,           -- letters that the name is believed to have: A to Z bits 0 to 25, a to z bits 26 to 51
    PRIMARY KEY (mailbox_id, uid)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX message_base ON message (mailbox_id, base);
CREATE INDEX message_modseq ON message (mailbox_id, modseq);

-- What is left of a message that is gone: clients are told by MODSEQ.
CREATE TABLE vanished (
    mailbox_id  INTEGER NOT NULL,
    uid         INTEGER NOT NULL,
    base        BLOB    NOT NULL,
    modseq      INTEGER NOT NULL,
    unlink_owed INTEGER NOT NULL,               -- 1: expunged by us, and the file may still be there
    at          INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX vanished_base ON vanished (mailbox_id, base);
CREATE INDEX vanished_modseq ON vanished (mailbox_id, modseq);
CREATE INDEX vanished_owed ON vanished (mailbox_id) WHERE unlink_owed = 1;

-- Names that users subscribed to, whether or not such a folder exists.
CREATE TABLE subscription (
    account_id INTEGER NOT NULL,
    shown_name TEXT    NOT NULL,
    PRIMARY KEY (account_id, shown_name)
) STRICT, WITHOUT ROWID;

-- Copies of refused messages. The message itself is an ordinary one in the
-- folder 'Quarantine' of the account.
CREATE TABLE quarantine (
    id         INTEGER PRIMARY KEY,
    token_hash BLOB    NOT NULL,                -- SHA-256 of the token in the reply
    domain     TEXT    NOT NULL,                -- of the recipients
    recipients TEXT    NOT NULL,                -- this domain's, separated by line ends
    sender     TEXT    NOT NULL,                -- of the envelope; '' for <>
    account_id INTEGER NOT NULL,
    mailbox_id INTEGER NOT NULL,
    base       BLOB    NOT NULL,
    kind       INTEGER NOT NULL,                -- 1 content or form, 2 virus
    reason     TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    released   INTEGER
) STRICT;
CREATE INDEX quarantine_token ON quarantine (token_hash);
CREATE INDEX quarantine_created ON quarantine (created);
CREATE INDEX quarantine_domain ON quarantine (domain, created);

-- When each domain was last active in the directory: one that vanishes without
-- a command is not believed to be gone for a day.
CREATE TABLE seen_domain (
    domain    TEXT    PRIMARY KEY,
    last_seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row. The number also stands in a file beside the Maildirs; where the
-- file is ahead, this database was restored from an older copy, and UIDs jump
-- instead of being used twice.
CREATE TABLE generation (
    one    INTEGER PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;
INSERT INTO generation (one, number) VALUES (1, 0);
