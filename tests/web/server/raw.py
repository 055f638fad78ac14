"""What tests of the server share: raw clients, small applications."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hubbub.web.server import Server, ServerOptions, running

PATIENCE = 30.0
"""Seconds after which a test gives up on what should happen at once."""

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

QUICK = 0.2
"""Deadlines for tests that wait for one to be over."""


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        return msgspec.json.decode(self.body)


class Client:
    """A connection that sends exactly what it is told."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        """Send, if the connection is still there."""
        if not self.writer.transport.is_closing():
            self.writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        fields = (line.split(": ", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in fields}

    async def response(self) -> Response:
        status, headers = await self.head()
        async with asyncio.timeout(PATIENCE):
            if headers.get("transfer-encoding") == "chunked":
                body = b"".join([piece async for piece in self.chunks()])
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            else:
                body = await self.reader.read()
        return Response(status, headers, body)

    async def chunks(self) -> AsyncIterator[bytes]:
        while data := await self.chunk():
            yield data

    async def chunk(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(end)

    async def exactly(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """Wait for the other side to close; return what came before, b"RESET" after a reset."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b"RESET"

    async def frame(self) -> tuple[int, bytes]:
        """Read a server's WebSocket frame: its first byte and payload."""
        first, size = await self.exactly(2)
        if size == 126:
            (size,) = struct.unpack("!H", await self.exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.exactly(8))
        return first, await self.exactly(size)

    async def close_code(self) -> int:
        """Read frames up to the close frame; return its code, 1005 if it has none."""
        while True:
            first, payload = await self.frame()
            if first == 0x88:
                return struct.unpack("!H", payload[:2])[0] if payload else 1005

    async def aclose(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def connect(server: Server | Process) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", server.port))


@contextlib.asynccontextmanager
async def client_of(app: Any, **options: Any) -> AsyncIterator[tuple[Server, Client]]:
    """Run a server and a first client of it."""
    async with running(app, ServerOptions(port=0, **options)) as server:
        client = await connect(server)
        try:
            yield server, client
        finally:
            await client.aclose()


async def deadlines_pass(server: Server) -> None:
    """Wait until `head_timeout` has ended two connections, one after the other, that began just now."""
    for _ in range(2):
        client = await connect(server)
        client.send(GET[:10])
        assert (await client.response()).status == 408
        await client.aclose()


async def deaf_client(server: Server) -> socket.socket:
    """Connect a client with a small window that reads only when told."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
    return sock


def upgrade(*fields: bytes, target: bytes = b"/") -> bytes:
    """Print an opening handshake."""
    lines = [
        b"GET %b HTTP/1.1" % target,
        b"Host: localhost",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *fields,
    ]
    return b"\r\n".join([*lines, b"", b""])


DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


def frame(payload: bytes, opcode: int = 1, *, fin: bool = True, rsv1: bool = False) -> bytes:
    """Frame as a client, with a mask of zeros."""
    first = opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0)
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + bytes(4) + payload


class App:
    """An ASGI application that tells what it saw and answers with the body it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.scopes: list[dict[str, Any]] = []
        self.disconnects: list[dict[str, Any]] = []
        self.changed = asyncio.Condition()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        self.scopes.append(scope)
        await (self.websocket if scope["type"] == "websocket" else self.http)(scope, receive, send)

    async def http(self, scope: Any, receive: Any, send: Any) -> None:
        body = await read_body(receive)
        if body is None:
            await self.note(self.disconnects, {"path": scope["path"]})
            return
        await self.note(self.requests, (scope["method"], scope["path"], body))
        await answer(send, body or b"ok")

    async def websocket(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
        await self.note(self.disconnects, message)

    async def note(self, where: list[Any], what: Any) -> None:
        async with self.changed:
            where.append(what)
            self.changed.notify_all()

    async def until(self, predicate: Any) -> None:
        async with asyncio.timeout(PATIENCE), self.changed:
            await self.changed.wait_for(predicate)


async def lifespan(receive: Any, send: Any) -> None:
    for moment in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{moment}.complete"})


async def read_body(receive: Any) -> bytes | None:
    """Read a request's body; None if the peer left before its end."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def answer(send: Any, body: bytes, status: int = 200, *headers: Any) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


class StreamApp(App):
    """Streams: every connection's writer is in `writers`, for the test to write to."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: list[Any] = []
        self.ended: list[str] = []

    async def http(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b":ok\n\n", "more_body": True})
        await self.stream(scope, receive)

    async def websocket(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await self.stream(scope, receive)

    async def stream(self, scope: Any, receive: Any) -> None:
        await self.note(self.writers, scope["extensions"]["hubbub.wire"])
        while (message := await receive())["type"] not in ENDS:
            pass
        await self.note(self.ended, message["type"])

    async def writer(self) -> Any:
        """Wait for the first writer."""
        await self.until(lambda: self.writers)
        return self.writers[0]


class Failing(App):
    """Cannot shut down in order."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            problem = "the cursors could not be flushed"
            await send({"type": "lifespan.shutdown.failed", "message": problem})


class Filing(App):
    """Opens a file for every request."""

    async def http(self, scope: Any, receive: Any, send: Any) -> None:
        fd = os.open(os.devnull, os.O_RDONLY)
        try:
            await super().http(scope, receive, send)
        finally:
            os.close(fd)


ENDS = ("http.disconnect", "websocket.disconnect")


PROGRAM = """
    import resource, sys
    sys.path[:0] = {path!r}
    from web.server.raw import {app}
    from hubbub.web.server import Server, ServerOptions

    class Announcing(Server):
        async def start(self, sockets=None):
            await super().start(sockets)
            print(self.port, flush=True)

    if {files}:
        resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))
    sys.exit(Announcing({app}(), ServerOptions(port=0, drain_timeout=20.0)).run())
"""


class Process:
    """A server in a process of its own."""

    def __init__(self, process: Any, port: int) -> None:
        self.process, self.port = process, port

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def end(self) -> tuple[int, str]:
        """Wait for the end; return exit status and what was written to standard error."""
        async with asyncio.timeout(PATIENCE):
            _, errors = await self.process.communicate()
        return self.process.returncode, errors.decode()


@contextlib.asynccontextmanager
async def process_of(app: str, *, files: int = 0) -> AsyncIterator[Process]:
    """Run a server with an application of this module, with so many descriptors if told."""
    path = [str(Path(__file__).parents[2])]
    code = textwrap.dedent(PROGRAM).format(path=path, app=app, files=files)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", code, stdout=-1, stderr=-1
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            port = int(await process.stdout.readline())
        yield Process(process, port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
