"""Writers for connections whose socket is somebody else's: other ASGI servers, listeners in process.

The same interface as the server's own synchronous writer, on top of `await send()` or of a queue, so
that nothing above can tell the difference but by the clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from hubbub.core.contracts import Framing
from hubbub.core.event import Record

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HIGH_WATER = 65_536
"""Bytes that wait for `send` before a reader leaves the live ones: the server's mark too."""

LOW_WATER = 16_384
"""Bytes below which it may come back."""


class SendWriter:
    """Writes through `await send()`, in order, from one task that `run` is."""

    def __init__(self, framing: Framing, send: Send) -> None:
        self.framing: Framing = framing
        self.on_pause: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], None] | None = None
        self._send = send
        self._waiting: deque[MutableMapping[str, Any]] = deque()
        self._size = 0
        self._paused = False
        self._open = True
        self._wake = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether writing makes sense."""
        return self._open

    def buffered(self) -> int:
        """Return the bytes that wait for `send`."""
        return self._size

    def write(self, data: bytes) -> None:
        """Queue what a piece or several make."""
        if self.framing == "messages":
            for line in data.split(b"\n"):
                if line:
                    self._waiting.append({"type": "websocket.send", "text": line.decode()})
        else:
            self._waiting.append({"type": "http.response.body", "body": data, "more_body": True})
        self._size += len(data)
        self._wake.set()
        if self._size > HIGH_WATER and not self._paused:
            self._paused = True
            if self.on_pause is not None:
                self.on_pause()

    def finish(self, last: bytes = b"", *, code: int = 1000, reason: str = "") -> None:
        """Queue the end."""
        if not self._open:
            return
        if last:
            self.write(last)
        self._open = False
        if self.framing == "messages":
            self._waiting.append({"type": "websocket.close", "code": code, "reason": reason})
        else:
            self._waiting.append({"type": "http.response.body", "body": b"", "more_body": False})
        self._wake.set()

    async def run(self) -> None:
        """Send what is queued until the end was sent or the other side is gone."""
        try:
            while self._open or self._waiting:
                while self._waiting:
                    await self._send_next()
                self._wake.clear()
                if self._open:
                    await self._wake.wait()
        except (OSError, RuntimeError):
            pass  # the other side is gone: ASGI says OSError, some servers say it otherwise
        finally:
            self._open = False

    async def _send_next(self) -> None:
        message = self._waiting.popleft()
        await self._send(message)
        self._size -= len(message.get("body") or message.get("text") or b"")
        if self._paused and self._size < LOW_WATER:
            self._paused = False
            if self.on_resume is not None:
                self.on_resume()


class LocalWriter:
    """Hands records to a listener in this process; more than `limit` waiting stalls its reader."""

    framing: Framing = "messages"

    def __init__(self, limit: int) -> None:
        self.on_pause: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], None] | None = None
        self.is_open = True
        self._limit = limit
        self._waiting: deque[Any] = deque()
        self._paused = False
        self._wake = asyncio.Event()

    def buffered(self) -> int:
        """Return how many records wait."""
        return len(self._waiting)

    def write(self, data: Sequence[Any]) -> None:
        """Queue records, or one control tuple."""
        self._waiting.extend(data)
        self._wake.set()
        if len(self._waiting) > self._limit and not self._paused:
            self._paused = True
            if self.on_pause is not None:
                self.on_pause()

    def finish(self, last: Sequence[Any] = (), *, code: int = 1000, reason: str = "") -> None:
        """Let the listener's loop end once it has taken what waits."""
        del code, reason
        self._waiting.extend(last)
        self.is_open = False
        self._wake.set()

    async def next(self) -> Record | tuple[Any, ...] | None:
        """Return the next record or control tuple; None at the end."""
        while not self._waiting:
            if not self.is_open:
                return None
            self._wake.clear()
            await self._wake.wait()
        item = self._waiting.popleft()
        if self._paused and len(self._waiting) <= self._limit // 2:
            self._paused = False
            if self.on_resume is not None:
                self.on_resume()
        return item
