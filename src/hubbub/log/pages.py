"""Reads of the engine that many readers share.

After a restart thousands of clients resume from about the same place. Their reads begin at offsets
rounded down to a block, go on where a shared page ended, and are made once: whoever asks for a page
that is being read waits for it, and pages that are complete are kept for a while.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable
from operator import attrgetter
from typing import Final

from hubbub.core.contracts import Log, Page
from hubbub.core.errors import Gap
from hubbub.core.position import Position
from hubbub.core.reading import gap
from hubbub.core.selection import Selection
from hubbub.log.ring import OVERHEAD

BLOCK = 256
"""Offsets that readers are brought together in: what is read in vain is at most this."""

PAGE = 512
"""Records in a shared page, however few the reader asked for."""

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of pages kept: some 60 pages of small events, enough for a herd that moves together."""

Key = tuple[Selection, int, int]
"""Selection, where it begins, and how many records are asked for backward; 0 is forward."""

_offset: Final = attrgetter("offset")


class Pages:
    """Shared pages of one engine."""

    def __init__(self, engine: Log) -> None:
        self._engine = engine
        self._kept: dict[Key, tuple[Page, int]] = {}
        """Least recently used first, with their bytes."""
        self._bytes = 0
        self._reads: dict[Key, asyncio.Task[Page]] = {}
        self._ends: dict[tuple[Selection, int], int] = {}
        """Where kept pages end, and how many of them: a reader that comes from one goes on there."""

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        """Read forward like `Log.read`."""
        while True:
            start = after
            if (selection, after) not in self._ends:
                start = max(after - after % BLOCK, self._engine.tail - 1)
            try:
                page = await self._forward(start, after, selection)
            except Gap:
                if after + 1 < self._engine.tail:
                    raise gap(self._engine, Position(self._engine.epoch, after)) from None
                continue  # only the rounded start is gone
            break
        first = bisect_right(page.records, after, key=_offset)
        records = page.records[first : first + limit]
        if first + limit < len(page.records):
            return Page(records, records[-1].offset)
        return Page(records, max(page.next, after))

    async def _forward(self, start: int, after: int, selection: Selection) -> Page:
        """Go from page to page until one reaches beyond `after`, or nothing follows."""
        while True:
            page = await self._get(
                (selection, start, 0), lambda at=start: self._engine.read(at, PAGE, selection)
            )
            if page.next > after or page.next <= start:
                return page
            start = page.next

    async def read_back(self, before: int, limit: int, selection: Selection) -> Page:
        """Read backward like `Log.read_back`."""
        page = await self._get(
            (selection, before, limit), lambda: self._engine.read_back(before, limit, selection)
        )
        tail = self._engine.tail
        if page.next >= tail:
            return page
        return Page([record for record in page.records if record.offset >= tail], tail)

    async def _get(self, key: Key, read: Callable[[], Awaitable[Page]]) -> Page:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._kept[key] = kept
            return kept[0]
        task = self._reads.get(key)
        if task is None:
            task = asyncio.ensure_future(self._read(key, read))
            self._reads[key] = task
            task.add_done_callback(_look)
        return await asyncio.shield(task)  # who goes away does not take the page from the others

    async def _read(self, key: Key, read: Callable[[], Awaitable[Page]]) -> Page:
        try:
            page = await read()
        finally:
            del self._reads[key]
        if len(page.records) >= (key[2] or PAGE) or page.next < self._engine.head:
            self._keep(key, page)
        return page

    def _keep(self, key: Key, page: Page) -> None:
        size = OVERHEAD + sum(len(record.json) + OVERHEAD for record in page.records)
        self._kept[key] = page, size
        self._bytes += size
        if not key[2]:
            end = key[0], page.next
            self._ends[end] = self._ends.get(end, 0) + 1
        while self._bytes > MAX_BYTES and len(self._kept) > 1:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        page, size = self._kept.pop(key)
        self._bytes -= size
        if not key[2]:
            end = key[0], page.next
            self._ends[end] -= 1
            if not self._ends[end]:
                del self._ends[end]

    async def close(self) -> None:
        """Wait for what is being read."""
        await asyncio.gather(*self._reads.values(), return_exceptions=True)


def _look(task: asyncio.Task[Page]) -> None:
    """Take note of a failure that nobody is left to hear of."""
    if not task.cancelled():
        task.exception()
