"""The one thread that writes: group commit, checkpoints, and getting up again after a failure.

The loop puts batches and jobs on a queue; the thread takes all batches there are and commits them
together, while the next ones gather. There is no timer to wait for. Its states:

    state   | takes appends | does jobs | leaves it when
    --------+---------------+-----------+-----------------------------------------------
    up      | yes           | yes       | anything fails: down; the log is closed
    down    | no            | no        | a try to open and check the file succeeds: up or short
    short   | no            | yes       | the reserve of space could be put back: up
    damaged | no            | no        | never in this process
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from hubbub.core.clock import Clock
from hubbub.core.errors import Closing, Unavailable
from hubbub.log.sqlite.checks import NO_SPACE, describe, is_final
from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.intake import Batch
from hubbub.log.sqlite.jobs import Job, Stop, answer, post, refuse
from hubbub.log.sqlite.store import FAILURES, Store

MAX_ROWS = 10_000
"""Rows in one commit: the largest request (wire MAX_BATCH); what is more waits for the next."""

RETRY_FIRST, RETRY_LAST = 0.1, 5.0
"""Seconds between tries to open the file again: doubled from the first to the last."""

BEHIND = 2
"""Checkpoints that may be put off while there is always more to append; see reserve.py."""

T = TypeVar("T")
_log = logging.getLogger("hubbub.log")


class Observer(Protocol):
    """Who is told on the event loop what became of appends."""

    def committed(self, batches: list[Batch]) -> None:
        """Answer these: they are durable."""
        ...

    def failed(self, reason: str, retry_after: float | None) -> None:
        """Refuse what waits: nothing of it will be written; without `retry_after` nothing ever."""
        ...

    def recovered(self, generation: int) -> None:
        """Take appends again, of this generation."""
        ...


class Writer:
    """Owns the thread; `put` and `run` are called on the event loop."""

    def __init__(self, store: Store, observer: Observer, clock: Clock) -> None:
        self._store = store
        self._observer = observer
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._queue = queue.SimpleQueue[Batch | Job[Store] | Stop]()
        self._thread = threading.Thread(target=self._live, name="hubbub-log-writer", daemon=True)
        self._generation = 0
        self._retry_at = 0.0
        self._retry_delay = RETRY_FIRST
        self._reason = ""
        self._is_damaged = False
        self._is_stopping = False  # on the thread
        self._is_stopped = False  # on the loop
        if not store.has_space:
            self._later(NO_SPACE)
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Have a batch written."""
        self._queue.put(batch)

    async def run(self, call: Callable[[Store], T]) -> T:
        """Do something with the store. Raises `Unavailable` while it is down, `Closing` once it is closed."""
        if self._is_stopped:
            raise Closing("the log is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(Job(call, future))
        return await future

    async def stop(self) -> None:
        """Write what was put, close the store and end the thread."""
        self._is_stopped = True
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(Stop(future))
        await future
        self._thread.join()

    # From here on, on the thread.

    def _live(self) -> None:
        while not self._is_stopping:
            batches, other = self._take()
            if batches:
                self._guard(self._write, batches)
            if isinstance(other, Job):
                self._guard(self._do, other)
            elif other is not None:
                self._stop(other)
            elif not batches:
                self._guard(self._tend)

    def _take(self) -> tuple[list[Batch], Job[Store] | Stop | None]:
        """Wait for something to do; take all batches up to the next other thing."""
        batches: list[Batch] = []
        rows = 0
        try:
            item = self._queue.get(timeout=self._patience())
            while isinstance(item, Batch):
                batches.append(item)
                rows += len(item.events)
                if rows >= MAX_ROWS:
                    return batches, None
                item = self._queue.get_nowait()
        except queue.Empty:
            return batches, None
        return batches, item

    def _patience(self) -> float | None:
        """Return the seconds to wait for something to do; None for ever."""
        if self._is_damaged:
            return None
        if not self._is_up:
            return max(self._retry_at - self._clock.monotonic(), 0)
        return 0 if self._store.wants_checkpoint() else None

    @property
    def _is_up(self) -> bool:
        return self._store.is_open and self._store.has_space

    def _guard(self, call: Callable[..., None], *args: object) -> None:
        """Whatever goes wrong, stop acknowledging and live on: somebody may wait for an answer."""
        try:
            call(*args)
        except Exception as error:  # noqa: BLE001
            self._fail(error)

    def _write(self, batches: list[Batch]) -> None:
        along = [batch.along for batch in batches if batch.along is not None]
        # After a failure, those that were put before it was known have been refused already.
        batches = [batch for batch in batches if batch.generation == self._generation]
        if not batches:
            self._refuse_jobs(along, Unavailable("the log was down", retry_after=1))
            return
        try:
            values = self._store.append(batches, [job.call for job in along])
        except Exception as error:
            self._refuse_jobs(along, Unavailable(describe(error), retry_after=1))
            raise
        post(self._loop, self._observer.committed, batches)
        for job, value in zip(along, values, strict=True):
            post(self._loop, answer, job.future, value)
        if self._store.wants_checkpoint(BEHIND):
            self._store.checkpoint()

    def _refuse_jobs(self, jobs: Sequence[Job[Database]], error: Exception) -> None:
        for job in jobs:
            post(self._loop, refuse, job.future, error)

    def _do(self, job: Job[Store]) -> None:
        if not self._store.is_open:
            post(self._loop, refuse, job.future, Unavailable("the log is down", retry_after=1))
            return
        try:
            value = job.call(self._store)
        except Exception as error:
            post(self._loop, refuse, job.future, Unavailable(describe(error), retry_after=1))
            raise
        post(self._loop, answer, job.future, value)
        if self._store.wants_checkpoint(BEHIND):
            self._store.checkpoint()

    def _tend(self) -> None:
        """Do what there is to do when nobody wants anything."""
        if not self._is_up:
            if not self._is_damaged and self._clock.monotonic() >= self._retry_at:
                self._get_up()
        elif self._store.wants_checkpoint():
            self._store.checkpoint()

    def _get_up(self) -> None:
        if self._store.is_open:
            self._store.regain_space()
        else:
            self._store.recover()
        if not self._store.has_space:
            self._later(NO_SPACE)
            return
        self._retry_delay, self._reason = RETRY_FIRST, ""
        _log.warning("the log takes appends again")
        post(self._loop, self._observer.recovered, self._generation)

    def _fail(self, error: Exception) -> None:
        """Stop acknowledging."""
        reason = describe(error)
        if not isinstance(error, FAILURES):
            _log.error("the log's writer failed", exc_info=error)
        elif reason != self._reason:
            _log.error("the log takes no appends: %s", error)
        self._reason = reason
        self._store.abandon()
        if is_final(error):
            self._is_damaged = True
            self._refuse(reason, None)
        else:
            self._later(reason)

    def _later(self, reason: str) -> None:
        """Try again in a while."""
        self._retry_at = self._clock.monotonic() + self._retry_delay
        self._refuse(reason, self._retry_delay)
        self._retry_delay = min(self._retry_delay * 2, RETRY_LAST)

    def _refuse(self, reason: str, retry_after: float | None) -> None:
        """Write nothing more of what was put until it is known on the loop."""
        self._generation += 1
        post(self._loop, self._observer.failed, reason, retry_after)

    def _stop(self, stop: Stop) -> None:
        self._is_stopping = True
        self._store.close()
        post(self._loop, answer, stop.future)
