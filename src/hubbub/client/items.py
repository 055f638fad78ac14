"""Iterating over events: the part that pages of history and live streams have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

import msgspec

from hubbub.client.errors import Gap
from hubbub.client.event import Event
from hubbub.core.topic import check_pattern

OnGap = Callable[[Gap], object]


class Wanted(msgspec.Struct, frozen=True):
    """What to read and where to start, as `since=` and its like say it (api.md)."""

    patterns: tuple[str, ...]
    since: str | None = None
    last: int | None = None
    filter: str | None = None
    types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            check_pattern(pattern)

    def query(self) -> list[tuple[str, str]]:
        """Return the query parameters. No pattern means all that the caller may read."""
        pairs = [("topic", pattern) for pattern in self.patterns]
        pairs += [("type", kind) for kind in self.types]
        optional = {"since": self.since, "last": self.last, "filter": self.filter}
        pairs += [(name, str(value)) for name, value in optional.items() if value is not None]
        return pairs


class Items(ABC):
    """An asynchronous iterator over events.

    A wait for the next event may be cancelled, or run into a timeout, and loses nothing: the next
    one goes on. One task iterates at a time.
    """

    def __init__(self, on_gap: OnGap | None) -> None:
        self.position: str | None = None
        """Start after this to go on where this iterator is; None before anything is known."""
        self._ready: deque[Event | Gap] = deque()
        self._on_gap = on_gap

    @abstractmethod
    async def more(self) -> bool:
        """Wait until there may be more to `take`; False at the end."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of the connection; iteration then ends. Safe to call twice."""

    def take(self) -> Event | None:
        """Return the next event that is here already, if any. Raises `Gap` in its place."""
        while self._ready:
            item = self._ready.popleft()
            if isinstance(item, Event):
                self.position = item.position or self.position
                return item
            self.position = item.resumes_at
            if self._on_gap is None:
                raise item
            self._on_gap(item)
        return None

    def _put(self, items: Sequence[Event | Gap]) -> None:
        self._ready.extend(items)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while (event := self.take()) is None:
            if not await self.more():
                raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
