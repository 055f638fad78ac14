"""Time as an argument: everything that needs the time is handed a `Clock`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

LONGEST = 86_400.0
"""Longest delay of one call in seconds; whoever is called early looks at the clock and sets another."""


class Clock(Protocol):
    """The two times there are."""

    def now(self) -> float:
        """Seconds since the Unix epoch; may jump. For what is shown and stored."""
        ...

    def monotonic(self) -> float:
        """Seconds that only go forward. For timeouts and rates."""
        ...


class SystemClock:
    """The clock of the machine."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


def rfc3339(milliseconds: int) -> str:
    """Print milliseconds since the Unix epoch as RFC 3339 in UTC: `2026-11-23T09:30:00.125Z`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=1024)
def _to_the_second(seconds: int) -> str:
    """Print a second; records of the same one come together, and printing it is most of the work."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


class Timers(Protocol):
    """Calls that are made later; a test has its own, in which days pass at once."""

    def call_later(self, delay: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call after `delay` seconds; return how to call it off."""
        ...


class LoopTimers:
    """The timers of the running event loop."""

    def call_later(self, delay: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call after `delay` seconds; return how to call it off."""
        return asyncio.get_running_loop().call_later(min(delay, LONGEST), call).cancel


def nothing() -> None:
    """Call nothing off: what stands in for a timer that was not set."""
