"""The Python package websockets, the other implementation of the same language."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from client.real import real_gateway, settings

from .keys import KEY, only

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_events_come_and_go(gateway, publisher, compression):
    async with connect(
        f"{gateway.ws}/topics/t", subprotocols=["cloudevents.json"], compression=compression
    ) as socket:
        assert socket.subprotocol == "cloudevents.json"
        for n in range(10):
            published = await publisher.publish("t", "ü" * 1000 * n)
            event = json.loads(await socket.recv())
            assert (event["data"], event["position"]) == ("ü" * 1000 * n, published.position)
        await socket.send('{"specversion":"1.0","id":"1","source":"/","type":"t","data":1.0}')
        assert json.loads(await socket.recv())["id"] == "1"


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_multiplexed_without_one_event_twice(gateway, compression):
    async with connect(
        f"{gateway.ws}/ws", subprotocols=["hubbub.v1"], compression=compression
    ) as socket:

        async def ask(**op) -> dict:
            await socket.send(json.dumps(op))
            while (said := json.loads(await socket.recv())).get("ref") != op["ref"]:
                events.append(said)
            return said

        events: list[dict] = []
        await ask(op="subscribe", ref=1, topics=["a/*"])
        await ask(op="subscribe", ref=2, topics=["**"])
        assert (await ask(op="publish", ref=3, topic="a/1", data=1))["op"] == "published"
        assert (await ask(op="publish", ref=4, topic="b", data=2))["op"] == "published"
        assert (await ask(op="unsubscribe", ref=5, topics=["**"]))["op"] == "unsubscribed"
        assert (await ask(op="publish", ref=6, topic="b", data=3))["op"] == "published"
        assert (await ask(op="publish", ref=7, topic="*", data=3))["status"] == 400
        assert (await ask(op="nonsense", ref=8))["status"] == 400
        await ask(op="ping", ref=9)
    assert [e["event"]["data"] for e in events if e["op"] == "event"] == [1, 2]


async def test_resuming_with_a_position_of_another_protocol(gateway, publisher):
    first, *_ = await publisher.publish_many("t", range(5))
    url = f"{gateway.ws}/topics/t?since={first.position}"
    async with connect(url) as socket:
        assert [json.loads(await socket.recv())["data"] for _ in range(4)] == [1, 2, 3, 4]


async def test_a_gap_is_told_as_an_event(gateway, publisher):
    await publisher.publish("t", "kept")
    async with connect(f"{gateway.ws}/topics/t?since=lost-7") as socket:
        assert json.loads(await socket.recv())["type"] == "hubbub.gap"
        assert json.loads(await socket.recv())["data"] == "kept"


async def test_tokens_by_header_subprotocol_and_message():
    wanted = settings(auth=only(publish="mine", subscribe="mine"))
    async with real_gateway(wanted) as gateway:
        topic = f"{gateway.ws}/topics/mine"
        bearer = {"Authorization": f"Bearer {KEY}"}
        async with connect(topic, additional_headers=bearer):
            pass
        async with connect(topic, subprotocols=["cloudevents.json", f"bearer.{KEY}"]) as socket:
            assert socket.subprotocol == "cloudevents.json"
        for given in ({}, {"additional_headers": {"Authorization": "Bearer hk_wrong"}}):
            with pytest.raises(InvalidStatus) as caught:
                await connect(topic, **given)
            assert caught.value.response.status_code == 401
        async with connect(f"{gateway.ws}/ws", subprotocols=["hubbub.v1"]) as socket:
            await socket.send(json.dumps({"op": "subscribe", "ref": 1, "topics": ["mine"]}))
            assert json.loads(await socket.recv())["status"] in (401, 403)
            await socket.send(json.dumps({"op": "auth", "ref": 2, "token": KEY}))
            assert json.loads(await socket.recv()) == {"op": "authenticated", "ref": 2}
            await socket.send(json.dumps({"op": "subscribe", "ref": 3, "topics": ["mine"]}))
            assert json.loads(await socket.recv())["op"] == "subscribed"


@pytest.mark.parametrize(
    ("message", "code"), [("no json", 1007), ("[]", 1007), (b"binary", 1003), ("x" * 2**21, 1009)]
)
async def test_what_is_not_understood_is_closed_with_its_code(gateway, message, code):
    async with connect(f"{gateway.ws}/topics/t") as socket:
        await socket.send(message)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == code


async def test_a_stopping_server_says_goodbye(gateway):
    async with connect(f"{gateway.ws}/topics/t") as socket:
        leaving = asyncio.create_task(gateway.leave())
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code in (1001, 1012)
        assert socket.close_reason
        await leaving


async def test_a_foreign_page_is_refused(gateway):
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{gateway.ws}/topics/t", origin="http://evil.example")
    assert caught.value.response.status_code == 403
