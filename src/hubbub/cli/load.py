"""The connections that `hubbub bench` puts load on a server with: bare HTTP/1.1 over asyncio.

A client library would be slower than the server it measures. Times are of one clock, in this
process, so latencies are from the send call to the receive call here.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
import time
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from hubbub.client import Refused, Unexpected, Unreachable
from hubbub.core.errors import HubbubError, Misconfigured

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,9})\r\n", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
_SENT_AT = re.compile(rb'"at":([0-9.]+)')
_EVENT: Final = b"\ndata:"
_CREATED: Final = b"201"
_OK: Final = b"200"

P = TypeVar("P", bound=asyncio.Protocol)


class Target(NamedTuple):
    """Where the load goes."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    head: bytes
    """Request header lines that every request has."""
    path: str
    """Path of the topic."""

    @classmethod
    def of(cls, url: str, token: str | None, topic: str) -> Target:
        """Take a base URL. Raises `Misconfigured`."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misconfigured("the server's URL looks like http://127.0.0.1:8080")
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        head = f"Host: {parts.netloc}\r\n" + (f"Authorization: Bearer {token}\r\n" if token else "")
        path = f"{parts.path.rstrip('/')}/topics/{topic}"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls, head.encode(), path)


class Poster(asyncio.Protocol):
    """Publishes one event after another on one connection."""

    def __init__(self, target: Target, size: int) -> None:
        self.times: list[float] = []
        """Seconds from each request to its answer."""
        self._target = target
        self._padding = "x" * max(0, size - 40)
        self._buffer = b""
        self._began = 0.0
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to write."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    async def post(self) -> None:
        """Publish one event and wait for its answer. Raises `Refused` or `Unreachable`."""
        self._answer = asyncio.get_running_loop().create_future()
        self._began = time.perf_counter()
        body = b'{"at":%.6f,"pad":"%b"}' % (self._began, self._padding.encode())
        self.transport.write(
            b"POST %b HTTP/1.1\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (self._target.path.encode(), self._target.head, len(body), body)
        )
        await self._answer

    def data_received(self, data: bytes) -> None:
        """Take an answer when it is whole."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answer.done():
            return
        found = _LENGTH.search(self._buffer, 0, end + 2)
        length = int(found[1]) if found else 0
        if len(self._buffer) < end + 4 + length:
            return
        status, body = self._buffer[9:12], self._buffer[end + 4 : end + 4 + length]
        self._buffer = b""
        if status == _CREATED:
            self.times.append(time.perf_counter() - self._began)
            self._answer.set_result(None)
        else:
            self._answer.set_exception(refusal(status, body))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell who waits."""
        if not self._answer.done():
            self._answer.set_exception(Unreachable("the server closed the connection"))


class Hearer(asyncio.Protocol):
    """Counts the events of one Server-Sent Events stream."""

    def __init__(self, target: Target) -> None:
        self.events = 0
        self.times: list[float] = []
        """Seconds from publishing to hearing, of one event in each piece that was received."""
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._target = target
        self._tail = b""
        self._wanted = sys.maxsize
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self.transport.write(
            b"GET %b HTTP/1.1\r\n%bAccept: text/event-stream\r\n\r\n"
            % (self._target.path.encode(), self._target.head)
        )

    def data_received(self, data: bytes) -> None:
        """Count."""
        now = time.perf_counter()
        text = self._tail + data
        if not self.begun.done():
            self._begin(text)
        self.events += text.count(_EVENT)
        if self.events >= self._wanted and not self._all.done():
            self._all.set_result(None)
        self._tail = text[1 - len(_EVENT) :]
        if (sent := _SENT_AT.search(data)) is not None:
            self.times.append(now - float(sent[1]))

    async def heard(self, count: int) -> None:
        """Wait until that many events were heard."""
        self._wanted = count
        if self.events < count:
            await self._all

    def _begin(self, text: bytes) -> None:
        if b"\r\n\r\n" not in text:
            return
        found = _STATUS.match(text)
        if found and found[1] == _OK:
            self.begun.set_result(None)
        else:
            body = text.partition(b"\r\n\r\n")[2]
            self.begun.set_exception(refusal(found[1] if found else b"???", body))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell who waits."""
        if not self.begun.done():
            self.begun.set_exception(Unreachable("the server closed the connection"))


async def connect(target: Target, make: Callable[[], P]) -> P:
    """Open one connection. Raises `Unreachable`."""
    loop = asyncio.get_running_loop()
    try:
        _, made = await loop.create_connection(make, target.host, target.port, ssl=target.tls)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unreachable(f"{target.host}:{target.port} cannot be reached: {reason}") from None
    return made


def refusal(status: bytes, body: bytes) -> HubbubError:
    """Make an error of an answer that is not the wanted one."""
    try:
        problem = msgspec.json.decode(body, type=dict[str, object])
        return Refused(int(status), str(problem["title"]), str(problem["detail"]))
    except (msgspec.MsgspecError, LookupError, ValueError):
        return Unexpected(f"the server answered {status.decode('latin-1')}, which hubbub does not")
