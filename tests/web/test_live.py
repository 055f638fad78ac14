"""The whole of it over real sockets: streams, WebSockets, and requests that no library would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway import Gateway, running_gateway
from hubbub.core.contracts import Retention
from hubbub.sources import PublishOptions
from hubbub.web.options import WebOptions
from hubbub.web.server import running

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EVENT = {"specversion": "1.0", "id": "A1", "source": "/s", "type": "com.example.paid"}
APP = "https://app.example"


class Live:
    """A gateway behind a server, and a client."""

    def __init__(self, gateway: Gateway, port: int, http: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.port = port
        self.http = http
        self.url = f"http://127.0.0.1:{port}"

    async def publish(self, topic: str, data: Any = 1, **headers: str) -> dict[str, Any]:
        async with self.http.post(
            f"{self.url}/topics/{topic}", json=data, headers=headers
        ) as reply:
            assert reply.status == 201, await reply.text()
            return await reply.json()

    @asynccontextmanager
    async def stream(self, path: str, **headers: str) -> AsyncIterator[Stream]:
        lines = {"Accept": "text/event-stream"} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        async with self.http.get(self.url + path, headers=lines) as reply:
            assert reply.status == 200, await reply.text()
            yield Stream(reply)

    async def raw(self, request: bytes, *, half: bool = False) -> bytes:
        """Send bytes, close our side if `half`, and return all that comes back."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        if half:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await writer.wait_closed()
        return answer


class Stream:
    """Reads Server-Sent Events one by one."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self.headers = reply.headers
        self._reply = reply

    async def block(self) -> dict[str, str]:
        """Return the fields of the next block that has data. Raises `TimeoutError`."""
        async with asyncio.timeout(10):
            while "data" not in (found := await self._fields()):
                pass
        return found

    async def _fields(self) -> dict[str, str]:
        found: dict[str, str] = {}
        while line := await self._reply.content.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if not name and not value:
                return found
            found[name] = f"{found[name]}\n{value}" if name in found else value
        raise EOFError("the stream has ended")

    async def event(self) -> dict[str, Any]:
        block = await self.block()
        event = json.loads(block["data"])
        assert block["id"] == event["position"]
        return event


@asynccontextmanager
async def started(**options: Any) -> AsyncIterator[Live]:
    async with (
        running_gateway(**options) as gateway,
        running(gateway.app()) as server,
        aiohttp.ClientSession() as http,
    ):
        yield Live(gateway, server.port, http)


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    async with started() as live:
        yield live


# Server-Sent Events


async def test_live_events_and_headers(live: Live) -> None:
    async with live.stream("/topics/orders/*") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["Cache-Control"] == "no-store"
        assert stream.headers["X-Content-Type-Options"] == "nosniff"
        assert stream.headers["Hubbub-Position"] == f"{live.gateway.log.epoch}-0"
        assert "accept" in stream.headers["Vary"]
        told = await live.publish("orders/1", {"n": 1})
        await live.publish("news")
        await live.publish("orders/2")
        event = await stream.event()
        assert (event["data"], event["position"]) == ({"n": 1}, told["position"])
        assert (await stream.event())["topic"] == "orders/2"


async def test_a_stream_of_one_topic_names_its_hub(live: Live) -> None:
    async with live.stream("/topics/a") as stream:
        assert f'<{live.url}/hub>; rel="hub"' in stream.headers["Link"]
        assert f'<{live.url}/topics/a>; rel="self"' in stream.headers["Link"]


async def test_history_and_then_live_without_a_seam(live: Live) -> None:
    for n in range(3):
        await live.publish("a", n)
    async with live.stream("/topics/a?since=earliest") as stream:
        await live.publish("a", 3)
        assert [(await stream.event())["data"] for _ in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("start", ["last=2", "since={}-1", "last_event_id={}-1"])
async def test_starts(live: Live, start: str) -> None:
    for n in range(3):
        await live.publish("a", n)
    async with live.stream("/topics/a?" + start.format(live.gateway.log.epoch)) as stream:
        assert [(await stream.event())["data"] for _ in range(2)] == [1, 2]


async def test_last_event_id_wins(live: Live) -> None:
    for n in range(3):
        await live.publish("a", n)
    epoch = live.gateway.log.epoch
    path = f"/topics/a?since=latest&last_event_id={epoch}-0"
    async with live.stream(path, Last_Event_ID=f"{epoch}-2") as stream:
        assert (await stream.event())["data"] == 2
    async with live.stream(f"/topics/a?last_event_id={epoch}-1", Last_Event_ID="") as stream:
        assert (await stream.event())["data"] == 1


LOST = [
    "zzzzzzzz-1",
    "garbage",
    "-",
    "'; DROP TABLE events; --",
    "x" * 5000,
    "é€😀",
    "%0d%0a",
    "{}-99",
    "{}-0",
]


@pytest.mark.parametrize("last", LOST)
async def test_an_unknown_last_event_id_is_a_gap(live: Live, last: str) -> None:
    """F18: never silence, never a fault; then from the oldest."""
    for n in range(3):
        await live.publish("a", n)
    await live.gateway.log.trim(Retention(max_count=2))
    epoch = live.gateway.log.epoch
    async with live.stream("/topics/a", Last_Event_ID=last.format(epoch)) as stream:
        block = await stream.block()
        assert block["event"] == "hubbub.gap"
        assert json.loads(block["data"])["resumes_at"] == f"{epoch}-1"
        assert [(await stream.event())["data"] for _ in range(2)] == [1, 2]


async def test_an_unknown_last_event_id_in_the_query_is_a_gap_too(live: Live) -> None:
    await live.publish("a")
    async with live.stream("/topics/a?last_event_id=%00%0d%0a") as stream:
        assert (await stream.block())["event"] == "hubbub.gap"
        assert (await stream.event())["data"] == 1


async def test_forms_of_a_stream(live: Live) -> None:
    await live.publish("a", {"n": 1})
    async with live.stream(
        "/topics/a?since=earliest&format=data&event=type&control=true"
    ) as stream:
        block = await stream.block()
        assert json.loads(block["data"]) == {"n": 1}
        assert block["event"] == "hubbub.published"
        assert (await stream.block())["event"] == "hubbub.live"


async def test_a_stream_filters(live: Live) -> None:
    path = "/events?since=earliest&type=a&type=b&filter=EXISTS+subject"
    await live.publish("x", 1, **{"ce-type": "a"})
    await live.publish("x", 2, **{"ce-type": "b", "ce-subject": "s"})
    await live.publish("x", 3, **{"ce-type": "c", "ce-subject": "s"})
    await live.publish("x", 4, **{"ce-type": "a", "ce-subject": "s"})
    async with live.stream(path) as stream:
        assert [(await stream.event())["data"] for _ in range(2)] == [2, 4]


async def test_ephemeral_events_reach_who_is_there(live: Live) -> None:
    async with live.stream("/topics/a?control=true") as stream:
        assert (await stream.block())["event"] == "hubbub.live"
        async with live.http.post(f"{live.url}/topics/a?ephemeral=true", json=7) as reply:
            assert reply.status == 202
        block = await stream.block()
        event = json.loads(block["data"])
        assert event["data"] == 7
        assert "position" not in event
        assert "id" not in block


async def test_a_page_of_another_origin_can_read_a_stream() -> None:
    async with (
        started(web=WebOptions(cors_origins=(APP,))) as live,
        live.stream("/topics/a", Origin=APP) as stream,
    ):
        assert stream.headers["Access-Control-Allow-Origin"] == APP
        await live.publish("a", 5)
        assert (await stream.event())["data"] == 5


async def test_http_1_0_gets_pages_but_no_streams(live: Live) -> None:
    await live.publish("a")
    request = b"GET /topics/a HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: %b\r\n\r\n"
    answer = await live.raw(request % b"text/event-stream")
    assert answer.split(b" ", 2)[1] == b"505"
    assert b"application/problem+json" in answer
    answer = await live.raw(request % b"*/*")
    assert answer.split(b" ", 2)[1] == b"200"


# Requests


async def test_a_body_that_never_comes_whole_publishes_nothing(live: Live) -> None:
    head = b"POST /topics/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    await live.raw(head + b"Content-Length: 10\r\n\r\n[1]", half=True)
    await live.raw(head + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n", half=True)
    await live.raw(head + b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\nzz\r\n", half=True)
    assert live.gateway.log.head == 0
    answer = await live.raw(
        head + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n"
    )
    assert answer.split(b" ", 2)[1] == b"201"
    assert live.gateway.log.head == 1


async def test_a_body_that_is_too_large_ends_the_connection() -> None:
    async with started(publish=PublishOptions(max_bytes=65_536)) as live:
        head = b"POST /topics/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n"
        answer = await live.raw(head + b"Content-Length: 99999999999\r\n\r\nabc")
        assert answer.split(b" ", 2)[1] == b"413"
        assert b"connection: close" in answer.lower()
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        answer = await live.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3)
        assert answer.split(b" ", 2)[1] == b"413"
        assert live.gateway.log.head == 0


async def test_many_publishes_on_one_connection(live: Live) -> None:
    head = b"POST /topics/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n"
    answer = await live.raw(9 * (head + b"\r\n1") + head + b"Connection: close\r\n\r\n1")
    assert answer.count(b"HTTP/1.1 201") == 10
    assert live.gateway.log.head == 10


# WebSocket


async def receive(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    return await socket.receive_json(timeout=10)


async def test_events_both_ways_on_the_address_of_a_topic(live: Live) -> None:
    path = f"{live.url}/topics/orders/1"
    async with live.http.ws_connect(path, protocols=["cloudevents.json"]) as socket:
        assert socket.protocol == "cloudevents.json"
        await socket.send_json({**EVENT, "data": {"n": 1}})
        event = await receive(socket)
        assert (event["id"], event["topic"], event["data"]) == ("A1", "orders/1", {"n": 1})
        await live.publish("orders/1", 2)
        assert (await receive(socket))["data"] == 2


async def test_a_websocket_resumes_where_a_stream_ended(live: Live) -> None:
    for n in range(3):
        await live.publish("a", n)
    async with live.stream("/topics/a?since=earliest") as stream:
        position = (await stream.event())["position"]
    async with live.http.ws_connect(f"{live.url}/topics/a?since={position}") as socket:
        assert [(await receive(socket))["data"] for _ in range(2)] == [1, 2]


async def test_what_cannot_be_published_ends_the_socket(live: Live) -> None:
    for message in ("{", '{"specversion":"1.0"}', "[]"):
        async with live.http.ws_connect(f"{live.url}/topics/a") as socket:
            await socket.send_str(message)
            assert (await socket.receive(timeout=10)).type == aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 1007
    assert live.gateway.log.head == 0


async def test_the_multiplexed_socket(live: Live) -> None:
    async with live.http.ws_connect(f"{live.url}/ws", protocols=["hubbub.v1"]) as socket:
        await socket.send_json({"op": "subscribe", "ref": 1, "topics": ["a/*", "a/1"]})
        assert (await receive(socket))["op"] == "subscribed"
        assert (await receive(socket))["op"] == "live"
        await socket.send_json({"op": "publish", "ref": 2, "topic": "a/1", "data": {"n": 1}})
        found = [await receive(socket), await receive(socket)]
        by_op = {message["op"]: message for message in found}
        assert by_op["published"]["ref"] == 2
        assert by_op["event"]["event"]["data"] == {"n": 1}
        await socket.send_json({"op": "publish", "ref": 3, "topic": "a/*", "data": 1})
        refused = await receive(socket)
        assert (refused["op"], refused["ref"], refused["status"]) == ("error", 3, 400)
        await socket.send_json({"op": "ping", "ref": 4})
        assert await receive(socket) == {"op": "pong", "ref": 4}


@pytest.mark.parametrize(
    ("path", "status"), [("/topics/a*", 400), ("/nothing", 404), ("/events?since=x", 400)]
)
async def test_a_socket_that_is_refused(live: Live, path: str, status: int) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        await live.http.ws_connect(live.url + path)
    assert raised.value.status == status
