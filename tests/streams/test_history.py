"""Pages of the past: every event once, whatever is appended, forgotten or filtered in between."""

from __future__ import annotations

import asyncio
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import FakeClock
from hubbub.core.contracts import Page, Retention
from hubbub.core.errors import Gap
from hubbub.core.event import Event
from hubbub.core.position import Position
from hubbub.core.selection import EVERYTHING, Selection
from hubbub.core.start import EARLIEST, LATEST, After, Last, SinceTime, Start
from hubbub.log.memory import MemoryLog
from hubbub.log.options import LogOptions
from hubbub.streams import history
from hubbub.streams.history import History
from hubbub.wire.cloudevents import Defaults, from_data

pytestmark = pytest.mark.anyio


def event(topic: str) -> Event:
    return from_data(b"1", topic, Defaults(lambda: "id"))


class Past:
    """A log with some events, and its history."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.log = MemoryLog(LogOptions(), clock=self.clock, entropy=lambda n: bytes(range(n)))
        self.history = History(self.log)

    async def add(self, *topics: str) -> None:
        for topic in topics:
            self.clock.time += 1
            await self.log.append([event(topic)])

    def at(self, offset: int, epoch: str = "") -> Position:
        return Position(epoch or self.log.epoch, offset)

    async def walk(
        self,
        limit: int,
        start: Start = EARLIEST,
        selection: Selection = EVERYTHING,
        *,
        newest_first: bool = False,
    ) -> list[list[int]]:
        """Follow the cursor to the end."""
        pages: list[list[int]] = []
        before = None
        while True:
            records, cursor = await self.history.page(
                selection, start, limit=limit, newest_first=newest_first, before=before
            )
            pages.append([record.offset for record in records])
            if cursor is None:
                return pages
            if newest_first:
                before = cursor
            else:
                start = After(cursor)


@pytest.fixture
async def past() -> Past:
    past = Past()
    await past.add("a", "b", "a", "c", "a", "b", "a")
    return past


async def test_oldest_first(past: Past) -> None:
    assert await past.walk(3) == [[1, 2, 3], [4, 5, 6], [7]]
    assert await past.walk(7) == [[1, 2, 3, 4, 5, 6, 7]]


async def test_newest_first(past: Past) -> None:
    assert await past.walk(3, newest_first=True) == [[7, 6, 5], [4, 3, 2], [1]]
    assert await past.walk(7, newest_first=True) == [[7, 6, 5, 4, 3, 2, 1]]


async def test_selected(past: Past) -> None:
    only_a = Selection.of(["a"])
    assert await past.walk(2, selection=only_a) == [[1, 3], [5, 7]]
    assert await past.walk(2, selection=only_a, newest_first=True) == [[7, 5], [3, 1]]
    assert await past.walk(2, selection=Selection.of(["nothing"])) == [[]]


@pytest.mark.parametrize(
    ("start", "offsets"),
    [
        (EARLIEST, [1, 2, 3, 4, 5, 6, 7]),
        (LATEST, []),
        (Last(2), [6, 7]),
        (SinceTime(1_770_000_005_000), [5, 6, 7]),
    ],
)
async def test_starts(past: Past, start: Start, offsets: list[int]) -> None:
    assert await past.walk(100, start) == [offsets]
    assert await past.walk(100, start, newest_first=True) == [offsets[::-1]]


async def test_after_a_position(past: Past) -> None:
    assert await past.walk(100, After(past.at(5))) == [[6, 7]]
    assert await past.walk(1, After(past.at(5)), newest_first=True) == [[7], [6]]
    assert await past.walk(100, After(past.at(7))) == [[]]


async def test_an_empty_log() -> None:
    past = Past()
    assert await past.walk(10) == [[]]
    assert await past.walk(10, newest_first=True) == [[]]


async def test_the_pages_of_newest_first_do_not_move(past: Past) -> None:
    _, cursor = await past.history.page(EVERYTHING, EARLIEST, limit=2, newest_first=True)
    await past.add("a", "a")
    records, _ = await past.history.page(
        EVERYTHING, EARLIEST, limit=2, newest_first=True, before=cursor
    )
    assert [record.offset for record in records] == [5, 4]


async def test_before_beyond_the_newest_is_the_newest(past: Past) -> None:
    records, _ = await past.history.page(
        EVERYTHING, EARLIEST, limit=1, newest_first=True, before=past.at(1000)
    )
    assert [record.offset for record in records] == [7]


@pytest.mark.parametrize("offset", [0, 1])
async def test_before_the_oldest_is_nothing(past: Past, offset: int) -> None:
    assert await past.history.page(
        EVERYTHING, EARLIEST, limit=1, newest_first=True, before=past.at(offset)
    ) == ([], None)


async def test_a_lost_position_is_told(past: Past) -> None:
    await past.log.trim(Retention(max_count=3))
    for lost in (past.at(2), past.at(99), past.at(5, "another")):
        for newest_first in (True, False):
            with pytest.raises(Gap) as raised:
                await past.walk(10, After(lost), newest_first=newest_first)
            assert raised.value.requested == str(lost)
            assert raised.value.resumes_at == str(past.at(4))
    assert await past.walk(10, After(past.at(4))) == [[5, 6, 7]]


async def test_a_lost_cursor_of_another_epoch_is_told(past: Past) -> None:
    with pytest.raises(Gap):
        await past.history.page(
            EVERYTHING, EARLIEST, limit=1, newest_first=True, before=past.at(3, "another")
        )


class Forgetful(MemoryLog):
    """Forgets its oldest records just before they are read, once."""

    keep = 0

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        if self.keep:
            keep, self.keep = self.keep, 0
            await self.trim(Retention(max_count=keep))
        return await super().read(after, limit, selection)


async def test_what_is_forgotten_while_it_is_read() -> None:
    past = Past()
    log = Forgetful(LogOptions(), clock=past.clock, entropy=bytes)
    past.log, past.history = log, History(log)
    await past.add("a", "a", "a", "a")
    log.keep = 2
    assert await past.walk(10) == [[3, 4]]  # nobody named a position
    log.keep = 1
    with pytest.raises(Gap):
        await past.walk(10, After(past.at(2)))


async def test_one_page_looks_at_a_bounded_number_of_records(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_SCAN", 2)
    monkeypatch.setattr("hubbub.log.memory.LOOK", 2)
    only_b = Selection.of(["b"])
    assert await past.walk(5, selection=only_b) == [[2], [], [6], []]
    assert await past.walk(5, selection=only_b, newest_first=True) == [[6], [], [2], []]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_page_ends_after_so_many_bytes(
    monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    past = Past()
    await past.add(*"abcdefghij")
    size = len((await past.log.read(0, 1, EVERYTHING)).records[0].json)
    monkeypatch.setattr(history, "MAX_BYTES", 3 * size - 1)
    pages = await past.walk(10, newest_first=newest_first)
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    wanted = list(range(1, 11))
    assert [*chain(*pages)] == (wanted[::-1] if newest_first else wanted)


async def test_large_records_are_read_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []

    class Watched(MemoryLog):
        async def read(self, after: int, limit: int, selection: Selection) -> Page:
            steps.append(limit)
            return await super().read(after, limit, selection)

    past = Past()
    past.log = Watched(LogOptions(), clock=past.clock, entropy=bytes)
    past.history = History(past.log)
    await past.add(*["a"] * 200)
    size = len((await past.log.read(0, 1, EVERYTHING)).records[0].json)
    monkeypatch.setattr(history, "MAX_BYTES", 70 * size)
    steps.clear()
    records, _ = await past.history.page(EVERYTHING, EARLIEST, limit=1000)
    assert 70 <= len(records) <= 72
    assert max(steps) <= 64


async def test_others_get_their_turn_while_a_page_is_looked_for() -> None:
    past = Past()
    await past.add(*["a"] * 10)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hubbub.log.memory.LOOK", 1)
        await past.walk(5, selection=Selection.of(["b"]))
    task.cancel()
    assert turns >= 9


TOPICS = st.lists(st.sampled_from("abc"), max_size=30)


@given(TOPICS, st.integers(1, 7), st.sampled_from(["a", "*", "b"]), st.integers(1, 40))
async def test_both_directions_give_every_match_once(
    topics: list[str], limit: int, pattern: str, look: int
) -> None:
    past = Past()
    await past.add(*topics)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hubbub.log.memory.LOOK", look)
        selection = Selection.of([pattern])
        wanted = [n for n, topic in enumerate(topics, 1) if pattern in ("*", topic)]
        ahead = await past.walk(limit, selection=selection)
        back = await past.walk(limit, selection=selection, newest_first=True)
    assert [*chain(*ahead)] == wanted
    assert [*chain(*back)] == wanted[::-1]
    assert all(len(page) <= limit for page in ahead + back)
