"""Pages of the past: the log read in one direction or the other, a bounded piece at a time.

A page goes on where the one before ended, whatever was appended in between: its cursor is a
position, not a count. A page may hold fewer records than asked for, even none, and still have a
cursor, because one request looks at no more than `MAX_SCAN` records.
"""

from __future__ import annotations

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
        records: list[Record] = []
        end = after + MAX_SCAN
        while True:
            page = await log.read(after, limit - len(records), selection)
            records += page.records
            after = page.next
            if after >= log.head:
                return records, None
            if len(records) >= limit or after >= end:
                return records, position(log, after)

    async def _back(
        self, selection: Selection, after: int, before: int, limit: int
    ) -> tuple[list[Record], Position | None]:
        log = self._log
        records: list[Record] = []
        end = before - MAX_SCAN
        while before > max(after + 1, log.tail):
            page = await log.read_back(before, limit - len(records), selection)
            wanted = [record for record in page.records if record.offset > after]
            records += wanted
            before = page.next
            if len(wanted) < len(page.records):
                break
            if len(records) >= limit or before <= end:
                more = before > max(after + 1, log.tail)
                return records, position(log, before) if more else None
        return records, None
