"""The life of a Server-Sent Events stream under any ASGI server."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.grants import EVERYONE, Grants, Principal
from hubbub.core.position import Position
from hubbub.core.selection import EVERYTHING
from hubbub.core.start import EARLIEST, LATEST, After
from hubbub.streams import StreamOptions, Streams

from .conftest import event, keep_newest
from .sockets import Exchange

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def streaming(desk: Streams, **asked: Any) -> AsyncIterator[Exchange]:
    exchange = Exchange()
    given = {"selection": EVERYTHING, "start": LATEST, "principal": EVERYONE} | asked
    serving = asyncio.create_task(
        desk.serve_sse(exchange.scope, exchange.receive, exchange.send, **given)
    )
    await exchange.until(lambda: exchange.raw)
    yield exchange
    exchange.leave()
    await serving
    assert desk.open["sse"] == 0


async def test_the_first_bytes_say_when_and_where_to_come_back(desk, log) -> None:
    await log.append([event()])
    async with streaming(desk, headers=[(b"x-more", b"1")]) as stream:
        headers = dict(stream.start["headers"])
        assert headers[b"content-type"] == b"text/event-stream"
        assert headers[b"cache-control"] == b"no-store"
        assert headers[b"x-more"] == b"1"
        assert stream.raw.startswith(b":")
        assert stream.parser.retry == 2000
        assert stream.parser.last_event_id == f"{log.epoch}-1"
        assert stream.events == []


async def test_history_then_live_without_a_seam(desk, log) -> None:
    for _ in range(25):
        await log.append([event()])
    desk.fanout.flush()
    async with streaming(desk, start=EARLIEST, control=True) as stream:
        await stream.until(lambda: any(e.type == "hubbub.live" for e in stream.events))
        await log.append([event()])
        await stream.until(lambda: len(stream.events) == 27)
        assert [e.type for e in stream.events].index("hubbub.live") == 25
        seen = [e.last_event_id for e in stream.events if e.type == "message"]
        assert seen == [f"{log.epoch}-{n}" for n in range(1, 27)]


@pytest.mark.parametrize("lost", ["00000000-1", "other-7", "00000000-99"])
async def test_a_lost_position_is_told_and_the_stream_goes_on(desk, log, lost) -> None:
    await log.append([event() for _ in range(5)])
    await keep_newest(log, 2)
    desk.fanout.flush()
    async with streaming(desk, start=After(Position.parse(lost))) as stream:
        await stream.until(lambda: len(stream.events) == 3)
        gap = stream.events[0]
        assert (gap.type, gap.last_event_id) == ("hubbub.gap", f"{log.epoch}-3")
        assert json.loads(gap.data) == {"requested": lost, "resumes_at": f"{log.epoch}-3"}
        assert stream.ids[1:] == [f"{log.epoch}-4", f"{log.epoch}-5"]


async def test_the_data_alone_with_types(desk, log) -> None:
    async with streaming(desk, format="data", event_types=True) as stream:
        await log.append([event(data=b'{"a":1}')])
        await stream.until(lambda: stream.events)
        assert stream.events[0][:2] == ("t", '{"a":1}')


async def test_a_stopping_server_says_when_to_come_back(desk, log) -> None:
    async with streaming(desk) as stream:
        reader = next(iter(desk._readers))
        reader.writer.on_shutdown()
        await stream.until(lambda: stream.ended)
        assert 2000 <= stream.parser.retry <= 8000


async def test_a_token_that_runs_out_ends_the_stream(desk, log) -> None:
    async with streaming(desk, principal=Principal("x", Grants(), expires=1.0)) as stream:
        await stream.until(lambda: stream.ended)


async def test_silent_streams_are_kept_warm(log) -> None:
    desk = Streams(log, StreamOptions(heartbeat=0.01), SystemClock(), random.Random(1))
    await desk.start()
    async with streaming(desk) as stream:
        first = len(stream.raw)
        await stream.until(lambda: len(stream.raw) > first)
        assert stream.raw[first:].startswith(b":")
        assert stream.events == []
    await desk.stop()
