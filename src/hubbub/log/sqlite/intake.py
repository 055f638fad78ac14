"""What becomes of events on their way in: which are duplicates, which offset each one gets.

Runs on the event loop and decides everything, so that the writer's thread has nothing to do but
hand ready-made rows to SQLite. Offsets are given before the commit: commits happen in order and all
that waits fails together, so a failure takes back the newest offsets and leaves no hole.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from hubbub.core.contracts import Appended
from hubbub.core.errors import Unavailable
from hubbub.core.event import Event
from hubbub.log.clock import LogClock
from hubbub.log.options import LogOptions
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.fingerprints import Fingerprints
from hubbub.log.sqlite.jobs import Job
from hubbub.log.sqlite.rows import checksum
from hubbub.log.sqlite.topics import Topics

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Bytes of events that may wait for the disk: where it hangs, memory is not what runs out next."""

Identity = tuple[str, str, int]
"""Source, id and stamp of a stored event."""


class Batch:
    """The events of one call of `append`, written together or not at all."""

    __slots__ = (
        "along", "answers", "events", "first", "future", "generation", "is_waiting", "marks", "rows", "size", "stamp",
        "topics",
    )  # fmt: skip

    future: asyncio.Future[list[Appended]]
    generation: int

    def __init__(self, first: int, stamp: int) -> None:
        self.first = first
        """Offset of the first new event."""
        self.stamp = stamp
        self.along: Job[Database] | None = None
        """What else goes into its commit."""
        self.answers: list[Appended] = []
        self.is_waiting = False
        """Whether it goes through the writer; otherwise the answers hold already."""
        self.size = 0
        """Bytes of the new events."""
        self.events: Sequence[Event] = ()
        """The new ones."""
        self.marks: Sequence[int | None] = ()
        """Their fingerprints."""
        self.rows: list[object] = []
        """The columns of one row after the other."""
        self.topics: list[tuple[int, str]] = []
        """Topics that are not in the database yet."""

    @property
    def last(self) -> int:
        """Offset of the last new event."""
        return self.first + len(self.events) - 1


class Intake:
    """Everything about appends that is not disk."""

    def __init__(  # noqa: PLR0913  what a log is at its start
        self,
        options: LogOptions,
        *,
        head: int,
        total: int,
        clock: LogClock,
        topics: Topics,
        fingerprints: Fingerprints,
    ) -> None:
        self.head = head
        """The newest durable offset."""
        self.total = total
        """Bytes of events up to there."""
        self.waiting: deque[Batch] = deque()
        self._waiting_bytes = 0
        self.newest = head
        """The newest offset given, durable or not."""
        self._newest_total = total
        self._clock = clock
        self._topics = topics
        self._fingerprints = fingerprints
        self._window = options.dedupe_window * 1000
        self._most = options.dedupe_max

    def admit(
        self, events: Sequence[Event], known: Mapping[int, Identity | None]
    ) -> Batch | list[int]:
        """Make a batch; or name the stored events that must be `known` before that can be told.

        Raises `Unavailable` if too much waits.
        """
        if self._waiting_bytes > MAX_WAITING_BYTES:
            raise Unavailable(
                "the disk does not keep up and too much waits for it: send it again", retry_after=1
            )
        batch = Batch(self.newest + 1, self._clock.stamp())
        self._fingerprints.turn(self.newest, batch.stamp)
        marks, suspects = self._marks(events)
        if suspects:
            unknown = [place for place in suspects.values() if self.head >= place not in known]
            if unknown:
                return unknown
        if suspects or (len(events) > 1 and _repeats(marks)):
            self._sort_out(batch, events, marks, suspects, known)
        else:
            batch.events, batch.marks = tuple(events), marks
            end = batch.first + len(events)
            batch.answers = [
                Appended(offset, duplicate=False) for offset in range(batch.first, end)
            ]
        if batch.events:
            self._take(batch)
        elif any(answer.offset > self.head for answer in batch.answers):
            self._wait(batch)  # until those that it repeats are durable
        return batch

    def _marks(self, events: Sequence[Event]) -> tuple[list[int | None], dict[int, int]]:
        """Return the fingerprints of events, and the offsets of what they may be duplicates of."""
        of, find, floor = self._fingerprints.of, self._fingerprints.find, self.newest - self._most
        marks: list[int | None] = []
        suspects: dict[int, int] = {}
        for event in events:
            mark = None
            if event.named:
                mark = of(event)
                place = find(mark)
                if place and place > floor:
                    suspects[mark] = place
            marks.append(mark)
        return marks, suspects

    def _sort_out(
        self,
        batch: Batch,
        events: Sequence[Event],
        marks: Sequence[int | None],
        suspects: Mapping[int, int],
        known: Mapping[int, Identity | None],
    ) -> None:
        """Tell new events from duplicates, of stored ones and of each other."""
        fresh: list[Event] = []
        fresh_marks: list[int | None] = []
        here: dict[tuple[str, str], int] = {}
        for event, mark in zip(events, marks, strict=True):
            if mark is not None:
                name = (event.source, event.id)
                suspect = suspects.get(mark, 0)
                place = here.get(name) or self._stored(name, suspect, known, batch.stamp)
                if place:
                    batch.answers.append(Appended(place, duplicate=True))
                    continue
                here[name] = batch.first + len(fresh)
            batch.answers.append(Appended(batch.first + len(fresh), duplicate=False))
            fresh.append(event)
            fresh_marks.append(mark)
        batch.events, batch.marks = fresh, fresh_marks

    def _stored(
        self, name: tuple[str, str], suspect: int, known: Mapping[int, Identity | None], stamp: int
    ) -> int:
        """Return the offset of a suspect if it is a duplicate, else 0."""
        if not suspect:
            return 0
        identity = known.get(suspect) if suspect <= self.head else self._in_flight(suspect)
        if identity is None or identity[:2] != name or identity[2] <= stamp - self._window:
            return 0
        return suspect

    def _in_flight(self, offset: int) -> Identity | None:
        for batch in self.waiting:
            if batch.first <= offset <= batch.last:
                event = batch.events[offset - batch.first]
                return event.source, event.id, batch.stamp
        return None

    def _take(self, batch: Batch) -> None:
        """Give the new events of a batch their places and make their rows."""
        offset, total, stamp, rows = self.newest, self._newest_total, batch.stamp, batch.rows
        use, remember = self._topics.use, self._fingerprints.add
        for event, mark in zip(batch.events, batch.marks, strict=True):
            offset += 1
            json, topic, kind, brought = event.json, event.topic, event.type, event.recorded
            total += len(json)
            number = use(topic)
            if number is None:
                number = self._topics.add(topic)
                batch.topics.append((number, topic))
            if mark is not None:
                remember(mark, offset)
            summed = checksum(offset, stamp, total, brought, topic, kind, json)
            rows += (offset, stamp, total, number, mark, brought, summed, kind, json)
        batch.size = total - self._newest_total
        self.newest, self._newest_total = offset, total
        self._wait(batch)

    def _wait(self, batch: Batch) -> None:
        batch.is_waiting = True
        self._waiting_bytes += batch.size
        self.waiting.append(batch)

    def committed(self, batches: Sequence[Batch]) -> None:
        """Settle the batches that became durable: always those that waited longest."""
        for batch in batches:
            self.waiting.popleft()
            self._waiting_bytes -= batch.size
            self.total += batch.size
            self.head += len(batch.events)

    def failed(self) -> list[Batch]:
        """Take back everything that waits, for nothing of it will be written; return it."""
        failed = list(self.waiting)
        for batch in failed:
            for number, _ in batch.topics:
                self._topics.withdraw(number)
            for place, mark in enumerate(batch.marks, batch.first):
                if mark is not None:
                    self._fingerprints.withdraw(mark, place)
        self.waiting.clear()
        self._waiting_bytes = 0
        self.newest, self._newest_total = self.head, self.total
        return failed


def _repeats(marks: Sequence[int | None]) -> bool:
    """Tell whether a fingerprint is there twice."""
    named = [mark for mark in marks if mark is not None]
    return len(named) > len(set(named))
