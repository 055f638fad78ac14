"""F19: thousands of readers that resume at once share their reads."""

from __future__ import annotations

import asyncio
import os
import random

import anyio
import pytest

from hubbub.core.contracts import Page, Retention
from hubbub.core.errors import Gap, Unavailable
from hubbub.core.selection import EVERYTHING, Selection
from hubbub.log import pages
from hubbub.log.memory import MemoryLog
from hubbub.log.options import LogOptions
from hubbub.log.pages import Pages
from hubbub.testing.log import ManualClock
from hubbub.testing.log.subject import events, offsets

pytestmark = pytest.mark.anyio


class Counted(MemoryLog):
    """An engine whose reads take a moment and are counted."""

    def __init__(self) -> None:
        super().__init__(LogOptions(), clock=ManualClock(), entropy=os.urandom)
        self.reads = 0
        self.gate: anyio.Event | None = None

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        self.reads += 1
        await (self.gate.wait() if self.gate else asyncio.sleep(0))
        return await super().read(after, limit, selection)

    async def read_back(self, before: int, limit: int, selection: Selection) -> Page:
        self.reads += 1
        await asyncio.sleep(0)
        return await super().read_back(before, limit, selection)


async def engine(count: int) -> Counted:
    made = Counted()
    for n in range(0, count, 1000):
        await made.append(events(min(count - n, 1000), f"t/{n // 1000 % 2}"))
    return made


async def follow(shared: Pages, log: Counted, after: int, selection: Selection) -> list[int]:
    found: list[int] = []
    while after < log.head:
        page = await shared.read(after, 100, selection)
        assert page.next > after
        found += offsets(page.records)
        after = page.next
    return found


async def test_a_herd_from_near_positions_reads_once() -> None:
    log = await engine(5000)
    shared = Pages(log)
    rng = random.Random(1)
    starts = [3000 + rng.randrange(200) for _ in range(1000)]
    found = await asyncio.gather(*(follow(shared, log, start, EVERYTHING) for start in starts))
    assert found == [list(range(start + 1, 5001)) for start in starts]
    assert log.reads < 15


async def test_selections_do_not_share_what_differs() -> None:
    log = await engine(5000)
    shared = Pages(log)
    one, two = Selection.of(["t/0"]), Selection.of(["t/1"])
    found = await asyncio.gather(
        *(
            follow(shared, log, 700, selection)
            for selection in (one, two, one, Selection.of(["t/0"]))
        )
    )
    assert (
        found[0]
        == found[2]
        == found[3]
        == [*range(701, 1001), *range(2001, 3001), *range(4001, 5001)]
    )
    assert found[1] == [*range(1001, 2001), *range(3001, 4001)]


async def test_one_reader_reads_nothing_twice() -> None:
    log = await engine(5000)
    assert await follow(Pages(log), log, 10, EVERYTHING) == list(range(11, 5001))
    assert log.reads < 15, "only the end, which may grow, is read again"


async def test_a_sparse_page_serves_the_whole_of_what_it_looked_at() -> None:
    log = await engine(5000)
    shared = Pages(log)
    page = await shared.read(100, 10, Selection.of(["none"]))
    assert page.next >= 1000
    for after in range(100, page.next, 100):
        assert (await shared.read(after, 10, Selection.of(["none"]))).next == page.next
    assert log.reads == 1


async def test_what_ends_at_the_head_is_not_kept() -> None:
    log = await engine(300)
    shared = Pages(log)
    for n in range(300, 320):
        assert (await shared.read(n, 10, EVERYTHING)).next == n
        await log.append(events(1))
        assert offsets((await shared.read(n, 10, EVERYTHING)).records) == [n + 1]


async def test_a_reader_that_goes_away_takes_nothing_from_the_others() -> None:
    log = await engine(600)
    log.gate = anyio.Event()
    shared = Pages(log)
    first = asyncio.ensure_future(shared.read(10, 5, EVERYTHING))
    second = asyncio.ensure_future(shared.read(20, 5, EVERYTHING))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    log.gate.set()
    assert offsets((await second).records) == [21, 22, 23, 24, 25]
    assert log.reads == 1


async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_BYTES", 1_000_000)
    log = await engine(6000)
    shared = Pages(log)
    await follow(shared, log, 0, EVERYTHING)
    assert shared._bytes <= 1_000_000
    assert shared._bytes == sum(size for _, size in shared._kept.values())
    assert sum(map(len, shared._starts.values())) == len(shared._kept)


async def test_a_failure_is_told_to_all_and_not_kept() -> None:
    log = await engine(600)

    async def broken(*_: object) -> Page:
        raise Unavailable("the disk fails")

    shared = Pages(log)
    log.read = broken  # type: ignore[method-assign]
    results = await asyncio.gather(
        *(shared.read(n, 5, EVERYTHING) for n in range(3)), return_exceptions=True
    )
    assert all(isinstance(result, Unavailable) for result in results)
    del log.read
    assert offsets((await shared.read(1, 2, EVERYTHING)).records) == [2, 3]


async def test_trimming_while_it_is_read() -> None:
    log = await engine(1000)
    shared = Pages(log)
    log.gate = anyio.Event()
    lost = asyncio.ensure_future(shared.read(300, 5, EVERYTHING))
    kept = asyncio.ensure_future(shared.read(500, 5, EVERYTHING))
    await asyncio.sleep(0)
    await log.trim(Retention(max_age=0, max_count=500))
    log.gate.set()
    with pytest.raises(Gap, match=f"{log.epoch}-300 .*{log.epoch}-500"):
        await lost
    assert offsets((await kept).records) == [501, 502, 503, 504, 505], "its start was rounded down"
    back = await shared.read_back(520, 100, EVERYTHING)
    assert back.next == log.tail == 501


async def test_pages_backward_are_shared_and_end_at_the_tail() -> None:
    log = await engine(1000)
    shared = Pages(log)
    found = await asyncio.gather(*(shared.read_back(400, 50, EVERYTHING) for _ in range(100)))
    assert log.reads == 1
    assert offsets(found[7].records) == list(range(399, 349, -1))
    await log.trim(Retention(max_age=0, max_count=620))
    again = await shared.read_back(400, 50, EVERYTHING)
    assert (offsets(again.records), again.next) == (list(range(399, 380, -1)), 381)
