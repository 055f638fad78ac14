"""The synchronous writer: when it is open, what it calls, how it ends."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from hubbub.core.contracts import Writer
from hubbub.web.server.writers import StreamWriter

from .raw import (
    DEFLATE,
    GET,
    PATIENCE,
    QUICK,
    StreamApp,
    chunk,
    client_of,
    deaf_client,
    frame,
    upgrade,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet_log")]

BIG = b"x" * 60_000


def test_the_writer_has_all_that_its_contract_names():
    promised = {name for name in (*vars(Writer), *Writer.__annotations__) if name[0] != "_"}
    assert promised == {name for name in dir(StreamWriter) if name[0] != "_"} - {"ended"}


async def test_a_chunked_stream_is_written_and_finished():
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(GET)
        writer = await app.writer()
        assert writer.is_open
        assert writer.framing == "chunked"
        assert writer.write == app.scopes[0]["extensions"]["hubbub.wire"].write
        writer.write(chunk(b"one"))
        writer.write(chunk(b"two"))
        assert writer.buffered() == 0
        writer.finish(chunk(b"last"))
        assert not writer.is_open
        writer.finish(chunk(b"never"))
        response = await client.response()
        assert response.body == b":ok\n\nonetwolast"
        await app.until(lambda: app.ended == ["http.disconnect"])
        client.send(GET)  # the connection goes on
        assert (await client.head())[0] == 200


async def test_write_is_the_transports_own_method():
    """The hot path: nothing of ours is in between."""
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(GET)
        writer = await app.writer()
        assert writer.write.__self__ is writer._transport
        assert writer.write.__name__ == "write"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_what_cannot_be_streamed_in_chunks_has_no_writer(request_bytes):
    class Plain(StreamApp):
        async def stream(self, scope, receive):
            await self.note(self.requests, "extensions" in scope)

    app = Plain()
    async with client_of(app) as (_, client):
        client.send(request_bytes)
        await app.until(lambda: app.requests == [False])


async def test_a_response_with_a_length_does_not_open_the_writer():
    class Plain(StreamApp):
        async def http(self, scope, receive, send):
            writer = scope["extensions"]["hubbub.wire"]
            headers = [(b"content-length", b"4")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self.note(self.requests, writer.is_open)
            writer.finish(b"never")
            await send({"type": "http.response.body", "body": b"body"})

    app = Plain()
    async with client_of(app) as (_, client):
        client.send(GET)
        assert (await client.response()).body == b"body"
    assert app.requests == [False]


async def stalled(app, server, request, piece):
    """Write to a client that does not read until the writer is paused."""
    sock = await deaf_client(server)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, request)
    writer = await app.writer()
    paused, resumed = asyncio.Event(), asyncio.Event()
    writer.on_pause, writer.on_resume = paused.set, resumed.set
    written = 0
    while not paused.is_set():
        writer.write(piece)
        written += len(piece)
        assert written < 100_000_000
    assert writer.is_open
    return sock, writer, resumed


@pytest.mark.parametrize("request_bytes", [GET, upgrade()], ids=["chunked", "ws"])
async def test_a_slow_reader_pauses_and_resumes(request_bytes):
    app = StreamApp()
    async with client_of(app) as (server, _):
        sock, writer, resumed = await stalled(app, server, request_bytes, chunk(BIG))
        assert 64 * 1024 < writer.buffered() < 64 * 1024 + 2 * len(BIG)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while not resumed.is_set():
                await loop.sock_recv(sock, 65536)
        assert writer.is_open
        assert writer.buffered() <= 16 * 1024
        sock.close()


async def test_the_high_water_mark_can_be_set():
    app = StreamApp()
    async with client_of(app, write_high_water=1_000_000) as (server, _):
        sock, writer, _ = await stalled(app, server, GET, chunk(BIG))
        assert writer.buffered() > 1_000_000
        sock.close()


@pytest.mark.parametrize("request_bytes", [GET, upgrade()], ids=["chunked", "ws"])
async def test_a_reader_that_takes_nothing_at_all_is_cut_off(request_bytes):
    app = StreamApp()
    async with client_of(app, write_timeout=QUICK) as (server, _):
        sock, writer, _ = await stalled(app, server, request_bytes, chunk(BIG))
        await app.until(lambda: app.ended)
        assert not writer.is_open
        sock.close()


async def test_a_reader_that_takes_a_little_is_not_cut_off():
    """What it takes may come from the kernel's buffer for long, while ours does not shrink."""
    app = StreamApp()
    async with client_of(app, write_timeout=4 * QUICK) as (server, _):
        sock, writer, _ = await stalled(app, server, GET, chunk(BIG))
        before = writer.buffered()
        for _ in range(10):  # more than twice the deadline
            await asyncio.sleep(QUICK)
            assert await asyncio.get_running_loop().sock_recv(sock, 16_384)
        assert writer.is_open
        assert writer.buffered() == before
        sock.close()


@pytest.mark.parametrize("request_bytes", [GET, upgrade()], ids=["chunked", "ws"])
async def test_the_end_of_the_connection_tells_whoever_writes_at_once(request_bytes):
    """Later it would be too late: writing to a closed transport raises."""
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(request_bytes)
        writer = await app.writer()
        left = asyncio.Event()
        writer.on_pause = lambda: (not writer.is_open) and left.set()
        await client.aclose()
        async with asyncio.timeout(PATIENCE):
            await left.wait()
        writer.finish(b"never")
        await app.until(lambda: app.ended)


async def test_finishing_tells_whoever_writes_before_the_last_bytes():
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(GET)
        writer = await app.writer()
        calls = []
        writer.on_pause = lambda: calls.append(writer.is_open)
        writer.finish()
        assert calls == [False]
        assert writer.on_pause is None
        assert (await client.response()).body == b":ok\n\n"


async def test_an_application_that_ends_the_response_itself_closes_the_writer():
    class Ending(StreamApp):
        async def http(self, scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            scope["extensions"]["hubbub.wire"].write(chunk(b"two"))
            await send({"type": "http.response.body", "body": b"three"})
            await self.note(self.writers, scope["extensions"]["hubbub.wire"])

    app = Ending()
    async with client_of(app) as (_, client):
        client.send(GET)
        assert (await client.response()).body == b"onetwothree"
        assert not (await app.writer()).is_open


async def test_a_writer_behind_another_request_opens_in_its_turn():
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(GET + GET)
        writer = await app.writer()
        writer.finish()
        assert (await client.response()).status == 200
        await app.until(lambda: len(app.writers) == 2)
        app.writers[1].write(chunk(b"second"))
        app.writers[1].finish()
        assert (await client.response()).body == b":ok\n\nsecond"


async def test_garbage_behind_a_stream_does_not_disturb_it():
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(GET)
        writer = await app.writer()
        client.send(b"\x00" * 100_000)
        writer.write(chunk(b"still here"))
        assert (await client.head())[0] == 200
        assert await client.chunk() == b":ok\n\n"
        assert await client.chunk() == b"still here"
        writer.finish()
        assert await client.chunk() == b""
        assert (await client.response()).status == 400


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        ((), "ws"),
        ((DEFLATE,), "ws-deflate"),
        ((DEFLATE + b"; server_max_window_bits=15",), "ws-deflate"),
        ((DEFLATE + b"; server_max_window_bits=9",), "ws"),
    ],
)
async def test_a_websocket_is_written_and_finished(fields, framing):
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(upgrade(*fields))
        writer = await app.writer()
        assert writer.framing == framing
        writer.write(b"\x81\x03one")
        writer.finish(b"\x81\x04last", code=4001, reason="told so")
        assert not writer.is_open
        assert (await client.head())[0] == 101
        assert await client.frame() == (0x81, b"one")
        assert await client.frame() == (0x81, b"last")
        assert await client.frame() == (0x88, b"\x0f\xa1told so")
        client.send(frame(b"\x0f\xa1", 8))
        assert await client.rest() == b""
        await app.until(lambda: app.ended == ["websocket.disconnect"])


async def test_a_close_code_and_reason_must_be_sendable():
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(upgrade())
        writer = await app.writer()
        with pytest.raises(ValueError, match="123 bytes"):
            writer.finish(reason="é" * 62)
        with pytest.raises(ValueError, match="1005 cannot be sent"):
            writer.finish(code=1005)
        assert writer.is_open
        writer.finish(reason="x" * 123)


async def test_a_stream_says_goodbye_when_the_server_stops():
    app = StreamApp()
    async with client_of(app) as (server, client):
        client.send(GET)
        writer = await app.writer()
        writer.on_shutdown = lambda: writer.finish(chunk(b"retry: 1\n\n"))
        await server.stop()
        assert (await client.response()).body == b":ok\n\nretry: 1\n\n"
        assert await client.rest() == b""


async def test_a_goodbye_may_come_later_within_the_drain_time():
    app = StreamApp()
    async with client_of(app) as (server, client):
        client.send(upgrade())
        writer = await app.writer()
        loop = asyncio.get_running_loop()
        writer.on_shutdown = lambda: loop.call_later(QUICK, lambda: writer.finish(code=1012))
        stopping = asyncio.create_task(server.stop())
        assert (await client.head())[0] == 101
        assert await client.close_code() == 1012
        client.send(frame(b"\x03\xf4", 8))
        await stopping


async def test_a_plain_websocket_is_closed_with_1012_when_the_server_stops():
    app = StreamApp()
    async with client_of(app) as (server, client):
        client.send(upgrade())
        await app.writer()
        stopping = asyncio.create_task(server.stop())
        assert (await client.head())[0] == 101
        assert await client.close_code() == 1012
        client.send(frame(b"\x03\xf4", 8))
        with contextlib.suppress(ConnectionError):
            await stopping
