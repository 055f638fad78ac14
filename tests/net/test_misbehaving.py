"""A receiver that misbehaves in every way of guarantees.md F6 costs bounded time and memory."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import time

import pytest

from hubbub.net import RequestFailed

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"


def doing(script):
    """Read the request, then do what the script does with the writer."""

    def make(receiver):
        async def behave(reader, writer) -> None:
            await receiver.read(reader)
            try:
                await script(writer)
            except RuntimeError:
                assert writer.transport.is_closing()  # the other side was faster

        return behave

    return make


async def post(egress, receiver, *, timeout: float = 10.0, max_body: int = 1000):
    return await egress.request(
        "POST",
        f"http://127.0.0.1:{receiver.port}/secret-path?secret=query",
        headers=[],
        body=b"event",
        timeout=timeout,
        max_body=max_body,
    )


async def failure(egress, receiver, **bounds) -> RequestFailed:
    with pytest.raises(RequestFailed) as raised:
        await post(egress, receiver, **bounds)
    assert "secret" not in str(raised.value)
    return raised.value


async def hang(writer) -> None:
    await asyncio.Event().wait()


async def drip_head(writer) -> None:
    writer.write(OK)
    for number in itertools.count():
        writer.write(b"X-%d: y\r\n" % number if number < 10 else b"")
        await asyncio.sleep(0.02)


async def drip_body(writer) -> None:
    writer.write(OK + b"Content-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def interim_for_ever(writer) -> None:
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("script", [hang, drip_head, drip_body, interim_for_ever])
async def test_the_deadline_is_absolute(script, receive, client) -> None:
    receiver = await receive(doing(script))
    egress = await client()
    failed = await failure(egress, receiver, timeout=0.3)
    assert failed.cause == "timeout"
    assert 290 <= failed.timings.total < 5000
    assert receiver.connections == 1


async def test_a_peer_that_does_not_read(receive, client) -> None:
    def make(receiver):
        async def behave(reader, writer) -> None:
            reader._transport.pause_reading()
            await asyncio.Event().wait()

        return behave

    receiver = await receive(make)
    egress = await client()
    with pytest.raises(RequestFailed) as raised:
        await egress.request(
            "POST",
            f"http://127.0.0.1:{receiver.port}/",
            headers=[],
            body=bytes(16 * 1024 * 1024),
            timeout=0.3,
            max_body=9,
        )
    assert raised.value.cause == "timeout"


@pytest.mark.parametrize("length", [b"Content-Length: 1073741824\r\n", b""])
async def test_an_endless_body_is_cut(length: bytes, receive, client) -> None:
    sent = 0

    async def endless(writer) -> None:
        nonlocal sent
        writer.write(OK + length + b"\r\n")
        while True:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    receiver = await receive(doing(endless))
    egress = await client()
    began = time.monotonic()
    reply = await post(egress, receiver, max_body=20_000)
    assert (reply.status, reply.body, reply.truncated) == (200, b"x" * 20_000, True)
    assert time.monotonic() - began < 5
    assert sent < 64 * 1024 * 1024  # what fits the buffers of the machine
    await post(egress, receiver, max_body=20_000)
    assert receiver.connections == 2  # the first one was closed


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 5000])
@pytest.mark.parametrize("at_once", [True, False])
async def test_the_bound_is_exact(size: int, at_once: bool, receive, client) -> None:
    async def script(writer) -> None:
        writer.write(OK + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size)
        for byte in range(0, size, 100):
            if not at_once:
                await asyncio.sleep(0.001)
            writer.write(b"x" * min(100, size - byte))
        await writer.drain()

    receiver = await receive(doing(script))
    egress = await client()
    reply = await post(egress, receiver, max_body=1000)
    assert len(reply.body) == min(size, 1000)
    assert reply.truncated == (size > 1000)


async def test_a_gzip_bomb_stays_packed(receive, client, answer) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    receiver = await receive(answer(head + bomb))
    egress = await client()
    reply = await post(egress, receiver, max_body=1000)
    assert (reply.body, reply.truncated) == (bomb[:1000], True)


async def test_closing_before_reading(receive, client) -> None:
    def make(receiver):
        async def behave(reader, writer) -> None:
            writer.transport.abort()

        return behave

    receiver = await receive(make)
    failed = await failure(await client(), receiver)
    assert failed.cause == "reset"


@pytest.mark.parametrize(
    "part",
    [
        b"HTT",
        OK,
        OK + b"Content-Length: 10\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
async def test_closing_in_the_middle(part: bytes, receive, client) -> None:
    async def script(writer) -> None:
        writer.write(part)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    receiver = await receive(doing(script))
    failed = await failure(await client(), receiver)
    assert failed.cause == "reset"


async def test_nobody_listens(receive, client, ok) -> None:
    receiver = await receive(ok)
    await receiver.close()
    failed = await failure(await client(), receiver)
    assert failed.cause == "connect"
    assert "127.0.0.1" in failed.detail


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"\x00" * 100,
        b"{}\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        OK + b"X" * 9000 + b": y\r\n\r\n",
        OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        OK + b"".join(b"X-%d: y\r\n" % number for number in range(5000)) + b"\r\n",
        b"HTTP/1.1 200 " + b"O" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http(garbage: bytes, receive, client, answer) -> None:
    receiver = await receive(answer(garbage))
    failed = await failure(await client(), receiver)
    assert failed.cause == "protocol"


async def test_headers_for_ever(receive, client) -> None:
    async def script(writer) -> None:
        writer.write(OK)
        for number in itertools.count():
            writer.write(b"X-%d: %s\r\n" % (number, b"y" * 1000))
            await writer.drain()

    receiver = await receive(doing(script))
    failed = await failure(await client(), receiver)
    assert failed.cause == "protocol"


async def test_more_than_was_announced_is_not_the_next_answer(receive, client, answer) -> None:
    """An answer that is sent ahead of its request must not be taken for the answer to it."""
    forged = OK + b"Content-Length: 6\r\n\r\nforged"
    honest = OK + b"Content-Length: 6\r\n\r\nhonest"
    receiver = await receive(answer(honest, after=forged))
    egress = await client()
    for _ in range(2):
        reply = await post(egress, receiver)
        assert reply.body == b"honest"
