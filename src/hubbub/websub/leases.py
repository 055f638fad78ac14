"""When to look at a subscription of the hub again: before its lease ends, and long after."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from hubbub.core.clock import Clock, Timers, nothing
from hubbub.core.subscription import Subscription
from hubbub.core.tasks import Tasks
from hubbub.wire.websub import Delivering

RENEW_LEFT: Final = 0.1
"""Part of a lease that is left when an old client is asked whether it goes on."""

AGAIN: Final = 5.0
"""Seconds until what could not be done is tried again."""

LAST: Final = 120_000
"""Milliseconds before the end of a lease from which an old client is not asked again."""

SPARE: Final = 1000
"""Dates that were given up before the heap is made anew."""

_log = logging.getLogger("hubbub.websub")


class Leases:
    """One date for each subscription, soonest first. A lease itself ends in deliveries, to the second."""

    def __init__(
        self,
        tend: Callable[[str], Awaitable[None]],
        keep_ended: float,
        clock: Clock,
        timers: Timers,
        tasks: Tasks,
    ) -> None:
        """`tend` looks at the subscription of an id, and notes it again if it stays."""
        self._tend = tend
        self._keep = int(keep_ended * 1000)
        self._clock = clock
        self._timers = timers
        self._tasks = tasks
        self._when: dict[str, int] = {}
        self._dates: list[tuple[int, str]] = []
        """A heap; dates that were given up for earlier ones are in it until they come."""
        self._cancel = nothing
        self._next = 0
        self._is_stopping = False

    def note(self, subscription: Subscription, settings: Delivering) -> None:
        """Remember when to look at a subscription: too early does no harm, it is noted again then.

        An old client that has not answered is asked once more at each half of what is left.
        """
        date, now = subscription.expires + self._keep, int(self._clock.now() * 1000)
        first, left = renewed_at(subscription, settings), subscription.expires - now
        if settings.renew and (now < first or left > LAST):
            date = max(first, now + left // 2)
        self._add(date, subscription.id)

    def stop(self) -> None:
        """Look at nothing any more."""
        self._is_stopping = True
        self._cancel()

    def _add(self, date: int, id_: str) -> None:
        known = self._when.get(id_)
        if self._is_stopping or (known is not None and known <= date):
            return
        self._when[id_] = date
        heapq.heappush(self._dates, (date, id_))
        if len(self._dates) > 2 * len(self._when) + SPARE:
            self._dates = sorted((when, one) for one, when in self._when.items())
        if not self._next or date < self._next:
            self._set()

    def _set(self) -> None:
        self._cancel()
        self._next = self._dates[0][0]
        wait = max(0.0, self._next / 1000 - self._clock.now())
        self._cancel = self._timers.call_later(wait, self._due)

    def _due(self) -> None:
        now = int(self._clock.now() * 1000)
        due: list[str] = []
        while self._dates and self._dates[0][0] <= now:
            date, id_ = heapq.heappop(self._dates)
            if self._when.get(id_) == date:
                del self._when[id_]
                due.append(id_)
        self._next = 0
        if self._dates:
            self._set()
        if due:
            self._tasks.spawn(self._look(due), "leases")

    async def _look(self, ids: list[str]) -> None:
        for id_ in ids:
            try:
                await self._tend(id_)
            except Exception as error:  # noqa: BLE001  the others are due all the same
                _log.warning("the lease of %s could not be looked after: %r", id_, error)
                self._add(int((self._clock.now() + AGAIN) * 1000), id_)


def renewed_at(subscription: Subscription, settings: Delivering) -> int:
    """Return when an old client is asked whether it goes on, in milliseconds since the Unix epoch."""
    return subscription.expires - int(settings.lease * RENEW_LEFT * 1000)


def is_to_renew(subscription: Subscription, settings: Delivering, now: int) -> bool:
    """Tell whether an old client is to be asked now whether it goes on."""
    is_due = now >= renewed_at(subscription, settings)
    return settings.renew and is_due and not subscription.is_over(now)
