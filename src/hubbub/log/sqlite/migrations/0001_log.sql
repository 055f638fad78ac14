
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

PRAGMA application_id = 0x68756262;  -- hubb
PRAGMA user_version = 1;
