"""What checks of a log are written with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from hubbub.core.contracts import Log
from hubbub.core.event import Event, Record, compose
from hubbub.core.selection import EVERYTHING, Selection
from hubbub.log.options import LogOptions

START: Final = 1_700_000_000.0
DAY: Final = 86_400.0


class ManualClock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float = START) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._monotonic += seconds

    def set_by(self, seconds: float) -> None:
        """Set the clock on the wall; no time passes."""
        self._now += seconds


class Subject(Protocol):
    """One storage for a log, new and empty; what a check is given."""

    clock: ManualClock
    """What the engine is opened with."""
    keeps: bool
    """Whether records are there again after closing and opening."""

    async def open(self, options: LogOptions) -> Log:
        """Open the log, or open it again. Of the options the subject sets `store` itself."""
        ...


@asynccontextmanager
async def opened(subject: Subject, options: LogOptions = LogOptions()) -> AsyncGenerator[Log]:  # noqa: B008
    """Open a log, and close it."""
    log = await subject.open(options)
    try:
        yield log
    finally:
        await log.close()


def event(
    id: str = "",  # noqa: A002
    topic: str = "orders/1",
    *,
    source: str = "/shop",
    type: str = "order.created",  # noqa: A002
    data: bytes | None = b'{"n": 1}',
    **extensions: str,
) -> Event:
    """Make a valid event; without `id` it is one whose producer left that to the server."""
    attributes = {"specversion": "1.0", "id": id or "made-here", "source": source, "type": type}
    if data is not None:
        attributes["datacontenttype"] = "application/json"
    return compose(attributes | extensions, topic, data, named=bool(id))


def events(count: int, topic: str = "orders/1") -> list[Event]:
    """Make events that cannot be duplicates."""
    return [event(topic=topic, data=b"%d" % n) for n in range(count)]


async def read_all(
    log: Log, selection: Selection = EVERYTHING, *, after: int | None = None, limit: int = 100
) -> list[Record]:
    """Read forward to the head, page by page."""
    found: list[Record] = []
    place = log.tail - 1 if after is None else after
    while place < log.head:
        page = await log.read(place, limit, selection)
        assert len(page.records) <= limit, "a page holds at most `limit` records"
        assert place < page.next <= log.head, "`next` moves on, though never beyond the head"
        assert all(place < r.offset <= page.next for r in page.records), "records lie up to `next`"
        found += page.records
        place = page.next
    return found


async def read_all_back(
    log: Log, selection: Selection = EVERYTHING, *, limit: int = 100
) -> list[Record]:
    """Read backward from the head to the tail, page by page."""
    found: list[Record] = []
    before = log.head + 1
    while before > log.tail:
        page = await log.read_back(before, limit, selection)
        assert len(page.records) <= limit, "a page holds at most `limit` records"
        assert log.tail <= page.next < before, "`next` moves back, though never below the tail"
        assert all(page.next <= r.offset < before for r in page.records), "records lie from `next`"
        found += page.records
        before = page.next
    return found


def offsets(records: Sequence[Record]) -> list[int]:
    """Return where records are."""
    return [record.offset for record in records]
