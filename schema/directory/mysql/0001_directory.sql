-- Gatepost's directory for MySQL 8.0.16 or later and MariaDB 10.5 or later:
-- which domains there are, who has an address in them, and where mail goes.
--
-- These tables are meant to be read and written by hand. A change works within
-- seconds and needs no restart:
--
--   INSERT INTO domain (name) VALUES ('example.org');
--   INSERT INTO account (local, domain, password)
--     VALUES ('alice', 'example.org', '{ARGON2ID}$argon2id$v=19$...');
--   INSERT INTO alias (local, domain, target)
--     VALUES ('info', 'example.org', 'alice@example.org');
--
-- Domains and the part before the @ are kept in normal form: lower case,
-- Unicode NFC, internationalised domains as A-labels (xn--...). Times are UTC.

CREATE TABLE domain (
    id         BIGINT        NOT NULL AUTO_INCREMENT COMMENT 'Given by the database.',
    name       VARCHAR(255)  NOT NULL COMMENT 'The domain: lower case, A-labels.',
    active     BOOLEAN       NOT NULL DEFAULT TRUE COMMENT 'FALSE: its mail is refused with 550 5.1.2, nobody logs in.',
    alias_of   VARCHAR(255)  NULL COMMENT 'Another domain whose addresses are valid here too.',
    catch_all  VARCHAR(320)  NULL COMMENT 'Address that gets mail for addresses that are not there.',
    postmaster VARCHAR(320)  NULL COMMENT 'Address that gets postmaster@ and abuse@ where there is no row for them.',
    comment    VARCHAR(1000) NOT NULL DEFAULT '' COMMENT 'For people.',
    created    TIMESTAMP     NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'UTC.',
    changed    TIMESTAMP     NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP COMMENT 'UTC.',
    PRIMARY KEY (id),
    UNIQUE KEY domain_name (name),
    CONSTRAINT domain_alias_of FOREIGN KEY (alias_of) REFERENCES domain (name),
    CONSTRAINT domain_name_is_normal CHECK (name = LOWER(name) AND name <> '' AND name NOT LIKE '%@%' AND name NOT LIKE '% %')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = 'Domains whose mail is taken here.';

CREATE TABLE account (
    id          BIGINT       NOT NULL AUTO_INCREMENT COMMENT 'Given by the database.',
    local       VARCHAR(64)  NOT NULL COMMENT 'The part before the @, lower case, without quotes.',
    domain      VARCHAR(255) NOT NULL COMMENT 'The part behind the @.',
    password    VARCHAR(255) NULL COMMENT 'A hash with its scheme, such as {ARGON2ID}...; NULL: nobody can log in.',
    name        VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'What the person is called.',
    quota_bytes BIGINT       NULL COMMENT 'Most bytes of mail; NULL: no limit.',
    active      BOOLEAN      NOT NULL DEFAULT TRUE COMMENT 'FALSE: mail is refused with 550 5.2.1, nobody logs in.',
    language    VARCHAR(35)  NOT NULL DEFAULT '' COMMENT 'BCP 47 tag such as de or pt-BR; empty: the default of the site.',
    time_zone   VARCHAR(64)  NOT NULL DEFAULT '' COMMENT 'Such as Europe/Berlin; empty: the default of the site.',
    created     TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'UTC. Says with the id whose mailbox it is: leave it.',
    changed     TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP COMMENT 'UTC.',
    PRIMARY KEY (id),
    UNIQUE KEY account_address (domain, local),
    CONSTRAINT account_domain FOREIGN KEY (domain) REFERENCES domain (name) ON UPDATE CASCADE,
    CONSTRAINT account_local_is_normal CHECK (local = LOWER(local) AND local <> ''),
    CONSTRAINT account_quota_is_sane CHECK (quota_bytes IS NULL OR quota_bytes >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = 'People and programs with a mailbox.';

CREATE TABLE alias (
    id      BIGINT       NOT NULL AUTO_INCREMENT COMMENT 'Given by the database.',
    local   VARCHAR(64)  NOT NULL COMMENT 'The part before the @, lower case, without quotes.',
    domain  VARCHAR(255) NOT NULL COMMENT 'The part behind the @.',
    target  VARCHAR(320) NOT NULL COMMENT 'One address, here or elsewhere; several targets are several rows.',
    active  BOOLEAN      NOT NULL DEFAULT TRUE COMMENT 'FALSE: this target gets nothing.',
    created TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'UTC.',
    PRIMARY KEY (id),
    UNIQUE KEY alias_address_target (domain, local, target),
    CONSTRAINT alias_domain FOREIGN KEY (domain) REFERENCES domain (name) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT alias_local_is_normal CHECK (local = LOWER(local) AND local <> ''),
    CONSTRAINT alias_target_is_address CHECK (target LIKE '_%@_%')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
  COMMENT = 'Addresses that stand for others; beside an account of the same address: who gets a copy.';

CREATE TABLE retired (
    local   VARCHAR(64)  NOT NULL COMMENT 'The part before the @, lower case, without quotes.',
    domain  VARCHAR(255) NOT NULL COMMENT 'The part behind the @.',
    retired TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'Since when, UTC.',
    PRIMARY KEY (domain, local),
    CONSTRAINT retired_domain FOREIGN KEY (domain) REFERENCES domain (name) ON UPDATE CASCADE ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
  COMMENT = 'Addresses that were removed: the catch-all does not take their mail.';

CREATE TABLE removed_domain (
    name    VARCHAR(255) NOT NULL COMMENT 'The domain: lower case, A-labels.',
    removed TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'Since when, UTC.',
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
  COMMENT = 'Domains removed on purpose. One that vanishes otherwise gives 451 for a day, since a restore must not bounce mail.';

CREATE TABLE setting (
    scope   VARCHAR(8)    NOT NULL COMMENT 'site, domain or account.',
    subject VARCHAR(320)  NOT NULL DEFAULT '' COMMENT 'Empty, the domain, or the address of the account.',
    name    VARCHAR(64)   NOT NULL COMMENT 'Which setting.',
    value   VARCHAR(4000) NOT NULL COMMENT 'Its value as text.',
    PRIMARY KEY (scope, subject, name),
    CONSTRAINT setting_scope CHECK (scope IN ('site', 'domain', 'account'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
  COMMENT = 'Settings of the site, a domain or an account; the narrower scope wins.';

CREATE TABLE role (
    id     BIGINT       NOT NULL AUTO_INCREMENT COMMENT 'Given by the database.',
    local  VARCHAR(64)  NOT NULL COMMENT 'Whose role: the part before the @.',
    domain VARCHAR(255) NOT NULL COMMENT 'Whose role: the part behind the @.',
    role   VARCHAR(16)  NOT NULL COMMENT 'admin, postmaster or quarantine.',
    scope  VARCHAR(255) NOT NULL DEFAULT '' COMMENT 'In which domain; empty: everywhere.',
    PRIMARY KEY (id),
    UNIQUE KEY role_once (domain, local, role, scope),
    CONSTRAINT role_account FOREIGN KEY (domain, local) REFERENCES account (domain, local)
        ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT role_name CHECK (role IN ('admin', 'postmaster', 'quarantine'))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin COMMENT = 'Who may do what besides reading the own mail.';

CREATE TABLE app_password (
    id       BIGINT       NOT NULL AUTO_INCREMENT COMMENT 'Given by the database.',
    local    VARCHAR(64)  NOT NULL COMMENT 'Whose: the part before the @.',
    domain   VARCHAR(255) NOT NULL COMMENT 'Whose: the part behind the @.',
    name     VARCHAR(64)  NOT NULL COMMENT 'For which device or program.',
    password VARCHAR(255) NOT NULL COMMENT 'A hash with its scheme.',
    active   BOOLEAN      NOT NULL DEFAULT TRUE COMMENT 'FALSE: it opens nothing.',
    created  TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'UTC.',
    PRIMARY KEY (id),
    UNIQUE KEY app_password_name (domain, local, name),
    CONSTRAINT app_password_account FOREIGN KEY (domain, local) REFERENCES account (domain, local)
        ON UPDATE CASCADE ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
  COMMENT = 'Passwords of one device each; they open everything but the page.';

CREATE TABLE sender_right (
    id      BIGINT       NOT NULL AUTO_INCREMENT COMMENT 'Given by the database.',
    local   VARCHAR(64)  NOT NULL COMMENT 'Who may: the part before the @.',
    domain  VARCHAR(255) NOT NULL COMMENT 'Who may: the part behind the @.',
    send_as VARCHAR(320) NOT NULL COMMENT 'An address, or @domain for all of it.',
    PRIMARY KEY (id),
    UNIQUE KEY sender_right_once (domain, local, send_as),
    CONSTRAINT sender_right_account FOREIGN KEY (domain, local) REFERENCES account (domain, local)
        ON UPDATE CASCADE ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin
  COMMENT = 'Addresses that an account may send as, besides its own.';
