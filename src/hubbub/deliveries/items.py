"""What a lane has to send: fresh events in their order, and parcels when they are due."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from itertools import islice

from hubbub.core.event import Record
from hubbub.core.subscription import Parcel, Policy, Trigger
from hubbub.deliveries.track import Track


class Item:
    """One event on its way: from a track, or a parcel if `track` is None."""

    __slots__ = ("attempts", "key", "offset", "record", "sequence", "since", "track", "trigger")

    def __init__(  # noqa: PLR0913, PLR0917  all that is known of it
        self,
        offset: int,
        record: Record | None,
        sequence: int,
        track: Track | None,
        trigger: Trigger,
        attempts: int = 0,
        key: str = "",
        since: float = 0.0,
    ) -> None:
        self.offset = offset
        self.record = record
        """None for a parcel, which is read again when it is due."""
        self.sequence = sequence
        self.track = track
        self.trigger: Trigger = trigger
        self.attempts = attempts
        """Attempts made so far."""
        self.key = key
        """What it is ordered by, if it is."""
        self.since = since
        """When it was queued, by the monotonic clock."""


class Queue:
    """Fresh events, ready or held behind another one of their key."""

    def __init__(self, policy: Policy) -> None:
        self._ready: deque[Item] = deque()
        self._key = policy.order_key if policy.order == "key" else ""
        self._held: dict[str, deque[Item]] = {}
        """By key, for every key that is busy: in flight, or waiting for another attempt."""
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def key_of(self, record: Record) -> str:
        """Return what a record is ordered by; empty if nothing is."""
        if not self._key:
            return ""
        return str(record.attributes().get(self._key, record.topic))

    def put(self, item: Item) -> None:
        """Queue an item behind those of its key."""
        self._size += 1
        if item.key and item.key in self._held:
            self._held[item.key].append(item)
            return
        if item.key:
            self._held[item.key] = deque()
        self._ready.append(item)

    def first(self) -> Item | None:
        """Return the item that may go next."""
        return self._ready[0] if self._ready else None

    @property
    def ready(self) -> int:
        """Items that may go."""
        return len(self._ready)

    def take(self, most: int) -> list[Item]:
        """Take up to `most` items, of `MAX_BYTES` at the most; their keys stay busy until let go."""
        ready = self._ready
        count = fitting(islice(ready, most))
        self._size -= count
        return [ready.popleft() for _ in range(count)]

    def occupy(self, key: str) -> None:
        """Hold back what comes of a key."""
        if key:
            self._held.setdefault(key, deque())

    def let_go(self, key: str) -> None:
        """Let the next item of a key go."""
        if not key or (held := self._held.get(key)) is None:
            return
        if held:
            self._ready.append(held.popleft())
        else:
            del self._held[key]

    def clear(self, busy: Iterable[str]) -> None:
        """Drop what is queued; only the keys of `busy` stay so."""
        self._ready.clear()
        self._held = {key: deque[Item]() for key in busy if key}
        self._size = 0


def fitting(items: Iterable[Item]) -> int:
    """Return how many of the first items go into one request: `MAX_BYTES`, or one that is larger."""
    count = size = 0
    for item in items:
        size += 0 if item.record is None else len(item.record.json)
        if count and size > MAX_BYTES:
            break
        count += 1
    return count


MAX_BYTES = 1024 * 1024
"""Bytes of the events of one batch, but for one that is larger by itself: it has to get through."""

SPARE = 64
"""Dates that were given up before the heap of them is made anew."""


class Waiting:
    """Parcels that wait for their next attempt, by the time it is due."""

    def __init__(self) -> None:
        self._parcels: dict[int, tuple[Parcel, float, str]] = {}
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._parcels)

    def put(self, parcel: Parcel, when: float, key: str = "") -> None:
        """Have a parcel wait until `when` by the monotonic clock."""
        self._parcels[parcel.offset] = parcel, when, key
        heapq.heappush(self._heap, (when, parcel.offset))
        if len(self._heap) > 2 * len(self._parcels) + SPARE:  # most of it was taken otherwise
            self._heap = sorted((due, offset) for offset, (_, due, _) in self._parcels.items())

    def hurry(self, now: float) -> None:
        """Let all be due."""
        for parcel, when, key in list(self._parcels.values()):
            if when > now:
                self.put(parcel, now, key)

    def get(self, offset: int) -> Parcel | None:
        """Return a parcel that waits."""
        found = self._parcels.get(offset)
        return None if found is None else found[0]

    def key(self, offset: int) -> str:
        """Return what a parcel that waits is ordered by; empty: by nothing."""
        found = self._parcels.get(offset)
        return "" if found is None else found[2]

    def pop(self, offset: int) -> Item | None:
        """Take a parcel out, due or not."""
        found = self._parcels.pop(offset, None)
        if found is None:
            return None
        parcel, _, key = found
        return Item(offset, None, parcel.sequence, None, "retry", parcel.attempts, key)

    def due(self, *, in_order: bool) -> float | None:
        """Return when the next parcel is due: of those in order, the oldest event."""
        if in_order:
            return self._parcels[min(self._parcels)][1] if self._parcels else None
        heap = self._heap
        while heap:
            when, offset = heap[0]
            found = self._parcels.get(offset)
            if found is not None and found[1] == when:
                return when
            heapq.heappop(heap)
        return None

    def take(self, now: float, most: int, *, in_order: bool) -> list[Item]:
        """Take up to `most` parcels that are due; in order, none before one that is older."""
        items: list[Item] = []
        while len(items) < most and (when := self.due(in_order=in_order)) is not None:
            if when > now:
                break
            offset = min(self._parcels) if in_order else self._heap[0][1]
            item = self.pop(offset)
            assert item is not None, "due() says that it is there"
            items.append(item)
        return items

    def first(self, *, in_order: bool) -> int | None:
        """Return the offset of the parcel with the fewest attempts, or of the oldest event."""
        if not self._parcels:
            return None
        if in_order:
            return min(self._parcels)
        return min(self._parcels, key=lambda offset: (self._parcels[offset][0].attempts, offset))

    def offsets(self) -> list[int]:
        """Return the offsets of all, in order."""
        return sorted(self._parcels)

    def keys(self) -> Iterable[str]:
        """Return what they are ordered by."""
        return (key for _, _, key in self._parcels.values())
