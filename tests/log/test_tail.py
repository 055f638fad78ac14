from __future__ import annotations

import asyncio
import os

import pytest

from hubbub.core.contracts import Log, Page, Retention
from hubbub.core.selection import EVERYTHING, Selection
from hubbub.log.memory import MemoryLog
from hubbub.log.options import LogOptions
from hubbub.log.ring import OVERHEAD
from hubbub.log.tail import Tail
from hubbub.testing.log import ManualClock
from hubbub.testing.log.subject import event, events, offsets, read_all
from log_engine import Engine

pytestmark = pytest.mark.anyio


class Untouched(MemoryLog):
    """An engine that counts what it is asked for."""

    asked = 0

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        self.asked += 1
        return await super().read(after, limit, selection)

    async def read_back(self, before: int, limit: int, selection: Selection) -> Page:
        self.asked += 1
        return await super().read_back(before, limit, selection)


def engine() -> Untouched:
    return Untouched(LogOptions(), clock=ManualClock(), entropy=os.urandom)


async def test_readers_that_keep_up_touch_nothing() -> None:
    log = engine()
    tail = await Tail.open(log, 1 << 20)
    await tail.append(events(50))
    assert len(await read_all(tail)) == 50
    assert len((await tail.read_back(51, 50, Selection.of(["orders/*"]))).records) == 50
    assert await tail.find(10**15) == 50
    assert log.asked == 0


async def test_it_is_filled_at_the_start() -> None:
    log = engine()
    for _ in range(30):
        await log.append(events(100))
    all_of_it = await Tail.open(log, 1 << 24)
    asked = log.asked
    assert len(await read_all(all_of_it)) == 3000
    assert log.asked == asked
    some_of_it = await Tail.open(log, 100 * (OVERHEAD + 250))
    assert 50 < 3000 - some_of_it._ring.first < 110
    assert await read_all(some_of_it) == await read_all(all_of_it)


async def test_recent_is_all_or_nothing() -> None:
    tail = await Tail.open(engine(), 20 * (OVERHEAD + 250))
    assert tail.recent(0) == []
    await tail.append(events(100))
    first = tail._ring.first
    assert 70 < first < 100
    assert offsets(tail.recent(first - 1) or []) == list(range(first, 101))
    assert offsets(tail.recent(98) or []) == [99, 100]
    assert tail.recent(100) == []
    assert tail.recent(first - 2) is None
    await tail.trim(Retention(max_age=0, max_count=3))
    assert offsets(tail.recent(97) or []) == [98, 99, 100]
    assert tail.recent(96) is None, "not kept any more, in memory or not"


async def test_listeners_find_the_ring_up_to_date() -> None:
    tail = await Tail.open(engine(), 1 << 20)
    seen: list[list[int]] = []
    tail.listen(lambda records: seen.append(offsets(tail.recent(records[0].offset - 1) or [])))
    await tail.append(events(3))
    await tail.append([event("a"), event("a")])
    assert seen == [[1, 2, 3], [4]]


async def test_nothing_is_lost_between_catching_up_and_going_live(sqlite: Engine) -> None:
    sqlite.ring_bytes = 50 * (OVERHEAD + 250)
    log = await sqlite.open(LogOptions())
    assert isinstance(log, Tail)
    await log.append(events(500))
    got: list[int] = []

    async def reader() -> None:
        after = 0
        while (recent := log.recent(after)) is None:
            page = await log.read(after, 60, EVERYTHING)
            got.extend(offsets(page.records))
            after = page.next
        got.extend(offsets(recent))
        log.listen(lambda records: got.extend(offsets(records)))

    async def writer() -> None:
        for _ in range(40):
            await log.append(events(5))

    await asyncio.gather(reader(), writer())
    assert got == list(range(1, 701))
    await log.close()


async def test_it_tells_what_its_engine_can_tell(sqlite: Engine) -> None:
    sqlite.ring_bytes = 1 << 20
    log = await sqlite.open(LogOptions())
    assert isinstance(log, Tail)
    assert log.oldest == 0
    await log.append(events(5))
    first = int(sqlite.clock.now() * 1000)
    sqlite.clock.advance(60)
    await log.append(events(5))
    assert log.oldest == first
    assert log.stored_bytes > 8192
    await log.trim(Retention(max_age=0, max_count=4))
    assert log.oldest == first + 60_000
    await log.trim(Retention(max_age=0, max_bytes=1))
    assert log.oldest == 0
    await log.close()
    memory: Log = await Tail.open(engine(), 0)
    assert isinstance(memory, Tail)
    assert (memory.stored_bytes, memory.oldest) == (0, 0)
