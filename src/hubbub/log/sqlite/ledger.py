"""Cursors, parcels and attempts in the log's file: `hubbub.core.contracts.Ledger`.

A flush is one transaction between two commits of the log, as durable as those. All attempts of a
flush are one row, a segment, and all cursors that it moved another: what a successful delivery costs
is its part of the two, with one subscription or with thousands. Rows go in and out as JSON in one statement each, for every step of SQLite gives the
interpreter away; see reader.py.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from hubbub.core.contracts import Flush
from hubbub.core.errors import Corrupt
from hubbub.core.subscription import Attempt, Cursor, Parcel
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.reader import Reader
from hubbub.log.sqlite.sql import LEDGER
from hubbub.log.sqlite.storage import Storage

SEGMENTS = 16
"""Segments read in one step while attempts are looked for: some 8,000 attempts."""

TRIMMED = 20
"""Segments deleted in one step, between two appends: each may be a megabyte."""

FORGOTTEN = 1000
"""Parcels of a subscription deleted in one step, between two appends: some milliseconds."""

LEVEL = 1
"""Of zlib: attempts of one endpoint are alike, more effort gains little."""

COMPACTED = 256
"""Rows of moved cursors after which all cursors are written in one: a minute's worth."""

_cursors: Final = msgspec.json.Decoder(dict[str, Cursor | None])
_parcels: Final = msgspec.json.Decoder(list[Parcel])
_counts: Final = msgspec.json.Decoder(list[tuple[str, int]])
_names: Final = msgspec.json.Decoder(set[str])
_attempts: Final = msgspec.json.Decoder(list[Attempt])
_encode: Final = msgspec.json.Encoder().encode
_NO_ID: Final = 2**63 - 1
_LAST_TEXT: Final = "\U0010ffff"


class _Packed(NamedTuple):
    """A flush as it is written."""

    cursors: bytes
    """Those that moved, or all of them; empty if there is nothing to say."""
    is_whole: bool
    settled: str
    """Subscription and offset of every parcel that changes."""
    parcels: str
    first: str
    """The smallest id of the attempts; empty if there are none."""
    segment: tuple[object, ...]


class SqliteLedger:
    """A `Ledger` that writes between the appends of a log."""

    def __init__(self, storage: Storage) -> None:
        self.ledger_writes = 0
        """Rows written since the start."""
        self._storage = storage
        self._trimming = asyncio.Lock()
        self._cursors: dict[str, Cursor] | None = None
        """As they were written; None until they were read."""
        self._rows = 0
        """Rows of cursors."""

    async def cursors(self) -> dict[str, Cursor]:
        """Return the cursor of every subscription."""
        return dict(await self._known())

    async def _known(self) -> dict[str, Cursor]:
        if self._cursors is None:
            rows = await self._storage.look(_read_cursors)
            self._cursors, self._rows = {}, len(rows)
            for moved in rows:
                _move(self._cursors, moved)
        return self._cursors

    async def parcels(
        self, subscription: str, *, dead: bool, after: int = 0, limit: int = 1000
    ) -> list[Parcel]:
        """Return parcels with offsets above `after`, lowest first."""
        given = (subscription, int(dead), after, limit)
        return await self._storage.look(
            lambda reader: _parcels.decode(reader.database.row(LEDGER["parcels"], given)[0])
        )

    async def parcel(self, subscription: str, offset: int) -> Parcel | None:
        """Return one parcel."""
        given = (subscription, offset)
        found = await self._storage.look(
            lambda reader: _parcels.decode(reader.database.row(LEDGER["parcel"], given)[0])
        )
        return found[0] if found else None

    async def waiting(self) -> set[str]:
        """Return the subscriptions that have parcels which wait for another attempt."""
        return await self._storage.look(
            lambda reader: _names.decode(reader.database.row(LEDGER["waiting"])[0])
        )

    async def dead_letters(self) -> dict[str, int]:
        """Return how many dead letters every subscription has."""
        return dict(
            await self._storage.look(
                lambda reader: _counts.decode(reader.database.row(LEDGER["dead_letters"])[0])
            )
        )

    async def write(self, flush: Flush) -> None:
        """Write all of it or nothing. Raises `Unavailable`.

        The caller leaves `flush` alone until then, and does not write another one meanwhile.
        """
        # Packed where a mistake does not harm the log, and where publishers do not wait for it: an
        # append beside 500 attempts with bodies of 16 KiB took three times as long otherwise.
        await self._put(flush, flush.cursors)

    async def _put(self, flush: Flush, moved: Mapping[str, Cursor | None]) -> None:
        known = await self._known()
        is_whole = self._rows >= COMPACTED
        cursors: Mapping[str, Cursor | None] = {**known, **moved} if is_whole else moved
        packed = await self._storage.look(lambda _: _pack(flush, cursors, is_whole=is_whole))
        await self._storage.change(lambda database: _write(database, packed))
        _move(known, moved)
        self._rows = 1 if is_whole else self._rows + bool(moved)
        self.ledger_writes += bool(moved) + len(flush.parcels) + bool(flush.attempts)

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

        def look(reader: Reader, below: int) -> tuple[list[Attempt], int]:
            """Return what fits in some segments, and where to go on; 0: nowhere."""
            given = (below, since, upto, f",{subscription},", SEGMENTS)
            rows = reader.database.rows(LEDGER[statement], given)
            some = [attempt for _, body in rows for attempt in _unpack(body) if fits(attempt)]
            return some, rows[-1][0] if len(rows) == SEGMENTS else 0

        statement = "segments" if not wanted or "delivered" in wanted else "failed_segments"
        found: list[Attempt] = []
        below = _NO_ID
        while below and len(found) < limit:
            some, below = await self._storage.look(lambda reader, b=below: look(reader, b))
            found += some
        found.sort(key=lambda attempt: attempt.id, reverse=True)
        return found[:limit]

    async def attempt(self, id: str) -> Attempt | None:  # noqa: A002
        """Return one attempt."""
        return await self._storage.look(lambda reader: _find(reader, id))

    async def forget(self, subscription: str) -> None:
        """Forget the cursor and the parcels of a subscription."""
        given = (subscription, FORGOTTEN)
        while await self._storage.release(
            lambda database: database.rows(LEDGER["forget_parcels"], given)
        ):
            pass
        if subscription in await self._known():
            gone = _encode({subscription: None})
            await self._storage.release(
                lambda database: database.run(LEDGER["put_cursors"], (gone,))
            )
            _move(await self._known(), {subscription: None})
            self._rows += 1

    async def trim_attempts(self, before: int, max_count: int) -> int:
        """Forget attempts from before a time, and the oldest beyond a count, by segments."""
        async with self._trimming:  # two at once would both forget what is beyond the count
            gone = 0
            while some := await self._storage.release(lambda database: _trim_old(database, before)):
                gone += some
            (count,) = await self._storage.look(
                lambda reader: reader.database.row(LEDGER["attempt_count"])
            )
            excess = count - max_count
            while excess > 0 and (
                some := await self._storage.release(lambda database, e=excess: _trim(database, e))
            ):
                excess -= some
                gone += some
            return gone


def _move(known: dict[str, Cursor], moved: Mapping[str, Cursor | None]) -> None:
    for subscription, cursor in moved.items():
        if cursor is None:
            known.pop(subscription, None)
        else:
            known[subscription] = cursor


# On the reading threads.


def _read_cursors(reader: Reader) -> list[dict[str, Cursor | None]]:
    return [_cursors.decode(body) for (body,) in reader.database.rows(LEDGER["cursors"])]


def _pack(flush: Flush, cursors: Mapping[str, Cursor | None], *, is_whole: bool) -> _Packed:
    attempts, parcels = flush.attempts, flush.parcels
    return _Packed(
        _encode(cursors) if cursors else b"",
        is_whole,
        _encode(list(parcels)).decode(),
        _encode([parcel for parcel in parcels.values() if parcel is not None]).decode(),
        min((attempt.id for attempt in attempts), default=""),
        _segment(attempts) if attempts else (),
    )


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


def _unpack(body: bytes) -> list[Attempt]:
    try:
        return _attempts.decode(zlib.decompress(body))
    except zlib.error as error:
        raise Corrupt("attempts at deliveries cannot be read") from error


def _find(reader: Reader, id_: str) -> Attempt | None:
    for (body,) in reader.database.rows(LEDGER["segment_of"], (id_,)):
        for attempt in _unpack(body):
            if attempt.id == id_:
                return attempt
    return None


# On the writer's thread, each in a transaction.


def _write(database: Database, packed: _Packed) -> None:
    if packed.is_whole:
        database.run(LEDGER["delete_cursors"])
    if packed.cursors:
        database.run(LEDGER["put_cursors"], (packed.cursors,))
    database.run(LEDGER["delete_parcels"], (packed.settled,))
    database.run(LEDGER["put_parcels"], (packed.parcels,))
    if packed.segment:
        # A commit that failed may be there all the same, and is written again.
        database.run(LEDGER["replace_segment"], (packed.first,))
        database.run(LEDGER["put_segment"], packed.segment)


def _trim_old(database: Database, before: int) -> int:
    return _delete(database, database.rows(LEDGER["old_segments"], (before, TRIMMED)))


def _trim(database: Database, excess: int) -> int:
    """Delete the oldest segments until the excess is gone."""
    chosen: list[tuple[int, int]] = []
    for number, count in database.rows(LEDGER["oldest_segments"], (TRIMMED,)):
        if excess <= 0:
            break
        chosen.append((number, count))
        excess -= count
    return _delete(database, chosen)


def _delete(database: Database, segments: Sequence[tuple[int, int]]) -> int:
    database.run_many(LEDGER["delete_segment"], [(number,) for number, _ in segments])
    return sum(count for _, count in segments)
