"""One connection to the file, with nothing to say but statements that are written down."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, LiteralString, cast

import apsw

BUSY_MILLISECONDS = 1000
"""Wait for locks of other programs, such as a backup that copies the file."""

Row = tuple[Any, ...]

TRUNCATE: Final = apsw.SQLITE_CHECKPOINT_TRUNCATE
PASSIVE: Final = apsw.SQLITE_CHECKPOINT_PASSIVE


class Database:
    """A connection. Raises `apsw.Error` for what goes wrong."""

    def __init__(self, path: Path, *, write: bool, statements: int = 100) -> None:
        """Open a file that is there; keep that many statements prepared."""
        flags = apsw.SQLITE_OPEN_READWRITE if write else apsw.SQLITE_OPEN_READONLY
        self.connection = apsw.Connection(str(path), flags=flags, statementcachesize=statements)
        self.connection.set_busy_timeout(BUSY_MILLISECONDS)
        # apsw's stubs name a type that Python 3.11 does not have: this is the seam.
        self._execute: Any = cast("Any", self.connection).execute
        self._execute_many: Any = cast("Any", self.connection).executemany

    def run(self, statement: LiteralString, bindings: Sequence[object] = ()) -> None:
        """Run one statement that returns nothing, or many without bindings."""
        self._execute(statement, bindings or None)

    def run_many(self, statement: LiteralString, bindings: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of some bindings."""
        self._execute_many(statement, bindings)

    def rows(self, statement: LiteralString, bindings: Sequence[object] = ()) -> list[Row]:
        """Return all rows."""
        return self._execute(statement, bindings or None).fetchall()

    def row(self, statement: LiteralString, bindings: Sequence[object] = ()) -> Row:
        """Return the only row."""
        (row,) = self._execute(statement, bindings or None)
        return row

    def checkpoint(self, mode: int = PASSIVE) -> None:
        """Move the write-ahead log into the database."""
        self.connection.wal_checkpoint(mode=mode)

    def written(self) -> int:
        """Return the pages that this connection has written so far."""
        return self.connection.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]

    def close(self) -> None:
        """Close, whatever is going on; the last connection empties the write-ahead log."""
        self.connection.close(force=True)


def vector(numbers: array[int], stop: int = -1) -> object:
    """Bind the first `stop` integers (-1: all) as a table."""
    return cast("Any", apsw).carray(numbers, stop=stop)
