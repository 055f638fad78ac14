"""Receivers on loopback that behave as told, and clients that may reach them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from hubbub.core.clock import SystemClock
from hubbub.net import Egress, EgressOptions

LOOPBACK = ("127.0.0.0/8", "::1/128")

Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    """A server whose every connection is handed to one function."""

    def __init__(self, make: Callable[[Receiver], Behave]) -> None:
        self.behave = make(self)
        self.connections = 0
        self.requests: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", ssl=None) -> Receiver:
        self._server = await asyncio.start_server(self._accept, host, 0, ssl=ssl)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        with contextlib.suppress(
            ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
        ):
            await self.behave(reader, writer)
        writer.transport.abort()
        self._tasks.discard(task)

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request with its body."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        request = head + await reader.readexactly(length)
        self.requests.append(request)
        return request

    async def close(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def answering(answer: bytes, *, after: bytes = b"") -> Callable[[Receiver], Behave]:
    """Answer every request with these bytes, and end the connection if they do not end by themselves."""

    def make(receiver: Receiver) -> Behave:
        async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await receiver.read(reader)
                writer.write(answer)
                await writer.drain()
                if after:
                    writer.write(after)
                    await writer.drain()
                    return

        return behave

    return make


@pytest.fixture
async def receive() -> AsyncIterator[Callable[..., Awaitable[Receiver]]]:
    """Start receivers: `await receive(make, host=..., ssl=...)`; `make(receiver)` gives what they do."""
    started: list[Receiver] = []

    async def start(make: Callable[[Receiver], Behave], **options) -> Receiver:
        receiver = Receiver(make)
        started.append(await receiver.start(**options))
        return receiver

    yield start
    for receiver in started:
        await receiver.close()


@pytest.fixture
async def client() -> AsyncIterator[Callable[..., Awaitable[Egress]]]:
    """Start clients: `await client(allow=..., resolve=..., ssl_context=..., **options)`."""
    started: list[Egress] = []

    async def start(*, allow=LOOPBACK, resolve=None, ssl_context=None, **options) -> Egress:
        egress = Egress(
            EgressOptions(**options),
            allow=allow,
            clock=SystemClock(),
            resolve=resolve,
            ssl_context=ssl_context,
        )
        await egress.start()
        started.append(egress)
        return egress

    yield start
    for egress in started:
        await egress.close()


@pytest.fixture
def ok() -> Callable[[Receiver], Behave]:
    return answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def answer() -> Callable[..., Callable[[Receiver], Behave]]:
    return answering
