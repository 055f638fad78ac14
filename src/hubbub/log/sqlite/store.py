"""The database file as its writer sees it: opened, checked, written to, given up and opened again.

Lives on the writer's thread. Durability is SQLite's: WAL, `synchronous = FULL`, a commit returns
after its fdatasync. What fails is raised as it comes (`FAILURES`), and the store must then be
`abandon`ed: on Linux an fsync that failed says nothing about the next one, so nothing more is
written until the write-ahead log was emptied into the database, which syncs every byte anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import LiteralString, TypeVar

import apsw

from hubbub.core.clock import Clock
from hubbub.core.errors import Corrupt, Misconfigured
from hubbub.core.position import new_epoch
from hubbub.log.engines import Entropy
from hubbub.log.sqlite.checks import check, damaged
from hubbub.log.sqlite.database import TRUNCATE, Database
from hubbub.log.sqlite.intake import Batch
from hubbub.log.sqlite.lock import Witness
from hubbub.log.sqlite.migrations import migrate
from hubbub.log.sqlite.reserve import Reserve
from hubbub.log.sqlite.rows import COLUMNS
from hubbub.log.sqlite.sql import SQL

FAILURES: tuple[type[Exception], ...] = (apsw.Error, OSError, Corrupt)
"""What a disk or a file can do to a writer."""

TOGETHER = 100
"""Rows in one statement. Every step of SQLite gives the interpreter away and has to win it back, up
to 5 ms while other threads compute; few and long steps keep an append fast in a busy process. One
statement is kept prepared for each number of rows: 6 MB if all of them come up."""

CHECKPOINT_PAGES = 500
"""Pages after which the write-ahead log goes into the database: 2 MB, a few milliseconds in which no
append is answered."""

T = TypeVar("T")
_log = logging.getLogger("hubbub.log")


class Store:
    """The writing connection to one database file, with its witness and its reserve."""

    def __init__(self, path: Path, witness: Witness, clock: Clock) -> None:
        self.path = path
        self.has_space = True
        """Whether the reserve is held: only then appends are taken."""
        self._witness = witness
        self._reserve = Reserve(path.with_name(path.name + ".reserve"))
        self._clock = clock
        self._database: Database | None = None
        self._inode = 0
        self._checkpointed_at = 0
        self._inserts: list[LiteralString] = [
            SQL["append"] + SQL["append_more"] * n for n in range(TOGETHER)
        ]

    @property
    def database(self) -> Database:
        """The open connection."""
        assert self._database is not None, "the store is open"
        return self._database

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._database is not None

    def start(self, entropy: Entropy) -> None:
        """Open the log for the first time in this process.

        Raises `Misconfigured`, `Corrupt` and what the disk does.
        """
        self._reserve.release()  # even to read, SQLite needs a little space beside the file
        self._open()
        database, witness = self.database, self._witness
        migrate(database)
        self._settle()
        if not database.rows(SQL["log"]):
            database.run(SQL["create_log"], (new_epoch(entropy(5)), entropy(16)))
        epoch, head = self._epoch_and_head()
        is_the_past_known = witness.epoch == epoch and witness.head <= head
        if not is_the_past_known and (head or witness.head):
            _log.warning(
                "%s ends at offset %d, and what was acknowledged last is %s: records may be gone, "
                "so the log goes on under a new epoch and readers are told of a gap",
                self.path, head, witness.head if witness.epoch else "not known",
            )  # fmt: skip
            epoch = new_epoch(entropy(5))
            database.run(SQL["renew_epoch"], (epoch,))
        witness.vouch(epoch, head)
        self.has_space = self._reserve.hold()

    def recover(self) -> None:
        """Open again after a failure, with nothing in it that was refused to its publisher.

        Raises what the disk does, and `Corrupt` if what was acknowledged is not there.
        """
        self._reserve.release()
        self._open()
        self._settle()
        epoch, head = self._epoch_and_head()
        if (epoch, head) != (self._witness.epoch, self._witness.head):
            raise damaged(self.path, "it is not the file that was written: was it replaced?")
        self._witness.vouch(epoch, head)
        self.has_space = self._reserve.hold()

    def regain_space(self) -> None:
        """Take appends again if there is space for the reserve, perhaps what was trimmed."""
        with suppress(apsw.BusyError):  # a reader is at work: the next time
            self.database.checkpoint(TRUNCATE)
        self.has_space = self._reserve.hold()

    def _open(self) -> None:
        database = Database(self.path, write=True, statements=2 * TOGETHER)
        self._database = database
        check(database, self.path, self._clock)
        database.run(SQL["file_settings"])
        if database.row(SQL["write_ahead_log"]) != ("wal",):
            raise Misconfigured(
                f"the file system of {self.path} has no shared memory, which SQLite's write-ahead "
                "log needs: keep the log on a local disk"
            )
        database.run(SQL["settings"])
        self._inode = self.path.stat().st_ino
        self._checkpointed_at = 0

    def _settle(self) -> None:
        """Be sure of what is in the file, and rid of what is in doubt."""
        # A failed sync, or a death in the middle of one, leaves frames in the write-ahead log that
        # may be on the disk or not. Nothing is shown or written after them: all goes into the
        # database first, under new syncs.
        self.database.checkpoint(TRUNCATE)
        witness = self._witness
        if witness.is_in_doubt and self.database.rows(SQL["is_epoch"], (witness.epoch,)):
            self.database.run(SQL["forget_unacknowledged"], (witness.head,))
            self.database.checkpoint(TRUNCATE)

    def _epoch_and_head(self) -> tuple[str, int]:
        epoch, kept_head, _ = self.database.row(SQL["log"])
        _, newest = self.database.row(SQL["ends"])
        return epoch, max(newest or 0, kept_head)

    def append(
        self, batches: Sequence[Batch], along: Sequence[Callable[[Database], T]] = ()
    ) -> list[T]:
        """Write batches, and what goes along with them, in one commit; durable when it returns."""
        topics = [topic for batch in batches for topic in batch.topics]
        rows: list[object] = []
        for batch in batches:
            rows += batch.rows
        database, width = self.database, TOGETHER * COLUMNS
        values: list[T] = []
        if rows and len(rows) <= width and not topics and not along:
            # One statement is a transaction of its own: one step for everything, sync included.
            database.run(self._inserts[len(rows) // COLUMNS - 1], rows)
        elif rows or along:
            database.run(SQL["begin"])
            database.run_many(SQL["add_topic"], topics)
            for start in range(0, len(rows), width):
                some = rows[start : start + width]
                database.run(self._inserts[len(some) // COLUMNS - 1], some)
            values = [call(database) for call in along]
            database.run(SQL["commit"])
        else:
            return values  # repeats of what is durable by now
        self._check_place()
        self._witness.acknowledge(batches[-1].last)
        return values

    def change(self, call: Callable[[Database], T]) -> T:
        """Change something beside the records in one commit; durable when it returns."""
        database = self.database
        database.run(SQL["begin"])
        value = call(database)
        database.run(SQL["commit"])
        self._check_place()
        return value

    def _check_place(self) -> None:
        """Raise `Corrupt` if what was written has no name any more."""
        if self.path.stat().st_ino != self._inode:
            raise damaged(self.path, "it was replaced while it was open")

    def trim(self, below: int, head: int) -> int:
        """Delete a few records; return the stamp of the oldest that is left, 0 if none is.

        `head` is remembered in case they are the last. Not synced: after a power cut they may be
        back, and go again.
        """
        database = self.database
        database.run(SQL["sync_later"])
        database.run(SQL["begin"])
        database.run(SQL["trim"], (below,))
        database.run(SQL["keep_head"], (head,))
        database.run(SQL["commit"])
        database.run(SQL["sync_commits"])
        facts = database.rows(SQL["record"], (below,))
        return facts[0][0] if facts else 0

    def forget_topics(self, numbers: Sequence[int]) -> None:
        """Delete topics that have no records."""
        self.database.run(SQL["begin"])
        self.database.run_many(SQL["forget_topic"], ((number,) for number in numbers))
        self.database.run(SQL["commit"])

    def vacuum(self) -> bool:
        """Hand a few unused pages back to the file system; tell whether there are more to give.

        Pages that retention freed are what the next events are written to, so as many are kept as
        are in use: a file shrinks to about twice what is in it. Without space every one is given.
        """
        pages, unused = self.database.row(SQL["pages"])
        if unused <= (pages // 2 if self.has_space else 0):
            return False
        self.database.rows(SQL["vacuum"])
        return True

    def wants_checkpoint(self, factor: int = 1) -> bool:
        """Tell whether enough was written for a checkpoint."""
        if self._database is None:
            return False
        return self._database.written() - self._checkpointed_at >= CHECKPOINT_PAGES * factor

    def checkpoint(self) -> None:
        """Move the write-ahead log into the database, as far as no reader needs it."""
        self.database.checkpoint()
        self._checkpointed_at = self.database.written()

    def abandon(self) -> None:
        """Give the connection up after a failure."""
        try:
            self._witness.doubt()
        except OSError as error:
            _log.error("the failure could not be noted beside the log either: %s", error)
        self.close()

    def close(self) -> None:
        """Close the connection."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def release(self) -> None:
        """Let another process have the log."""
        self._witness.close()

    def file_bytes(self) -> int:
        """Return the bytes of the database and its write-ahead log."""
        total = 0
        for name in (self.path.name, self.path.name + "-wal"):
            with suppress(OSError):
                total += self.path.with_name(name).stat().st_size
        return total
