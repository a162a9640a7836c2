-- The last logins of each account through each door, for the administrator.
-- Written some minutes after they happen, and no more often than that; a row
-- whose account has another number in the directory by now is nobody's.
CREATE TABLE last_login (
    address     VARCHAR(320) NOT NULL COMMENT 'of the account, in normal form',
    service     VARCHAR(16)  NOT NULL COMMENT 'imap, pop3, submission, web',
    account     BIGINT       NOT NULL COMMENT 'its number in the directory',
    succeeded   BIGINT       NULL COMMENT 'the last login',
    network     VARCHAR(64)  NULL COMMENT 'where it came from, such as 192.0.2.0/24',
    failures    BIGINT       NOT NULL DEFAULT 0 COMMENT 'refused since then',
    failed      BIGINT       NULL COMMENT 'the last one that was refused',
    failed_from VARCHAR(64)  NULL COMMENT 'where that came from',
    noted       BIGINT       NOT NULL COMMENT 'when this row was written',
    PRIMARY KEY (address, service),
    KEY last_login_noted (noted)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
