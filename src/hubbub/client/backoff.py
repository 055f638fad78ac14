"""How long to wait before trying again: exponential, with jitter, and never sooner than was asked.

Jitter spreads out clients that lost the same server at the same moment.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final

import msgspec

MAX_RETRY_AFTER = 3600.0
"""Longest `Retry-After` and `retry:` that is followed, in seconds: longer ones are a mistake."""

_SECONDS: Final = re.compile("[0-9]{1,9}")


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """When to try again, and how often."""

    attempts: int = 6
    """Tries of one request in all, and of the first connection of a stream: some 8 s by default."""
    first: float = 0.25
    """Seconds before the second try; doubled for each further one."""
    longest: float = 30.0
    """Longest wait in seconds that the doubling leads to."""
    patience: float = 60.0
    """Longest `Retry-After` in seconds that a request waits for; past it the refusal is raised."""

    def delay(self, failures: int, asked: float | None, rng: Random) -> float:
        """Return the seconds to wait after so many failures in a row, at least one.

        `asked` is what the server named, in seconds: up to a quarter is added, nothing taken away.
        """
        step = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        wait = step * rng.uniform(0.5, 1.0)
        if asked is None:
            return wait
        return max(wait, min(asked, MAX_RETRY_AFTER) * rng.uniform(1.0, 1.25))


def retry_after(value: str | None, now: float) -> float | None:
    """Read a `Retry-After` field (RFC 9110 10.2.3): seconds from `now`, or None to ignore it."""
    if value is None:
        return None
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now)
