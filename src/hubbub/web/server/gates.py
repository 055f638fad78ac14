"""Waiting for one thing, cheaply: what uvicorn's protocols use asyncio.Event and asyncio.Queue for.

An idle stream waits in two or three of these for hours. The ones of asyncio hold a deque from the
start, some 700 bytes each; these hold a flag, and a list only while somebody waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import MutableMapping
from typing import Any


class Gate:
    """An asyncio.Event: closed at first; whoever waits goes through once it is set."""

    __slots__ = ("_open", "_waiters")

    def __init__(self) -> None:
        self._open = False
        self._waiters: list[asyncio.Future[None]] | None = None

    def is_set(self) -> bool:
        """Tell whether waiting would go through."""
        return self._open

    def set(self) -> None:
        """Open, and let go whoever waits."""
        self._open = True
        if self._waiters is not None:
            waiters, self._waiters = self._waiters, None
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def clear(self) -> None:
        """Close for those who come from now on."""
        self._open = False

    async def wait(self) -> bool:
        """Wait until it was open; True, as asyncio.Event answers."""
        if not self._open:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                self._give_up(waiter)
                raise
        return True

    def _give_up(self, waiter: asyncio.Future[None]) -> None:
        if self._waiters is not None and waiter in self._waiters:
            self._waiters.remove(waiter)


class Inbox(Gate):
    """An asyncio.Queue without bound for ASGI messages; who fills it holds back the source."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        super().__init__()
        self._messages: deque[MutableMapping[str, Any]] | None = None

    def empty(self) -> bool:
        """Tell whether nothing waits."""
        return self._messages is None

    def put_nowait(self, message: MutableMapping[str, Any]) -> None:
        """Add a message."""
        if self._messages is None:
            self._messages = deque()
        self._messages.append(message)
        self.set()

    async def get(self) -> MutableMapping[str, Any]:
        """Take the oldest message, waiting for one if need be."""
        while (messages := self._messages) is None:
            self.clear()
            await self.wait()
        message = messages.popleft()
        if not messages:
            self._messages = None
        return message


class Flow:
    """Whether a connection's bytes may come and go: uvicorn's FlowControl, with a veto on reading."""

    __slots__ = ("_drained", "_transport", "held", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._drained: Gate | None = None
        self.read_paused = False
        self.write_paused = False
        self.held = False
        """Reading stays paused whoever asks: enough requests are waiting already."""

    def pause_reading(self) -> None:
        """Take no more bytes for now."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def hold(self) -> None:
        """Take no more bytes until `held` is lifted."""
        self.held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again, unless reading is held."""
        if self.read_paused and not self.held:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Make `drain` wait."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Let go of whoever waits in `drain`."""
        self.write_paused = False
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.set()

    async def drain(self) -> None:
        """Wait until the buffer is low again."""
        if self.write_paused:
            if self._drained is None:
                self._drained = Gate()
            await self._drained.wait()
