"""WebSocket connections: how they begin and how they end."""

from __future__ import annotations

import asyncio
import zlib

import pytest
from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosedError

from hubbub.web.server import ServerOptions, running

from .raw import (
    PATIENCE,
    QUICK,
    App,
    StreamApp,
    client_of,
    connect,
    deaf_client,
    frame,
    upgrade,
)

pytestmark = [pytest.mark.anyio]


def squeeze(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-12)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


# The handshake.


async def test_an_echo_and_a_clean_close(quiet_log):
    app = App()
    async with client_of(app) as (_, client):
        client.send(upgrade(target=b"/a%20b?c=d"))
        status, headers = await client.head()
        assert status == 101
        assert headers["sec-websocket-accept"] == "ICX+Yqv66kxgM0FcWaLWlFLwTAI="
        assert "server" not in headers
        assert "sec-websocket-extensions" not in headers
        client.send(frame(b"hello") + frame(b"\0\1", 2))
        assert await client.frame() == (0x81, b"hello")
        assert await client.frame() == (0x82, b"\0\1")
        client.send(frame(b"\x03\xe8bye", 8))
        assert await client.frame() == (0x88, b"\x03\xe8bye")
        assert await client.rest() == b""
        await app.until(lambda: app.disconnects)
    scope = app.scopes[0]
    assert (scope["path"], scope["raw_path"]) == ("/a b", b"/a%20b")
    assert scope["query_string"] == b"c=d"
    assert scope["client"][0] == scope["server"][0] == "127.0.0.1"
    assert app.disconnects == [{"type": "websocket.disconnect", "code": 1000, "reason": "bye"}]


def without(field: bytes) -> bytes:
    return b"\r\n".join(
        line for line in upgrade().split(b"\r\n") if not line.startswith(field)
    )  # fmt: skip


BAD_HANDSHAKES = {
    "no key": (400, without(b"Sec-WebSocket-Key")),
    "two keys": (400, upgrade(b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")),
    "short key": (400, upgrade().replace(b"AAAA==", b"==")),
    "no base64": (400, upgrade().replace(b"AAAA==", b"AA!!==")),
    "no version": (426, without(b"Sec-WebSocket-Version")),
    "version 8": (426, upgrade().replace(b"Version: 13", b"Version: 8")),
    "two versions": (426, upgrade(b"Sec-WebSocket-Version: 13")),
    "POST": (400, upgrade().replace(b"GET", b"POST")),
    "HTTP/1.0": (400, upgrade().replace(b"HTTP/1.1", b"HTTP/1.0")),
    "a body": (400, upgrade(b"Content-Length: 5") + b"hello"),
    "a chunked body": (400, upgrade(b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "bad extensions": (400, upgrade(b"Sec-WebSocket-Extensions: ;;;")),
    "bad subprotocols": (400, upgrade(b"Sec-WebSocket-Protocol: a b")),
    "no Host": (400, without(b"Host")),
    "foreign Host": (421, upgrade().replace(b"localhost", b"evil.example")),
    "frames before the answer": (400, upgrade() + frame(b"hello")),
}


@pytest.mark.parametrize(("status", "request_bytes"), BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES)
async def test_a_bad_handshake_is_refused(status, request_bytes, quiet_log):
    app = App()
    async with client_of(app) as (_, client):
        client.send(request_bytes)
        response = await client.response()
        assert response.status == status
        assert "close" in response.headers["connection"]
        assert await client.rest() == b""
    assert app.scopes == []


async def test_a_handshake_may_be_as_long_as_any_request(quiet_log):
    app = App()
    async with client_of(app) as (_, client):
        client.send(upgrade(b"Cookie: " + b"b" * 30_000, b"X-A: \xe9"))
        assert (await client.head())[0] == 101
    assert (b"x-a", b"\xe9") in app.scopes[0]["headers"]


async def test_the_version_is_told():
    async with client_of(App()) as (_, client):
        client.send(without(b"Sec-WebSocket-Version"))
        response = await client.response()
    assert response.headers["sec-websocket-version"] == "13"
    assert response.headers["upgrade"] == "websocket"
    assert response.headers["connection"] == "upgrade, close"


async def test_a_handshake_behind_an_unanswered_request_is_refused(quiet_log):
    app = StreamApp()
    async with client_of(app) as (_, client):
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + upgrade())
        (await app.writer()).finish()
        assert (await client.response()).status == 200
        assert (await client.response()).status == 400


async def test_a_handshake_may_follow_an_answered_request(quiet_log):
    async with client_of(App()) as (_, client):
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.response()).status == 200
        client.send(upgrade(target=b"http://localhost/a"))
        assert (await client.head())[0] == 101
        client.send(frame(b"hello"))
        assert await client.frame() == (0x81, b"hello")


async def test_a_slow_handshake_is_408(quiet_log):
    async with client_of(App(), head_timeout=QUICK) as (_, client):
        client.send(upgrade()[:-2])
        assert (await client.response()).status == 408


async def test_data_before_the_application_answered_is_refused(quiet_log):
    answer = asyncio.Event()

    class Slow(App):
        async def websocket(self, scope, receive, send):
            await receive()
            await self.note(self.requests, scope)
            await answer.wait()
            await send({"type": "websocket.accept"})
            await self.note(self.disconnects, {})

    app = Slow()
    async with client_of(app) as (_, client):
        client.send(upgrade())
        await app.until(lambda: app.requests)
        client.send(frame(b"hello"))
        assert (await client.response()).status == 400
        answer.set()
    assert app.disconnects == []


async def test_the_application_can_refuse_with_a_response(quiet_log):
    class Refusing(App):
        async def websocket(self, scope, receive, send):
            assert "websocket.http.response" in scope["extensions"]
            await send(
                {
                    "type": "websocket.http.response.start",
                    "status": 401,
                    "headers": [(b"content-type", b"application/problem+json")],
                }
            )
            await send({"type": "websocket.http.response.body", "body": b"{", "more_body": True})
            await send({"type": "websocket.http.response.body", "body": b"}", "more_body": True})
            await send({"type": "websocket.http.response.body"})

    async with client_of(Refusing()) as (_, client):
        client.send(upgrade())
        response = await client.response()
        assert (response.status, response.body) == (401, b"{}")
        assert response.problem == {}
        assert response.headers["connection"] == "close"
        assert await client.rest() == b""


async def test_closing_instead_of_accepting_is_a_403(quiet_log):
    class Closing(App):
        async def websocket(self, scope, receive, send):
            await receive()
            await send({"type": "websocket.close"})
            await self.note(self.disconnects, await receive())

    app = Closing()
    async with client_of(app) as (_, client):
        client.send(upgrade())
        assert (await client.response()).status == 403
        assert await client.rest() == b""
    assert app.disconnects[0]["code"] == 1006


async def test_an_application_that_does_not_answer_is_a_500(quiet_log):
    class Silent(App):
        async def websocket(self, scope, receive, send):
            pass

    async with client_of(Silent()) as (_, client):
        client.send(upgrade())
        assert (await client.response()).status == 500


async def test_subprotocols_and_fields_are_the_applications_choice():
    class Choosing(App):
        async def websocket(self, scope, receive, send):
            await send(
                {
                    "type": "websocket.accept",
                    "subprotocol": scope["subprotocols"][1],
                    "headers": [(b"x-a", b"b")],
                }
            )

    async with client_of(Choosing()) as (_, client):
        client.send(upgrade(b"Sec-WebSocket-Protocol: one, two"))
        _, headers = await client.head()
        assert headers["sec-websocket-protocol"] == "two"
        assert headers["x-a"] == "b"
        assert await client.close_code() == 1000  # the application returned


# Ends.


async def test_the_other_side_may_answer_a_close_after_more_messages():
    class Closing(App):
        async def websocket(self, scope, receive, send):
            await send({"type": "websocket.accept"})
            await receive()
            await receive()
            await send({"type": "websocket.close"})

    async with client_of(Closing()) as (_, client):
        client.send(upgrade())
        await client.head()
        client.send(frame(b"a") + frame(b"b") + frame(b"c"))
        assert await client.close_code() == 1000
        client.send(frame(b"d") + frame(b"\x03\xe8", 8))
        assert await client.rest() == b""


async def test_a_close_may_come_between_fragments(quiet_log):
    async with client_of(App()) as (_, client):
        client.send(upgrade())
        await client.head()
        client.send(frame(b"a", fin=False) + frame(b"\x03\xe8", 8) + frame(b"b", 0))
        assert await client.frame() == (0x88, b"\x03\xe8")
        assert await client.rest() == b""


async def test_a_failing_application_is_1011_and_one_traceback(caplog):
    class Failing(App):
        async def websocket(self, scope, receive, send):
            await send({"type": "websocket.accept"})
            raise ValueError("inside")

    async with client_of(Failing()) as (server, _):
        with pytest.raises(ConnectionClosedError) as caught:
            async with ws_connect(f"ws://127.0.0.1:{server.port}") as peer:
                await peer.recv()
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1011, "")
    assert [r.getMessage() for r in caplog.records if r.exc_info] == ["the application failed"]


async def test_a_peer_that_leaves_without_a_close_is_1006(quiet_log):
    app = App()
    async with client_of(app) as (_, client):
        client.send(upgrade())
        await client.head()
        await client.aclose()
        await app.until(lambda: app.disconnects)
    assert app.disconnects[0]["code"] == 1006


async def test_sending_to_a_peer_that_left_is_quiet(quiet_log):
    class Late(App):
        async def websocket(self, scope, receive, send):
            await send({"type": "websocket.accept"})
            await receive()
            while (await receive())["type"] != "websocket.disconnect":
                pass
            await self.note(self.disconnects, {})
            await send({"type": "websocket.send", "text": "too late"})
            await self.note(self.disconnects, {})

    app = Late()
    async with client_of(app) as (_, client):
        client.send(upgrade())
        await client.head()
        await client.aclose()
        await app.until(lambda: app.disconnects)
    assert len(app.disconnects) == 1


async def test_a_ping_flood_from_a_peer_that_does_not_read_is_held_back():
    app = StreamApp()
    async with client_of(app) as (server, _):
        sock = await deaf_client(server)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, upgrade())
        writer = await app.writer()
        flood = asyncio.create_task(loop.sock_sendall(sock, frame(b"x" * 125, 9) * 200_000))
        paused = asyncio.Event()
        writer.on_pause = paused.set
        async with asyncio.timeout(PATIENCE):
            await paused.wait()
        assert not writer._transport.is_reading()
        assert writer.buffered() < 1_000_000
        flood.cancel()
        sock.close()


async def test_a_handshake_that_the_stop_overtakes_is_503():
    class Slow(App):
        async def websocket(self, scope, receive, send):
            await self.note(self.requests, scope)
            await receive()
            await receive()

    app = Slow()
    async with client_of(app) as (server, client):
        client.send(upgrade())
        await app.until(lambda: app.requests)
        await server.stop()
        assert (await client.response()).status == 503


async def test_the_request_of_the_handshake_is_forgotten():
    """An idle WebSocket keeps no second copy of its header fields."""
    app = StreamApp()
    async with running(app, ServerOptions(port=0)) as server:
        client = await connect(server)
        client.send(upgrade())
        protocol = (await app.writer())._connection
        assert protocol.request is None
        assert protocol.response is None
        await client.aclose()
