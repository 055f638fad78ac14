"""A process that brings a log to a schema of the future: python upgrade.py PATH."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.migrations import MIGRATIONS, SCHEMA, migrate

FUTURE = """
CREATE TABLE label (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO label SELECT "offset", type || topic FROM record;
ALTER TABLE record ADD COLUMN label INTEGER;
UPDATE record SET label = "offset";
PRAGMA user_version = 3;
"""

if __name__ == "__main__":
    database = Database(Path(sys.argv[1]), write=True)
    migrate(database, (*MIGRATIONS, FUTURE), SCHEMA)
    os.write(1, b"done\n")
    database.checkpoint()
    database.close()
