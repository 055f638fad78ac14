"""Threads that read, each with a connection of its own: no read waits for an append."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import apsw

from hubbub.core.errors import Closing, Corrupt, Unavailable
from hubbub.log.sqlite.checks import DAMAGE, damaged
from hubbub.log.sqlite.jobs import Job, Stop, answer, post, refuse
from hubbub.log.sqlite.reader import Reader, View

THREADS = 2
"""Reads side by side: one may wait for a slow disk. More would make the event loop wait for the
interpreter, and publishers with it."""

T = TypeVar("T")


class Readers:
    """Owns the threads; `run` is called on the event loop."""

    def __init__(self, path: Path, view: View) -> None:
        self._path = path
        self._view = view
        self._loop = asyncio.get_running_loop()
        self._queue = queue.SimpleQueue[Job[Reader] | Stop]()
        self._opened_for = 0
        self._is_stopped = False
        self._threads = [
            threading.Thread(target=self._live, name=f"hubbub-log-reader-{n}", daemon=True)
            for n in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, call: Callable[[Reader], T]) -> T:
        """Read something. Raises `Corrupt`, `Closing`, and `Unavailable` where the disk fails."""
        if self._is_stopped:
            raise Closing("the log is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(Job(call, future))
        return await future

    def reopen(self) -> None:
        """Have every thread open the file anew: it may be another one under the same name."""
        self._opened_for += 1

    async def stop(self) -> None:
        """Finish what was asked and end the threads."""
        self._is_stopped = True
        for _ in self._threads:
            future: asyncio.Future[None] = self._loop.create_future()
            self._queue.put(Stop(future))
            await future
        for thread in self._threads:
            thread.join()

    # From here on, on the threads.

    def _live(self) -> None:
        reader: Reader | None = None
        while isinstance(job := self._queue.get(), Job):
            if not job.future.cancelled():
                reader = self._do(job, reader)
        if reader is not None:
            reader.close()
        post(self._loop, answer, job.future)

    def _do(self, job: Job[Reader], reader: Reader | None) -> Reader | None:
        """Do a job; return the reader for the next one."""
        try:
            if reader is None or reader.opened_for != self._opened_for:
                if reader is not None:
                    reader.close()
                reader = Reader(self._path, self._view, self._opened_for)
            post(self._loop, answer, job.future, job.call(reader))
        except Exception as error:  # noqa: BLE001  whoever waits is told, whatever it is
            post(self._loop, refuse, job.future, self._explain(error))
            if isinstance(error, (apsw.Error, OSError)) and reader is not None:
                reader.close()
                return None
        return reader

    def _explain(self, error: Exception) -> Exception:
        if isinstance(error, (Corrupt, *DAMAGE)):
            return damaged(self._path, error)
        if isinstance(error, (apsw.Error, OSError)):
            return Unavailable("the log cannot be read: the disk fails", retry_after=1)
        return error
