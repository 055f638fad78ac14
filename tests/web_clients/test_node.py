"""The npm packages eventsource and ws, as people use them in Node.js."""

from __future__ import annotations

import json

import pytest

from client.real import real_gateway, settings

from .keys import KEY, only
from .programs import node_program, program

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class TestEventSource:
    async def test_events_arrive_with_their_positions(self, gateway, publisher):
        url = f"{gateway.url}/topics/orders/*"
        async with program(*node_program("eventsource.mjs"), url) as source:
            assert await source.said() == {"open": True}
            published = await publisher.publish("orders/42", {"text": "käse\u2028\r\n\0"})
            event = await source.event()
        assert (event["type"], event["lastEventId"]) == ("message", published.position)
        assert json.loads(event["data"])["data"] == {"text": "käse\u2028\r\n\0"}

    async def test_it_comes_back_to_where_it_was(self, gateway, publisher):
        """The server restarts while events go on: before the first event, and in the middle."""
        async with program(*node_program("eventsource.mjs"), f"{gateway.url}/topics/t") as source:
            assert await source.said() == {"open": True}
            for n in range(3):
                await gateway.leave()
                await gateway.hub.publish("t", n)
                await gateway.serve()
                assert json.loads((await source.event())["data"])["data"] == n

    async def test_typed_events_and_data_alone(self, gateway, publisher):
        url = f"{gateway.url}/topics/t?format=data&event=type"
        async with program(*node_program("eventsource.mjs"), url) as source:
            assert await source.said() == {"open": True}
            await publisher.publish(
                "t", "one\r\ntwo\n", type="order.paid", content_type="text/plain"
            )
            event = await source.event()
        assert (event["type"], event["data"]) == ("order.paid", "one\ntwo\n")

    async def test_a_gap_is_told(self, gateway, publisher):
        await publisher.publish("t", "kept")
        url = f"{gateway.url}/topics/t?last_event_id=lost-7"
        async with program(*node_program("eventsource.mjs"), url) as source:
            gap, kept = await source.event(), await source.event()
        assert gap["type"] == "hubbub.gap"
        assert json.loads(gap["data"])["requested"] == "lost-7"
        assert json.loads(kept["data"])["data"] == "kept"

    async def test_it_gives_up_when_it_is_refused(self):
        async with real_gateway(settings(auth=only(subscribe="mine/*"))) as gateway:
            command = node_program("eventsource.mjs")
            async with program(*command, f"{gateway.url}/topics/theirs", KEY) as source:
                assert await source.said() == {"error": 403, "gone": True}
            async with program(*command, f"{gateway.url}/topics/mine/x") as source:
                assert await source.said() == {"error": 401, "gone": True}
            async with program(*command, f"{gateway.url}/topics/mine/x", KEY) as source:
                assert await source.said() == {"open": True}


class TestWs:
    async def test_events_on_a_topics_url(self, gateway, publisher):
        url = f"{gateway.ws}/topics/t"
        async with program(*node_program("ws.mjs"), url, "cloudevents.json") as socket:
            assert (await socket.said())["open"] == "cloudevents.json"
            published = await publisher.publish("t", "käse")
            said = await socket.said()
            event = json.loads(said["data"])
            assert (said["binary"], event["position"]) == (False, published.position)
            made = {"specversion": "1.0", "id": "1", "source": "/ws", "type": "t", "data": [1]}
            await socket.send(made)
            assert json.loads((await socket.said())["data"])["source"] == "/ws"

    async def test_multiplexed(self, gateway):
        async with program(*node_program("ws.mjs"), f"{gateway.ws}/ws", "hubbub.v1") as socket:
            assert (await socket.said())["open"] == "hubbub.v1"
            await socket.send({"op": "subscribe", "ref": 1, "topics": ["a/*", "b"]})
            await socket.send({"op": "publish", "ref": 2, "topic": "a/1", "data": {"n": 1}})
            said = [json.loads((await socket.said())["data"]) for _ in range(4)]
        ops = {answer["op"]: answer for answer in said}
        assert ops["subscribed"]["ref"] == 1
        assert ops["published"]["position"] == ops["event"]["event"]["position"]
        assert "live" in ops

    async def test_a_close_says_when_the_server_restarts(self, gateway):
        async with program(*node_program("ws.mjs"), f"{gateway.ws}/ws", "hubbub.v1") as socket:
            await socket.said()
            await gateway.leave()
            assert (await socket.said())["close"] in (1001, 1012)
            await gateway.serve()

    async def test_compression_if_it_is_offered(self, gateway, publisher):
        """ws offers permessage-deflate; what comes out is the same with it and without."""
        url = f"{gateway.ws}/topics/t"
        async with program(*node_program("ws.mjs"), url) as socket:
            await socket.said()
            for n in range(20):
                await publisher.publish("t", "x" * 100 * n)
                assert json.loads((await socket.said())["data"])["data"] == "x" * 100 * n

    async def test_a_refused_handshake(self):
        async with real_gateway(settings(auth=only(subscribe="mine/*"))) as gateway:
            url = f"{gateway.ws}/topics/theirs"
            async with program(*node_program("ws.mjs"), url, f"bearer.{KEY}") as socket:
                assert await socket.said() == {"refused": 403}
