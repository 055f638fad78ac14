"""Requests and answers as they are on the wire, and the connections that carry them."""

from __future__ import annotations

import asyncio

import pytest

from hubbub.net import RequestFailed

pytestmark = pytest.mark.anyio


def url(receiver) -> str:
    return f"http://127.0.0.1:{receiver.port}/hook?a=%41"


async def test_the_request_holds_what_it_was_given_and_nothing_else(receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client()
    headers = [("User-Agent", "hubbub"), ("webhook-id", "m1"), ("X-Twice", "1"), ("X-Twice", "2")]
    body = bytes(range(256))
    await egress.request("POST", url(receiver), headers=headers, body=body, timeout=5, max_body=9)
    head, _, rest = receiver.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /hook?a=%41 HTTP/1.1"
    assert sorted(lines) == [
        "Accept-Encoding: identity",
        "Content-Length: 256",
        f"Host: 127.0.0.1:{receiver.port}",
        "User-Agent: hubbub",
        "X-Twice: 1",
        "X-Twice: 2",
        "webhook-id: m1",
    ]
    assert rest == body


async def test_a_large_body_arrives_whole(receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client()
    body = bytes(range(256)) * 16_384
    await egress.request("POST", url(receiver), headers=[], body=body, timeout=20, max_body=9)
    head, _, rest = receiver.requests[0].partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    assert b"Content-Type" not in head
    assert rest == body


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
async def test_without_a_body(method: str, receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client()
    reply = await egress.request(method, url(receiver), headers=[], timeout=5, max_body=9)
    assert reply.status == 200
    assert b"chunked" not in receiver.requests[0]
    assert b"Content-Type" not in receiver.requests[0]


async def test_the_answer_is_as_it_was_sent(receive, client, answer) -> None:
    receiver = await receive(
        answer(b"HTTP/1.1 418 x\r\nX-A: \xe9\r\nx-b: 1\r\nX-B: 2\r\nContent-Length: 4\r\n\r\nbody")
    )
    egress = await client()
    reply = await egress.fetch(url(receiver), timeout=5, max_body=4)
    assert reply.status == 418
    assert reply.headers == [("X-A", "é"), ("x-b", "1"), ("X-B", "2"), ("Content-Length", "4")]
    assert (reply.body, reply.truncated) == (b"body", False)


async def test_chunks_and_interim_answers(receive, client, answer) -> None:
    receiver = await receive(
        answer(
            b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
    )
    egress = await client()
    for _ in range(2):
        reply = await egress.fetch(url(receiver), timeout=5, max_body=100)
        assert (reply.status, reply.body) == (200, b"abcde")
    assert receiver.connections == 1


async def test_cookies_are_not_kept(receive, client, answer) -> None:
    receiver = await receive(
        answer(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
    )
    egress = await client()
    for _ in range(2):
        await egress.fetch(url(receiver), timeout=5, max_body=100)
    assert b"ookie" not in receiver.requests[1]


async def test_connections_are_reused_and_the_timings_tell(receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client()
    first = (await egress.fetch(url(receiver), timeout=5, max_body=100)).timings
    second = (await egress.fetch(url(receiver), timeout=5, max_body=100)).timings
    assert receiver.connections == 1
    assert first.connect > 0
    assert first.tls < 1  # the time between two callbacks
    assert (second.dns, second.connect, second.tls) == (0, 0, 0)
    assert 0 < second.first_byte <= second.total


async def test_a_pooled_connection_that_the_peer_closed_is_replaced_once(receive, client) -> None:
    """The peer answers once, then takes the next request and closes without a word."""

    def make(receiver):
        async def behave(reader, writer) -> None:
            await receiver.read(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await receiver.read(reader)

        return behave

    receiver = await receive(make)
    egress = await client()
    for _ in range(3):
        reply = await egress.request(
            "POST", url(receiver), headers=[], body=b"x", timeout=5, max_body=100
        )
        assert reply.status == 200
        assert reply.timings.total > 0
    assert receiver.connections == 3
    assert len(receiver.requests) == 5


async def test_the_second_try_is_on_a_new_connection_though_the_pool_has_more(
    receive, client
) -> None:
    both = asyncio.Barrier(2)
    started = 0

    def make(receiver):
        async def behave(reader, writer) -> None:
            nonlocal started
            started += 1
            await receiver.read(reader)
            if started <= 2:
                await both.wait()  # so that there are two connections in the pool
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await receiver.read(reader)

        return behave

    receiver = await receive(make)
    egress = await client()
    ask = [egress.fetch(url(receiver), timeout=5, max_body=100) for _ in range(2)]
    await asyncio.gather(*ask)
    assert (await egress.fetch(url(receiver), timeout=5, max_body=100)).status == 200
    assert receiver.connections == 3
    assert len(receiver.requests) == 4


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_new_connection_that_fails_is_not_tried_again(method, receive, client) -> None:
    def make(receiver):
        async def behave(reader, writer) -> None:
            await receiver.read(reader)

        return behave

    receiver = await receive(make)
    egress = await client()
    with pytest.raises(RequestFailed) as raised:
        await egress.request(method, url(receiver), headers=[], timeout=5, max_body=100)
    assert raised.value.cause == "reset"
    assert receiver.connections == 1


async def test_a_host_that_hangs_takes_no_more_than_its_share(receive, client, ok) -> None:
    def make(receiver):
        async def behave(reader, writer) -> None:
            await receiver.read(reader)
            await asyncio.Event().wait()

        return behave

    hanging = await receive(make)
    other = await receive(ok)
    egress = await client(connections_per_host=3)
    stuck = [
        asyncio.create_task(egress.fetch(url(hanging), timeout=60, max_body=9)) for _ in range(20)
    ]
    while len(hanging.requests) < 3:
        await asyncio.sleep(0)
    for _ in range(50):
        reply = await egress.fetch(url(other), timeout=5, max_body=100)
        assert reply.status == 200
    assert hanging.connections == 3
    await egress.close()  # those that waited for their turn, and those in it
    failures = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(failure) for failure in failures} == {RequestFailed}


async def test_whoever_waits_for_a_turn_gets_it(receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client(connections_per_host=2)
    replies = await asyncio.gather(
        *(egress.fetch(url(receiver), timeout=10, max_body=100) for _ in range(50))
    )
    assert {reply.status for reply in replies} == {200}
    assert receiver.connections <= 2


async def test_being_cancelled_is_no_failure(receive, client) -> None:
    def make(receiver):
        async def behave(reader, writer) -> None:
            await receiver.read(reader)
            await asyncio.Event().wait()

        return behave

    receiver = await receive(make)
    egress = await client()
    task = asyncio.create_task(egress.fetch(url(receiver), timeout=60, max_body=100))
    while not receiver.requests:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_after_closing(receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client()
    await egress.close()
    await egress.close()
    with pytest.raises(RequestFailed, match="this client is closed"):
        await egress.fetch(url(receiver), timeout=5, max_body=100)


async def test_line_breaks_do_not_get_into_headers(receive, client, ok) -> None:
    receiver = await receive(ok)
    egress = await client()
    with pytest.raises(ValueError, match="header"):
        await egress.request(
            "POST", url(receiver), headers=[("x", "a\r\nHost: b")], timeout=5, max_body=9
        )
    assert receiver.requests == []
