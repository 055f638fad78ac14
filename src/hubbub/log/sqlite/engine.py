"""The contract (`hubbub.core.contracts.Log`) on one SQLite file.

Lives on the event loop and only joins the parts: the intake decides, the writer makes durable, the
readers read. A reader never looks beyond `head`, which moves after the commit; what a failed commit
left in the file is thus never seen, and is deleted before anything else is written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from hubbub.core.clock import Clock
from hubbub.core.contracts import Appended, Health, Listener, Page, Retention
from hubbub.core.errors import Closing, Corrupt, Unavailable
from hubbub.core.event import Event, Record, record_json
from hubbub.core.position import Position
from hubbub.core.reading import gap
from hubbub.core.selection import Selection
from hubbub.log.clock import LogClock
from hubbub.log.listeners import Listeners
from hubbub.log.sqlite.checks import describe
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.intake import Batch, Identity, Intake
from hubbub.log.sqlite.jobs import answer, refuse
from hubbub.log.sqlite.ledger import SqliteLedger
from hubbub.log.sqlite.pool import Readers
from hubbub.log.sqlite.reader import Reader, View
from hubbub.log.sqlite.registry import SqliteRegistry
from hubbub.log.sqlite.store import Store
from hubbub.log.sqlite.writer import Writer

TRIM_ROWS = 500
"""Records deleted in one step, between two appends: about a millisecond."""

T = TypeVar("T")
_log = logging.getLogger("hubbub.log")


class Contents(msgspec.Struct):
    """What is known of a log at its start."""

    view: View
    intake: Intake
    clock: LogClock
    oldest: int
    """Stamp of the oldest record."""


class SqliteLog:
    """A `Log` in one file, for one process."""

    def __init__(self, store: Store, contents: Contents, clock: Clock) -> None:
        self._store = store
        self._view = contents.view
        self._intake = contents.intake
        self._clock = contents.clock
        self.oldest = contents.oldest
        """Stamp of the oldest record in milliseconds, 0 if there is none."""
        self._loop = asyncio.get_running_loop()
        self._listeners = Listeners()
        self._generation = 0
        self._refusal = ""
        """Why appends are refused, if they are."""
        self._retry_after: float | None = None
        self._is_damaged = False
        self._is_closed = False
        self._trimming = asyncio.Lock()
        self._readers = Readers(store.path, self._view)
        self._writer = Writer(store, self, clock)
        self.registry = SqliteRegistry(self)
        self.ledger = SqliteLedger(self)

    @property
    def epoch(self) -> str:
        """Name of this unbroken past."""
        return self._view.epoch

    @property
    def head(self) -> int:
        """Offset of the newest visible record."""
        return self._intake.head

    @property
    def tail(self) -> int:
        """Offset of the oldest kept record."""
        return self._view.tail

    @property
    def stored_bytes(self) -> int:
        """Bytes that the files take."""
        return self._store.file_bytes()

    async def append(self, events: Sequence[Event]) -> list[Appended]:
        """Append all events or none; durable when it returns."""
        known: dict[int, Identity | None] = {}
        while True:
            if self._refusal:
                raise self._refused()
            batch = self._intake.admit(events, known)
            if isinstance(batch, Batch):
                break
            known |= await self._look_at(batch)
        if not batch.is_waiting:
            return batch.answers
        batch.generation, batch.along = self._generation, self.registry.go_along()
        batch.future = self._loop.create_future()
        self._writer.put(batch)
        return await batch.future

    async def _look_at(self, offsets: list[int]) -> dict[int, Identity | None]:
        """Read what may be the originals of duplicates."""
        try:
            return await self._readers.run(lambda reader: reader.identities(offsets))
        except Corrupt as error:
            self._damage(error)
            raise self._refused() from error

    async def read(self, after: int, limit: int, selection: Selection) -> Page:
        """Read selected records above `after`, oldest first."""
        upto = self.head
        if after + 1 >= self.tail and after < upto:
            page = await self.look(lambda reader: reader.page(after, upto, limit, selection))
        else:
            page = Page([], after)
        if after + 1 < self.tail:  # also if that came to be while it was read
            raise gap(self, Position(self.epoch, after))
        return page

    async def read_back(self, before: int, limit: int, selection: Selection) -> Page:
        """Read selected records below `before`, newest first."""
        before, tail = min(before, self.head + 1), self.tail
        if before <= tail:
            return Page([], before)
        return await self.look(lambda reader: reader.page_back(before, tail, limit, selection))

    async def find(self, milliseconds: int) -> int:
        """Return the offset of the newest record from before a time."""
        tail, head = self.tail, self.head
        return await self.look(lambda reader: reader.find(milliseconds, tail, head))

    async def look(self, call: Callable[[Reader], T]) -> T:
        """Read something on a reading thread."""
        try:
            return await self._readers.run(call)
        except Corrupt as error:
            self._damage(error)
            raise Corrupt(describe(error)) from error  # without the path, for readers see it

    async def change(self, call: Callable[[Database], T]) -> T:
        """Change something beside the records; durable when it returns."""
        if self._refusal:
            raise self._refused()
        return await self.release(call)

    async def release(self, call: Callable[[Database], T]) -> T:
        """Change something that frees space, on a full disk too."""
        return await self._writer.run(lambda store: store.change(call))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have new records handed over."""
        return self._listeners.add(listener)

    async def trim(self, policy: Retention) -> int:
        """Forget what the policy does not keep, a few records at a time."""
        async with self._trimming:
            tail, head = self.tail, self.head
            if tail > head:
                return 0
            await self._writer.run(lambda _: None)  # while it is down nothing is announced
            expiry = self._clock.expiry(policy.max_age)
            kept = await self.look(lambda reader: reader.cut(policy, expiry, tail, head))
            while self.tail < kept:
                await self._trim_to(min(kept, self.tail + TRIM_ROWS))
            await self._tidy()
            return kept - tail

    async def _trim_to(self, tail: int) -> None:
        self._view.tail = tail  # first, so that no reader takes a record that is gone for damage
        head = self.head
        self.oldest = await self._writer.run(lambda store: store.trim(tail, head))

    async def _tidy(self) -> None:
        """Forget topics without records, and give back what the file does not need."""
        forgotten = self._view.topics.turn(self.tail, self._intake.newest)
        for start in range(0, len(forgotten), TRIM_ROWS):
            some = forgotten[start : start + TRIM_ROWS]
            await self._writer.run(lambda store, some=some: store.forget_topics(some))
        while await self._writer.run(lambda store: store.vacuum()):
            pass

    def health(self) -> Health:
        """Tell whether appends are taken now."""
        return Health(not self._refusal, self._refusal)

    async def close(self) -> None:
        """Finish the appends that were taken, then let go of the file."""
        if self._is_closed:
            return
        await self.registry.flush()
        if self._is_closed:
            return  # by somebody else meanwhile
        self._is_closed = True
        self._refusal = "the log is closed: send it again to the server that comes after"
        await self._readers.stop()
        await self._writer.stop()
        self._store.release()

    # What the writer tells, on the loop.

    def committed(self, batches: list[Batch]) -> None:
        """Move the head, tell the listeners, answer the publishers."""
        self._intake.committed(batches)
        if self._listeners:
            records = [record for batch in batches for record in self._records(batch)]
            if records:
                self._listeners.tell(records)
        if not self.oldest:
            self.oldest = batches[0].stamp
        for batch in batches:
            answer(batch.future, batch.answers)

    def _records(self, batch: Batch) -> Iterator[Record]:
        place, stamp = f"{self.epoch}-", batch.stamp
        for offset, event in enumerate(batch.events, batch.first):
            json = record_json(event.json, event.recorded, f"{place}{offset}", stamp)
            yield Record(offset, event.topic, event.type, stamp, json)

    def failed(self, reason: str, retry_after: float | None) -> None:
        """Refuse what waits and what comes."""
        self._refuse(reason, retry_after)
        for batch in self._intake.failed():
            refuse(batch.future, self._refused())

    def recovered(self, generation: int) -> None:
        """Take appends again."""
        self._generation = generation
        if not (self._is_closed or self._is_damaged):
            self._refusal = ""
        self._readers.reopen()

    def _damage(self, error: Corrupt) -> None:
        """Stop appending to a file that is not what was written."""
        _log.error("the log takes no appends: %s", error)
        self._refuse(describe(error), None)

    def _refuse(self, reason: str, retry_after: float | None) -> None:
        """Begin to refuse appends; without `retry_after` for good."""
        if not (self._is_closed or self._is_damaged):
            self._refusal = reason
            self._retry_after = retry_after and max(retry_after, 1)
        self._is_damaged = self._is_damaged or retry_after is None

    def _refused(self) -> Unavailable:
        kind = Closing if self._is_closed else Unavailable
        return kind(self._refusal, retry_after=self._retry_after)
