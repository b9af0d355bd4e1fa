-- Version 5: what each row adds up to (host/src/store/sum.rs), so that a read sees whether it is still what was written. Never edited again.
--
-- NULL: written before version 5, and not written since.

-- Not of `commits`, which the witness knows.
ALTER TABLE counters ADD COLUMN sum INTEGER;
ALTER TABLE subclusters ADD COLUMN sum INTEGER;
ALTER TABLE vats ADD COLUMN sum INTEGER;
ALTER TABLE progress ADD COLUMN sum INTEGER;
ALTER TABLE objects ADD COLUMN sum INTEGER;
ALTER TABLE promises ADD COLUMN sum INTEGER;
ALTER TABLE clist ADD COLUMN sum INTEGER;
ALTER TABLE holds ADD COLUMN sum INTEGER;
ALTER TABLE suspicions ADD COLUMN sum INTEGER;
ALTER TABLE vat_store ADD COLUMN sum INTEGER;

-- Of all but the body, and of the body: a message of which only the body is damaged can still be answered.
ALTER TABLE queue ADD COLUMN sum INTEGER;
ALTER TABLE queue ADD COLUMN body_sum INTEGER CHECK (body_sum IS NULL OR method IS NOT NULL);

-- Such a message is a dead letter, for one more reason.
CREATE TABLE dead_letters_5 (
    id     INTEGER PRIMARY KEY CHECK (id >= 0),
    vat    INTEGER NOT NULL CHECK (vat >= 0),
    object INTEGER NOT NULL CHECK (object >= 0),
    method TEXT    NOT NULL,
    body   BLOB    NOT NULL,
    bytes  INTEGER NOT NULL CHECK (bytes >= length(body)),
    why    TEXT    NOT NULL CHECK (why IN ('killed-the-process', 'mailbox-full', 'damaged')),
    sum    INTEGER
) STRICT;
INSERT INTO dead_letters_5 SELECT id, vat, object, method, body, bytes, why, NULL FROM dead_letters;
DROP TABLE dead_letters;
ALTER TABLE dead_letters_5 RENAME TO dead_letters;

-- Of a vat that has ended nothing stays, not even this.
DELETE FROM vats WHERE status = 'terminated';

UPDATE meta SET min_reader = 5, min_writer = 5;
