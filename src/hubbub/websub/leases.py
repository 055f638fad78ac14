"""When to look at a subscription of the hub again: before its lease ends, and long after."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from hubbub.core.clock import Clock, Timers, nothing
from hubbub.core.errors import HubbubError
from hubbub.core.subscription import Subscription
from hubbub.core.tasks import Tasks
from hubbub.wire.websub import Delivering

RENEW_LEFT: Final = 0.1
"""Part of a lease that is left when an old client is asked whether it goes on."""

AGAIN: Final = 5.0
"""Seconds until what could not be done is tried again."""

_log = logging.getLogger("hubbub.websub")


class Leases:
    """Dates of subscriptions, soonest first. A lease itself ends in deliveries, to the second."""

    def __init__(
        self,
        tend: Callable[[str], Awaitable[None]],
        keep_ended: float,
        clock: Clock,
        timers: Timers,
        tasks: Tasks,
    ) -> None:
        """`tend` looks at the subscription of an id; what is not due then, it leaves alone."""
        self._tend = tend
        self._keep = int(keep_ended * 1000)
        self._clock = clock
        self._timers = timers
        self._tasks = tasks
        self._dates: list[tuple[int, str]] = []
        self._cancel = nothing
        self._next = 0

    def note(self, subscription: Subscription, settings: Delivering) -> None:
        """Remember the dates of a subscription; those of its last lease come to nothing."""
        if settings.renew:
            left = int(settings.lease * RENEW_LEFT * 1000)
            self._add(subscription.expires - left, subscription.id)
        self._add(subscription.expires + self._keep, subscription.id)

    def stop(self) -> None:
        """Look at nothing any more."""
        self._cancel()

    def _add(self, when: int, id_: str) -> None:
        heapq.heappush(self._dates, (when, id_))
        if not self._next or when < self._next:
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
            due.append(heapq.heappop(self._dates)[1])
        self._next = 0
        if self._dates:
            self._set()
        if due:
            self._tasks.spawn(self._look(due), "leases")

    async def _look(self, ids: list[str]) -> None:
        for id_ in ids:
            try:
                await self._tend(id_)
            except HubbubError as error:
                _log.warning("the lease of %s could not be looked after: %s", id_, error.detail)
                self._add(int((self._clock.now() + AGAIN) * 1000), id_)


def is_to_renew(subscription: Subscription, settings: Delivering, now: int) -> bool:
    """Tell whether an old client is to be asked now whether it goes on."""
    left = subscription.expires - now
    return settings.renew and 0 < left <= settings.lease * RENEW_LEFT * 1000
