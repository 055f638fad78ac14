"""The order of things on an HTTP connection: turns, early answers, deadlines, ends."""

from __future__ import annotations

import asyncio

import pytest

from .raw import GET, QUICK, App, answer, chunk, client_of, deadlines_pass, read_body

pytestmark = pytest.mark.anyio

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


def get(path: str) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode()


class Gated(App):
    """Answers each request once the test opens its gate, with the path as body."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[str, asyncio.Event] = {}
        self.begun: list[str] = []

    def gate(self, path: str) -> asyncio.Event:
        return self.gates.setdefault(path, asyncio.Event())

    async def http(self, scope, receive, send):
        path = scope["path"]
        await self.note(self.begun, path)
        await self.gate(path).wait()
        if await read_body(receive) is None:
            await self.note(self.disconnects, {"path": path})
            return
        await answer(send, path.encode())


# Turns.


async def test_pipelined_requests_are_answered_in_order_one_at_a_time():
    app = Gated()
    async with client_of(app) as (_, client):
        client.send(get("/1") + HEAD + b"Content-Length: 3\r\n\r\nabc" + get("/3"))
        await app.until(lambda: app.begun == ["/1"])
        app.gate("/").set()
        app.gate("/3").set()
        assert app.begun == ["/1"]
        app.gate("/1").set()
        assert [(await client.response()).body for _ in range(3)] == [b"/1", b"/", b"/3"]


async def test_a_connection_is_kept_for_the_next_request():
    async with client_of(App()) as (_, client):
        for _ in range(3):
            client.send(GET)
            response = await client.response()
            assert response.status == 200
            assert "connection" not in response.headers


async def test_a_refusal_waits_for_its_turn(quiet_log):
    app = Gated()
    async with client_of(app) as (_, client):
        client.send(get("/1") + b"GET /2 HTTP/1.1\r\nHost: a@b\r\n\r\n" + get("/3"))
        await app.until(lambda: app.begun)
        app.gate("/1").set()
        assert (await client.response()).body == b"/1"
        assert (await client.response()).status == 400
        assert await client.rest() == b""
    assert app.begun == ["/1"]


async def test_a_refused_body_takes_its_waiting_request_along(quiet_log):
    app = Gated()
    async with client_of(app) as (_, client):
        client.send(get("/1") + HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        await app.until(lambda: app.begun)
        app.gate("/1").set()
        assert (await client.response()).body == b"/1"
        assert (await client.response()).status == 400
        assert await client.rest() == b""
    assert app.begun == ["/1"]


async def test_a_refused_body_disconnects_its_running_request(quiet_log):
    app = App()
    async with client_of(app) as (_, client):
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.send(b"nonsense\r\n")
        assert (await client.response()).status == 400
        assert await client.rest() == b""
        await app.until(lambda: app.disconnects)
    assert app.requests == []


async def test_too_many_waiting_requests_end_the_connection_after_the_last():
    async with client_of(App()) as (_, client):
        client.send(GET * 100)
        answers = await client.rest()
    assert answers.count(b"HTTP/1.1 200 OK") == 65
    assert answers.count(b"connection: close") == 1


async def test_requests_after_the_last_are_not_read():
    app = App()
    async with client_of(app) as (_, client):
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" + GET)
        assert (await client.response()).headers["connection"] == "close"
        assert await client.rest() == b""
    assert len(app.requests) == 1


async def test_a_refused_body_of_a_request_that_is_being_answered_ends_everything(quiet_log):
    class Early(App):
        async def http(self, scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"one", "more_body": True})
            assert await read_body(receive) is None
            await self.note(self.disconnects, {})

    app = Early()
    async with client_of(app) as (_, client):
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        assert (await client.head())[0] == 200
        assert await client.chunk() == b"one"
        client.send(b"nonsense\r\n")
        assert await client.rest() in (b"", b"RESET")
        await app.until(lambda: app.disconnects)


# Disconnects.


async def test_the_peer_leaving_ends_a_running_and_forgets_a_waiting_request():
    class Waiting(App):
        async def http(self, scope, receive, send):
            while (await receive())["type"] != "http.disconnect":
                await self.note(self.requests, scope["path"])
            await self.note(self.disconnects, scope["path"])

    app = Waiting()
    async with client_of(app) as (_, client):
        client.send(get("/1"))
        await app.until(lambda: app.requests)
        await client.aclose()
        await app.until(lambda: app.disconnects == ["/1"])


async def test_a_waiting_receive_can_be_given_up_and_taken_up_again():
    class Patient(App):
        async def http(self, scope, receive, send):
            await read_body(receive)
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(receive(), 0.001)
            await self.note(self.requests, scope)
            assert (await receive())["type"] == "http.disconnect"
            await self.note(self.disconnects, {})

    app = Patient()
    async with client_of(app) as (_, client):
        client.send(GET)
        await app.until(lambda: app.requests)
        await client.aclose()
        await app.until(lambda: app.disconnects)


# Deadlines.


async def test_a_silent_connection_is_closed_without_a_word(quiet_log):
    async with client_of(App(), head_timeout=QUICK) as (_, client):
        assert await client.rest() == b""


async def test_a_slow_head_is_408_however_it_trickles(quiet_log):
    app = App()
    async with client_of(app, head_timeout=QUICK) as (_, client):
        reading = asyncio.create_task(client.response())
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        while not reading.done():
            client.send(b"a: b\r\n")
            await asyncio.sleep(QUICK / 20)
        assert (await reading).status == 408
        assert "head" in (await reading).problem["detail"]
    assert app.requests == []


async def test_a_slow_body_is_408_however_it_trickles(quiet_log):
    app = App()
    async with client_of(app, body_timeout=QUICK) as (_, client):
        reading = asyncio.create_task(client.response())
        client.send(HEAD + b"Content-Length: 1000000\r\n\r\n")
        while not reading.done():
            client.send(b"x")
            await asyncio.sleep(QUICK / 20)
        assert (await reading).status == 408
        assert await client.rest() in (b"", b"RESET")
        await app.until(lambda: app.disconnects)
    assert app.requests == []


async def test_a_slow_trailer_is_408(quiet_log):
    async with client_of(App(), body_timeout=QUICK) as (_, client):
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: b")
        assert (await client.response()).status == 408


async def test_an_idle_connection_is_closed():
    async with client_of(App(), idle_timeout=QUICK) as (_, client):
        client.send(GET)
        assert (await client.response()).status == 200
        assert await client.rest() == b""


async def test_empty_lines_do_not_keep_a_connection():
    async with client_of(App(), idle_timeout=QUICK) as (_, client):
        client.send(GET)
        assert (await client.response()).status == 200
        rest = asyncio.create_task(client.rest())
        while not rest.done():
            client.send(b"\r\n")
            await asyncio.sleep(QUICK / 20)
        assert await rest in (b"", b"RESET")


async def test_each_head_has_its_own_deadline():
    """Reads that always end within a head must not add up."""
    async with client_of(App(), head_timeout=QUICK) as (_, client):
        client.send(GET + GET[:10])
        for _ in range(10):
            assert (await client.response()).status == 200
            await asyncio.sleep(QUICK / 4)
            client.send(GET[10:] + GET[:10])


async def test_a_body_that_we_do_not_read_is_excused():
    begin = asyncio.Event()

    class Lazy(App):
        async def http(self, scope, receive, send):
            await begin.wait()
            await super().http(scope, receive, send)

    async with client_of(Lazy(), body_timeout=QUICK, head_timeout=QUICK) as (server, client):
        client.send(HEAD + b"Content-Length: 500000\r\n\r\n" + b"x" * 499_999)
        await deadlines_pass(server)
        client.send(b"y")
        begin.set()
        assert (await client.response()).body[-1:] == b"y"


async def test_a_body_that_waits_for_continue_is_excused():
    begin = asyncio.Event()

    class Lazy(App):
        async def http(self, scope, receive, send):
            await begin.wait()
            await super().http(scope, receive, send)

    async with client_of(Lazy(), body_timeout=QUICK, head_timeout=QUICK) as (server, client):
        client.send(HEAD + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        await deadlines_pass(server)
        begin.set()
        assert (await client.head())[0] == 100
        client.send(b"hello")
        assert (await client.response()).body == b"hello"


async def test_the_head_of_the_next_request_does_not_end_the_answer_to_this_one():
    begin = asyncio.Event()

    class Slow(App):
        async def http(self, scope, receive, send):
            await begin.wait()
            await super().http(scope, receive, send)

    async with client_of(Slow(), head_timeout=QUICK) as (server, client):
        client.send(GET + b"GET / HTTP/1.1\r\n")
        await deadlines_pass(server)
        begin.set()
        assert (await client.response()).status == 200
        assert (await client.response()).status == 408


async def test_a_streaming_request_can_be_answered_while_it_comes():
    class Echo(App):
        async def http(self, scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            more = True
            while more:
                message = await receive()
                more = message["more_body"]
                await send(
                    {"type": "http.response.body", "body": message["body"], "more_body": more}
                )

    async with client_of(Echo()) as (_, client):
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"one"))
        status, headers = await client.head()
        assert (status, headers["connection"]) == (200, "close")
        assert await client.chunk() == b"one"
        client.send(chunk(b"two") + b"0\r\n\r\n")
        assert await client.chunk() == b"two"
        assert await client.rest() == b"0\r\n\r\n"


async def test_a_large_body_comes_whole():
    body = bytes(range(256)) * 4096
    async with client_of(App()) as (_, client):
        client.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body + GET)
        assert (await client.response()).body == body
        assert (await client.response()).body == b"ok"
