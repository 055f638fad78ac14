"""A receiver that does nothing but count: `python -m bench.receiver`, one JSON line a question.

Answers 200 at once, or never under `/hang`. A GET with `hub.challenge` is answered with that (WebSub,
5.3) and counted as verified, any other one with a document that is different each time. A body that holds `"sent":<monotonic seconds>` tells how
long it was on its way; the clock is the machine's, so it is the same in every process. Questions on
standard input: `count`, `latency` (quantiles since the last such question).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

import uvloop

_SENT = re.compile(rb'"sent": ?([0-9.]+)')
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_CHALLENGE = re.compile(rb"hub\.challenge=([A-Za-z0-9_-]+)")
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

count = received = verified = fetched = 0
latencies: list[float] = []


class Receiver(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        global count, received  # noqa: PLW0603 - a tool of one file
        data = self._pending + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(data, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(data) < size:
                break
            request, data = data[:size], data[size:]
            if request.startswith(b"POST /hang"):
                continue
            if request.startswith(b"GET "):
                self.transport.write(_shown(request))
                continue
            count += 1
            received += size - end - 4
            if sent := _SENT.search(request, end):
                latencies.append(time.monotonic() - float(sent[1]))
            self.transport.write(ANSWER)
        self._pending = data


def _shown(request: bytes) -> bytes:
    """Answer a GET: a verification of intent, or somebody who fetches."""
    global verified, fetched  # noqa: PLW0603 - a tool of one file
    if asked := _CHALLENGE.search(request, 0, request.index(b"\r\n")):
        verified += 1
        body = asked[1]
    else:
        fetched += 1
        body = b"%d" % fetched
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def main() -> None:
    """Listen on a free port, say which, and answer questions."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiver, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line.strip() == b"latency":
            ordered = sorted(latencies) or [0.0]
            parts = {
                p: ordered[min(len(ordered) - 1, int(len(ordered) * p))] for p in (0.5, 0.9, 0.99)
            }
            latencies.clear()
            print(json.dumps({str(part): value for part, value in parts.items()}), flush=True)
        else:
            told = {"count": count, "received": received, "verified": verified, "fetched": fetched}
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
