"""What all lanes of a gateway have in common: made by the engine, handed to each."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Protocol

from hubbub.core.clock import Clock, Timers
from hubbub.core.contracts import Log
from hubbub.core.errors import Gap
from hubbub.core.event import Record
from hubbub.core.outcome import Outcome
from hubbub.core.position import Position
from hubbub.core.selection import EVERYTHING
from hubbub.core.subscription import State, Subscription
from hubbub.deliveries.pace import Gates, Turns
from hubbub.deliveries.recorder import Recorder

READS = 16
"""Lanes that read the log at a time: enough to keep its readers busy."""

LONGEST_WAIT = 400 * 86_400.0
"""Seconds that a parcel waits at most: what is due later was stored under a clock gone wrong."""


class Dispatched(Protocol):
    """Whoever hands records to lanes that keep up."""

    @property
    def offset(self) -> int:
        """Everything up to here was handed over."""
        ...


class Shared:
    """The surroundings of a lane."""

    def __init__(  # noqa: PLR0913  what lanes stand on
        self,
        *,
        log: Log,
        dispatcher: Dispatched,
        recorder: Recorder,
        turns: Turns,
        gates: Gates,
        clock: Clock,
        timers: Timers,
        rng: Random,
        new_id: Callable[[], str],
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
        change: Callable[[Subscription, State, str], object],
        announce: Callable[[Subscription, str, str, str], object],
    ) -> None:
        self.log = log
        self.dispatcher = dispatcher
        self.recorder = recorder
        self.turns = turns
        self.gates = gates
        self.clock = clock
        self.timers = timers
        self.rng = rng
        self.new_id = new_id
        self.spawn = spawn
        self.change = change
        """Takes a subscription into another state, with a reason: at once, and then durably."""
        self.reads = asyncio.Semaphore(READS)
        self.outcomes: Counter[str] = Counter()
        """Attempts by how they ended, for the metrics."""
        self._announce = announce

    def now(self) -> int:
        """Return the time in milliseconds since the Unix epoch."""
        return int(self.clock.now() * 1000)

    def when(self, due: int) -> float:
        """Return a stored time by the monotonic clock, at most `LONGEST_WAIT` ahead."""
        wait = min(max(due / 1000 - self.clock.now(), 0.0), LONGEST_WAIT)
        return self.clock.monotonic() + wait

    def position(self, offset: int) -> str:
        """Print the position of an offset."""
        return str(Position(self.log.epoch, offset))

    async def find(self, offset: int) -> Record | None:
        """Read one record again; None if it is gone. Raises `Unavailable` or `Corrupt`."""
        try:
            records, _ = await self.log.read(offset - 1, 1, EVERYTHING)
        except Gap:
            return None
        return records[0] if records and records[0].offset == offset else None

    def announce(
        self, subscription: Subscription, what: str, reason: str, position: str = ""
    ) -> None:
        """Publish news of a subscription."""
        self._announce(subscription, what, reason, position)

    def count(self, outcome: Outcome) -> None:
        """Count an attempt."""
        self.outcomes[type(outcome).__name__.lower()] += 1
