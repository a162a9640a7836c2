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
    id               BIGINT       NOT NULL PRIMARY KEY,
    source           VARCHAR(32)  NOT NULL COMMENT 'which directory: directory, or system for the site''s own',
    foreign_key      VARCHAR(190) NOT NULL COMMENT 'the row''s key there',
    address          VARCHAR(320) NOT NULL COMMENT 'as last seen, in normal form: for people',
    maildir_path     VARCHAR(700) NOT NULL COMMENT 'below [mail] path; set once, never again',
    state            SMALLINT     NOT NULL DEFAULT 0 COMMENT '0 in use, 1 removed',
    level_separator  CHAR(1)      NOT NULL DEFAULT '.' COMMENT 'between the levels of folder names',
    quota            BIGINT       NULL COMMENT 'bytes of message files; NULL: unlimited',
    last_uidvalidity BIGINT       NOT NULL COMMENT 'the largest that any folder of it had',
    created          BIGINT       NOT NULL,
    UNIQUE KEY mail_account_foreign_key (source, foreign_key),
    UNIQUE KEY mail_account_maildir_path (maildir_path)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row for each folder. It is the lock of the folder, and holds its
-- counters: whoever changes a message first updates this row.
CREATE TABLE mailbox (
    id           BIGINT       NOT NULL PRIMARY KEY,
    account_id   BIGINT       NOT NULL,
    shown_name   VARCHAR(255) NOT NULL COMMENT 'UTF-8, INBOX or Level.Level',
    disk_name    VARCHAR(255) NOT NULL COMMENT 'the folder in the Maildir; empty for INBOX',
    uidvalidity  BIGINT       NOT NULL,
    uidnext      BIGINT       NOT NULL DEFAULT 1 COMMENT 'taken by one atomic UPDATE, never read and written back',
    modseq       BIGINT       NOT NULL DEFAULT 1 COMMENT 'of the last change',
    first_recent BIGINT       NOT NULL DEFAULT 1 COMMENT 'UIDs from here on were shown to no session as Recent',
    messages     BIGINT       NOT NULL DEFAULT 0,
    bytes        BIGINT       NOT NULL DEFAULT 0 COMMENT 'of the files, for the quota',
    special_use  VARCHAR(32)  NULL,
    keywords     VARCHAR(4096) NOT NULL DEFAULT '' COMMENT 'separated by spaces; the n-th is bit n of message.keywords',
    adopted      SMALLINT     NOT NULL DEFAULT 0 COMMENT '1: what was on disk when the row was made is in',
    created      BIGINT       NOT NULL,
    UNIQUE KEY mailbox_shown_name (account_id, shown_name),
    UNIQUE KEY mailbox_disk_name (account_id, disk_name)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row for each message in a folder.
CREATE TABLE message (
    mailbox_id      BIGINT         NOT NULL,
    uid             BIGINT         NOT NULL,
    base            VARBINARY(255) NOT NULL COMMENT 'the file''s name without flags',
    modseq          BIGINT         NOT NULL,
    flags           SMALLINT       NOT NULL COMMENT '1 Draft, 2 Flagged, 4 Passed, 8 Answered, 16 Seen, 32 Deleted',
    keywords        BIGINT         NOT NULL COMMENT 'bits into mailbox.keywords',
    size            BIGINT         NOT NULL COMMENT 'bytes of the file (LF)',
    wsize           BIGINT         NOT NULL COMMENT 'bytes on the wire (CRLF)',
    internal_secs   BIGINT         NOT NULL COMMENT 'INTERNALDATE ...',
    internal_offset SMALLINT       NOT NULL COMMENT '... and its zone, minutes east',
    saved           BIGINT         NOT NULL COMMENT 'when it came into this folder',
    disk_flags      BIGINT         NOT NULL COMMENT 'letters that the name is believed to have: A to Z bits 0 to 25, a to z bits 26 to 51',
    PRIMARY KEY (mailbox_id, uid),
    UNIQUE KEY message_base (mailbox_id, base),
    KEY message_modseq (mailbox_id, modseq)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What is left of a message that is gone: clients are told by MODSEQ.
CREATE TABLE vanished (
    mailbox_id  BIGINT         NOT NULL,
    uid         BIGINT         NOT NULL,
    base        VARBINARY(255) NOT NULL,
    modseq      BIGINT         NOT NULL,
    unlink_owed SMALLINT       NOT NULL COMMENT '1: expunged by us, and the file may still be there',
    at          BIGINT         NOT NULL,
    PRIMARY KEY (mailbox_id, uid),
    KEY vanished_base (mailbox_id, base),
    KEY vanished_modseq (mailbox_id, modseq),
    KEY vanished_owed (unlink_owed, mailbox_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Names that users subscribed to, whether or not such a folder exists.
CREATE TABLE subscription (
    account_id BIGINT       NOT NULL,
    shown_name VARCHAR(255) NOT NULL,
    PRIMARY KEY (account_id, shown_name)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Copies of refused messages. The message itself is an ordinary one in the
-- folder 'Quarantine' of the account.
CREATE TABLE quarantine (
    id         BIGINT         NOT NULL PRIMARY KEY,
    token_hash VARBINARY(32)  NOT NULL COMMENT 'SHA-256 of the token in the reply',
    domain     VARCHAR(255)   NOT NULL COMMENT 'of the recipients',
    recipients MEDIUMTEXT     NOT NULL COMMENT 'this domain''s, separated by line ends',
    sender     VARCHAR(320)   NOT NULL COMMENT 'of the envelope; empty for <>',
    account_id BIGINT         NOT NULL,
    mailbox_id BIGINT         NOT NULL,
    base       VARBINARY(255) NOT NULL,
    kind       SMALLINT       NOT NULL COMMENT '1 content or form, 2 virus',
    reason     VARCHAR(500)   NOT NULL,
    bytes      BIGINT         NOT NULL,
    created    BIGINT         NOT NULL,
    released   BIGINT         NULL,
    KEY quarantine_token (token_hash),
    KEY quarantine_created (created),
    KEY quarantine_domain (domain, created)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- When each domain was last active in the directory: one that vanishes without
-- a command is not believed to be gone for a day.
CREATE TABLE seen_domain (
    domain    VARCHAR(255) NOT NULL PRIMARY KEY,
    last_seen BIGINT       NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row. The number also stands in a file beside the Maildirs; where the
-- file is ahead, this database was restored from an older copy, and UIDs jump
-- instead of being used twice.
CREATE TABLE generation (
    one    SMALLINT NOT NULL PRIMARY KEY,
    number BIGINT   NOT NULL
) ENGINE = InnoDB;
INSERT INTO generation (one, number) VALUES (1, 0);
