"""Work on many things at once, so that a thousand of them cost what ten do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

from hubbub.core.clock import Clock, Timers
from hubbub.core.tasks import Tasks

T = TypeVar("T")


class Together(Generic[T]):
    """Hands what comes within `apart` seconds to `work` together; what comes alone at once."""

    def __init__(
        self,
        work: Callable[[list[T]], Awaitable[None]],
        apart: float,
        clock: Clock,
        timers: Timers,
        tasks: Tasks,
    ) -> None:
        self._work = work
        self._apart = apart
        self._clock = clock
        self._timers = timers
        self._tasks = tasks
        self._items: list[T] = []
        self._done: asyncio.Future[None] | None = None
        self._last = float("-inf")

    async def add(self, item: T) -> None:
        """Have an item worked on; raises what `work` raises for all that were together."""
        self._items.append(item)
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
            wait = self._last + self._apart - self._clock.monotonic()
            self._timers.call_later(max(0.0, wait), self._begin)
        await asyncio.shield(self._done)

    def _begin(self) -> None:
        items, self._items = self._items, []
        done, self._done = self._done, None
        assert done is not None, "a batch has begun"
        self._last = self._clock.monotonic()
        self._tasks.spawn(self._run(items, done), "batch")

    async def _run(self, items: list[T], done: asyncio.Future[None]) -> None:
        try:
            await self._work(items)
        except BaseException as error:
            with suppress(asyncio.InvalidStateError):
                done.set_exception(error)
                done.exception()  # whoever waits sees it; nobody may wait any more
            if not isinstance(error, Exception):
                raise
        else:
            with suppress(asyncio.InvalidStateError):
                done.set_result(None)
