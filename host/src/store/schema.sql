-- Version 1 of the store: the kernel's rows (host/kernel/src/rows.rs), one table each. Never edited again; a later version is a file
-- of its own in migrations/.
--
-- Numbers are unsigned in the kernel and signed here, so a number that only the kernel gives out is checked not to be negative; one that
-- a vat or a person may choose is kept bit by bit. A kref is one integer, `Kref::to_bits`. A list of krefs, slots or grants is one blob
-- (codec.rs), and NULL when it is empty. References between tables are the kernel's to check, at load and in its audit: a foreign key would
-- cost every crank a look-up per row.

-- What may read and write this file, who did last, and whether it was put down properly.
CREATE TABLE meta (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    min_reader INTEGER NOT NULL,
    min_writer INTEGER NOT NULL,
    written_by TEXT    NOT NULL,
    stop       TEXT    NOT NULL CHECK (stop IN ('clean', 'running'))
) STRICT;
INSERT INTO meta VALUES (1, 1, 1, '', 'clean');

CREATE TABLE counters (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    subcluster INTEGER NOT NULL CHECK (subcluster >= 0),
    vat        INTEGER NOT NULL CHECK (vat >= 0),
    object     INTEGER NOT NULL CHECK (object >= 0),
    promise    INTEGER NOT NULL CHECK (promise >= 0),
    message    INTEGER NOT NULL CHECK (message >= 0),
    boot       INTEGER NOT NULL CHECK (boot >= 0)
) STRICT;
INSERT INTO counters VALUES (1, 1, 1, 1, 1, 1, 0);

CREATE TABLE subclusters (
    id          INTEGER PRIMARY KEY CHECK (id >= 0),
    name        TEXT    NOT NULL,
    bootstrap   INTEGER NOT NULL CHECK (bootstrap >= 0),
    declaration BLOB    NOT NULL
) STRICT;

CREATE TABLE vats (
    id               INTEGER PRIMARY KEY CHECK (id >= 0),
    subcluster       INTEGER NOT NULL CHECK (subcluster >= 0),
    name             TEXT    NOT NULL,
    code             BLOB    NOT NULL,
    parameters       BLOB    NOT NULL,
    grants           BLOB,
    mailbox_max      INTEGER NOT NULL,
    when_quarantined TEXT    NOT NULL CHECK (when_quarantined IN ('park', 'reject')),
    status           TEXT    NOT NULL CHECK (status IN ('active', 'quarantined', 'terminated')),
    diagnostic       BLOB    CHECK ((diagnostic IS NOT NULL) = (status = 'quarantined'))
) STRICT;

-- Apart from vats, because every crank writes it.
CREATE TABLE progress (
    vat         INTEGER PRIMARY KEY CHECK (vat >= 0),
    incarnation INTEGER NOT NULL CHECK (incarnation >= 0),
    next_slot   INTEGER NOT NULL CHECK (next_slot >= 0)
) STRICT;

-- A vat's object has vat, object and lifetime; a host's has a name. `lost` is the code that answers messages to one that is gone.
CREATE TABLE objects (
    id       INTEGER PRIMARY KEY CHECK (id >= 0),
    owner    TEXT    NOT NULL CHECK (owner IN ('vat', 'host', 'host-until-boot')),
    vat      INTEGER CHECK ((vat IS NOT NULL) = (owner = 'vat') AND vat >= 0),
    object   INTEGER CHECK ((object IS NOT NULL) = (owner = 'vat')),
    lifetime TEXT    CHECK ((lifetime IS NOT NULL) = (owner = 'vat') AND lifetime IN ('incarnation', 'durable')),
    name     TEXT    CHECK ((name IS NULL) = (owner = 'vat')),
    lost     TEXT
) STRICT;

CREATE TABLE promises (
    id        INTEGER PRIMARY KEY CHECK (id >= 0),
    state     TEXT    NOT NULL CHECK (state IN ('unsettled', 'fulfilled', 'forwarded', 'broken', 'failed')),
    listeners BLOB    CHECK (listeners IS NULL OR state = 'unsettled'),
    body      BLOB    CHECK ((body IS NOT NULL) = (state IN ('fulfilled', 'broken'))),
    caps      BLOB    CHECK (caps IS NULL OR body IS NOT NULL),
    target    INTEGER CHECK ((target IS NOT NULL) = (state = 'forwarded')),
    code      TEXT    CHECK ((code IS NOT NULL) = (state = 'failed'))
) STRICT;

-- One slot for one reference, both ways.
CREATE TABLE clist (
    vat  INTEGER NOT NULL CHECK (vat >= 0),
    slot INTEGER NOT NULL CHECK (slot >= 0),
    kref INTEGER NOT NULL CHECK (kref >= 0),
    PRIMARY KEY (vat, slot),
    UNIQUE (vat, kref)
) STRICT, WITHOUT ROWID;

-- A row without a method is the notice that nobody holds the object `target` any more; a message without a sender is the host's.
CREATE TABLE queue (
    id       INTEGER PRIMARY KEY CHECK (id >= 0),
    place    TEXT    NOT NULL CHECK (place IN ('inbox', 'promise', 'host')),
    place_id INTEGER CHECK ((place_id IS NULL) = (place = 'host') AND place_id >= 0),
    target   INTEGER NOT NULL CHECK (target >= 0),
    method   TEXT    CHECK (method IS NOT NULL OR target & 3 = 0),
    body     BLOB    CHECK ((body IS NULL) = (method IS NULL)),
    caps     BLOB    CHECK (caps IS NULL OR method IS NOT NULL),
    answer   INTEGER CHECK (answer IS NULL OR method IS NOT NULL AND answer >= 0),
    sender   INTEGER CHECK (sender IS NULL OR method IS NOT NULL AND sender >= 0)
) STRICT;

CREATE TABLE holds (
    object INTEGER PRIMARY KEY CHECK (object >= 0),
    kref   INTEGER NOT NULL CHECK (kref >= 0)
) STRICT;

CREATE TABLE vat_store (
    vat   INTEGER NOT NULL CHECK (vat >= 0),
    key   BLOB    NOT NULL,
    body  BLOB    NOT NULL,
    slots BLOB,
    PRIMARY KEY (vat, key)
) STRICT, WITHOUT ROWID;

-- What the vats' stores hold is read at every boot, the bodies are not: this index has all that is needed.
CREATE INDEX holdings ON vat_store (vat, key, slots) WHERE slots IS NOT NULL;
