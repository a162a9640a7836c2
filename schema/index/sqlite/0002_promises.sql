-- When an account was removed from the directory: for a day nobody else gets
-- its key or its Maildir's path.
ALTER TABLE mail_account ADD COLUMN removed INTEGER;

-- The next UID as the first line of the folder's dovecot-uidlist has it, durable
-- on disk. No UID from there on is given out.
ALTER TABLE mailbox ADD COLUMN uid_promised INTEGER NOT NULL DEFAULT 0;

-- Tombstones of changes up to this MODSEQ may have been removed: who asks for
-- what vanished since an earlier one is not told all.
ALTER TABLE mailbox ADD COLUMN vanished_floor INTEGER NOT NULL DEFAULT 0;

CREATE INDEX vanished_at ON vanished (at);
