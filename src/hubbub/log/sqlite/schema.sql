-- The log as it is in this version: what a new database gets. Old ones come here step by step through
-- migrations/, and a test holds the two equal.

-- One row of what must outlive the records.
CREATE TABLE log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,
    head INTEGER NOT NULL,     -- the head when records were last trimmed: at least that was appended
    secret BLOB NOT NULL       -- key of the fingerprints
) STRICT;

CREATE TABLE topic (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE record (
    "offset" INTEGER PRIMARY KEY,
    recorded INTEGER NOT NULL,  -- milliseconds since the Unix epoch, never less than the row before
    total INTEGER NOT NULL,     -- bytes of events up to and with this one, since the log began
    topic INTEGER NOT NULL,     -- topic.id
    fingerprint INTEGER,        -- of source and id; NULL where the producer did not choose the id
    brought INTEGER NOT NULL,   -- 1 where the event brought its own recordedtime
    checksum INTEGER NOT NULL,  -- over everything that a reader sees; see rows.py
    type TEXT NOT NULL,
    json BLOB NOT NULL          -- Event.json; last, so that the rest is read without overflow pages
) STRICT;

-- A topic's records by block of 4096 offsets. See reader.py for why not simply by topic.
CREATE INDEX record_topic ON record ("offset" >> 12, topic);

-- Named documents: subscriptions, sources.
CREATE TABLE document (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

-- How far subscriptions are: what each flush moved, oldest first, now and then all of them in one.
CREATE TABLE cursors (
    id INTEGER PRIMARY KEY,
    body BLOB NOT NULL     -- core.subscription.Cursor by subscription as JSON; null: forgotten
) STRICT;

-- Events that failed: core.subscription.Parcel as JSON.
CREATE TABLE parcel (
    subscription TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    is_dead INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (subscription, is_dead, "offset")
) STRICT, WITHOUT ROWID;

-- The attempts of one flush together: a delivery costs no row of its own.
CREATE TABLE segment (
    id INTEGER PRIMARY KEY,
    newest INTEGER NOT NULL,         -- milliseconds: when the last of them began
    first TEXT NOT NULL,             -- the smallest id among them, and the largest
    last TEXT NOT NULL,
    count INTEGER NOT NULL,
    subscriptions TEXT NOT NULL,     -- ids, each between commas
    failures TEXT NOT NULL,          -- those of them that have an attempt which was not delivered
    body BLOB NOT NULL               -- core.subscription.Attempt as JSON, compressed
) STRICT;

-- What is too old is found without reading the attempts, and so is the segment of an id.
CREATE INDEX segment_age ON segment (newest, count);
CREATE INDEX segment_span ON segment (first, last);

PRAGMA application_id = 0x68756262;  -- hubb
PRAGMA user_version = 2;
