"""What all followers stand on, and the sources that they see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any, Protocol

import msgspec

from hubbub.core.clock import Clock, Timers
from hubbub.core.contracts import Log
from hubbub.sources.websub.dialogue import Dialogue
from hubbub.sources.websub.fetching import Fetcher
from hubbub.sources.websub.intake import Publisher
from hubbub.sources.websub.options import FollowOptions
from hubbub.sources.websub.state import Kept


class Source(Protocol):
    """A source: `sources.book.Source`."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def max_bytes(self) -> int | None:
        """Bytes of a delivery that it takes, None: as many as all."""
        ...

    @property
    def opened(self) -> Any:
        """What it stands for; for those of this kind a `Followed`."""
        ...


class Sources(Protocol):
    """The sources there are: `sources.book.Sources`."""

    def list(self) -> Sequence[Source]:
        """Return all of them."""
        ...

    def get(self, name: str) -> Source:
        """Return one. Raises `NotFound`."""
        ...


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """Made once by `Followers`."""

    publisher: Publisher
    log: Log
    kept: Kept
    fetcher: Fetcher
    dialogue: Dialogue
    options: FollowOptions
    clock: Clock
    timers: Timers
    rng: Random
    owners: dict[str, str]
    """Whose a token is: names of sources."""
    turns: asyncio.Semaphore
    """Lets few ask others at once."""
