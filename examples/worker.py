"""A worker that counts every order exactly once, whatever crashes in between.

hubbub hands out every event at least once, in order. What makes it exactly once is that the result
and the position are written in the same transaction: either both are there or neither is.

    hubbub serve                                                       # in one terminal
    python examples/worker.py totals.db                                # in another
    curl 'http://127.0.0.1:8080/topics/orders/42' --json '{"total": 12}'   # in a third, some times
"""

from __future__ import annotations

import sqlite3
import sys

from hubbub.client import Client

SCHEMA = """
CREATE TABLE IF NOT EXISTS totals (topic TEXT PRIMARY KEY, total REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 1), position TEXT) STRICT;
INSERT OR IGNORE INTO progress VALUES (1, NULL);
"""


def main() -> None:
    """Follow the orders for ever, from where the last run stopped."""
    database = sqlite3.connect(sys.argv[1])
    database.executescript(SCHEMA)
    (position,) = database.execute("SELECT position FROM progress").fetchone()
    with Client() as client:
        for event in client.listen("orders/*", since=position or "earliest"):
            with database:  # one transaction
                database.execute(
                    "INSERT INTO totals VALUES (?, ?)"
                    " ON CONFLICT (topic) DO UPDATE SET total = total + excluded.total",
                    (event.topic, event.data["total"]),
                )
                database.execute("UPDATE progress SET position = ?", (event.position,))
            print(f"{event.position}: {event.topic} +{event.data['total']}", flush=True)


if __name__ == "__main__":
    main()
