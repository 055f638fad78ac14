"""How fast one caller may publish: a token bucket each, in events (429 with Retry-After)."""

from __future__ import annotations

from hubbub.core.clock import Clock
from hubbub.core.errors import TooMany

MAX_BUCKETS = 10_000
"""Callers whose pace is remembered; whoever was idle longest is forgotten and starts full again."""

SECONDS_OF_BURST = 10
"""Seconds' worth of events that may come at once where the settings name no burst."""


class Rate:
    """Events per second and a burst, for every caller alike."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = rate
        self._burst = float(burst or max(1, int(rate * SECONDS_OF_BURST)))
        self._now = clock.monotonic
        self._buckets: dict[str, tuple[float, float]] = {}  # (left, when), idle longest first

    def take(self, caller: str, count: int) -> None:
        """Take `count` events from a caller's bucket, all or none.

        A request larger than the burst is let through when the bucket is full, and paid for
        afterwards: it could never pass otherwise. Raises `TooMany` with the seconds to wait.
        """
        now = self._now()
        left, when = self._buckets.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - when) * self._rate)
        needed = min(float(count), self._burst)
        if left < needed:
            self._buckets[caller] = left, now
            raise TooMany(
                f"this caller may publish {self._rate:g} events a second; slow down",
                retry_after=(needed - left) / self._rate,
            )
        self._buckets[caller] = left - count, now
        if len(self._buckets) > MAX_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
