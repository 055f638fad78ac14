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

PRAGMA user_version = 2;
