"""One request and its answer: early, odd, failing, on HTTP/1.0."""

from __future__ import annotations

import asyncio
import logging

import pytest

from .raw import GET, PATIENCE, App, answer, client_of, read_body

pytestmark = pytest.mark.anyio

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


async def refuse_early(scope, receive, send):
    await answer(send, b"no", 403)


async def test_an_early_answer_ends_the_connection_and_arrives():
    async with client_of(refuse_early) as (_, client):
        client.send(HEAD + b"Content-Length: 10737418240\r\n\r\n" + b"x" * 100_000)
        response = await client.response()
        assert (response.status, response.body) == (403, b"no")
        assert response.headers["connection"] == "close"
        assert await client.rest() == b""


async def test_a_peer_that_goes_on_sending_after_the_last_word_is_not_read_for_ever():
    async with client_of(refuse_early) as (_, client):
        client.send(HEAD + b"Content-Length: 10737418240\r\n\r\n")
        assert (await client.response()).status == 403
        async with asyncio.timeout(PATIENCE):
            while not client.writer.transport.is_closing():
                client.send(b"x" * 65536)
                await asyncio.sleep(0)


async def test_continue_is_not_said_if_the_answer_is_no():
    async with client_of(refuse_early) as (_, client):
        client.send(HEAD + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.response()).status == 403
        assert await client.rest() == b""


async def test_continue_is_said_once_the_body_is_read():
    async with client_of(App()) as (_, client):
        client.send(HEAD + b"Content-Length: 5\r\nExpect: 100-Continue\r\n\r\n")
        assert (await client.head())[0] == 100
        client.send(b"hello")
        assert (await client.response()).body == b"hello"


async def test_http_1_0_gets_no_continue_no_chunks_and_a_close():
    async def stream(scope, receive, send):
        assert await read_body(receive) == b"hello"
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"one,", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    async with client_of(stream) as (_, client):
        client.send(b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
        status, headers = await client.head()
        assert status == 200
        assert headers["connection"] == "close"
        assert "transfer-encoding" not in headers
        assert await client.rest() == b"one,two"


async def test_http_1_0_with_a_length_says_it():
    async with client_of(App()) as (_, client):
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        response = await client.response()
        assert response.headers["content-length"] == "2"
        assert response.body == b"ok"


async def test_head_has_no_body():
    async with client_of(App()) as (_, client):
        client.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET)
        status, headers = await client.head()
        assert (status, headers["content-length"]) == (200, "2")
        assert (await client.response()).body == b"ok"


async def test_answers_have_a_date_and_name_no_software():
    async with client_of(App()) as (_, client):
        client.send(GET + b"nonsense\r\n")
        for response in (await client.response(), await client.response()):
            assert response.headers["date"].endswith(" GMT")
            assert "server" not in response.headers


async def test_a_failing_application_is_a_500_and_one_traceback(caplog):
    async def fail(scope, receive, send):
        assert scope["type"] == "http"
        raise ValueError("inside")

    async with client_of(fail) as (_, client):
        client.send(GET)
        response = await client.response()
        assert response.status == 500
        assert response.problem["title"] == "Internal Server Error"
        assert b"inside" not in response.body
        assert await client.rest() == b""
    assert [r.getMessage() for r in caplog.records if r.exc_info] == ["the application failed"]


async def test_an_application_that_does_not_answer_is_a_500():
    async def silent(scope, receive, send):
        pass

    async with client_of(silent) as (_, client):
        client.send(GET)
        assert (await client.response()).status == 500


@pytest.mark.parametrize(("version", "end"), [(b"1.0", b"RESET"), (b"1.1", b"4\r\nhalf\r\n")])
async def test_half_an_answer_does_not_end_like_a_whole_one(version, end, caplog):
    went_out = asyncio.Event()

    async def fail(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await went_out.wait()
        raise ValueError

    caplog.set_level(logging.CRITICAL)
    async with client_of(fail) as (_, client):
        client.send(b"GET / HTTP/%b\r\nHost: localhost\r\n\r\n" % version)
        assert (await client.head())[0] == 200
        went_out.set()
        assert await client.rest() == end


async def test_messages_out_of_order_are_an_error_of_the_application(caplog):
    async def wrong(scope, receive, send):
        await send({"type": "http.response.body", "body": b""})

    async with client_of(wrong) as (_, client):
        client.send(GET)
        assert (await client.response()).status == 500
    assert "http.response.start" in str(caplog.records[0].exc_info)


async def test_an_error_after_the_peer_left_is_not_logged_loudly(quiet_log):
    class Raising(App):
        async def http(self, scope, receive, send):
            await read_body(receive)
            await self.note(self.disconnects, {})
            raise ConnectionError

    app = Raising()
    async with client_of(app) as (_server, client):
        client.send(HEAD + b"Content-Length: 5\r\n\r\nhel")
        await asyncio.sleep(0)
        await client.aclose()
        await app.until(lambda: app.disconnects)
