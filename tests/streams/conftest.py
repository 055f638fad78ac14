"""A desk on a log in memory, and connections whose other side the test plays."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hubbub.core.clock import SystemClock
from hubbub.core.contracts import Retention
from hubbub.core.event import Event
from hubbub.log import LogOptions, Tail
from hubbub.log.memory import MemoryLog
from hubbub.streams import StreamOptions, Streams
from hubbub.wire.cloudevents import Defaults, from_data


class Connection:
    """A writer that keeps what it was given, and stalls when the test says so."""

    framing = "messages"

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.is_open = True
        self.on_pause: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], None] | None = None
        self.stall_after: int | None = None
        self.code: int | None = None

    def buffered(self) -> int:
        return 0

    def write(self, data: Any) -> None:
        assert self.is_open
        self.written.extend(data)
        if self.stall_after is not None and len(self.written) >= self.stall_after:
            self.stall_after = None
            assert self.on_pause is not None
            self.on_pause()

    def finish(self, last: Any = (), *, code: int = 1000, reason: str = "") -> None:
        self.written.extend(last)
        self.is_open = False
        self.code = code

    @property
    def offsets(self) -> list[int]:
        return [item.offset for item in self.written if not isinstance(item, tuple)]


def event(topic: str = "a", data: bytes = b"1") -> Event:
    return from_data(data, topic, Defaults(lambda: "id", "t"))


async def new_log() -> Tail:
    """Open an empty log; a small ring, so that catching up goes through the engine as well."""
    engine = MemoryLog(LogOptions(), clock=SystemClock(), entropy=bytes)
    return await Tail.open(engine, 3000)


async def keep_newest(log: Tail, count: int) -> None:
    """Forget all but the newest records."""
    await log.trim(Retention(max_age=0, max_count=count))


@pytest.fixture
async def log() -> Tail:
    return await new_log()


@pytest.fixture
def options() -> StreamOptions:
    return StreamOptions(page=10)


@pytest.fixture
async def desk(log: Tail, options: StreamOptions) -> AsyncIterator[Streams]:
    desk = Streams(log, options, SystemClock(), random.Random(1))
    await desk.start()
    yield desk
    await desk.stop()
