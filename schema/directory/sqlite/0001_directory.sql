-- Gatepost's directory for SQLite: which domains there are, who has an address
-- in them, and where mail goes.
--
-- These tables are meant to be read and written by hand. A change works within
-- seconds and needs no restart (say PRAGMA foreign_keys = ON first, so that
-- the sqlite3 program checks what stands in a column that names a row):
--
--   INSERT INTO domain (name) VALUES ('example.org');
--   INSERT INTO account (local, domain, password)
--     VALUES ('alice', 'example.org', '{ARGON2ID}$argon2id$v=19$...');
--   INSERT INTO alias (local, domain, target)
--     VALUES ('info', 'example.org', 'alice@example.org');
--
-- Domains and the part before the @ are kept in normal form: lower case,
-- Unicode NFC, internationalised domains as A-labels (xn--...). Times are UTC.

-- Domains whose mail is taken here.
CREATE TABLE domain (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- given by the database, never used again
    name       TEXT    NOT NULL UNIQUE,           -- the domain: lower case, A-labels
    active     INTEGER NOT NULL DEFAULT 1,        -- 0: its mail is refused with 550 5.1.2, nobody logs in
    alias_of   TEXT    NULL REFERENCES domain (name), -- another domain whose addresses are valid here too
    catch_all  TEXT    NULL,                      -- address that gets mail for addresses that are not there
    postmaster TEXT    NULL,                      -- address that gets postmaster@ and abuse@ where there is no row for them
    comment    TEXT    NOT NULL DEFAULT '',       -- for people
    created    TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP,
    changed    TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CHECK (name = LOWER(name) AND name <> '' AND name NOT LIKE '%@%' AND name NOT LIKE '% %' AND LENGTH(name) <= 255),
    CHECK (active IN (0, 1))
) STRICT;

-- People and programs with a mailbox.
CREATE TABLE account (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- given by the database, never used again
    local       TEXT    NOT NULL,                  -- the part before the @, lower case, without quotes
    domain      TEXT    NOT NULL REFERENCES domain (name) ON UPDATE CASCADE, -- the part behind the @
    password    TEXT    NULL,                      -- a hash with its scheme, such as {ARGON2ID}...; NULL: nobody can log in
    name        TEXT    NOT NULL DEFAULT '',       -- what the person is called
    quota_bytes INTEGER NULL,                      -- most bytes of mail; NULL: no limit
    active      INTEGER NOT NULL DEFAULT 1,        -- 0: mail is refused with 550 5.2.1, nobody logs in
    language    TEXT    NOT NULL DEFAULT '',       -- BCP 47 tag such as de or pt-BR; empty: the default of the site
    time_zone   TEXT    NOT NULL DEFAULT '',       -- such as Europe/Berlin; empty: the default of the site
    created     TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP, -- says with the id whose mailbox it is: leave it
    changed     TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (domain, local),
    CHECK (local = LOWER(local) AND local <> '' AND LENGTH(local) <= 64),
    CHECK (quota_bytes IS NULL OR quota_bytes >= 0),
    CHECK (active IN (0, 1))
) STRICT;

-- Addresses that stand for others; beside an account of the same address: who
-- gets a copy. Several targets are several rows.
CREATE TABLE alias (
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- given by the database
    local   TEXT    NOT NULL,                  -- the part before the @, lower case, without quotes
    domain  TEXT    NOT NULL REFERENCES domain (name) ON UPDATE CASCADE ON DELETE CASCADE,
    target  TEXT    NOT NULL,                  -- one address, here or elsewhere
    active  INTEGER NOT NULL DEFAULT 1,        -- 0: this target gets nothing
    created TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (domain, local, target),
    CHECK (local = LOWER(local) AND local <> '' AND LENGTH(local) <= 64),
    CHECK (target LIKE '_%@_%' AND LENGTH(target) <= 320),
    CHECK (active IN (0, 1))
) STRICT;

-- Addresses that were removed: the catch-all does not take their mail.
CREATE TABLE retired (
    local   TEXT NOT NULL,
    domain  TEXT NOT NULL REFERENCES domain (name) ON UPDATE CASCADE ON DELETE CASCADE,
    retired TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (domain, local)
) STRICT;

-- Domains removed on purpose. One that vanishes otherwise gives 451 for a day,
-- since a restore must not bounce mail.
CREATE TABLE removed_domain (
    name    TEXT NOT NULL PRIMARY KEY,
    removed TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

-- Settings of the site, a domain or an account; the narrower scope wins.
CREATE TABLE setting (
    scope   TEXT NOT NULL,            -- site, domain or account
    subject TEXT NOT NULL DEFAULT '', -- empty, the domain, or the address of the account
    name    TEXT NOT NULL,            -- which setting
    value   TEXT NOT NULL,            -- its value as text
    PRIMARY KEY (scope, subject, name),
    CHECK (scope IN ('site', 'domain', 'account'))
) STRICT;

-- Who may do what besides reading the own mail.
CREATE TABLE role (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    local  TEXT NOT NULL,            -- whose role: the part before the @
    domain TEXT NOT NULL,            -- whose role: the part behind the @
    role   TEXT NOT NULL,            -- admin, postmaster or quarantine
    scope  TEXT NOT NULL DEFAULT '', -- in which domain; empty: everywhere
    UNIQUE (domain, local, role, scope),
    FOREIGN KEY (domain, local) REFERENCES account (domain, local) ON UPDATE CASCADE ON DELETE CASCADE,
    CHECK (role IN ('admin', 'postmaster', 'quarantine'))
) STRICT;

-- Passwords of one device each; they open everything but the page.
CREATE TABLE app_password (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    local    TEXT    NOT NULL,
    domain   TEXT    NOT NULL,
    name     TEXT    NOT NULL,           -- for which device or program
    password TEXT    NOT NULL,           -- a hash with its scheme
    active   INTEGER NOT NULL DEFAULT 1, -- 0: it opens nothing
    created  TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (domain, local, name),
    FOREIGN KEY (domain, local) REFERENCES account (domain, local) ON UPDATE CASCADE ON DELETE CASCADE,
    CHECK (active IN (0, 1))
) STRICT;

-- Addresses that an account may send as, besides its own.
CREATE TABLE sender_right (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    local   TEXT NOT NULL,
    domain  TEXT NOT NULL,
    send_as TEXT NOT NULL, -- an address, or @domain for all of it
    UNIQUE (domain, local, send_as),
    FOREIGN KEY (domain, local) REFERENCES account (domain, local) ON UPDATE CASCADE ON DELETE CASCADE
) STRICT;

CREATE TRIGGER domain_changed AFTER UPDATE ON domain WHEN NEW.changed = OLD.changed
BEGIN
    UPDATE domain SET changed = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER account_changed AFTER UPDATE ON account WHEN NEW.changed = OLD.changed
BEGIN
    UPDATE account SET changed = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;
