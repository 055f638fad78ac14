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
from hubbub.log.sqlite.fingerprints import Fingerprints
from hubbub.log.sqlite.rows import checksum
from hubbub.log.sqlite.topics import Topics

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Bytes of events that may wait for the disk: where it hangs, memory is not what runs out next."""

Identity = tuple[str, str, int]
"""Source, id and stamp of a stored event."""


class Batch:
    """The events of one call of `append`, written together or not at all."""

    __slots__ = (
        "answers", "events", "first", "future", "generation", "is_waiting", "marks", "rows", "size", "stamp",
        "topics",
    )  # fmt: skip

    future: asyncio.Future[list[Appended]]
    generation: int

    def __init__(self, first: int, stamp: int) -> None:
        self.first = first
        """Offset of the first new event."""
        self.stamp = stamp
        self.answers: list[Appended] = []
        self.is_waiting = False
        """Whether it goes through the writer; otherwise the answers hold already."""
        self.size = 0
        """Bytes of the new events."""
        self.events: list[Event] = []
        """The new ones."""
        self.marks: list[int | None] = []
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
        self._dedupes = bool(options.dedupe_window and options.dedupe_max)

    def admit(
        self, events: Sequence[Event], known: Mapping[int, Identity | None]
    ) -> Batch | list[int]:
        """Make a batch; or name the stored events that must be `known` before that can be told.

        Raises `Unavailable` if too much waits.
        """
        stamp, newest = self._clock.stamp(), self.newest
        marks = self._marks(events, newest, stamp)
        find = self._fingerprints.find
        suspects = {m: offset for m in marks if m is not None and (offset := find(m))}
        if suspects:
            unknown = [o for o in suspects.values() if self.head >= o not in known]
            if unknown:
                return unknown
        batch = Batch(newest + 1, stamp)
        here: dict[tuple[str, str], int] = {}
        for event, mark in zip(events, marks, strict=True):
            if event.named:
                name = (event.source, event.id)
                suspect = 0 if mark is None else suspects.get(mark, 0)
                place = here.get(name) or self._stored(name, suspect, known, stamp)
                if place:
                    batch.answers.append(Appended(place, duplicate=True))
                    continue
                here[name] = newest + len(batch.events) + 1
            batch.events.append(event)
            batch.marks.append(mark)
            batch.answers.append(Appended(newest + len(batch.events), duplicate=False))
        if batch.events:
            self._take(batch)
        elif any(answer.offset > self.head for answer in batch.answers):
            self._wait(batch)  # until those that it repeats are durable
        return batch

    def _marks(self, events: Sequence[Event], newest: int, stamp: int) -> list[int | None]:
        if not self._dedupes:
            return [None] * len(events)
        self._fingerprints.turn(newest, stamp)
        of = self._fingerprints.of
        return [of(event) if event.named else None for event in events]

    def _stored(
        self, name: tuple[str, str], suspect: int, known: Mapping[int, Identity | None], stamp: int
    ) -> int:
        """Return the offset of a suspect if it is a duplicate, else 0."""
        if not suspect or suspect <= self.newest - self._most:
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
        batch.size = sum(len(event.json) for event in batch.events)
        if self._waiting_bytes and self._waiting_bytes + batch.size > MAX_WAITING_BYTES:
            raise Unavailable(
                "the disk does not keep up and too much waits for it: send it again", retry_after=1
            )
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
