-- The last logins of each account through each door, for the administrator.
-- Written some minutes after they happen, and no more often than that; a row
-- whose account has another number in the directory by now is nobody's.
CREATE TABLE last_login (
    address     TEXT    NOT NULL,               -- of the account, in normal form
    service     TEXT    NOT NULL,               -- 'imap', 'pop3', 'submission', 'web'
    account     INTEGER NOT NULL,               -- its number in the directory
    succeeded   INTEGER,                        -- the last login …
    network     TEXT,                           -- … and where it came from, such as 192.0.2.0/24
    failures    INTEGER NOT NULL DEFAULT 0,     -- refused since then
    failed      INTEGER,                        -- the last one that was refused …
    failed_from TEXT,                           -- … and where it came from
    noted       INTEGER NOT NULL,               -- when this row was written
    PRIMARY KEY (address, service)
) STRICT, WITHOUT ROWID;
CREATE INDEX last_login_noted ON last_login (noted);
