-- App passwords get a scope, and accounts two-step login.

-- A password in it is '{SHA256}' and the base64 of the SHA-256
-- of the app password in lower case without spaces. They are made of 100 random
-- bits, so that no slow hash is needed; one that a person thought of does not
-- belong here.

-- What it opens: any of imap, pop3 and submission, with commas between them.
ALTER TABLE app_password ADD COLUMN scope TEXT NOT NULL DEFAULT 'imap,pop3,submission';
-- The day of the last login with it, UTC; NULL: there was none yet.
ALTER TABLE app_password ADD COLUMN used TEXT NULL;

-- Two-step login (RFC 6238): with a row here, the password of the account opens
-- the page alone, and only together with a code. Delete the row to switch it off.
CREATE TABLE totp (
    local     TEXT    NOT NULL,
    domain    TEXT    NOT NULL,
    secret    TEXT    NOT NULL,           -- shared with the app, base32
    last_step INTEGER NOT NULL,           -- of the last code that was used, in steps of 30 s since 1970
    tries     INTEGER NOT NULL DEFAULT 0, -- codes that were tried with the right password on that day
    tries_day INTEGER NOT NULL DEFAULT 0, -- that day, since 1970
    created   TEXT    NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (domain, local),
    FOREIGN KEY (domain, local) REFERENCES account (domain, local) ON UPDATE CASCADE ON DELETE CASCADE
) STRICT;

-- What opens instead of a code, once each, when the app is lost.
CREATE TABLE recovery_code (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    local  TEXT NOT NULL,
    domain TEXT NOT NULL,
    code   TEXT NOT NULL, -- hashed as an app password is
    UNIQUE (domain, local, code),
    FOREIGN KEY (domain, local) REFERENCES totp (domain, local) ON UPDATE CASCADE ON DELETE CASCADE
) STRICT;
