"""Pages over many blocks of the index, with few topics and with many."""

from __future__ import annotations

import os
import random
from array import array
from pathlib import Path
from typing import LiteralString, cast

import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Log, Retention
from hubbub.core.event import Event
from hubbub.core.selection import EVERYTHING, Filter, Selection
from hubbub.log.engines import open_engine
from hubbub.log.options import LogOptions
from hubbub.log.sqlite import reader
from hubbub.log.sqlite.database import Database, vector
from hubbub.log.sqlite.sql import SQL
from hubbub.testing.log.subject import event, read_all, read_all_back

pytestmark = pytest.mark.anyio

COUNT = 13_000
"""A little more than three blocks of 4096."""


def made(n: int) -> Event:
    if n in (5, 4094, 4095, 4096, 4097, 9000):
        return event(topic="rare", type="rare")
    return event(topic=f"wide/{n % 600}" if n % 3 else f"few/{n % 7}", type=f"t{n % 5}")


async def filled(path: Path) -> Log:
    options = LogOptions(store=f"sqlite://{path}")
    log = await open_engine(options, clock=SystemClock(), entropy=os.urandom)
    for start in range(1, COUNT + 1, 1000):
        await log.append([made(n) for n in range(start, min(start + 1000, COUNT + 1))])
    return log


async def test_selections_over_many_blocks(path: Path) -> None:
    log = await filled(path)
    records = await read_all(log, limit=1000)
    long = Filter("odd", lambda attributes: str(attributes["position"])[-1] in "13579")
    selections = [
        EVERYTHING,
        Selection.of(["rare"]),
        Selection.of(["none"]),
        Selection.of(["few/1", "rare"]),
        Selection.of(["few/*"]),
        Selection.of(["wide/*"]),
        Selection.of(["wide/**", "rare"], ["t1"]),
        Selection.of(["**"], ["t4"], long),
    ]
    rng = random.Random(1)
    for selection in selections:
        wanted = [record for record in records if selection.matches(record)]
        assert await read_all(log, selection, limit=1000) == wanted
        assert await read_all_back(log, selection, limit=1000) == wanted[::-1]
        for _ in range(8):
            place, limit = rng.randrange(COUNT), rng.choice([1, 10, 300])
            page = await log.read(place, limit, selection)
            inside = [record for record in wanted if place < record.offset <= page.next]
            assert page.records == inside
            back = await log.read_back(place, limit, selection)
            assert back.records == [r for r in wanted[::-1] if back.next <= r.offset < place]
    await log.close()


async def test_a_rare_topic_is_one_call(path: Path) -> None:
    log = await filled(path)
    page = await log.read(0, 100, Selection.of(["rare"]))
    assert [record.offset for record in page.records] == [5, 4094, 4095, 4096, 4097, 9000]
    assert page.next == log.head
    page = await log.read_back(log.head + 1, 100, Selection.of(["none", "rare"]))
    assert (len(page.records), page.next) == (6, 1)
    await log.close()


async def test_new_topics_are_found_under_patterns_read_before(path: Path) -> None:
    log = await filled(path)
    pattern = Selection.of(["fresh/*"])
    assert await read_all(log, pattern) == []
    for n in range(3):
        await log.append([event(topic=f"fresh/{n}"), event(topic="other/9")])
        assert len(await read_all(log, pattern)) == n + 1
    await log.close()


async def test_one_call_looks_at_a_bounded_number_of_records(path: Path) -> None:
    log = await filled(path)
    never = Selection.of(["**"], [], Filter("never", lambda _: False))
    page = await log.read(0, 10, never)
    assert page.records == []
    assert page.next == reader.LOOK
    page = await log.read_back(log.head + 1, 10, never)
    assert page.next == log.head - reader.LOOK + 1
    await log.close()


async def test_pages_are_bounded_in_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAGE_BYTES", 2000)
    log = await filled(path)
    page = await log.read(0, 1000, EVERYTHING)
    sizes = [len(made(n).json) for n in range(1, 20)]
    assert sum(sizes[: len(page.records)]) <= 2000 < sum(sizes[: len(page.records) + 1])
    assert page.next == len(page.records)
    await log.append([event(data=b'"%b"' % (b"x" * 5000))] * 3)
    page = await log.read(COUNT, 1000, EVERYTHING)
    assert [record.offset for record in page.records] == [COUNT + 1], "at least one"
    await log.close()


async def test_trimming_across_blocks(path: Path) -> None:
    log = await filled(path)
    records = await read_all(log, limit=1000)
    for keep in (8000, 4200, 10):
        await log.trim(Retention(max_age=0, max_count=keep))
        assert await read_all(log, limit=1000) == records[-keep:]
        for selection in (Selection.of(["rare", "few/2"]), Selection.of(["wide/*"])):
            wanted = [record for record in records[-keep:] if selection.matches(record)]
            assert await read_all(log, selection, limit=1000) == wanted
    await log.close()


async def test_topics_are_sought_and_not_scanned(path: Path) -> None:
    await (await filled(path)).close()
    database = Database(path, write=False)

    def plan(name: str, *bindings: object) -> str:
        rows = database.rows(cast("LiteralString", "EXPLAIN QUERY PLAN " + SQL[name]), bindings)
        return " ".join(row[-1] for row in rows)

    numbers = vector(array("q", [1, 2]))
    covering = "USING COVERING INDEX record_topic (<expr>=? AND topic=?)"
    assert f"SEARCH r {covering}" in plan("seek", 0, 3, numbers)
    assert "SEARCH record USING COVERING INDEX record_topic" in plan("scan", 0, 3)
    assert "SEARCH r USING INTEGER PRIMARY KEY" in plan("fetch", numbers)
    assert "SEARCH topic USING" in plan("topics_between", "a", "b", 9)
    database.close()
