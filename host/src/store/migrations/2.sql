-- Version 2: upgrades that can be taken back, limits and turns of a vat, caretakers, deliveries that killed the process, letters that nobody
-- will get, stores of ended vats that are removed bit by bit. Never edited again.
--
-- SQLite can't change a CHECK, so tables whose words became more are written anew.

CREATE TABLE vats_2 (
    id               INTEGER PRIMARY KEY CHECK (id >= 0),
    subcluster       INTEGER NOT NULL CHECK (subcluster >= 0),
    name             TEXT    NOT NULL,
    code             BLOB    NOT NULL,
    parameters       BLOB    NOT NULL,
    grants           BLOB,
    mailbox_max      INTEGER NOT NULL,
    references_max   INTEGER NOT NULL,
    turns            INTEGER NOT NULL CHECK (turns BETWEEN 1 AND 4294967295),
    when_quarantined TEXT    NOT NULL CHECK (when_quarantined IN ('park', 'reject')),
    status           TEXT    NOT NULL CHECK (status IN ('active', 'quarantined', 'ending', 'terminated')),
    diagnostic       BLOB    CHECK ((diagnostic IS NOT NULL) = (status = 'quarantined')),
    upgrade          TEXT    NOT NULL CHECK (upgrade IN ('none', 'trial', 'kept')),
    code_before      BLOB    CHECK ((code_before IS NOT NULL) = (upgrade <> 'none'))
) STRICT;
INSERT INTO vats_2
    SELECT id, subcluster, name, code, parameters, grants, mailbox_max, 100000, 1, when_quarantined, status, diagnostic, 'none', NULL
    FROM vats;
DROP TABLE vats;
ALTER TABLE vats_2 RENAME TO vats;

-- A vat's object has vat, object and lifetime; a host's has a name; a caretaker has a target, the kref that it forwards to until it is
-- revoked; a revoker has the object that it revokes. `lost` is the code that answers messages to one that is gone.
CREATE TABLE objects_2 (
    id       INTEGER PRIMARY KEY CHECK (id >= 0),
    owner    TEXT    NOT NULL
             CHECK (owner IN ('vat', 'host', 'host-until-boot', 'host-while-held', 'caretaker', 'revoker')),
    vat      INTEGER CHECK ((vat IS NOT NULL) = (owner = 'vat') AND vat >= 0),
    object   INTEGER CHECK ((object IS NOT NULL) = (owner = 'vat')),
    lifetime TEXT    CHECK ((lifetime IS NOT NULL) = (owner = 'vat') AND lifetime IN ('incarnation', 'durable')),
    name     TEXT    CHECK ((name IS NOT NULL) = (owner IN ('host', 'host-until-boot', 'host-while-held'))),
    target   INTEGER CHECK ((target IS NOT NULL) = (owner = 'caretaker') AND target >= 0),
    revokes  INTEGER CHECK ((revokes IS NOT NULL) = (owner = 'revoker') AND revokes >= 0),
    lost     TEXT
) STRICT;
INSERT INTO objects_2 SELECT id, owner, vat, object, lifetime, name, NULL, NULL, lost FROM objects;
DROP TABLE objects;
ALTER TABLE objects_2 RENAME TO objects;

-- The caretakers that a message passed, as a list of objects.
ALTER TABLE queue ADD COLUMN through BLOB CHECK (through IS NULL OR method IS NOT NULL);

-- Vats in whose deliveries the process died. `left_alone`: so many deliveries still run alone. `delivery` is the one that deaths are
-- counted for; NULL is a start.
CREATE TABLE suspicions (
    vat        INTEGER PRIMARY KEY CHECK (vat >= 0),
    left_alone INTEGER NOT NULL CHECK (left_alone >= 0),
    delivery   INTEGER CHECK (delivery >= 0),
    deaths     INTEGER NOT NULL CHECK (deaths BETWEEN 0 AND 4294967295),
    total      INTEGER NOT NULL CHECK (total BETWEEN 0 AND 4294967295)
) STRICT;

-- Messages that were set aside: the first bytes of the body, how long it was, and why.
CREATE TABLE dead_letters (
    id     INTEGER PRIMARY KEY CHECK (id >= 0),
    vat    INTEGER NOT NULL CHECK (vat >= 0),
    object INTEGER NOT NULL CHECK (object >= 0),
    method TEXT    NOT NULL,
    body   BLOB    NOT NULL,
    bytes  INTEGER NOT NULL CHECK (bytes >= length(body)),
    why    TEXT    NOT NULL CHECK (why IN ('killed-the-process', 'mailbox-full'))
) STRICT;

-- Vats whose entries in vat_store are being removed, some at a time. None of them is ever read again.
CREATE TABLE forgotten (
    vat INTEGER PRIMARY KEY CHECK (vat >= 0)
) STRICT;

UPDATE meta SET min_reader = 2, min_writer = 2;
