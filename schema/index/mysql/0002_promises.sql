-- When an account was removed from the directory: for a day nobody else gets
-- its key or its Maildir's path.
ALTER TABLE mail_account
    ADD COLUMN removed BIGINT NULL COMMENT 'when it was removed; nobody else gets key and path for a day';

-- uid_promised: no UID from there on is given out. vanished_floor: who asks for
-- what vanished since an earlier MODSEQ is not told all.
ALTER TABLE mailbox
    ADD COLUMN uid_promised BIGINT NOT NULL DEFAULT 0
        COMMENT 'the next UID as the first line of the dovecot-uidlist has it, durable on disk',
    ADD COLUMN vanished_floor BIGINT NOT NULL DEFAULT 0
        COMMENT 'tombstones of changes up to this MODSEQ may have been removed';

CREATE INDEX vanished_at ON vanished (at);
