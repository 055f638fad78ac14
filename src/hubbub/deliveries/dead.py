"""Which events of one subscription are dead letters, so that they are counted once whatever happens.

A dead letter can come by again in many ways: retried by hand, by several at once, in a replay, or after
the cursor was moved back. Counting what happens would count it again each time; this knows which there
are, and changes only with what the ledger is told (`Lane.keep`). 16 bytes for each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from hubbub.core.subscription import Parcel


class DeadLetters:
    """The offsets of dead letters, in order, each with its number in the subscription."""

    def __init__(self) -> None:
        self._offsets = array("q")
        self._numbers = array("q")

    def __len__(self) -> int:
        return len(self._offsets)

    def number(self, offset: int) -> int:
        """Return the number of a dead letter; 0 if it has none, or is none."""
        place = self._place(offset)
        return 0 if place is None else self._numbers[place]

    def note(self, offset: int, parcel: Parcel | None) -> None:
        """Take note of what has become of an event: a dead letter, or none (any more)."""
        place = self._place(offset)
        if parcel is None or not parcel.is_dead:
            if place is not None:
                del self._offsets[place], self._numbers[place]
        elif place is not None:
            self._numbers[place] = parcel.sequence
        else:
            place = bisect_left(self._offsets, offset)
            self._offsets.insert(place, offset)
            self._numbers.insert(place, parcel.sequence)

    def _place(self, offset: int) -> int | None:
        place = bisect_left(self._offsets, offset)
        is_there = place < len(self._offsets) and self._offsets[place] == offset
        return place if is_there else None
