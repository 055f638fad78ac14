"""`cloudevents.json` on a topic's own URL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hubbub.core.position import Position
from hubbub.core.selection import Selection
from hubbub.core.start import EARLIEST, LATEST, After
from hubbub.streams import Streams

from .conftest import event
from .sockets import Session, Socket

pytestmark = pytest.mark.anyio

OURS = {"specversion": "1.0", "id": "mine", "source": "/s", "type": "t"}


@asynccontextmanager
async def connected(desk: Streams, log: Any, start: Any = LATEST) -> AsyncIterator[Socket]:
    socket = Socket("bearer.secret", "cloudevents.json")
    serving = asyncio.create_task(
        desk.serve_websocket(
            socket.scope,
            socket.receive,
            socket.send,
            selection=Selection.of(("a",)),
            start=start,
            topic="a",
            session=Session(log),
        )
    )
    await socket.until(lambda: socket.accepted)
    yield socket
    socket.leave()
    await serving
    assert desk.open["websocket"] == 0


async def test_the_token_is_never_chosen_as_subprotocol(desk, log) -> None:
    async with connected(desk, log) as socket:
        assert socket.accepted == "cloudevents.json"


async def test_one_event_a_message_both_ways(desk, log) -> None:
    async with connected(desk, log) as socket:
        socket.say(**OURS)
        socket.say(**OURS | {"id": "other", "topic": "b"})
        await socket.until(lambda: socket.said)
        assert socket.said[0]["id"] == "mine"
        assert socket.said[0]["position"] == f"{log.epoch}-1"
        while log.head < 2:
            await asyncio.sleep(0)
        assert [record.topic for record in log.recent(0)] == ["a", "b"]


async def test_history_first(desk, log) -> None:
    await log.append([event(), event("b"), event()])
    desk.fanout.flush()
    async with connected(desk, log, EARLIEST) as socket:
        await socket.until(lambda: len(socket.said) == 2)
        assert [m["position"][-1] for m in socket.said] == ["1", "3"]


async def test_a_gap_is_an_event(desk, log) -> None:
    async with connected(desk, log, After(Position("other", 3))) as socket:
        await socket.until(lambda: socket.said)
        assert socket.said[0]["type"] == "hubbub.gap"
        assert socket.said[0]["data"]["requested"] == "other-3"


@pytest.mark.parametrize(
    ("text", "code"), [("{", 1007), (json.dumps({"id": "1"}), 1007), ('{"specversion":1}', 1007)]
)
async def test_what_is_no_event_ends_the_connection(desk, log, text, code) -> None:
    async with connected(desk, log) as socket:
        socket.say_text(text)
        await socket.until(lambda: socket.closed)
        assert socket.closed[0] == code
        assert 0 < len(socket.closed[1].encode()) <= 123
        assert log.head == 0


async def test_binary_messages_are_not_understood(desk, log) -> None:
    async with connected(desk, log) as socket:
        socket.say_bytes(b"{}")
        await socket.until(lambda: socket.closed)
        assert socket.closed[0] == 1003
