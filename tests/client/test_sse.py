"""What only happens to a stream of Server-Sent Events."""

from __future__ import annotations

import asyncio

import pytest

from hubbub.client import Refused, Unexpected, sse

from .conftest import take
from .gateway import answer

pytestmark = pytest.mark.anyio


async def test_never_sooner_than_the_server_says(make, gateway, time):
    gateway.retry_ms = 4000
    gateway.cuts += [1, 1, 1]
    await gateway.say(0)
    async with make() as client:
        await take(client.listen("t", since="earliest"), 1)
    assert len(time.slept) == 3
    assert all(3.9 < wait <= 5 for wait in time.slept)


async def test_204_means_stay_away(make, gateway):
    gateway.faults.append(answer(204))
    async with make() as client:
        with pytest.raises(Refused, match="not to come back"):
            await anext(client.listen("t"))


async def test_what_is_no_stream(make, gateway):
    gateway.faults.append(answer(200, b"<html>"))
    async with make() as client:
        with pytest.raises(Unexpected, match="text/html"):
            await anext(client.listen("t"))


@pytest.mark.parametrize(
    "stream", [b"data: {}\n\n", b"data: [1\n\n", b"event: hubbub.gap\ndata: 1\n\n"]
)
async def test_what_is_no_event(make, gateway, stream):
    gateway.faults.append(answer(200, stream, "text/event-stream"))
    async with make() as client:
        with pytest.raises(Unexpected):
            await anext(client.listen("t"))


async def test_a_stream_without_a_byte_is_dead(make, gateway, monkeypatch):
    monkeypatch.setattr(sse, "SILENCE", 0.05)
    async with make() as client:
        waiting = asyncio.create_task(take(client.listen("t", since="earliest"), 1))
        await gateway.asked(3)
        await gateway.say(0)
        assert await waiting == [0]
