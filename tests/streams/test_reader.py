"""A reader gets everything it selects, in order and once, however it falls behind and comes back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.clock import SystemClock
from hubbub.core.selection import EVERYTHING, Selection
from hubbub.streams import StreamOptions, Streams
from hubbub.streams.encoding import LOCAL

from .conftest import Connection, event, keep_newest, new_log

pytestmark = pytest.mark.anyio


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is so; the test's timeout ends it otherwise."""
    while not condition():
        await asyncio.sleep(0)


def open_reader(desk, connection: Connection, selection: Selection = EVERYTHING, after: int = 0):
    return desk.reader("local", connection, LOCAL, selection, after)


async def test_live_at_once_when_nothing_is_missing(desk, log) -> None:
    connection = Connection()
    reader = open_reader(desk, connection)
    reader.start()
    assert reader.is_live
    await log.append([event(), event()])
    await until(lambda: connection.offsets == [1, 2])


async def test_events_of_one_tick_are_one_write(desk, log) -> None:
    connection = Connection()
    writes: list[int] = []
    connection.write = lambda data: writes.append(len(data))
    open_reader(desk, connection).start()
    for _ in range(5):
        await log.append([event()])
    await until(lambda: bool(writes))
    assert writes == [5]


async def test_catches_up_page_by_page_then_is_live(desk, log) -> None:
    await log.append([event() for _ in range(35)])
    desk.fanout.flush()
    connection = Connection()
    said: list[bool] = []
    reader = open_reader(desk, connection)
    reader.start(lambda: said.append(reader.is_live))
    assert not reader.is_live
    await until(lambda: reader.is_live)
    await log.append([event()])
    await until(lambda: len(connection.written) == 36)
    assert connection.offsets == list(range(1, 37))
    assert said == [True]


async def test_records_that_commit_between_reading_and_joining_are_not_lost(desk, log) -> None:
    connection = Connection()
    await log.append([event()])  # committed, not yet handed on
    reader = open_reader(desk, connection, after=0)
    reader.start()
    assert reader.is_live
    late = Connection()
    open_reader(desk, late, after=1).start()
    await log.append([event()])
    await until(lambda: len(connection.written) > 1)
    assert connection.offsets == [1, 2]
    assert late.offsets == [2]


async def test_a_stalled_reader_leaves_and_comes_back_without_loss(desk, log) -> None:
    connection = Connection()
    reader = open_reader(desk, connection)
    reader.start()
    connection.stall_after = 2
    for _ in range(3):
        await log.append([event()])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await until(lambda: reader.is_stalled)
    assert desk.stalled == 1
    seen = len(connection.written)
    for _ in range(50):
        await log.append([event()])
    assert len(connection.written) == seen
    assert connection.on_resume is not None
    connection.on_resume()
    await until(lambda: reader.is_live)
    assert connection.offsets == list(range(1, 54))


async def test_a_reader_that_stalls_while_catching_up_goes_on_where_it_was(desk, log) -> None:
    await log.append([event(data=b'"%b"' % (b"x" * 40_000)) for _ in range(30)])
    desk.fanout.flush()
    connection = Connection()
    connection.stall_after = 7
    reader = open_reader(desk, connection)
    reader.start()
    await until(lambda: reader.is_stalled)
    assert len(connection.written) < 12
    assert connection.on_resume is not None
    connection.on_resume()
    await until(lambda: reader.is_live)
    assert connection.offsets == list(range(1, 31))


async def test_what_is_trimmed_under_a_reader_is_told(desk, log) -> None:
    await log.append([event() for _ in range(40)])
    desk.fanout.flush()
    connection = Connection()
    reader = open_reader(desk, connection)
    await keep_newest(log, 20)
    reader.start()
    await until(lambda: reader.is_live)
    name, members, position = connection.written[0]
    assert name == "gap"
    assert members == {"requested": f"{log.epoch}-0", "resumes_at": f"{log.epoch}-20"}
    assert position == f"{log.epoch}-20"
    assert connection.offsets == list(range(21, 41))


async def test_only_what_is_selected(desk, log) -> None:
    connection = Connection()
    reader = open_reader(desk, connection, Selection.of(("a/*",), ("t",)))
    await log.append([event("a/1"), event("b/1"), event("a/2")])
    reader.start()
    await log.append([event("b/2"), event("a/3")])
    await until(lambda: len(connection.written) == 3)
    assert connection.offsets == [1, 3, 5]


async def test_a_closed_reader_gets_nothing_more(desk, log) -> None:
    connection = Connection()
    reader = open_reader(desk, connection)
    reader.start()
    desk.leave("local", reader)
    await log.append([event()])
    desk.fanout.flush()
    assert connection.written == []
    assert desk.open["local"] == 0
    assert desk.fanout._groups == {}


async def test_ephemeral_events_reach_only_who_is_live(desk, log) -> None:
    live, late = Connection(), Connection()
    open_reader(desk, live).start()
    desk.ephemeral(event())
    await log.append([event()])
    await until(lambda: len(live.written) == 2)
    assert live.offsets == [0, 1]
    reader = open_reader(desk, late)
    reader.start()
    await until(lambda: reader.is_live)
    assert late.offsets == [1]


@given(st.data())
def test_any_order_of_stalls_and_commits_gives_everything_once(data) -> None:
    """The state machine against the plain list of what was appended."""

    async def scenario() -> None:
        log = await new_log()
        desk = Streams(log, StreamOptions(page=3, slice_bytes=300), SystemClock(), random.Random(1))
        await desk.start()
        connections: list[Connection] = []
        for step in data.draw(
            st.lists(st.sampled_from(["append", "burst", "open", "stall", "drain", "tick"])),
            label="steps",
        ):
            stalled = [c for c in connections if c.on_pause and getattr(c, "held", False)]
            match step:
                case "append":
                    await log.append([event()])
                case "burst":
                    await log.append([event() for _ in range(8)])
                case "open":
                    connection = Connection()
                    connections.append(connection)
                    open_reader(desk, connection).start()
                case "stall" if connections:
                    chosen = data.draw(st.sampled_from(connections))
                    if chosen not in stalled:
                        chosen.held = True
                        chosen.on_pause()
                case "drain" if stalled:
                    chosen = data.draw(st.sampled_from(stalled))
                    chosen.held = False
                    chosen.on_resume()
                case "tick":
                    await asyncio.sleep(0)
        for connection in connections:
            connection.on_resume()
        await until(lambda: all(len(c.written) >= log.head for c in connections))
        await asyncio.sleep(0)
        for connection in connections:
            assert connection.offsets == list(range(1, log.head + 1))
        await desk.stop()

    asyncio.run(scenario())
