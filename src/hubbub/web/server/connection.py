"""What both protocols do with a connection: slow peers, and leaving so that the last words arrive."""

from __future__ import annotations

import asyncio
import sys
from typing import NamedTuple

from hubbub.web.server.deadlines import Deadlines, Lane
from hubbub.web.server.writers import StreamWriter

LINGER_BYTES = 1024 * 1024
"""Bytes that are read and dropped while a refused peer reads the refusal; then reading stops."""


class Peer(NamedTuple):
    """Both ends of a connection, as ASGI tells them, and what it is counted under."""

    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    key: str


class Connection:
    """Mixin of the two protocols, before uvicorn's class in the order of resolution."""

    __slots__ = ()

    transport: asyncio.Transport
    lanes: Deadlines
    writer: StreamWriter | None
    unsent: int
    """Bytes that waited for the peer when it was last looked at."""
    dropped: int
    """Bytes that came since this side said its last word; -1 before."""

    def on_pause_writing(self) -> None:
        """Tell the stream that its peer is slow, and give the peer `write_timeout`."""
        self.watch_writes()
        writer = self.writer
        if writer is not None and writer.on_pause is not None:
            writer.on_pause()

    def on_resume_writing(self) -> None:
        """Tell the stream that its peer took what waited."""
        self.lanes.write.disarm(self)
        writer = self.writer
        if writer is not None and writer.on_resume is not None:
            writer.on_resume()

    def watch_writes(self) -> None:
        """Give the peer `write_timeout` to take something of what waits for it."""
        self.unsent = _unsent(self.transport)
        self.lanes.write.arm(self)

    def close(self) -> None:
        """Close once everything is written, or the peer has taken nothing for too long."""
        if not self.transport.is_closing():
            self.transport.close()
            if self.transport.get_write_buffer_size():
                self.watch_writes()

    def linger(self) -> None:
        """Close our side, and take and drop what still comes for a moment, so that it is read."""
        if self.dropped < 0 and not self.transport.is_closing():
            self.dropped = 0
            self.transport.write_eof()
            self.transport.resume_reading()
            self.lanes.linger.arm(self)

    def drop(self, data: bytes) -> None:
        """Drop what came after the last request; too much of it waits in the kernel instead."""
        if self.dropped >= 0:
            self.dropped += len(data)
            if self.dropped > LINGER_BYTES:
                self.transport.pause_reading()

    def end_stream(self) -> None:
        """Tell the stream that nothing can be written any more."""
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.ended()

    def on_deadline(self, lane: Lane) -> None:
        """Give up on a peer that takes nothing, or that lingers."""
        lanes = self.lanes
        if lane is lanes.write:
            before = self.unsent
            self.watch_writes()
            if self.unsent < before:
                return
        self.transport.abort()


def _unsent(transport: asyncio.Transport) -> int:
    """Count the bytes that the peer has not taken, with those in the kernel where it tells.

    The kernel takes more from us only after a third of its buffer is empty: on a slow line that can
    last longer than any deadline.
    """
    return transport.get_write_buffer_size() + _unsent_by_kernel(transport)


if sys.platform == "linux":
    import fcntl
    import termios

    def _unsent_by_kernel(transport: asyncio.Transport) -> int:
        answer = fcntl.ioctl(transport.get_extra_info("socket"), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(answer, sys.byteorder)
else:

    def _unsent_by_kernel(transport: asyncio.Transport) -> int:
        del transport
        return 0
