"""Pages of the past: the log read in one direction or the other, a bounded piece at a time.

A page goes on where the one before ended, whatever was appended in between: its cursor is a
position, not a count. A page may hold fewer records than asked for, even none, and still have a
cursor, because one request looks at no more than `MAX_SCAN` records and holds about `MAX_BYTES`.
"""

from __future__ import annotations

import asyncio
from typing import Final

from hubbub.core.contracts import Log
from hubbub.core.errors import Gap
from hubbub.core.event import Record
from hubbub.core.position import Position
from hubbub.core.reading import begin, gap, position
from hubbub.core.selection import Selection
from hubbub.core.start import After, Start

MAX_SCAN: Final = 50_000
"""Records that one page looks at: a filter that selects next to nothing must not hold a request."""

MAX_BYTES: Final = 8 * 1024 * 1024
"""Bytes of records after which a page ends: a thousand events of a mebibyte are no page."""

_STEP: Final = 64  # records of the first read of a page, before it is known how large they are


class History:
    """Reads pages of one log."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def page(
        self,
        selection: Selection,
        start: Start,
        *,
        limit: int,
        newest_first: bool = False,
        before: Position | None = None,
    ) -> tuple[list[Record], Position | None]:
        """Return up to `limit` selected records and the cursor of the next page, None at the end.

        Oldest first, the records after `start`, and the cursor is the start of the next page.
        Newest first, the records below `before` (None: the newest) back to `start`, and the cursor
        is the next `before`. Raises `Gap` if `start` is a position whose events are gone, or if
        they go while they are read.
        """
        log = self._log
        after, lost = await begin(log, start, selection)
        if lost is not None:
            raise lost
        if newest_first:
            return await self._back(selection, after, self._below(before), limit)
        try:
            return await self._on(selection, after, limit)
        except Gap:
            if isinstance(start, After):
                raise
            # Nobody named a position: the oldest kept record moved on while we looked for it.
            return await self._on(selection, log.tail - 1, limit)

    def _below(self, before: Position | None) -> int:
        log = self._log
        if before is None:
            return log.head + 1
        if before.epoch != log.epoch:
            raise gap(log, before)
        return min(before.offset, log.head + 1)

    async def _on(
        self, selection: Selection, after: int, limit: int
    ) -> tuple[list[Record], Position | None]:
        log = self._log
        page = _Page(limit)
        end = after + MAX_SCAN
        while True:
            found = await log.read(after, page.step, selection)
            after = found.next
            if page.take(found.records):
                after = page.records[-1].offset
            if after >= log.head:
                return page.records, None
            if page.is_full or after >= end:
                return page.records, position(log, after)
            await asyncio.sleep(0)  # a log in memory never waits by itself

    async def _back(
        self, selection: Selection, after: int, before: int, limit: int
    ) -> tuple[list[Record], Position | None]:
        log = self._log
        page = _Page(limit)
        end = before - MAX_SCAN
        while before > (last := max(after + 1, log.tail)):
            found = await log.read_back(before, page.step, selection)
            before = found.next
            if page.take([record for record in found.records if record.offset > after]):
                before = page.records[-1].offset
            if page.is_full or before <= end:
                return page.records, position(log, before) if before > last else None
            await asyncio.sleep(0)
        return page.records, None


class _Page:
    """Records until there are enough of them."""

    def __init__(self, limit: int) -> None:
        self.records: list[Record] = []
        self._limit = limit
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return len(self.records) >= self._limit or self._bytes >= MAX_BYTES

    @property
    def step(self) -> int:
        """How many records to read next, by the size of those that were read."""
        left = self._limit - len(self.records)
        if not self.records:
            return min(left, _STEP)
        average = self._bytes / len(self.records)
        return min(left, max(1, int((MAX_BYTES - self._bytes) / average) + 1))

    def take(self, records: list[Record]) -> bool:
        """Take records until there are enough; tell whether some had to be left."""
        for record in records:
            if self.is_full:
                return True
            self.records.append(record)
            self._bytes += len(record.json)
        return False
