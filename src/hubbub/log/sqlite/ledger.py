"""Cursors, parcels and attempts in the log's file: `hubbub.core.contracts.Ledger`.

A flush is one transaction between two commits of the log, as durable as those. All attempts of a
flush are one row, compressed on the writer's thread: what a successful delivery costs is its part of
that row and of one cursor.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

import msgspec

from hubbub.core.contracts import Flush
from hubbub.core.subscription import Attempt, Cursor, Parcel
from hubbub.log.sqlite.pool import Readers
from hubbub.log.sqlite.reader import Reader
from hubbub.log.sqlite.sql import LEDGER, SQL
from hubbub.log.sqlite.store import Store
from hubbub.log.sqlite.writer import Writer

SEGMENTS = 16
"""Segments read at a time while attempts are looked for: some 8,000 attempts."""

TRIMMED = 50
"""Segments deleted in one step, between two appends."""

LEVEL = 1
"""Of zlib: attempts of one endpoint are alike, more effort gains little."""

_cursor: Final = msgspec.json.Decoder(Cursor)
_parcel: Final = msgspec.json.Decoder(Parcel)
_attempts: Final = msgspec.json.Decoder(list[Attempt])
_encode: Final = msgspec.json.Encoder().encode
_NO_ID: Final = 2**63 - 1
_LAST_TEXT: Final = "\U0010ffff"


class SqliteLedger:
    """A `Ledger` that writes between the appends of a log."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self.ledger_writes = 0
        """Rows written since the start."""
        self._writer = writer
        self._readers = readers

    async def cursors(self) -> dict[str, Cursor]:
        """Return the cursor of every subscription."""
        rows = await self._readers.run(lambda reader: reader.database.rows(LEDGER["cursors"]))
        return {name: _cursor.decode(body) for name, body in rows}

    async def parcels(
        self, subscription: str, *, dead: bool, after: int = 0, limit: int = 1000
    ) -> list[Parcel]:
        """Return parcels with offsets above `after`, lowest first."""
        given = (subscription, int(dead), after, limit)
        rows = await self._readers.run(
            lambda reader: reader.database.rows(LEDGER["parcels"], given)
        )
        return [_parcel.decode(body) for (body,) in rows]

    async def parcel(self, subscription: str, offset: int) -> Parcel | None:
        """Return one parcel."""
        rows = await self._readers.run(
            lambda reader: reader.database.rows(LEDGER["parcel"], (subscription, offset))
        )
        return _parcel.decode(rows[0][0]) if rows else None

    async def dead_letters(self) -> dict[str, int]:
        """Return how many dead letters every subscription has."""
        rows = await self._readers.run(lambda reader: reader.database.rows(LEDGER["dead_letters"]))
        return dict(rows)

    async def write(self, flush: Flush) -> None:
        """Write all of it or nothing. Raises `Unavailable`."""
        await self._writer.run(lambda store: _write(store, flush))
        self.ledger_writes += len(flush.cursors) + len(flush.parcels) + bool(flush.attempts)

    async def attempts(
        self,
        subscription: str,
        *,
        before: str = "",
        since: int = 0,
        outcomes: Sequence[str] = (),
        limit: int = 100,
    ) -> list[Attempt]:
        """Return attempts, newest first: with ids below `before`, begun at or after `since`."""
        wanted = frozenset(outcomes)
        upto = before or _LAST_TEXT

        def fits(attempt: Attempt) -> bool:
            return (
                attempt.subscription == subscription
                and attempt.id < upto
                and attempt.at >= since
                and (not wanted or attempt.outcome in wanted)
            )

        statement = "segments" if not wanted or "delivered" in wanted else "failed_segments"
        found: list[Attempt] = []
        below = _NO_ID
        while len(found) < limit:
            given = (below, since, upto, f",{subscription},", SEGMENTS)
            some, below = await self._readers.run(
                lambda reader, g=given: _look(reader, statement, g)
            )
            found += [attempt for attempt in some if fits(attempt)]
            if not below:
                break
        found.sort(key=lambda attempt: attempt.id, reverse=True)
        return found[:limit]

    async def attempt(self, id: str) -> Attempt | None:  # noqa: A002
        """Return one attempt."""
        rows = await self._readers.run(
            lambda reader: reader.database.rows(LEDGER["segment_of"], (id,))
        )
        for (body,) in rows:
            for attempt in _attempts.decode(zlib.decompress(body)):
                if attempt.id == id:
                    return attempt
        return None

    async def forget(self, subscription: str) -> None:
        """Forget the cursor and the parcels of a subscription."""
        await self._writer.run(lambda store: _forget(store, subscription))

    async def trim_attempts(self, before: int, max_count: int) -> int:
        """Forget attempts from before a time, and the oldest beyond a count."""
        gone = 0
        while some := await self._writer.run(lambda store: _trim_old(store, before)):
            gone += some
        (count,) = await self._readers.run(
            lambda reader: reader.database.row(LEDGER["attempt_count"])
        )
        while count > max_count:
            excess = count - max_count
            some = await self._writer.run(lambda store, e=excess: _trim_oldest(store, e))
            count -= some
            gone += some
        return gone


def _write(store: Store, flush: Flush) -> None:
    database = store.database
    database.run(SQL["begin"])
    database.run_many(
        LEDGER["put_cursor"], [(name, _encode(cursor)) for name, cursor in flush.cursors.items()]
    )
    database.run_many(LEDGER["delete_parcel"], list(flush.parcels))
    database.run_many(
        LEDGER["put_parcel"],
        [
            (subscription, offset, int(parcel.is_dead), _encode(parcel))
            for (subscription, offset), parcel in flush.parcels.items()
            if parcel is not None
        ],
    )
    if flush.attempts:
        database.run(LEDGER["put_segment"], _segment(flush.attempts))
    database.run(SQL["commit"])


def _segment(attempts: Sequence[Attempt]) -> tuple[object, ...]:
    return (
        max(attempt.at for attempt in attempts),
        min(attempt.id for attempt in attempts),
        max(attempt.id for attempt in attempts),
        len(attempts),
        _listed({attempt.subscription for attempt in attempts}),
        _listed({one.subscription for one in attempts if one.outcome != "delivered"}),
        zlib.compress(_encode(attempts), LEVEL),
    )


def _listed(names: set[str]) -> str:
    return f",{','.join(sorted(names))}," if names else ""


def _look(reader: Reader, statement: str, given: tuple[object, ...]) -> tuple[list[Attempt], int]:
    """Return the attempts of some segments, newest first, and where to go on; 0: nowhere."""
    rows = reader.database.rows(LEDGER[statement], given)
    found: list[Attempt] = []
    for _, body in rows:
        found += reversed(_attempts.decode(zlib.decompress(body)))
    return found, rows[-1][0] if len(rows) == SEGMENTS else 0


def _forget(store: Store, subscription: str) -> None:
    store.database.run(SQL["begin"])
    store.database.run(LEDGER["forget_cursor"], (subscription,))
    store.database.run(LEDGER["forget_parcels"], (subscription,))
    store.database.run(SQL["commit"])


def _trim_old(store: Store, before: int) -> int:
    return _delete(store, store.database.rows(LEDGER["old_segments"], (before, TRIMMED)))


def _trim_oldest(store: Store, excess: int) -> int:
    """Delete segments until no more than the excess is gone, but at least one."""
    chosen: list[tuple[int, int]] = []
    for number, count in store.database.rows(LEDGER["oldest_segments"], (TRIMMED,)):
        if excess <= 0:
            break
        chosen.append((number, count))
        excess -= count
    return _delete(store, chosen)


def _delete(store: Store, segments: Sequence[tuple[int, int]]) -> int:
    if not segments:
        return 0
    store.database.run(SQL["begin"])
    store.database.run_many(LEDGER["delete_segment"], [(number,) for number, _ in segments])
    store.database.run(SQL["commit"])
    return sum(count for _, count in segments)
