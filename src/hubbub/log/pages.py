"""Reads of the engine that many readers share.

After a restart thousands of clients resume from about the same place. Whoever asks for what a page
holds that is kept, or is being read, gets it from there; other reads begin at offsets rounded down
to a block, so that those who come next find them.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right, insort
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
        self._starts: dict[Selection, list[int]] = {}
        """Where pages begin that are kept or being read, in order."""

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        """Read forward like `Log.read`."""
        while True:
            start = self._start(after, selection)
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

    def _start(self, after: int, selection: Selection) -> int:
        """Return where a shared page begins that may hold what follows `after`."""
        starts = self._starts.get(selection, [])
        place = bisect_right(starts, after) - 1
        if place >= 0:
            start = starts[place]
            kept = self._kept.get((selection, start, 0))
            if (after - start < BLOCK) if kept is None else (kept[0].next > after):
                return start
            if kept is not None and kept[0].next == after:
                return after  # whoever read that page comes here next
        return max(after - after % BLOCK, self._engine.tail - 1)

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
            task.add_done_callback(_look)
            self._reads[key] = task
            if not key[2]:
                insort(self._starts.setdefault(key[0], []), key[1])
        return await asyncio.shield(task)  # who goes away does not take the page from the others

    async def _read(self, key: Key, read: Callable[[], Awaitable[Page]]) -> Page:
        try:
            page = await read()
        except BaseException:
            self._forget(key)
            raise
        finally:
            del self._reads[key]
        if len(page.records) >= (key[2] or PAGE) or page.next < self._engine.head:
            self._keep(key, page)
        else:
            self._forget(
                key
            )  # it ends at the head because there is no more: next time there may be
        return page

    def _keep(self, key: Key, page: Page) -> None:
        size = OVERHEAD + sum(len(record.json) + OVERHEAD for record in page.records)
        self._kept[key] = page, size
        self._bytes += size
        while self._bytes > MAX_BYTES and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self._bytes -= self._kept.pop(oldest)[1]
            self._forget(oldest)

    def _forget(self, key: Key) -> None:
        if key[2]:
            return
        starts = self._starts[key[0]]
        del starts[bisect_left(starts, key[1])]
        if not starts:
            del self._starts[key[0]]

    async def close(self) -> None:
        """Wait for what is being read."""
        await asyncio.gather(*self._reads.values(), return_exceptions=True)


def _look(task: asyncio.Task[Page]) -> None:
    """Take note of a failure that nobody is left to hear of."""
    if not task.cancelled():
        task.exception()
