"""The executable specification: a log in a list. READ BEFORE the other engines.

Everything an engine promises (`hubbub.core.contracts.Log`) is here in its shortest form; the public
suite `hubbub.testing.log` holds every engine to it. Nothing outlives the process, so each start is
a new epoch. Good for tests, demos and gateways whose events may be lost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from hubbub.core.clock import Clock
from hubbub.core.contracts import Appended, Health, Listener, Page, Retention
from hubbub.core.errors import Closing
from hubbub.core.event import Event, Record, record_json
from hubbub.core.position import Position, new_epoch
from hubbub.core.reading import gap
from hubbub.core.selection import Selection
from hubbub.log.clock import LogClock
from hubbub.log.engines import Entropy
from hubbub.log.listeners import Listeners
from hubbub.log.memory_ledger import MemoryLedger, MemoryRegistry
from hubbub.log.options import LogOptions

LOOK = 1000
"""Records that one call looks at: about a millisecond of the event loop."""

_recorded = attrgetter("recorded")


async def open_engine(options: LogOptions, *, clock: Clock, entropy: Entropy) -> MemoryLog:
    """Open a new log for `memory:`."""
    return MemoryLog(options, clock=clock, entropy=entropy)


class MemoryLog:
    """A `Log` of one process."""

    def __init__(self, options: LogOptions, *, clock: Clock, entropy: Entropy) -> None:
        self.epoch = new_epoch(entropy(5))
        self.head = 0
        self._records: list[Record] = []
        self._events: list[Event] = []
        self._known: dict[tuple[str, str], int] = {}
        self._options = options
        self._clock = LogClock(clock)
        self._listeners = Listeners()
        self._closed = False
        self.registry = MemoryRegistry()
        self.ledger = MemoryLedger()

    @property
    def tail(self) -> int:
        """Offset of the oldest kept record."""
        return self.head - len(self._records) + 1

    async def append(self, events: Sequence[Event]) -> list[Appended]:
        """Append all events or none."""
        if self._closed:
            raise Closing("the log is closed; open it again")
        now, head = self._clock.stamp(), self.head
        answers = [self._append(event, now, head) for event in events]
        if self.head > head:
            self._listeners.tell(self._records[head - self.head :])
        return answers

    def _append(self, event: Event, now: int, head: int) -> Appended:
        if event.named:
            before = self._known.get((event.source, event.id), 0)
            if before > head or self._in_window(before, now, head):
                return Appended(before, duplicate=True)
        self.head += 1
        json = record_json(event.json, event.recorded, str(Position(self.epoch, self.head)), now)
        self._records.append(Record(self.head, event.topic, event.type, now, json))
        self._events.append(event)
        if event.named:
            self._known[event.source, event.id] = self.head
        return Appended(self.head, duplicate=False)

    def _in_window(self, offset: int, now: int, head: int) -> bool:
        """Tell whether a record is kept and within the bounds of deduplication."""
        return (
            offset >= self.tail
            and offset > head - self._options.dedupe_max
            and self._at(offset).recorded > now - self._options.dedupe_window * 1000
        )

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        """Read selected records above `after`, oldest first."""
        if after + 1 < self.tail:
            raise gap(self, Position(self.epoch, after))
        ahead = range(after + 1, min(after + LOOK, self.head) + 1)
        return self._page(ahead, limit, selection, after)

    async def read_back(self, before: int, limit: int, selection: Selection) -> Page:
        """Read selected records below `before`, newest first."""
        first = min(before - 1, self.head)
        back = range(first, max(first - LOOK, self.tail - 1), -1)
        return self._page(back, limit, selection, before)

    def _page(self, offsets: range, limit: int, selection: Selection, start: int) -> Page:
        records: list[Record] = []
        for offset in offsets:
            if selection.matches(record := self._at(offset)):
                records.append(record)
                if len(records) == limit:
                    return Page(records, offset)
        return Page(records, offsets[-1] if offsets else start)

    async def find(self, milliseconds: int) -> int:
        """Return the offset of the newest record from before a time."""
        return self.tail - 1 + bisect_left(self._records, milliseconds, key=_recorded)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have new records handed over."""
        return self._listeners.add(listener)

    async def trim(self, policy: Retention) -> int:
        """Forget what the policy does not keep."""
        gone = max(self._expired(policy))
        for offset, event in enumerate(self._events[:gone], self.tail):
            if event.named and self._known[event.source, event.id] == offset:
                del self._known[event.source, event.id]
        del self._records[:gone], self._events[:gone]
        return gone

    def _expired(self, policy: Retention) -> Iterator[int]:
        """Give for each bound how many of the oldest records are beyond it."""
        yield 0
        if policy.max_age:
            expiry = self._clock.expiry(policy.max_age)
            yield bisect_left(self._records, expiry, key=_recorded)
        if policy.max_count:
            yield len(self._records) - policy.max_count
        if policy.max_bytes:
            gone, room = len(self._events), policy.max_bytes
            while gone and (room := room - len(self._events[gone - 1].json)) >= 0:
                gone -= 1
            yield gone

    def _at(self, offset: int) -> Record:
        return self._records[offset - self.tail]

    def health(self) -> Health:
        """Tell whether appends are taken now."""
        return Health(not self._closed, "the log is closed" if self._closed else "")

    async def close(self) -> None:
        """Take no more appends."""
        self._closed = True
