"""Work on many things at once, so that a thousand of them cost what ten do.

And not on too many: what is worked on together comes to its end in one tick of the event loop, in
which nothing else has its turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from hubbub.core.clock import Clock, Timers
from hubbub.core.tasks import Tasks

T = TypeVar("T")


class _Batch(Generic[T]):
    """Things that are worked on together, and the end of it."""

    def __init__(self) -> None:
        self.items: list[T] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Together(Generic[T]):
    """Hands what comes within `apart` seconds to `work` together; what comes alone at once.

    At most `most` go together. Where more comes than that, batches begin `apart` seconds after each
    other, in order, whether the one before has ended or not.
    """

    def __init__(  # noqa: PLR0913, PLR0917  what it stands on
        self,
        work: Callable[[list[T]], Awaitable[None]],
        apart: float,
        most: int,
        clock: Clock,
        timers: Timers,
        tasks: Tasks,
    ) -> None:
        self._work = work
        self._apart = apart
        self._most = most
        self._clock = clock
        self._timers = timers
        self._tasks = tasks
        self._batches: deque[_Batch[T]] = deque()
        """Those that have not begun; a timer runs while there are any."""
        self._last = float("-inf")

    async def add(self, item: T) -> None:
        """Have an item worked on; raises what `work` raises for all that were together."""
        if not self._batches:
            self._batches.append(_Batch())
            wait = self._last + self._apart - self._clock.monotonic()
            self._timers.call_later(max(0.0, wait), self._begin)
        elif len(self._batches[-1].items) >= self._most:
            self._batches.append(_Batch())
        batch = self._batches[-1]
        batch.items.append(item)
        await asyncio.shield(batch.done)

    def _begin(self) -> None:
        batch = self._batches.popleft()
        self._last = self._clock.monotonic()
        self._tasks.spawn(self._run(batch), "batch")
        if self._batches:
            self._timers.call_later(self._apart, self._begin)

    async def _run(self, batch: _Batch[T]) -> None:
        done = batch.done
        try:
            await self._work(batch.items)
        except BaseException as error:
            with suppress(asyncio.InvalidStateError):
                done.set_exception(error)
                done.exception()  # whoever waits sees it; nobody may wait any more
            if not isinstance(error, Exception):
                raise
        else:
            with suppress(asyncio.InvalidStateError):
                done.set_result(None)
