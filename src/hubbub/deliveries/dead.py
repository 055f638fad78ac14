"""Which events of one subscription are dead letters, so that they are counted once whatever happens.

A dead letter can come by again in many ways: retried by hand, by several at once, in a replay, or after
the cursor was moved back. Counting what happens would count it again each time; this knows which there
are, and changes only with what the ledger is told (`Lane.keep`). 16 bytes for each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from hubbub.core.subscription import Parcel

GONE = -1
"""Instead of the number of one that is no dead letter any more."""

SPARE = 64
"""Those that are gone before the others are put together again."""


class DeadLetters:
    """The offsets of dead letters, in order, each with its number in the subscription."""

    def __init__(self) -> None:
        self._offsets = array("q")
        self._numbers = array("q")
        """`GONE` for one that is none any more: to close its gap would move all that come after it."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def number(self, offset: int) -> int:
        """Return the number of a dead letter; 0 if it has none, or is none."""
        place = self._place(offset)
        return 0 if place is None else max(0, self._numbers[place])

    def note(self, offset: int, parcel: Parcel | None) -> None:
        """Take note of what has become of an event: a dead letter, or none (any more)."""
        place = self._place(offset)
        was_dead = place is not None and self._numbers[place] != GONE
        is_dead = parcel is not None and parcel.is_dead
        self._count += is_dead - was_dead
        if place is None:
            if parcel is not None and is_dead:
                place = bisect_left(self._offsets, offset)
                self._offsets.insert(place, offset)
                self._numbers.insert(place, parcel.sequence)
            return
        self._numbers[place] = parcel.sequence if parcel is not None and is_dead else GONE
        if len(self._offsets) > 2 * self._count + SPARE:
            kept = [at for at, number in enumerate(self._numbers) if number != GONE]
            self._offsets = array("q", (self._offsets[at] for at in kept))
            self._numbers = array("q", (self._numbers[at] for at in kept))

    def _place(self, offset: int) -> int | None:
        place = bisect_left(self._offsets, offset)
        is_there = place < len(self._offsets) and self._offsets[place] == offset
        return place if is_there else None
