-- App passwords get a scope, and accounts two-step login.
--
-- Repeatable: each statement here is committed by itself, so that a server that
-- is killed in the middle leaves a part of them behind; all of them may be run
-- again. MySQL has no ADD COLUMN IF NOT EXISTS. The two columns come together.

SET @gatepost_statement = IF(
    (SELECT COUNT(*) FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name = 'app_password' AND column_name = 'scope') > 0,
    'DO 0',
    'ALTER TABLE app_password
        MODIFY COLUMN password VARCHAR(255) NOT NULL
            COMMENT ''{SHA256} and the base64 of the SHA-256 of it in lower case without spaces; made of 100 random bits.'',
        ADD COLUMN scope VARCHAR(64) NOT NULL DEFAULT ''imap,pop3,submission''
            COMMENT ''What it opens: any of imap, pop3 and submission, with commas between them.'',
        ADD COLUMN used DATE NULL COMMENT ''The day of the last login with it, UTC; NULL: there was none yet.''');
PREPARE gatepost_statement FROM @gatepost_statement;
EXECUTE gatepost_statement;
DEALLOCATE PREPARE gatepost_statement;

CREATE TABLE IF NOT EXISTS totp (
    local     VARCHAR(64)  NOT NULL COMMENT 'Whose: the part before the @.',
    domain    VARCHAR(255) NOT NULL COMMENT 'Whose: the part behind the @.',
    secret    VARCHAR(255) NOT NULL COMMENT 'Shared with the app, base32.',
    last_step BIGINT       NOT NULL COMMENT 'Of the last code that was used, in steps of 30 s since 1970.',
    tries     BIGINT       NOT NULL DEFAULT 0 COMMENT 'Codes that were tried with the right password on that day.',
    tries_day BIGINT       NOT NULL DEFAULT 0 COMMENT 'That day, since 1970.',
    created   TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'UTC.',
    PRIMARY KEY (domain, local),
    CONSTRAINT totp_account FOREIGN KEY (domain, local) REFERENCES account (domain, local)
        ON UPDATE CASCADE ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
  COMMENT = 'Two-step login (RFC 6238): with a row, the password opens the page alone, with a code. Delete it to switch it off.';

CREATE TABLE IF NOT EXISTS recovery_code (
    id     BIGINT       NOT NULL AUTO_INCREMENT COMMENT 'Given by the database.',
    local  VARCHAR(64)  NOT NULL COMMENT 'Whose: the part before the @.',
    domain VARCHAR(255) NOT NULL COMMENT 'Whose: the part behind the @.',
    code   VARCHAR(255) NOT NULL COMMENT 'Hashed as an app password is.',
    PRIMARY KEY (id),
    UNIQUE KEY recovery_code_once (domain, local, code),
    CONSTRAINT recovery_code_totp FOREIGN KEY (domain, local) REFERENCES totp (domain, local)
        ON UPDATE CASCADE ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
  COMMENT = 'What opens instead of a code, once each, when the app is lost.';
