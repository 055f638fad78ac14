"""What stands beside the log in its file: how ledger.py and registry.py get at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from hubbub.log.sqlite.database import Database
from hubbub.log.sqlite.reader import Reader

T = TypeVar("T")


class Storage(Protocol):
    """The engine, as they see it."""

    async def look(self, call: Callable[[Reader], T]) -> T:
        """Read something on a reading thread. Raises `Unavailable` or `Corrupt`."""
        ...

    async def change(self, call: Callable[[Database], T]) -> T:
        """Change something in one transaction between two appends; durable when it returns.

        Whatever `call` raises takes the log down, for it runs on the writer's thread: what may be
        wrong with the values has to be found before. Raises `Unavailable` whenever appends do.
        """
        ...

    async def release(self, call: Callable[[Database], T]) -> T:
        """Do the same with what frees space: it is done on a full disk, too."""
        ...
