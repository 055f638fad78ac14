"""How far a subscription is, as numbers: what was handed out, what is settled, where to go on.

    low                     read
     │  ✓   ✗   ✓   …   ✗    │            ✓ settled above `low` (`done`), ✗ outstanding
     ┴──┴───┴───┴───┴───┴────┴──>  offsets

Everything it selects up to `low` is settled. `low`, the settled ones above it and the number of the
last record up to `low` are the cursor: from them a restart, or the end of an outage, goes on without
sending anything settled again, and gives every record the number that it had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from hubbub.core.event import Record


class Track:
    """One way through the log, forward."""

    def __init__(
        self, offset: int, sequence: int = 0, done: Iterable[int] = (), end: int | None = None
    ) -> None:
        self.low = offset
        """Everything up to here is settled."""
        self.read = offset
        """Everything up to here was looked at."""
        self.sequence = sequence
        """Number of the last record that was handed out; those of a replay have none."""
        self.end = end
        """Where a replay ends; None for the main track."""
        self.done: set[int] = set(done)
        """Settled above `low`."""
        self._order: deque[tuple[int, int]] = deque()
        """Handed out above `low`, as (offset, recorded), settled ones between included."""

    @property
    def low_sequence(self) -> int:
        """Number of the last record up to `low`."""
        return self.sequence - len(self._order)

    @property
    def oldest(self) -> int:
        """When the oldest outstanding record was recorded, in milliseconds; 0 if there is none."""
        return self._order[0][1] if self._order else 0

    @property
    def is_clear(self) -> bool:
        """Whether nothing is outstanding."""
        return not self._order

    def hand_out(self, record: Record) -> int:
        """Take a selected record above `read`; return its number, or 0 if it is settled already."""
        self.read = record.offset
        self.sequence += 1
        if record.offset in self.done:
            if not self._order:
                self.done.discard(record.offset)
                self.low = record.offset
            else:
                self._order.append((record.offset, record.recorded))
            return 0
        if not self._order:
            self.low = record.offset - 1
        self._order.append((record.offset, record.recorded))
        return self.sequence

    def looked(self, offset: int) -> None:
        """Note that there is nothing selected up to `offset` but what was handed out."""
        self.read = max(self.read, offset)
        if not self._order and self.read > self.low:
            self.low = self.read
            if self.done:
                self.done = {one for one in self.done if one > self.low}

    def skip(self, offset: int) -> None:
        """Leave out what is gone up to `offset`, and a number that shows it."""
        self.sequence += 1
        if self._order:  # the number comes after those that are outstanding
            self._order.append((offset, self.oldest))
            self.done.add(offset)
        self.looked(offset)

    def settle(self, offset: int) -> None:
        """Note that an outstanding record needs no more of this track."""
        if offset <= self.low:
            return
        order, done = self._order, self.done
        done.add(offset)
        moved = False
        while order and order[0][0] in done:
            done.discard(order.popleft()[0])
            moved = True
        if moved:
            self.low = order[0][0] - 1 if order else self.read

    def rewind(self) -> None:
        """Go back to `low`, to hand out again what is outstanding."""
        self.sequence = self.low_sequence
        self.read = self.low
        self._order.clear()
