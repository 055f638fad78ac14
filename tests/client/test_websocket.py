"""What only happens to a WebSocket."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType, web

from hubbub.client import Refused, Unexpected, websocket

from .conftest import take
from .gateway import close_with

pytestmark = pytest.mark.anyio


async def test_a_refused_subscription(make, gateway):
    async with make(transport="websocket") as client:
        with pytest.raises(Refused, match="403 Not allowed: ask for another topic"):
            await anext(client.listen("forbidden"))


@pytest.mark.parametrize(("code", "status"), [(1008, 403), (1003, 415), (1007, 400)])
async def test_a_close_code_that_says_no(make, gateway, code, status):
    gateway.faults.append(close_with(code, "the token has expired"))
    async with make(transport="websocket") as client:
        with pytest.raises(Refused, match="the token has expired") as caught:
            await anext(client.listen("t"))
    assert caught.value.status == status


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013])
async def test_a_close_code_that_says_come_back(make, gateway, time, code):
    gateway.faults.append(close_with(code, "restart"))
    await gateway.say(0)
    async with make(transport="websocket") as client:
        assert await take(client.listen("t", since="earliest"), 1) == [0]
    assert len(time.slept) == 1


async def test_another_subprotocol(make, gateway):
    async def plain(_, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    gateway.faults.append(plain)
    async with make(transport="websocket") as client:
        with pytest.raises(Unexpected, match=r"hubbub\.v1"):
            await anext(client.listen("t"))


async def test_a_socket_is_pinged_and_lives_as_long_as_it_answers(make, gateway, monkeypatch):
    pings = []

    async def quiet(_, request):
        socket = web.WebSocketResponse(protocols=("hubbub.v1",), autoping=False)
        await socket.prepare(request)
        await socket.receive()
        while len(pings) < 2:
            pings.append((await socket.receive()).type)
            await socket.pong()
        await socket.ping(b"and you?")
        pings.append((await socket.receive()).type)
        event = {"specversion": "1.0", "id": "1", "source": "/", "type": "t", "data": "here"}
        await socket.send_json({"op": "event", "event": event})
        await socket.receive()
        return socket

    monkeypatch.setattr(websocket, "SILENCE", 1.0)  # half of it until a ping
    gateway.faults.append(quiet)
    async with make(transport="websocket") as client:
        assert await take(client.listen("t"), 1) == ["here"]
    assert pings == [WSMsgType.PING] * 2 + [WSMsgType.PONG]
    assert len(gateway.requests) == 1


async def test_a_socket_that_does_not_answer_is_dead(make, gateway, monkeypatch):
    async def deaf(_, request):
        socket = web.WebSocketResponse(protocols=("hubbub.v1",))
        await socket.prepare(request)
        await asyncio.Event().wait()

    monkeypatch.setattr(websocket, "SILENCE", 0.1)
    monkeypatch.setattr(websocket, "GOODBYE", 0.01)
    gateway.faults.append(deaf)
    await gateway.say(0)
    async with make(transport="websocket") as client:
        assert await take(client.listen("t", since="earliest"), 1) == [0]
    assert len(gateway.requests) > 1
