"""Writes what lanes did, together: cursors, parcels and attempts of a quarter of a second at a time.

A successful delivery costs no row of its own. What a flush holds is of one moment, so a cursor never
passes an event whose parcel is not written with it. While the ledger cannot be written deliveries go
on, and a crash would repeat what was not recorded.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from weakref import WeakSet

from hubbub.core.clock import Timers, nothing
from hubbub.core.contracts import Flush, Ledger
from hubbub.core.errors import Unavailable
from hubbub.core.subscription import Attempt, Cursor, Parcel

MAX_ATTEMPTS = 50_000
"""Attempts that wait for a ledger that cannot be written; beyond that the oldest are not recorded."""

RETRY = 1.0
"""Seconds until a write that failed is tried again."""

_log = logging.getLogger("hubbub.deliveries")


class Moving(Protocol):
    """Whoever has a cursor."""

    @property
    def id(self) -> str:
        """Id of the subscription."""
        ...

    def cursor(self) -> Cursor:
        """Return the cursor of this moment."""
        ...


class Recorder:
    """What is to be written, and when."""

    def __init__(self, ledger: Ledger, timers: Timers, interval: float, most: int) -> None:
        """Write every `interval` seconds, or after `most` attempts, if there is anything."""
        self.attempts = 0
        """Attempts that were recorded since the start."""
        self._ledger = ledger
        self._timers = timers
        self._interval = interval
        self._most = most
        self._moved: dict[str, Moving] = {}
        self._gone: WeakSet[Moving] = WeakSet()
        """Lanes of subscriptions that were deleted, whose attempts are still on their way."""
        self._next = Flush()
        self._writing: asyncio.Task[None] | None = None
        self._cancel_timer = nothing
        self._has_timer = False
        self._is_failing = False
        """Whether the last write failed."""

    def moved(self, lane: Moving) -> None:
        """Write a lane's cursor with the next flush."""
        if lane in self._gone:
            return
        self._moved[lane.id] = lane
        if not self._has_timer:
            self._later(self._interval)

    def parcel(self, lane: Moving, offset: int, parcel: Parcel | None) -> None:
        """Write, or with None forget, a parcel with the next flush."""
        if lane in self._gone:
            return
        self._next.parcels[lane.id, offset] = parcel
        self.moved(lane)

    def attempt(self, lane: Moving, attempt: Attempt) -> None:
        """Write an attempt with the next flush."""
        self.attempts += 1
        attempts = self._next.attempts
        attempts.append(attempt)
        self.moved(lane)
        if len(attempts) >= self._most:
            if len(attempts) > MAX_ATTEMPTS:
                del attempts[: len(attempts) - MAX_ATTEMPTS]
            self._begin()

    def forget(self, subscription: str, *lanes: Moving) -> None:
        """Write nothing more of the lanes of a subscription that is gone; it may come back."""
        self._gone.update(lanes)
        self._moved.pop(subscription, None)
        for key in [key for key in self._next.parcels if key[0] == subscription]:
            del self._next.parcels[key]

    async def flush(self) -> None:
        """Write what there is, now; what comes meanwhile has its own turn."""
        writes = 1 if self._writing is None else 2  # the one under way does not hold it all
        for _ in range(writes):
            self._begin()
            if self._writing is None:
                return
            await asyncio.wait([self._writing])
            if self._is_failing:  # it is to be tried again
                return

    def _begin(self) -> None:
        if self._writing is None and self._moved:
            self._cancel_timer()
            self._has_timer = False
            self._writing = asyncio.create_task(self._write(), name="deliveries: ledger")

    def _later(self, delay: float) -> None:
        self._cancel_timer()
        self._has_timer = True
        self._cancel_timer = self._timers.call_later(delay, self._due)

    def _due(self) -> None:
        self._has_timer = False
        self._begin()

    async def _write(self) -> None:
        flush, self._next = self._next, Flush()
        moved, self._moved = self._moved, {}
        flush.cursors = {lane.id: lane.cursor() for lane in moved.values()}
        try:
            await self._ledger.write(flush)
            self._is_failing = False
        except Unavailable as error:
            _log.warning("deliveries cannot be recorded: %s", error)
            self._take_back(flush, moved)
        except Exception:  # noqa: BLE001  cursors and parcels are worth another try
            _log.exception("attempts could not be recorded")
            flush.attempts = []
            self._take_back(flush, moved)
        finally:
            self._writing = None
        if self._moved and not self._has_timer:
            self._later(self._interval)

    def _take_back(self, flush: Flush, moved: dict[str, Moving]) -> None:
        """Keep what could not be written for the next time; what came since goes before it."""
        self._is_failing = True
        self._moved = moved | self._moved
        self._next.parcels = flush.parcels | self._next.parcels
        self._next.attempts = (flush.attempts + self._next.attempts)[-MAX_ATTEMPTS:]
        self._later(RETRY)
