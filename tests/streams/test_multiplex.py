"""hubbub.v1: many subscriptions on one connection, each event once and in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.clock import SystemClock
from hubbub.core.grants import Grants, Principal
from hubbub.core.topic import matches
from hubbub.streams import StreamOptions, Streams

from .conftest import event, new_log
from .sockets import Session, Socket

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def connected(desk: Streams, log: Any, **principals: Principal) -> AsyncIterator[Socket]:
    socket = Socket("hubbub.v1")
    serving = asyncio.create_task(
        desk.serve_multiplexed(
            socket.scope, socket.receive, socket.send, session=Session(log, principals)
        )
    )
    yield socket
    socket.leave()
    await serving


async def test_the_subprotocol_is_chosen(desk, log) -> None:
    async with connected(desk, log) as socket:
        socket.say(op="ping", ref=1)
        assert await socket.answer("pong", 1) == {"op": "pong", "ref": 1}
        assert socket.accepted == "hubbub.v1"


async def test_subscribe_then_events_then_unsubscribe(desk, log) -> None:
    async with connected(desk, log) as socket:
        socket.say(op="subscribe", ref=1, topics=["a/*"])
        assert await socket.answer("subscribed", 1) == {
            "op": "subscribed",
            "ref": 1,
            "position": f"{log.epoch}-0",
        }
        await socket.answer("live", 1)
        await log.append([event("a/1"), event("b/1")])
        await socket.until(lambda: socket.offsets == [1])
        socket.say(op="unsubscribe", ref="x", topics=["a/*"])
        await socket.answer("unsubscribed", "x")
        await log.append([event("a/2")])
        socket.say(op="ping")
        await socket.answer("pong")
        assert socket.offsets == [1]


async def test_an_event_comes_once_however_many_patterns_match(desk, log) -> None:
    async with connected(desk, log) as socket:
        for ref, topic in enumerate(["a/*", "a/**", "**", "a/1"]):
            socket.say(op="subscribe", ref=ref, topics=[topic])
            await socket.answer("live", ref)
        await log.append([event("a/1"), event("b")])
        await socket.until(lambda: len(socket.offsets) == 2)
        assert socket.offsets == [1, 2]


async def test_a_later_subscription_may_start_in_the_past(desk, log) -> None:
    await log.append([event("a"), event("b"), event("a"), event("b")])
    async with connected(desk, log) as socket:
        socket.say(op="subscribe", ref=1, topics=["a"], since=f"{log.epoch}-2")
        await socket.answer("live", 1)
        socket.say(op="subscribe", ref=2, topics=["**"], since="earliest")
        await socket.answer("live", 2)
        await log.append([event("b")])
        await socket.until(lambda: len(socket.offsets) == 5)
        assert socket.offsets == [3, 1, 2, 4, 5]


async def test_publish_is_answered_and_heard(desk, log) -> None:
    async with connected(desk, log) as socket:
        socket.say(op="subscribe", ref=1, topics=["**"])
        await socket.answer("live", 1)
        for ref in range(2, 9):
            socket.say(op="publish", ref=ref, topic="a", data={"n": ref})
        for ref in range(2, 9):
            answer = await socket.answer("published", ref)
            assert answer["position"] == f"{log.epoch}-{ref - 1}"
        await socket.until(lambda: len(socket.offsets) == 7)
        ours = {"specversion": "1.0", "id": "mine", "source": "/s", "type": "t"}
        socket.say(op="publish", ref=9, topic="b", event=ours)
        assert (await socket.answer("published", 9))["id"] == "mine"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("{", 400),
        ('{"op":"dance","ref":1}', 400),
        ('{"ref":1}', 400),
        ('{"op":"subscribe","topics":[]}', 400),
        ('{"op":"subscribe","topics":["a"],"since":"soon"}', 400),
        ('{"op":"subscribe","topics":["a"],"filter":"a ="}', 400),
        ('{"op":"publish","data":1}', 400),
        ('{"op":"auth","token":"wrong"}', 401),
    ],
)
async def test_a_mistake_is_answered_and_the_connection_lives(desk, log, text, status) -> None:
    async with connected(desk, log) as socket:
        socket.say_text(text)
        socket.say(op="ping", ref="still here")
        await socket.answer("pong", "still here")
        await socket.until(lambda: any(m["op"] == "error" for m in socket.said))
        error = next(m for m in socket.said if m["op"] == "error")
        assert error["status"] == status
        assert error["detail"]


async def test_binary_messages_end_the_connection(desk, log) -> None:
    async with connected(desk, log) as socket:
        socket.say_bytes(b"\x00")
        await socket.until(lambda: socket.closed)
        assert socket.closed[0] == 1003


async def test_a_new_token_takes_away_what_it_does_not_allow(desk, log) -> None:
    weak = Principal("weak", Grants(subscribe=("a",)))
    async with connected(desk, log, weak=weak) as socket:
        socket.say(op="subscribe", ref=1, topics=["a", "b"])
        await socket.answer("live", 1)
        socket.say(op="auth", ref=2, token="weak")
        await socket.answer("error", 2)
        await log.append([event("b"), event("a")])
        await socket.until(lambda: socket.offsets)
        assert socket.offsets == [2]


async def test_a_token_that_runs_out_ends_the_connection(desk, log) -> None:
    over = Principal("over", Grants(subscribe=("a",)), expires=1.0)
    async with connected(desk, log, over=over) as socket:
        socket.say(op="auth", ref=2, token="over")
        await socket.until(lambda: socket.closed)
        assert socket.closed[0] == 1008


async def test_too_many_subscriptions_are_refused(log) -> None:
    desk = Streams(log, StreamOptions(max_subscriptions=2), SystemClock(), random.Random(1))
    await desk.start()
    async with connected(desk, log) as socket:
        socket.say(op="subscribe", ref=1, topics=["a", "b"])
        socket.say(op="subscribe", ref=2, topics=["c"])
        socket.say(op="subscribe", ref=3, topics=["b"])
        assert (await socket.answer("error", 2))["status"] == 429
        await socket.answer("subscribed", 3)
    await desk.stop()


async def test_shutdown_closes_with_going_away(desk, log) -> None:
    async with connected(desk, log) as socket:
        socket.say(op="ping")
        await socket.answer("pong")
        reader = next(iter(desk._readers))
        reader.writer.on_shutdown()
        await socket.until(lambda: socket.closed)
        assert socket.closed[0] == 1012


PATTERNS = ["a", "b", "*", "**", "a/*"]


@given(st.data())
def test_every_subscription_gets_all_it_asked_for_and_nothing_comes_twice(data) -> None:
    """Random subscriptions at random starts against the plain list of what was appended."""

    async def scenario() -> None:
        log = await new_log()
        desk = Streams(log, StreamOptions(page=3), SystemClock(), random.Random(1))
        await desk.start()
        topics: list[str] = []
        wanted: list[tuple[str, int]] = []
        async with connected(desk, log) as socket:
            for ref in range(data.draw(st.integers(1, 5), label="rounds")):
                for topic in data.draw(st.lists(st.sampled_from(["a", "b", "a/b"]), max_size=9)):
                    topics.append(topic)
                    await log.append([event(topic)])
                pattern = data.draw(st.sampled_from(PATTERNS))
                since = data.draw(st.integers(0, log.head))
                if pattern in {p for p, _ in wanted}:
                    continue  # asking again for the same moves nothing
                socket.say(op="subscribe", ref=ref, topics=[pattern], since=f"{log.epoch}-{since}")
                await socket.answer("subscribed", ref)
                wanted.append((pattern, since))
                if data.draw(st.booleans(), label="wait"):
                    await socket.answer("live", ref)
            socket.say(op="subscribe", ref="last", topics=["never"])
            await socket.answer("live", "last")
            expected = {
                n
                for n, t in enumerate(topics, 1)
                if any(matches(p, t) and n > s for p, s in wanted)
            }
            await socket.until(lambda: len(socket.offsets) >= len(expected))
            assert sorted(socket.offsets) == sorted(expected)
        await desk.stop()

    asyncio.run(scenario())
