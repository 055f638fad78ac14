from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hubbub.core.contracts import Appended, Retention
from hubbub.core.errors import Closing, Gap
from hubbub.core.selection import EVERYTHING, Selection
from hubbub.log.options import LogOptions
from hubbub.log.sqlite import engine as module
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.engine import SqliteLog
from hubbub.testing.log.subject import event, events, offsets, read_all
from log_engine import Engine

pytestmark = pytest.mark.anyio

OPTIONS = LogOptions()


async def opened(sqlite: Engine) -> SqliteLog:
    log = await sqlite.open(OPTIONS)
    assert isinstance(log, SqliteLog)
    return log


def table(path: Path, statement: str) -> list[object]:
    database = Database(path, write=False)
    rows = [row[0] for row in database.connection.execute(statement)]
    database.close()
    return rows


async def test_topics_without_records_are_forgotten(sqlite: Engine, path: Path) -> None:
    log = await opened(sqlite)
    await log.append([event(topic=f"visitor/{n}") for n in range(1200)])
    await log.append([event(topic="stays"), event(topic="visitor/7")])
    await log.trim(Retention(max_age=0, max_count=2))
    await log.append([event(topic="stays")])
    await log.trim(Retention(max_age=0, max_count=1))
    assert table(path, "SELECT name FROM topic ORDER BY name") == ["stays"]
    assert await read_all(log, Selection.of(["visitor/*"])) == []
    await log.append([event(topic="visitor/7"), event(topic="visitor/8")])
    assert len(await read_all(log, Selection.of(["visitor/*"]))) == 2
    await log.close()
    log = await opened(sqlite)
    assert [r.topic for r in await read_all(log)] == ["stays", "visitor/7", "visitor/8"]
    await log.close()


async def test_a_topic_that_was_not_forgotten_in_time_can_be_used(
    sqlite: Engine, path: Path
) -> None:
    log = await opened(sqlite)
    await log.append([event(topic="a")])
    log._view.topics.withdraw(1)  # as if its deletion had failed
    await log.trim(Retention(max_age=0, max_bytes=1))
    await log.append([event(topic="a")])
    assert table(path, "SELECT name FROM topic") == ["a"]
    assert [r.topic for r in await read_all(log, Selection.of(["a"]))] == ["a"]
    await log.close()


async def test_a_file_shrinks_to_twice_what_is_in_it(sqlite: Engine, path: Path) -> None:
    log = await opened(sqlite)
    for _ in range(10):
        await log.append([event(data=b'"%b"' % (b"x" * 20_000))] * 50)
    await log.trim(Retention(max_age=0, max_count=450))
    await log.close()
    full = path.stat().st_size
    assert full > 10_000_000
    log = await opened(sqlite)
    await log.trim(Retention(max_age=0, max_count=25))
    assert len(await read_all(log)) == 25
    await log.close()
    assert path.stat().st_size < full / 5


async def test_trimming_goes_in_steps_between_appends(
    sqlite: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRIM_ROWS", 10)
    log = await opened(sqlite)
    await log.append(events(1000))
    tails: list[int] = []

    async def publish() -> None:
        while log.tail < 991:
            await log.append(events(1))
            tails.append(log.tail)

    trimmed, _ = await asyncio.gather(log.trim(Retention(max_age=0, max_count=10)), publish())
    assert trimmed == 990
    assert len(set(tails)) > 5
    assert len(await read_all(log)) == log.head - log.tail + 1
    await log.close()


async def test_trimming_twice_at_once_is_once(sqlite: Engine) -> None:
    log = await opened(sqlite)
    await log.append(events(100))
    policy = Retention(max_age=0, max_count=30)
    assert sorted(await asyncio.gather(log.trim(policy), log.trim(policy))) == [0, 70]
    await log.close()


async def test_reading_while_it_is_trimmed_is_right_or_a_gap(sqlite: Engine) -> None:
    log = await opened(sqlite)
    await log.append([event(topic=f"t/{n % 40}") for n in range(4000)])
    done = False

    async def read(selection: Selection) -> int:
        pages = 0
        while not done:
            place = log.tail - 1
            try:
                page = await log.read(place, 50, selection)
            except Gap:
                continue
            assert all(place < r.offset <= page.next for r in page.records)
            if selection is EVERYTHING:
                assert offsets(page.records) == list(range(place + 1, page.next + 1))
            pages += 1
        return pages

    async def trim() -> None:
        nonlocal done
        for keep in range(3900, 0, -300):
            await log.trim(Retention(max_age=0, max_count=keep))
        done = True

    pages = await asyncio.gather(read(EVERYTHING), read(Selection.of(["t/3", "t/4"])), trim())
    assert pages[0]
    assert pages[1]
    await log.close()


async def test_a_suspect_is_compared_and_not_believed(sqlite: Engine) -> None:
    log = await opened(sqlite)
    await log.append([event("a")])
    mark = log._intake._fingerprints.of(event("b"))
    log._intake._fingerprints.add(mark, 1)  # as if they had the same fingerprint
    assert await log.append([event("b")]) == [Appended(2, False)]
    await log.close()


async def test_what_is_asked_after_closing_is_refused(sqlite: Engine) -> None:
    log = await opened(sqlite)
    await log.append(events(3))
    await log.close()
    for call in (
        log.append(events(1)),
        log.read(0, 1, EVERYTHING),
        log.read_back(4, 1, EVERYTHING),
        log.find(0),
        log.trim(Retention(max_count=1)),
    ):
        with pytest.raises(Closing):
            await call


async def test_many_rows_and_topics_in_one_commit(sqlite: Engine) -> None:
    log = await opened(sqlite)
    batches = [
        [event(topic=f"t/{n}-{k}") for k in range(n)] for n in (1, 99, 100, 101, 777, 2, 200)
    ]
    await asyncio.gather(*map(log.append, batches))
    assert [r.topic for r in await read_all(log)] == [e.topic for some in batches for e in some]
    await log.append([event(topic="t/1-0")] * 321)
    assert len(await read_all(log, Selection.of(["t/1-0"]))) == 322
    await log.close()
