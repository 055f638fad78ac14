"""The clients every server is measured with: the audience, the publishers, one careful publisher."""

from __future__ import annotations

import contextlib
import select
import socket
import tempfile
from collections.abc import Generator
from typing import NamedTuple, Self

from bench.machine import CLIENT_CPU, OUT
from bench.process import Process, running

HANDSHAKES = 120.0
"""Seconds all connections of an audience may take to be answered."""


class Done(NamedTuple):
    """When expected events had arrived: monotonic nanoseconds of the first and the last."""

    first: int
    last: int
    events: int
    bytes: int


class Audience:
    """Many connections held by one C process, which counts what arrives on them (load.c)."""

    def __init__(self, process: Process, connections: int) -> None:
        self.connections = connections
        self._process = process

    def wait_ready(self) -> float:
        """Return the seconds from the first connection to the last answer."""
        return int(self._answer("ready", HANDSHAKES)[1]) / 1e9

    def expect(self, events: int) -> None:
        """Begin to count again."""
        self._process.write_line(f"expect {events}")
        self._answer("armed", 10.0)

    def wait_done(self, timeout: float = 60.0) -> Done:
        """Wait until all expected events are here. Raises `RuntimeError` when they are not."""
        try:
            first, last, events, size, _ = self._answer("done", timeout)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\nof the audience: {self.stat()}") from None
        return Done(int(first), int(last), int(events), int(size))

    def stat(self) -> dict[str, int]:
        """Return what was counted so far, and how many connections were lost."""
        self._process.write_line("stat")
        events, size, lost, _ = self._answer("stat", 10.0)
        return {"events": int(events), "bytes": int(size), "lost": int(lost)}

    def _answer(self, word: str, timeout: float) -> list[str]:
        while True:
            found, *values = self._process.read_line(timeout).split()
            if found == word:
                return values


@contextlib.contextmanager
def audience(  # noqa: PLR0913 - the command line of a tool
    port: int,
    connections: int,
    transport: str,
    request: bytes,
    *,
    expect: int = 0,
    first: int = 0,
    span: int = 1,
) -> Generator[Audience]:
    """Open an audience; `transport` is sse, ws or ws-deflate (counted by frames)."""
    with _file(request) as path:
        command = [
            str(OUT / "load"),
            str(port),
            str(connections),
            "sse" if transport == "sse" else "ws",
            "frames" if transport == "ws-deflate" else "marker",
            path,
            *map(str, (expect, first, span)),
        ]
        with running(command, cpu=CLIENT_CPU) as process:
            yield Audience(process, connections)


class Posted(NamedTuple):
    """What a run of publishers saw; latencies in seconds."""

    answers: int
    refused: int
    seconds: float
    p50: float
    p90: float
    p99: float
    p999: float
    longest: float


def post(  # noqa: PLR0913 - the command line of a tool
    port: int,
    connections: int,
    request: bytes,
    seconds: float,
    *,
    rate: float | None = None,
    protocol: str = "http",
) -> Posted:
    """Send a request again and again (post.c): as fast as answered, or at a constant rate."""
    with posting(port, connections, request, seconds, rate=rate, protocol=protocol) as process:
        return posted(process, seconds)


@contextlib.contextmanager
def posting(  # noqa: PLR0913 - the command line of a tool
    port: int,
    connections: int,
    request: bytes,
    seconds: float,
    *,
    rate: float | None = None,
    protocol: str = "http",
) -> Generator[Process]:
    """Do so beside something else; `posted` waits for the end."""
    with _file(request) as path:
        command = [str(OUT / "post"), protocol, str(port), str(connections), path, str(seconds)]
        with running([*command, *([str(rate)] if rate else [])], cpu=CLIENT_CPU) as process:
            yield process


def posted(process: Process, seconds: float) -> Posted:
    """Wait for publishers that send for that long, and return what they saw."""
    answers, refused, *times, _ = map(int, process.read_line(seconds + 30).split())
    if refused:
        raise RuntimeError(f"{refused} of {answers + refused}: {process.log()}")
    return Posted(answers, refused, *(time / 1e9 for time in times))


class Publisher:
    """One kept-alive connection that sends ready-made requests and reads the answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connect()
        self._pending = b""

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), 30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, requests: bytes) -> None:
        """Send one or more requests in one write."""
        if select.select([self._socket], [], [], 0)[0]:  # closed: it was idle for too long
            self._socket.close()
            self._socket = self._connect()
        self._socket.sendall(requests)

    def answers(self, count: int) -> bytes:
        """Read as many answers; return the last body. Raises `RuntimeError` unless all are 2xx."""
        body = b""
        for _ in range(count):
            head = self._until(b"\r\n\r\n")
            if head[9:10] != b"2":
                raise RuntimeError(f"publishing was refused: {head.decode()}{self._rest()}")
            fields = dict(
                line.lower().split(b": ", 1) for line in head[:-4].split(b"\r\n")[1:] if line
            )
            if b"content-length" in fields:
                body = self._exactly(int(fields[b"content-length"]))
            elif fields.get(b"transfer-encoding") == b"chunked":
                body = self._until(b"0\r\n\r\n")
        return body

    def _until(self, end: bytes) -> bytes:
        while end not in self._pending:
            self._more()
        return self._exactly(self._pending.index(end) + len(end))

    def _exactly(self, size: int) -> bytes:
        while len(self._pending) < size:
            self._more()
        found, self._pending = self._pending[:size], self._pending[size:]
        return found

    def _more(self) -> None:
        more = self._socket.recv(65536)
        if not more:
            raise RuntimeError("the server closed the publisher's connection")
        self._pending += more

    def _rest(self) -> str:
        while select.select([self._socket], [], [], 0.2)[0] and (more := self._socket.recv(65536)):
            self._pending += more
        return self._pending.decode(errors="replace")


@contextlib.contextmanager
def _file(content: bytes) -> Generator[str]:
    with tempfile.NamedTemporaryFile(prefix="bench-") as file:
        file.write(content)
        file.flush()
        yield file.name
