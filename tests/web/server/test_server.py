"""Starting and stopping."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket

import pytest

from hubbub.core.errors import Misconfigured
from hubbub.web.server import Server, ServerOptions, running
from hubbub.web.server.server import INTERRUPTED

from .raw import (
    GET,
    PATIENCE,
    QUICK,
    App,
    StreamApp,
    chunk,
    client_of,
    connect,
    frame,
    process_of,
    upgrade,
)

pytestmark = pytest.mark.anyio


async def test_the_address_is_known():
    async with running(App()) as server:
        assert server.port > 0
        assert server.url == f"http://127.0.0.1:{server.port}"
    ipv6 = Server(App(), ServerOptions(host="::1", port=0))
    await ipv6.start()
    assert ipv6.url == f"http://[::1]:{ipv6.port}"
    await ipv6.stop()


async def test_bound_sockets_can_be_handed_in():
    sock = socket.create_server(("127.0.0.1", 0))
    server = Server(App())
    await server.start([sock])
    assert server.port == sock.getsockname()[1]
    client = await connect(server)
    client.send(GET)
    assert (await client.response()).status == 200
    await server.stop()
    assert sock.fileno() == -1
    await client.aclose()


async def test_the_application_lives_around_the_connections():
    events = []

    class Living(App):
        async def __call__(self, scope, receive, send):
            if scope["type"] != "lifespan":
                events.append(scope["state"])
                await super().__call__(scope, receive, send)
                return
            assert (await receive())["type"] == "lifespan.startup"
            scope["state"]["answer"] = 42
            events.append("started")
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            events.append("stopped")
            await send({"type": "lifespan.shutdown.complete"})

    async with client_of(Living()) as (_, client):
        client.send(GET)
        await client.response()
    assert events == ["started", {"answer": 42}, "stopped"]


async def test_an_application_that_cannot_start_frees_the_address():
    async def failing(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no disk"})

    sock = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(Misconfigured, match="did not start"):
        await Server(failing).start([sock])
    assert sock.fileno() == -1


async def test_a_bad_setting_frees_the_address():
    sock = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(Misconfigured, match="trusted_hosts"):
        await Server(App(), ServerOptions(trusted_hosts=("http://a",))).start([sock])
    assert sock.fileno() == -1


async def test_stopping_twice_is_stopping_once():
    server = Server(App(), ServerOptions(port=0))
    await server.start()
    await asyncio.gather(server.stop(), server.stop())
    await server.stop()


async def test_stopping_closes_idle_connections_and_finishes_running_requests():
    answer = asyncio.Event()

    class Slow(App):
        async def http(self, scope, receive, send):
            if scope["path"] == "/slow":
                await self.note(self.begun, scope)
                await answer.wait()
            await super().http(scope, receive, send)

        def __init__(self):
            super().__init__()
            self.begun = []

    app = Slow()
    async with running(app, ServerOptions(port=0)) as server:
        silent, idle, half, slow, pipelined = [await connect(server) for _ in range(5)]
        idle.send(GET)
        await idle.response()
        half.send(GET[:10])
        slow.send(GET.replace(b"/ ", b"/slow "))
        pipelined.send(GET.replace(b"/ ", b"/slow ") + GET)
        await app.until(lambda: len(app.begun) == 2)
        stopping = asyncio.create_task(server.stop())
        for client in (silent, idle, half):
            assert await client.rest() == b""
            await client.aclose()
        with pytest.raises(ConnectionError):
            await connect(server)
        answer.set()
        assert (await slow.response()).headers["connection"] == "close"
        assert "connection" not in (await pipelined.response()).headers
        assert (await pipelined.response()).headers["connection"] == "close"
        for client in (slow, pipelined):
            assert await client.rest() == b""
            await client.aclose()
        await stopping


async def test_what_does_not_end_in_time_is_cut(caplog):
    class Endless(StreamApp):
        async def stream(self, scope, receive):
            await self.note(self.writers, scope)
            try:
                await asyncio.Event().wait()
            finally:
                await self.note(self.ended, scope["type"])

    app = Endless()
    async with running(app, ServerOptions(port=0, drain_timeout=QUICK)) as server:
        clients = [await connect(server) for _ in range(2)]
        clients[0].send(GET)
        clients[1].send(upgrade())
        await app.until(lambda: len(app.writers) == 2)
        async with asyncio.timeout(PATIENCE):
            await server.stop()
        for client in clients:
            await client.rest()
            await client.aclose()
        assert sorted(app.ended) == ["http", "websocket"]
    assert [r.getMessage() for r in caplog.records] == [
        "drain_timeout is over: cutting 2 connections and 2 requests"
    ]


async def test_a_connection_that_was_accepted_just_before_the_stop_is_closed():
    async with running(App()) as server:
        server._state.is_stopping = True
        client = await connect(server)
        assert await client.rest() == b""
        await client.aclose()


async def test_a_goodbye_that_fails_does_not_keep_the_others(caplog):
    app = StreamApp()
    async with running(app) as server:
        clients = [await connect(server) for _ in range(2)]
        for client in clients:
            client.send(GET)
        await app.until(lambda: len(app.writers) == 2)
        for writer in app.writers:
            writer.on_shutdown = lambda: 1 / 0
        await server.stop()
        for client in clients:
            assert (await client.rest()).endswith(b":ok\n\n\r\n")
            await client.aclose()
    assert len(app.ended) == 2
    assert len(caplog.records) == 2


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_a_thousand_streams_say_goodbye(kind):
    class Polite(StreamApp):
        async def stream(self, scope, receive):
            writer = scope["extensions"]["hubbub.wire"]
            last = chunk(b"retry: 1\n\n") if kind == "http" else b""
            writer.on_shutdown = lambda: writer.finish(last, code=1012)
            await super().stream(scope, receive)

    app = Polite()
    async with running(app, ServerOptions(port=0)) as server:
        clients = [await connect(server) for _ in range(1000)]
        for client in clients:
            client.send(GET if kind == "http" else upgrade())
        await app.until(lambda: len(app.writers) == 1000)
        stopping = asyncio.create_task(server.stop())
        for client in clients:
            if kind == "http":
                assert (await client.response()).body.endswith(b"retry: 1\n\n")
            else:
                await client.head()
                assert await client.close_code() == 1012
                client.send(frame(b"\x03\xf4", 8))
        await stopping
        for client in clients:
            assert await client.rest() == b""
            await client.aclose()
    assert len(app.ended) == 1000


# Signals, in a process of its own.


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_with_status_0(number):
    async with process_of("StreamApp") as server:
        client = await connect(server)
        client.send(upgrade())
        await client.head()
        server.signal(number)
        assert await client.close_code() == 1012
        client.send(frame(b"\x03\xf4", 8))
        assert await server.end() == (0, "")
        await client.aclose()


@pytest.mark.slow
async def test_a_second_signal_cuts_everything_off():
    async with process_of("StreamApp") as server:
        client = await connect(server)
        client.send(GET)  # a stream that nobody ends
        await client.head()
        await client.chunk()
        server.signal(signal.SIGTERM)
        with contextlib.suppress(ConnectionError):  # once it has taken the first one
            while True:
                await (await connect(server)).aclose()
        server.signal(signal.SIGINT)
        assert await server.end() == (INTERRUPTED, "")
        await client.rest()
        await client.aclose()


@pytest.mark.slow
async def test_an_application_that_fails_to_shut_down_is_status_1():
    async with process_of("Failing") as server:
        server.signal(signal.SIGTERM)
        status, errors = await server.end()
    assert status == 1
    assert "the cursors could not be flushed" in errors
