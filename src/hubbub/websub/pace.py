"""How fast requests are taken: so fast that what is published does not wait for them."""

from __future__ import annotations

import asyncio
from typing import Final

from hubbub.core.clock import Clock, Timers
from hubbub.core.errors import TooMany

MAX_WAIT: Final = 8.0
"""Seconds that a request waits for its turn at the most: clients give up after 10 or more."""


class Pace:
    """Lets `rate` requests a second through, and `burst` at once after a quiet time."""

    def __init__(self, rate: float, burst: int, clock: Clock, timers: Timers) -> None:
        self._gap = 1 / rate
        self._slack = burst / rate
        self._clock = clock
        self._timers = timers
        self._next = float("-inf")

    async def turn(self) -> None:
        """Wait for a turn. Raises `TooMany` where it would not come soon."""
        now = self._clock.monotonic()
        at = max(self._next, now - self._slack) + self._gap
        if (wait := at - now) > MAX_WAIT:
            raise TooMany("too many want to subscribe just now", retry_after=2 * MAX_WAIT)
        self._next = at
        if wait > 0:
            come: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            def due() -> None:
                if not come.done():  # whoever waited may be gone
                    come.set_result(None)

            self._timers.call_later(wait, due)
            await come
