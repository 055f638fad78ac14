"""One connection's way through the log: catching up, live, or stalled.

    catching up --(has everything)--> live --(buffer full)--> stalled --(drained)--> catching up
         |                                                       ^
         +----------------------(buffer full)--------------------+

A live reader costs its place in a group. A stalled one costs its offset: what it misses it reads
from the log once its buffer has drained. A reader that catches up has a task for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from hubbub.core.contracts import Log, Writer
from hubbub.core.errors import Gap
from hubbub.core.event import Record
from hubbub.core.position import Position
from hubbub.core.selection import Selection
from hubbub.streams.encoding import Encoding
from hubbub.streams.fanout import Fanout, Group, slices
from hubbub.streams.options import StreamOptions


class RecentLog(Log, Protocol):
    """A log that keeps its newest records in memory."""

    def recent(self, after: int) -> Sequence[Record] | None:
        """Return all records above `after` if they are in memory, else None."""
        ...


class Shared(NamedTuple):
    """What all readers of a gateway have in common."""

    log: RecentLog
    fanout: Fanout
    options: StreamOptions
    turns: asyncio.Semaphore
    spawn: Callable[[Any, str], asyncio.Task[None]]


class Reader:
    """What a connection wants, how far it is, and how it is written to."""

    __slots__ = (
        "_group",
        "_on_live",
        "_resumed",
        "_shared",
        "_task",
        "encoding",
        "offset",
        "selection",
        "wants",
        "writer",
    )

    def __init__(
        self, shared: Shared, writer: Writer, encoding: Encoding, selection: Selection, after: int
    ) -> None:
        self.writer = writer
        self.encoding = encoding
        self.selection = selection
        self.offset = after
        """Everything selected up to here was written; while live, `fanout.offset` is."""
        self.wants: Callable[[Record], bool] | None = None
        """What of the selection to write while catching up, where parts of it began elsewhere."""
        self._shared = shared
        self._group: Group | None = None
        self._task: asyncio.Task[None] | None = None
        self._resumed: asyncio.Event | None = None
        self._on_live: Callable[[], None] | None = None
        writer.on_pause = self._paused
        writer.on_resume = self._drained

    @property
    def is_live(self) -> bool:
        """Whether the next record will be written as soon as it commits."""
        return self._group is not None

    @property
    def is_stalled(self) -> bool:
        """Whether the other side does not take what was written."""
        return self._resumed is not None and not self._resumed.is_set()

    @property
    def position(self) -> Position:
        """Where the reader is."""
        offset = self._shared.fanout.offset if self._group else self.offset
        return Position(self._shared.log.epoch, offset)

    def start(self, on_live: Callable[[], None] | None = None) -> None:
        """Go live at once if that is possible, else catch up first; then call `on_live`."""
        self._on_live = on_live
        if not self._go_live():
            self._catch_up_soon()

    def reselect(
        self, selection: Selection, *, after: int, on_live: Callable[[], None] | None = None
    ) -> None:
        """Want something else, from `after` on if that is further back than the reader is."""
        self._leave()
        self.selection = selection
        self.offset = min(self.offset, after)
        if self._task is None:
            self.start(on_live)
        else:
            self._on_live = on_live

    def write(self, data: Any) -> None:
        """Write something of hubbub's own, in order with the records."""
        if self.writer.is_open:
            self.writer.write(data)

    def close(self) -> None:
        """Leave for good."""
        self._leave()
        self.writer.on_pause = self.writer.on_resume = self.writer.on_shutdown = None
        if self._task is not None:
            self._task.cancel()
        if self._resumed is not None:
            self._resumed.set()

    def _leave(self) -> None:
        if self._group is not None:
            self.offset = self._shared.fanout.offset
            self._shared.fanout.leave(self, self._group)
            self._group = None

    def _paused(self) -> None:
        self._leave()
        if self._resumed is None:
            self._resumed = asyncio.Event()
        self._resumed.clear()

    def _drained(self) -> None:
        if self._resumed is not None:
            self._resumed.set()
        if self._group is None and self._task is None:
            self._catch_up_soon()

    def _catch_up_soon(self) -> None:
        self._task = self._shared.spawn(self._catch_up(), "catch-up")

    def _go_live(self) -> bool:
        """Close the gap to the newest record and join, all in this tick; False if that is too far."""
        if self.is_stalled:
            return False
        fanout, log = self._shared.fanout, self._shared.log
        fanout.flush()  # nothing may wait there that this reader did not ask for, or has
        if self.offset > fanout.offset:
            return False  # the log is ahead of its listeners: a moment
        if self.offset < fanout.offset:
            recent = log.recent(self.offset)
            if recent is None or len(recent) > self._shared.options.page:
                return False
            if not self._write([r for r in recent if self.selection.matches(r)]):
                return False
        self.offset = fanout.offset
        self._group = fanout.join(self, self.writer.write, self.selection, self.encoding)
        if self._on_live is not None:
            said, self._on_live = self._on_live, None
            said()
        return True

    async def _catch_up(self) -> None:
        try:
            while self.writer.is_open and not self._go_live():
                if self.is_stalled and self._resumed is not None:
                    await self._resumed.wait()
                    continue
                async with self._shared.turns:
                    await self._advance()
                await asyncio.sleep(0)  # what is in memory is read without waiting: let others run
        finally:
            self._task = None

    async def _advance(self) -> None:
        """Write one page of the log."""
        selection, offset = self.selection, self.offset
        try:
            page = await self._shared.log.read(offset, self._shared.options.page, selection)
        except Gap as gap:
            self.offset = Position.parse(gap.resumes_at).offset
            self.write(self.encoding.gap(gap))
            return
        if (selection, offset) == (self.selection, self.offset) and self._write(page.records):
            self.offset = page.next

    def _write(self, records: Sequence[Record]) -> bool:
        """Write records in order; False if the other side stopped taking them on the way."""
        if self.wants is not None:
            records = list(filter(self.wants, records))
        encoding, shared = self.encoding, self._shared
        for some in slices(records, shared.options.slice_bytes):
            if not self.writer.is_open or self.is_stalled:
                return False
            self.offset = some[-1].offset
            shared.fanout.delivered[encoding.kind] += len(some)
            self.writer.write(encoding.join([encoding.piece(record) for record in some]))
        return True
