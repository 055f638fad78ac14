"""The end of the log in memory, in front of any engine: what every reader of this process reads.

Readers that keep up, thousands at the same place, are served from one ring of the newest records
without touching a thread; the ring is filled by the engine's own notifications and, at the start,
by reading the end of the log. Everybody else reads the engine, together where they can. A `Tail` is
a `Log` and keeps every promise of one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol, Self, runtime_checkable

from hubbub.core.contracts import Appended, Engine, Health, Listener, Page, Retention
from hubbub.core.errors import Unavailable
from hubbub.core.event import Event, Record
from hubbub.core.position import Position
from hubbub.core.reading import gap
from hubbub.core.selection import EVERYTHING, Selection
from hubbub.log.listeners import Listeners
from hubbub.log.pages import Pages
from hubbub.log.ring import OVERHEAD, Ring

FILL = 1000
"""Records read at a time to fill the ring at the start."""

_log = logging.getLogger("hubbub.log")


@runtime_checkable
class Measured(Protocol):
    """An engine that can tell how much it holds, at once."""

    @property
    def stored_bytes(self) -> int:
        """Bytes of storage that it takes."""
        ...

    @property
    def oldest(self) -> int:
        """Stamp of the oldest kept record in milliseconds, 0 if there is none."""
        ...


class Tail:
    """A `Log` with its newest records in memory."""

    def __init__(self, engine: Engine, ring: Ring) -> None:
        """Take over an engine; the ring ends where it does."""
        self._engine = engine
        self._ring = ring
        self._pages = Pages(engine)
        self._measured = engine if isinstance(engine, Measured) else None
        self._listeners = Listeners()
        self._trimming: asyncio.Task[None] | None = None
        self.registry = engine.registry
        """Documents that the engine keeps beside the log."""
        self.ledger = engine.ledger
        """Deliveries that the engine keeps beside the log."""
        engine.listen(self._committed)

    @classmethod
    async def open(cls, engine: Engine, ring_bytes: int) -> Self:
        """Take over an engine that nobody appends to yet."""
        newest: list[Record] = []
        size, before = 0, engine.head + 1
        while before > engine.tail and size < ring_bytes:
            page = await engine.read_back(before, FILL, EVERYTHING)
            newest += page.records
            size += sum(len(record.json) + OVERHEAD for record in page.records)
            before = page.next
        ring = Ring(ring_bytes, engine.head - len(newest))
        ring.add(newest[::-1])
        return cls(engine, ring)

    @property
    def epoch(self) -> str:
        """Name of this unbroken past."""
        return self._engine.epoch

    @property
    def head(self) -> int:
        """Offset of the newest visible record."""
        return self._engine.head

    @property
    def tail(self) -> int:
        """Offset of the oldest kept record."""
        return self._engine.tail

    @property
    def stored_bytes(self) -> int:
        """Bytes of storage that the log takes, 0 if the engine cannot tell."""
        return self._measured.stored_bytes if self._measured else 0

    @property
    def oldest(self) -> int:
        """Stamp of the oldest kept record in milliseconds, 0 if there is none or nobody knows."""
        return self._measured.oldest if self._measured else 0

    async def append(self, events: Sequence[Event]) -> list[Appended]:
        """Append all events or none; durable when it returns."""
        return await self._engine.append(events)

    def _committed(self, records: Sequence[Record]) -> None:
        self._ring.add(records)
        self._listeners.tell(records)

    def recent(self, after: int) -> Sequence[Record] | None:
        """Return all records above an offset at once, or None if they are not all in memory."""
        if after + 1 < max(self._ring.first, self.tail):
            return None
        return self._ring.after(after)

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        """Read selected records above `after`, oldest first."""
        if after + 1 < self.tail:
            raise gap(self, Position(self.epoch, after))
        if after + 1 >= self._ring.first:
            return self._ring.page(after, limit, selection)
        return await self._pages.read(after, limit, selection)

    async def read_back(self, before: int, limit: int, selection: Selection) -> Page:
        """Read selected records below `before`, newest first."""
        if self._ring.first < self.tail:
            self._ring.drop_below(self.tail)
        before = min(before, self.head + 1)
        if before <= self._ring.first:
            return await self._pages.read_back(before, limit, selection)
        return self._ring.page_back(before, limit, selection)

    async def find(self, milliseconds: int) -> int:
        """Return the offset of the newest record from before a time."""
        if self._ring.first < self.tail:
            self._ring.drop_below(self.tail)
        found = self._ring.find(milliseconds)
        return await self._engine.find(milliseconds) if found is None else found

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have new records handed over, once they are in the ring."""
        return self._listeners.add(listener)

    async def trim(self, policy: Retention) -> int:
        """Forget what the policy does not keep."""
        return await self._engine.trim(policy)

    def keep(self, policy: Retention, interval: float) -> None:
        """Trim by a policy now and every `interval` seconds, until the log is closed."""
        self._trimming = asyncio.ensure_future(self._trim_on(policy, interval))

    async def _trim_on(self, policy: Retention, interval: float) -> None:
        while True:
            try:
                await self._engine.trim(policy)
            except Unavailable as error:
                _log.info("nothing was trimmed: %s", error)
            except Exception:  # noqa: BLE001  whatever it is, the next round is due
                _log.exception("trimming failed")
            await asyncio.sleep(interval)

    def health(self) -> Health:
        """Tell whether appends are taken now."""
        return self._engine.health()

    async def close(self) -> None:
        """Finish the appends that were taken, then let go of the storage."""
        if self._trimming is not None:
            self._trimming.cancel()
            await asyncio.wait([self._trimming])
        await self._engine.close()
        await self._pages.close()
