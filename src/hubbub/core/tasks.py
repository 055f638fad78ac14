"""Every task has an owner who notices its death."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any


class Tasks:
    """The tasks of one room: a failure is logged, and none outlives the room."""

    def __init__(self, room: str) -> None:
        self._room = room
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = logging.getLogger(f"hubbub.{room}")

    def __iter__(self) -> Iterator[asyncio.Task[None]]:
        return iter(tuple(self._tasks))

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run work in the background, under a name."""
        task = asyncio.create_task(work, name=f"{self._room}: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def named(self, name: str) -> list[asyncio.Task[None]]:
        """Return the tasks of a name that run."""
        return [task for task in self._tasks if task.get_name() == f"{self._room}: {name}"]

    async def stop(self) -> None:
        """Cancel all of them, and those that they begin meanwhile, and wait for their end."""
        while self._tasks:
            for task in self:
                task.cancel()
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("%s failed", task.get_name(), exc_info=error)
