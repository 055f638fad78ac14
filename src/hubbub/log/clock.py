"""The time of a log: what its records are stamped with, and how old they are when it forgets.

The clock of a machine is set right while the log is written. Two rules keep that harmless:

- Stamps never go back. Set back, the log's time runs on at half speed until the clock has caught up,
  so that a place in the log can be found by its time, and age still means something.
- Ageing is at most `RUSH` times faster than time itself. A clock that jumps ten years ahead does not
  expire everything on the spot: an hour of it ages the records by a day at most. The same holds at
  the start: what grew old while the log was closed goes within hours, not at once.
"""

from __future__ import annotations

from hubbub.core.clock import Clock

RUSH = 24
"""How many times faster than time records may age: a day's absence is made up for in an hour."""


class LogClock:
    """Stamps for one log whose newest record was stamped `last` (milliseconds; 0: none yet)."""

    def __init__(self, clock: Clock, last: int = 0) -> None:
        self._clock = clock
        self._read = clock.monotonic()
        self._now = max(clock.now() * 1000, last)
        self._age_read = self._read
        self._aged = last or self._now

    def stamp(self) -> int:
        """Return the log's time in milliseconds since the Unix epoch; it never goes back."""
        read = self._clock.monotonic()
        self._now = max(self._clock.now() * 1000, self._now + (read - self._read) * 500)
        self._read = read
        return int(self._now)

    def expiry(self, max_age: float) -> int:
        """Return the stamp below which records are older than `max_age` seconds."""
        read = self._clock.monotonic()
        self._aged = min(self.stamp(), self._aged + (read - self._age_read) * 1000 * RUSH)
        self._age_read = read
        return int(self._aged - max_age * 1000)
