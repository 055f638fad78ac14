"""The room's front desk: opens readers, keeps them warm, and says goodbye when the gateway stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

from hubbub.core.clock import Clock
from hubbub.core.contracts import Framing, Writer
from hubbub.core.errors import Gap
from hubbub.core.event import Event, Record
from hubbub.core.reading import begin
from hubbub.core.selection import Selection
from hubbub.core.start import Start
from hubbub.core.tasks import Tasks
from hubbub.streams.encoding import LOCAL, Dialect, Encoding, encoding
from hubbub.streams.fanout import Fanout
from hubbub.streams.options import StreamOptions
from hubbub.streams.reader import Reader, RecentLog, Shared
from hubbub.streams.writers import LocalWriter, Send, SendWriter
from hubbub.wire import sse

WIRE = "hubbub.wire"
"""Where web/server leaves its synchronous writer in `scope["extensions"]`."""


class Desk:
    """Everybody who is connected now."""

    def __init__(self, log: RecentLog, options: StreamOptions, clock: Clock, rng: Random) -> None:
        self.options = options
        self.log = log
        self.fanout = Fanout(log.head, options.slice_bytes)
        self.open: dict[str, int] = {"sse": 0, "websocket": 0, "multiplexed": 0, "local": 0}
        """Connections by kind, for the metrics."""
        self._clock = clock
        self._rng = rng
        self._tasks = Tasks("streams")
        self.spawn = self._tasks.spawn
        """Runs work that this room owns."""
        self._shared = Shared(
            log, self.fanout, options, asyncio.Semaphore(options.catching_up), self.spawn
        )
        # Readers take turns at the heartbeat: each second, those of one slot.
        self._beats: list[dict[Reader, bytes]] = [{} for _ in range(max(1, int(options.heartbeat)))]
        self._next_slot = 0
        self._readers: dict[Reader, None] = {}
        self._unlisten: Callable[[], None] | None = None

    @property
    def stalled(self) -> int:
        """Readers that do not take what was written, for the metrics."""
        return sum(reader.is_stalled for reader in self._readers)

    async def start(self) -> None:
        """Begin to hand on what commits."""
        self._unlisten = self.log.listen(self.fanout.committed)
        self.spawn(self._keep_warm(), "heartbeat")

    async def stop(self) -> None:
        """Let go of every reader: local listeners end, tasks are cancelled and waited for."""
        if self._unlisten is not None:
            self._unlisten()
        self.fanout.flush()
        for reader in list(self._readers):
            reader.writer.finish()
        await self._tasks.stop()

    def ephemeral(self, event: Event) -> None:
        """Hand an event to whoever is live now, past the log (design.md)."""
        now = int(self._clock.now() * 1000)
        self.fanout.committed([Record(0, event.topic, event.type, now, event.json)])

    def encoding(self, dialect: Dialect, framing: Framing, *, types: bool = False) -> Encoding:
        """Return the shared encoding of a kind."""
        return encoding(dialect, framing, self.log.epoch, types=types)

    def writer(self, extensions: dict[str, Any], send: Send, framing: Framing) -> Writer:
        """Return the server's own writer, or one over `send`, in `framing`, under other servers."""
        if (wire := extensions.get(WIRE)) is not None:
            return wire
        fallback = SendWriter(framing, send)
        self.spawn(fallback.run(), "writer")
        return fallback

    def reader(
        self, kind: str, writer: Writer, form: Encoding, selection: Selection, after: int
    ) -> Reader:
        """Enter a reader; `leave` must follow."""
        reader = Reader(self._shared, writer, form, selection, after)
        self.open[kind] += 1
        self._readers[reader] = None
        if form.framing in ("chunked", "plain"):
            self._next_slot = (self._next_slot + 1) % len(self._beats)
            beat = form.join([sse.comment("")])
            self._beats[self._next_slot][reader] = beat
        return reader

    def leave(self, kind: str, reader: Reader) -> None:
        """Take a reader out of everything."""
        reader.close()
        if reader.writer.is_open:
            reader.writer.finish()
        self.open[kind] -= 1
        self._readers.pop(reader, None)
        for slot in self._beats:
            slot.pop(reader, None)

    def end_at(self, expires: float | None, end: Callable[[], None]) -> Callable[[], None]:
        """Call `end` when a token runs out; returns how to call that off."""
        if expires is None:
            return lambda: None
        delay = max(0.0, expires - self._clock.now())
        return asyncio.get_running_loop().call_later(delay, end).cancel

    def comeback(self) -> int:
        """Return in how many milliseconds to come back when the server stops: spread out."""
        return int(self.options.retry * 1000 * self._rng.uniform(1, 4))

    async def listen(self, selection: Selection, start: Start) -> AsyncIterator[Record]:
        """Follow the log in this process, from `start` on, until the gateway stops.

        Raises `Gap` where events are gone; listen again from its `resumes_at`.
        """
        after, gap = await begin(self.log, start, selection)
        if gap is not None:
            raise gap
        writer = LocalWriter(self.options.local_buffer)
        reader = self.reader("local", writer, LOCAL, selection, after)
        try:
            reader.start()
            while (item := await writer.next()) is not None:
                if isinstance(item, tuple):
                    raise Gap(**item[1])
                yield item
        finally:
            self.leave("local", reader)

    async def _keep_warm(self) -> None:
        every = self.options.heartbeat / len(self._beats)
        slot = 0
        while True:
            await asyncio.sleep(every)
            slot = (slot + 1) % len(self._beats)
            for reader, beat in list(self._beats[slot].items()):
                if not reader.is_stalled:
                    reader.write(beat)
